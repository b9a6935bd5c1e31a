/* Voxels in another order of axes and directions. */
#ifndef CM_OPS_TRANSFORM_PERMUTE_H
#define CM_OPS_TRANSFORM_PERMUTE_H

#include "ops/lines.h"

typedef struct CmAxes {
  int from[3];  /* axis k of the result runs along axis from[k] of the image */
  bool back[3]; /* and backwards */
} CmAxes;

/* Image with the voxels of `image` in that order, each in its place in LPS: spacing, origin and directions follow.
 * Time points, components, unit, metadata and labels stay. */
CM_NODISCARD CmImage *cm__permute(CmContext *ctx, const CmImage *image, const CmAxes *axes, CmError **err);

#endif
