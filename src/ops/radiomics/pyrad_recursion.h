/* Recursive Gaussian filters of lines. Deriche R. Recursively implementing the Gaussian and its derivatives. INRIA
 * RR-1893, 1993; Farnebäck G, Westin CF. Improving Deriche-style recursive Gaussian filters. J Math Imaging Vis 26,
 * 2006. */
#ifndef CM_OPS_RADIOMICS_PYRAD_RECURSION_H
#define CM_OPS_RADIOMICS_PYRAD_RECURSION_H

#include "cormack/context.h"

/* What one filter makes of the states of the recursion, the newest first: from the first value on, and from the last
 * back. */
typedef struct CmTaps {
  double forward[4], back[4];
} CmTaps;

/* Both filters of an axis have the same recursion; rest: the state that a constant 1 leads to. */
typedef struct CmRecursion {
  double d[4], rest;
  CmTaps smooth, second;
} CmRecursion;

/* The Gaussian, sigma in voxels, and its second derivative times `across`. */
void cm__recursion_make(double sigma, double across, CmRecursion *r);

/* Lines side by side: value i of line k stands at [i * step + k]. */
enum { CM__LANES = 8 };

/* What lies before and after the values that are wanted is looked at alone, where the states begin with what the
 * outermost value leads to, as if it went on for ever. */
typedef struct CmStretch {
  int64_t before, length, after;
} CmStretch;

/* `from` begins with what lies before; the results are of the values wanted. */
typedef struct CmLines {
  CmStretch stretch;
  const double *from[3];
  double *to[3];
  int64_t step, to_step;
} CmLines;

/* Value 0 smoothed, and its second derivative. */
void cm__recursion_split(const CmRecursion *r, const CmLines *lines);
/* Value 0 smoothed, its second derivative, and value 1 smoothed. */
void cm__recursion_cross(const CmRecursion *r, const CmLines *lines);
/* The second derivative of value 0, and values 1 and 2 smoothed. */
void cm__recursion_last(const CmRecursion *r, const CmLines *lines);

#endif
