/* Isotropic (non-separable) wavelets, given by their gain at a distance from frequency 0 (IBSI 2, section 3.7). */
#ifndef CM_OPS_FILTER_ISOTROPIC_H
#define CM_OPS_FILTER_ISOTROPIC_H

#include "cormack/op.h"

#define CM_ISOTROPIC_LEVEL_PARAM(S)     \
  CM_PARAM_INT(S, level, 1, 1, 12, "1", \
               "1 is the finest: from a quarter of the highest frequency up to it; the next, half")
#define CM_FREQUENCIES_PARAM(S)                                                                               \
  CM_PARAM_ENUM(                                                                                              \
      S, frequencies, "ibsi|dft", "ibsi",                                                                     \
      "where the frequencies of the transform are taken to lie: as the references of IBSI 2 have it, evenly " \
      "from -1 to 1 over the axis, or where they are")
#define CM_FREQUENCIES_DETAILS                                                                                         \
  "Frequency number k of n, counted from -n/2, lies at 2 k / n of the highest (dft); the references of IBSI 2 put it " \
  "at (2 k + 1) / (n - 1) for even and 2 k / (n - 1) for odd n, which is not symmetric for even n: the real part is "  \
  "kept. "

enum { CM_SIMONCELLI, CM_SHANNON };

/* The gain at distance d from frequency 0, the highest along an axis being 1. */
double cm__isotropic_gain(int32_t wavelet, int64_t level, double d);
/* Where frequency k of 0..n-1 of a transform lies, from -1 to 1; 0 for n = 1. */
double cm__isotropic_frequency(int32_t frequencies, int64_t k, int64_t n);

#endif
