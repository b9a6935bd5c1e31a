/* Recursive Gaussian filters of lines. Deriche R. Recursively implementing the Gaussian and its derivatives. INRIA
 * RR-1893, 1993; Farnebäck G, Westin CF. Improving Deriche-style recursive Gaussian filters. J Math Imaging Vis 26,
 * 2006. */
#ifndef CM_OPS_RADIOMICS_PYRAD_RECURSION_H
#define CM_OPS_RADIOMICS_PYRAD_RECURSION_H

#include "cormack/context.h"

/* Causal n, anticausal m, recursion d, which depends on sigma alone; bn, bm: what a constant beyond the border gives to
 * the recursion. */
typedef struct CmRecursion {
  double n[4], m[4], d[4], bn[4], bm[4];
} CmRecursion;

/* sigma in voxels. second: the second derivative times `across`, else the Gaussian. */
void cm__recursion_make(double sigma, bool second, double across, CmRecursion *r);

/* Lines side by side: value i of line k stands at [i * CM__LANES + k]. */
enum { CM__LANES = 16 };

/* one + other = the data filtered. */
void cm__recursion_run(const CmRecursion *r, const double *data, double *one, double *other, int64_t count);

#endif
