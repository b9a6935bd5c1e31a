/* Sharpening of a histogram that a bias field has blurred (N3 and N4). */
#ifndef CM_OPS_INTENSITY_SHARPEN_H
#define CM_OPS_INTENSITY_SHARPEN_H

#include "cormack/context.h"

typedef struct CmSharpen {
  int64_t bins, padded;
  double fwhm, noise; /* of the field's logarithm; Wiener's noise */
  double *cosine;     /* padded: cos(2 pi k / padded) */
  double *work;       /* 6 * padded */
} CmSharpen;

bool cm__sharpen_open(CmContext *ctx, CmSharpen *sharpen, int64_t bins, double fwhm, double noise, CmError **err);
void cm__sharpen_close(CmSharpen *sharpen);
/* The expected true value for each of the bins of histogram (bin k: least + k * slope), into expected. */
void cm__sharpen(const CmSharpen *sharpen, const double *histogram, double least, double slope, double *expected);

#endif
