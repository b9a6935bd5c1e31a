/* Means over the box around each voxel in images of 8 and 16 bits, as whole numbers: sums slide from plane to plane and
 * from row to row. The time hardly grows with the box. */
#ifndef CM_OPS_BOX_MEAN_H
#define CM_OPS_BOX_MEAN_H

#include "ops/lines.h"

typedef struct CmBoxMean {
  const char *what; /* for progress */
  const CmImage *image;
  int64_t radius[3];
  CmBorder border;
  double border_value;
  bool nearest; /* else rounded down */
  CmImage *out; /* image's grid and type; NULL: rows are lent to `row` */
  /* Means of a row (all components, of image's type), in `out` or in a buffer; from several threads. May be NULL. */
  void (*row)(void *arg, int64_t row, const void *means);
  void *arg;
} CmBoxMean;

/* Is this one for whole numbers: by voxel type, size of the box (sums fit int32_t) and border value? */
bool cm__box_mean_fits(const CmBoxMean *job);
bool cm__box_mean(CmContext *ctx, const CmBoxMean *job, CmError **err);

#endif
