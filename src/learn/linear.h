/* Linear scores: what every linear kind stores, explains and says of its features. */
#ifndef CORMACK_LEARN_LINEAR_H
#define CORMACK_LEARN_LINEAR_H

#include "learn/kind.h"

typedef struct CmLinear {
  int features, outputs;
  double *weight, *intercept; /* outputs x features; outputs */
  double *mean, *deviation;   /* of the prepared training rows */
} CmLinear;

/* Zero weights, and mean and deviation of the labelled training rows. */
CmLinear *cm__linear_create(CmArena *hold, const CmTraining *training, int outputs, CmError **err);
double cm__linear_score(const CmLinear *linear, const double *x, int output);
/* Whether all numbers are finite; else CM_ERR_DATA. */
bool cm__linear_finite(const CmLinear *linear, CmError **err);

/* 1 / (1 + exp(-m)), without overflow. */
double cm__sigmoid(double m);
/* Scores to probabilities, in place; count >= 1. */
void cm__softmax(double *score, int count);

/* Functions of a CmModelBody whose state is a CmLinear. */
bool cm__linear_predict(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to,
                        CmError **err); /* the scores themselves */
bool cm__linear_explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                        CmError **err);
void cm__linear_weights(const void *state, const double *scale, CmWeights *weights);
void cm__linear_write(const void *state, CmTextBuffer *json);
void *cm__linear_read(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err);

#endif
