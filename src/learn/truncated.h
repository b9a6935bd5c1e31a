/* Newton's method on many unknowns: the matrix of second derivatives is only multiplied. */
#ifndef CORMACK_LEARN_TRUNCATED_H
#define CORMACK_LEARN_TRUNCATED_H

#include "cormack/context.h"

/* A convex function. Both may fail, with *err. */
typedef struct CmSmooth {
  int64_t size;
  /* The value and the gradient at w. */
  bool (*evaluate)(void *arg, const double *w, double *value, double *gradient, CmError **err);
  /* to = second derivatives, where it was evaluated last, times v. */
  bool (*multiply)(void *arg, const double *v, double *to, CmError **err);
  void *arg;
} CmSmooth;

/* From w to the minimum: truncated Newton steps, conjugate gradients inside, halved until the function falls (Nocedal,
 * Wright: Numerical optimization, 2006, algorithm 7.1). Stops where the gradient's length is the share `tolerance` of
 * the first one. CM_ERR_DATA where it is not found. */
bool cm__truncated_newton(CmContext *ctx, const CmSmooth *smooth, double tolerance, double *w, CmError **err);

#endif
