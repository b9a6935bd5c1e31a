/* Newton's method on few unknowns, with the whole matrix of second derivatives. */
#ifndef CORMACK_LEARN_NEWTON_H
#define CORMACK_LEARN_NEWTON_H

#include "core/arena.h"

/* The function at w (not finite outside of its domain). gradient (count) and hessian (count x count, the lower
 * triangle) are NULL where the value alone is wanted; they are zeroed before. */
typedef double CmNewtonFn(void *arg, const double *w, double *gradient, double *hessian);

/* From w, in the domain, to the minimum of a convex function, by steps that are halved until the function falls.
 * CM_ERR_DATA where it has none, e.g. because a feature parts the target without error. */
bool cm__newton(CmContext *ctx, CmNewtonFn *function, void *arg, int count, double *w, CmError **err);

#endif
