/* Logistic regression of two classes with a squared penalty. */
#ifndef CORMACK_LEARN_LOGIT_H
#define CORMACK_LEARN_LOGIT_H

#include "learn/kind.h"

typedef struct CmLogit {
  double weight[2];         /* of rows of the other classes, and of the positive one */
  double intercept_scaling; /* the intercept is penalised 1 / its square as much as a coefficient */
  double tolerance;         /* stops at this share of the first gradient's length */
} CmLogit;

/* Minimises sum w^2 / 2 + (intercept / scaling)^2 / 2 + sum weight log(1 + exp(-y m)), as LIBLINEAR. All threads; sums
 * by chunks that depend on the number of rows alone. weight: features places. */
bool cm__logit_fit(CmContext *ctx, const CmTraining *training, int positive, const CmLogit *options, double *weight,
                   double *intercept, CmError **err);

#endif
