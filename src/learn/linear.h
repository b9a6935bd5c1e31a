/* Linear scores: what every linear kind stores, explains and says of its features. */
#ifndef CORMACK_LEARN_LINEAR_H
#define CORMACK_LEARN_LINEAR_H

#include "learn/kind.h"

/* How far a new measurement may lie from its score. */
typedef struct CmLinearErrors {
  double variance, degrees; /* of what is left over */
  double rows;
  int rank;
  double *spread; /* rank x features: the score's variance is variance (1 / rows + |spread (x - mean)|^2) */
} CmLinearErrors;

typedef struct CmLinear {
  int features, outputs;
  double *weight, *intercept; /* outputs x features; outputs */
  double *mean, *deviation;   /* of the prepared training rows */
  double *standard_error;     /* of the weights; NULL: not told */
  CmLinearErrors *errors;     /* NULL: not told */
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
bool cm__linear_forecast(const void *state, CmContext *ctx, const double *x, const int64_t *known, int64_t rows,
                         double *to, CmError **err);
void cm__linear_weights(const void *state, const double *scale, CmWeights *weights);
void cm__linear_write(const void *state, CmTextBuffer *json);
void *cm__linear_read(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err);

#endif
