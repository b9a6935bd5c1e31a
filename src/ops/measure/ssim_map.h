/* Structural similarity, voxel by voxel. */
#ifndef CM_OPS_MEASURE_SSIM_MAP_H
#define CM_OPS_MEASURE_SSIM_MAP_H

#include "ops/filter/separable.h"
#include "ops/measure/pairs.h"

typedef struct CmSsim {
  CmContext *ctx;
  const CmPairs *pairs;
  CmTaps taps[3]; /* of the window, radius 0 along axes that it does not reach over */
  CmBorder border;
  double c1, c2;       /* that keep quotients from nothing: (K1 L)^2, (K2 L)^2 */
  double covariance;   /* what variances are multiplied with: 1, or n / (n - 1) for samples */
  double shift[2];     /* values in the middle of each: squares of what is left of them lose fewer digits */
  bool crop;           /* sums take only voxels whose window lies inside the image */
  CmImage *map;        /* f32 on the grid of the image, as many components; NULL: not wanted */
  double *sum, *count; /* of each slice and component: [(t * nz + z) * components + c]; set */
} CmSsim;

/* Values inside the mask are summed; NaN (a NaN in the window) is left out. */
bool cm__ssim(CmSsim *job, CmError **err);

#endif
