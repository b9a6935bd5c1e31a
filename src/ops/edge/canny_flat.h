/* Candidates of Canny's method in planes, in one walk: slopes, magnitude and thinning of a row before the next. */
#ifndef CM_OPS_EDGE_CANNY_FLAT_H
#define CM_OPS_EDGE_CANNY_FLAT_H

#include "ops/lines.h"

typedef struct CmCannyFlat {
  const CmImage *image; /* smoothed, of a type that float holds; planes of at least 2 x 2 */
  const CmMask *mask;   /* outside there are no candidates */
  CmImage *candidates;  /* u8: 2 strong, 1 weak, 0 none */
  double factor[2];     /* voxels a unit of slope, along x and y: 1 / spacing or 1 */
  double lower, upper;
  CmBorder border;
  double border_value;
} CmCannyFlat;

bool cm__canny_flat(CmContext *ctx, const CmCannyFlat *job, CmError **err);

#endif
