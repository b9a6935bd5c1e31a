/* Exact Euclidean distance transform. */
#ifndef CM_OPS_MORPHOLOGY_DISTANCE_H
#define CM_OPS_MORPHOLOGY_DISTANCE_H

#include "ops/lines.h"

/* f32 image of the squared distance, in mm (spacing of image), from every voxel's centre to the nearest centre of a
 * voxel that is 0 (to_zero) or is not 0; 0 on those voxels, INFINITY where there are none. One component; time points
 * stay apart. */
CM_NODISCARD CmImage *cm__distance_squared(CmContext *ctx, const CmImage *image, bool to_zero, CmError **err);

#endif
