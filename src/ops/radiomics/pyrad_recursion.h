/* Recursive Gaussian filters of lines. Deriche R. Recursively implementing the Gaussian and its derivatives. INRIA
 * RR-1893, 1993; Farnebäck G, Westin CF. Improving Deriche-style recursive Gaussian filters. J Math Imaging Vis 26,
 * 2006. */
#ifndef CM_OPS_RADIOMICS_PYRAD_RECURSION_H
#define CM_OPS_RADIOMICS_PYRAD_RECURSION_H

#include "cormack/context.h"

/* Causal n, anticausal m, recursion d, which depends on sigma alone; rest: what the one and the other way make of a
 * constant 1. */
typedef struct CmRecursion {
  double n[4], m[4], d[4], rest[2];
} CmRecursion;

/* sigma in voxels. second: the second derivative times `across`, else the Gaussian. */
void cm__recursion_make(double sigma, bool second, double across, CmRecursion *r);

/* Each way remembers its last four results. Those at the border of a part of a line are sums of the values beyond it,
 * so that nothing else need be calculated there: weights of `count` values, for the result next to the part, the one
 * beyond ..., in the order of the values. The outermost value goes on for ever. `forward`: they lie before the part. */
enum { CM__MEMORY = 4 };
void cm__recursion_weights(const CmRecursion *r, bool forward, int64_t count, double *weights);

/* Lines side by side: value i of line k stands at [i * CM__LANES + k]. */
enum { CM__LANES = 16 };

/* one + other = the data filtered. CM__MEMORY values stand before and behind the data, as many results before `one` and
 * behind `other`. */
void cm__recursion_run(const CmRecursion *r, const double *data, double *one, double *other, int64_t count);

#endif
