/* Linear interpolation in float, many points at a time: of images whose values float holds. */
#ifndef CM_OPS_TRANSFORM_CORNERS_H
#define CM_OPS_TRANSFORM_CORNERS_H

#include "ops/lines.h"

enum { CM_CORNERS_BLOCK = 128 };

/* Points between voxels: number of the first value that each takes, and how far it lies to the next along each axis
 * that has more than one voxel. */
typedef struct CmCorners {
  int32_t first[CM_CORNERS_BLOCK];
  float weight[3][CM_CORNERS_BLOCK];
} CmCorners;

/* Can the volume be reached by 32 bits, and float hold its values? */
bool cm__corners_fit(const CmGrid *grid, CmType type);
/* How many points at a time give at most a block of values. */
int64_t cm__corners_part(const CmGrid *grid);
/* The values of n points of `volume`, all components. */
void cm__corners_mix(CmType type, const void *volume, const CmGrid *grid, const CmCorners *corners, int64_t n,
                     float *to);

#endif
