/* Convolution with a large kernel by its spectrum, tile after tile (overlap-save): as much memory as some tiles. */
#ifndef CM_OPS_FILTER_OVERLAP_H
#define CM_OPS_FILTER_OVERLAP_H

#include "ops/block.h"

typedef struct CmOverlap {
  const char *what; /* for progress */
  CmBlocks blocks;  /* values must be finite: CM_ERR_DATA */
  int64_t radius[3];
  /* (2 radius + 1) numbers an axis, x fastest: out[i] = sum of kernel[j] v[i - j], j from -radius to radius */
  const double *re, *im;
  bool magnitude; /* of the sum with the complex kernel; else the kernel is `re` alone, and im is not read */
} CmOverlap;

bool cm__overlap_convolve(CmContext *ctx, const CmOverlap *job, CmError **err);

/* CM_ERR_DATA where one of n values is NaN or infinite: a transform would spread it everywhere. */
bool cm__check_finite(const double *values, int64_t n, CmError **err);

#endif
