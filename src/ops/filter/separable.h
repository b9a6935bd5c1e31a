/* Separable filters on images of any type, in the cache: no temporary of the image's size. */
#ifndef CM_OPS_FILTER_SEPARABLE_H
#define CM_OPS_FILTER_SEPARABLE_H

#include "ops/lines.h"

/* Taps -radius..radius of one axis: out[i] = sum of tap(k) v[i + k]. Given as the half 0..radius, tap(-k) = parity *
 * tap(k), or all of them. Radius 0: the axis is left alone (tap 0 is not applied). */
typedef struct CmTaps {
  int64_t radius;
  int parity;   /* +1 symmetric, -1 antisymmetric (tap 0 must be 0), 0 neither: those that are 0 take no part */
  double *half; /* radius + 1 numbers; parity 0: 2 * radius + 1, tap(-radius) first */
} CmTaps;

typedef struct CmSeparable {
  const char *what; /* for progress */
  const CmImage *image;
  const CmMask *mask; /* may be NULL: everywhere */
  CmTaps taps[3];
  CmBorder border;
  double border_value;
  bool exact;   /* calculate in double whatever the type */
  CmImage *out; /* same grid and components, any type */
  /* Called before a filtered row is stored, may change it; n values of float, or of double where `wide`. May be NULL.
   */
  void (*finish)(void *arg, void *line, int64_t row, int64_t n, bool wide);
  void *arg;
} CmSeparable;

bool cm__separable(CmContext *ctx, const CmSeparable *job, CmError **err);
/* Jobs on images of one grid, strip of rows after strip, in each of them job after job: what one leaves is still in the
 * cache for the next. */
enum { CM_SEPARABLE_MOST = 3 };
bool cm__separable_several(CmContext *ctx, const CmSeparable *jobs, int count, CmError **err);
/* Is the work done in double? */
bool cm__separable_wide(const CmSeparable *job);

/* The whole call of an operation with the ports of a filter: job has the taps, the border and finish; the rest (image,
 * mask, result of type `type`) is filled in here. Frees the taps, on failure as well. */
bool cm__separable_call(const CmCall *call, CmSeparable *job, CmType type, CmError **err);

/* Sampled Gaussian, truncated at `truncate` standard deviations (rounded to nearest), normalized to sum 1. order 1..4:
 * its derivative (per voxel), exact for polynomials up to that order; central differences where the cut Gaussian is too
 * narrow, and for sigma 0. Order 0 and sigma 0: left alone. Free half with cm_free(). */
bool cm__gaussian_taps(CmContext *ctx, double sigma, double truncate, int order, CmTaps *taps, CmError **err);

/* CmOp.reach of Gaussians and their derivatives up to `order`. */
bool cm__gaussian_reach(const CmReals *sigma, int32_t units, double truncate, int order, int32_t border,
                        const CmImage *image, int64_t reach[3]);

/* All three taps from the parameters of an operation (1 to 3 sigmas, CM_UNITS_CHOICES); frees them on failure. */
bool cm__separable_gaussian(CmContext *ctx, CmSeparable *job, const CmReals *sigma, int32_t units, double truncate,
                            const CmImage *image, CmError **err);
/* The same for the sum of a box of 2 radius + 1 voxels; count: how many voxels it has. */
bool cm__separable_box(CmContext *ctx, CmSeparable *job, const CmReals *radius, int32_t units, const CmImage *image,
                       double *count, CmError **err);
void cm__separable_free(CmSeparable *job); /* the taps */

/* Gaussian smoothing of a whole image: sigma in voxels per axis, result of type `type`; replicated border. */
CM_NODISCARD CmImage *cm__gaussian(CmContext *ctx, const CmImage *image, const double sigma[3], CmType type,
                                   CmError **err);

#endif
