/* Multinomial logistic regression with a squared penalty. */
#ifndef CORMACK_LEARN_SOFTMAX_H
#define CORMACK_LEARN_SOFTMAX_H

#include "learn/linear.h"

typedef struct CmSoftmaxOptions {
  double C;         /* of the data against the penalty */
  double tolerance; /* stops at this share of the first gradient's length */
  bool balanced;    /* classes weigh the same */
} CmSoftmaxOptions;

/* Minimises sum w^2 / 2 - C sum log p(class), intercepts free. */
bool cm__softmax_fit(const CmTraining *training, const CmSoftmaxOptions *options, CmContext *ctx, CmLinear *linear,
                     CmError **err);

#endif
