/* Minima of smooth functions of few unknowns, by their slopes alone. */
#ifndef CORMACK_LEARN_BFGS_H
#define CORMACK_LEARN_BFGS_H

#include "core/arena.h"

#define CM__MOST_UNKNOWNS 8

/* The function at w (not finite outside of its domain) and its gradient. */
typedef double CmSlopeFn(void *arg, const double *w, double *gradient);

/* From w, in the domain, to a minimum near it: Broyden, Fletcher, Goldfarb and Shanno's method. Steps are judged by
 * slopes where the function's fall is lost in rounding (Hager and Zhang, SIAM J. Optim. 16, 2005), so that the gradient
 * is 0 but for rounding. CM_ERR_DATA where it has none. */
bool cm__bfgs(CmContext *ctx, CmSlopeFn *function, void *arg, int count, double *w, CmError **err);

#endif
