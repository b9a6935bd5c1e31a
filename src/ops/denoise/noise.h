/* How much noise an image has. */
#ifndef CM_OPS_DENOISE_NOISE_H
#define CM_OPS_DENOISE_NOISE_H

#include "ops/filter/wavelet_transform.h"

/* Standard deviation of Gaussian white noise in one component of one time point, in image units: the median of the
 * absolute values of the finest wavelet coefficients that are high along every axis, over 0.6745 (Donoho & Johnstone
 * 1994); db2 with reflected borders is the usual choice. Coefficients that are NaN, or 0 but for rounding (1e-13 of the
 * largest value), are left out; 0 where none is left. mask may be NULL. axes: 0 all, 1 x and y (slices taken by
 * themselves). CM_ERR_DATA where the mask is empty or everything NaN. */
typedef struct CmNoiseMethod {
  int32_t wavelet, border, axes; /* CM_WAVELET_CHOICES, CM_WAVELET_BORDERS, CM_AXES_CHOICES */
} CmNoiseMethod;
#define CM_NOISE_USUAL ((CmNoiseMethod){CM_WAVELET_DB2, CM_BORDER_REFLECT, 0})
bool cm__estimate_noise(CmContext *ctx, const CmImage *image, const CmMask *mask, CmNoiseMethod method, int64_t t,
                        int64_t component, double *sigma, CmError **err);

#endif
