/* The discrete wavelet transform of one volume (one time point, one component) along up to three axes.
 *
 * Coefficients lie packed, as pywt.coeffs_to_array has them: the coarsest approximation in the first corner, around it
 * the details of each level from coarse to fine. Along an axis of n values the approximation of level j has
 * size[j] = floor((size[j-1] + length - 1) / 2) values (ceil(size[j-1] / 2) with periodization), as have the details;
 * those of level j begin at `start[j]`, the sum of what is coarser. */
#ifndef CM_OPS_FILTER_WAVELET_TRANSFORM_H
#define CM_OPS_FILTER_WAVELET_TRANSFORM_H

#include "ops/filter/wavelet_bank.h"

enum { CM_WAVELET_LEVELS = 24 };

typedef struct CmWavelet {
  CmContext *ctx;
  const char *what; /* for progress */
  CmBank bank;
  int32_t border; /* CM_WAVELET_BORDERS */
  bool active[3]; /* axes that are transformed */
  int levels;
  bool wide; /* double, else float */
  int64_t size[CM_WAVELET_LEVELS + 1][3], start[CM_WAVELET_LEVELS + 1][3], packed[3];
} CmWavelet;

/* Axes: 0 all, 1 x and y; those one voxel long are left alone. */
#define CM_AXES_CHOICES "all|in_plane"
#define CM_AXES_PARAM(S) CM_PARAM_ENUM(S, axes, CM_AXES_CHOICES, "all", "all axes, or x and y, slice by slice")

/* Sets everything but ctx and what. levels 0: as many as leave the coarsest line longer than the filter (at least 1).
 * CM_ERR_PARAMETER where the packed size is too large for an image. */
bool cm__wavelet_plan(CmWavelet *plan, int32_t wavelet, int32_t border, int32_t axes, int64_t levels,
                      const int64_t dims[3], bool wide, CmError **err);
/* The most levels that PyWavelets advises: floor(log2(n / (length - 1))) of the shortest axis; 0 where none is. */
int cm__wavelet_most_levels(const CmWavelet *plan, const int64_t dims[3]);
int64_t cm__wavelet_values(const CmWavelet *plan); /* of the packed volume */

/* packed: values of float or double, as plan->wide says. */
bool cm__wavelet_forward(const CmWavelet *plan, const CmImage *image, int64_t t, int64_t component, void *packed,
                         CmError **err);
/* In place: the volume of size[0] values, without gaps, stands in `packed` afterwards. */
bool cm__wavelet_inverse(const CmWavelet *plan, void *packed, CmError **err);
/* One component of one time point between an image and a buffer without gaps (float or double, as plan->wide says);
 * integers are rounded and clamped. */
bool cm__wavelet_load(const CmWavelet *plan, const CmImage *image, int64_t t, int64_t component, void *buffer,
                      CmError **err);
bool cm__wavelet_store(const CmWavelet *plan, const void *buffer, CmImage *image, int64_t t, int64_t component,
                       CmError **err);
/* The band of level 1 that is high along every active axis, size[1] values, alone. */
bool cm__wavelet_finest(const CmWavelet *plan, const CmImage *image, int64_t t, int64_t component, void *band,
                        CmError **err);

#endif
