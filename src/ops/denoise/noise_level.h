/* The standard deviation of the noise, from the image alone. */
#ifndef CM_OPS_DENOISE_NOISE_LEVEL_H
#define CM_OPS_DENOISE_NOISE_LEVEL_H

#include "cormack/image.h"

/* Of one component of one time point: the median of the magnitudes of the finest diagonal Haar wavelet coefficients
 * that are not 0, over 0.6745 (Donoho and Johnstone 1994). 0 where there is none. */
bool cm__noise_level(CmContext *ctx, const CmImage *image, int64_t t, int64_t component, double *sigma, CmError **err);

#endif
