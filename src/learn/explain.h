/* What is explained of any model: the numbers that it predicts. */
#ifndef CORMACK_LEARN_EXPLAIN_H
#define CORMACK_LEARN_EXPLAIN_H

#include "learn/model.h"

/* Predictions as explanations see them: rows x outputs. numbers: room for rows x cm__width(). */
bool cm__model_outputs(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *numbers, double *to,
                       CmError **err);
/* Refuses models without a prediction to explain; fills in the defaults. */
bool cm__explain_start(CmContext *ctx, const CmModel *model, const CmExplainParams *params, CmExplainParams *filled,
                       CmError **err);
/* Refuses a background without rows. */
bool cm__explain_background(const CmTable *background, CmError **err);
/* At most `most` rows, evenly spaced: the step between them. */
int64_t cm__even_step(int64_t rows, int64_t most);

#endif
