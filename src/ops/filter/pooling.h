/* The responses of a filter in several directions made one: rotation invariance (IBSI 2, section 2.3). */
#ifndef CM_OPS_FILTER_POOLING_H
#define CM_OPS_FILTER_POOLING_H

#include <math.h>

#define CM_POOLING_CHOICES "max|mean|min"
#define CM_POOLING_HELP "how the responses of the turns become one"
typedef enum CmPooling { CM_POOL_MAX, CM_POOL_MEAN, CM_POOL_MIN } CmPooling;

/* One response more; those of CM_POOL_MEAN are summed, to be divided by their number at the end. NaN stays. */
static inline double cm__pool(CmPooling pooling, double before, double v) {
  if (pooling == CM_POOL_MEAN) return before + v;
  return isnan(before) || (pooling == CM_POOL_MAX ? v < before : v > before) ? before : v;
}

#endif
