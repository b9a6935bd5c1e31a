/* Linear regression on numbers: without a penalty, with a squared one, with one that drops features. */
#ifndef CORMACK_LEARN_REGRESS_H
#define CORMACK_LEARN_REGRESS_H

#include "learn/linear.h"

/* Minimises |y - X w - b|^2 + penalty |w|^2, b free, by singular values; without a penalty directions whose singular
 * value is below max(rows, features) 2^-52 of the largest are left out, which gives the shortest of equal solutions. */
CmLinear *cm__least_squares(CmArena *hold, const CmTraining *training, double penalty, CmError **err);

typedef struct CmDescent {
  double alpha, l1_ratio;
  double tolerance; /* of the duality gap, as a share of |y|^2 */
  int64_t rounds;   /* at most */
} CmDescent;
/* Minimises |y - X w - b|^2 / 2n + alpha l1_ratio |w|_1 + alpha (1 - l1_ratio) |w|^2 / 2 by coordinate descent
 * (Friedman, Hastie, Tibshirani, J. Stat. Softw. 33, 2010). */
CmLinear *cm__descend(CmArena *hold, const CmTraining *training, const CmDescent *options, CmError **err);

#endif
