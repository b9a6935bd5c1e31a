/* Exact Euclidean distances in mm on anisotropic grids. */
#ifndef CORMACK_OPS_CHEST_DISTANCE_H
#define CORMACK_OPS_CHEST_DISTANCE_H

#include "cormack/context.h"

/* squared[i]: square of the distance in mm from the centre of voxel i to that of the nearest voxel whose mask is equal to `to` (0 or not 0);
 * FLT_MAX / 4 or more where there is none. n: x, y, z; x fastest. Lower envelope of parabolas along each axis: Felzenszwalb and Huttenlocher,
 * «Distance transforms of sampled functions», Theory of Computing 8 (2012), 415. */
bool cm__distance_squared(CmContext *ctx, const uint8_t *mask, bool to_inside, const int64_t n[3], const double mm[3], float *squared,
                          CmError **err);

/* In place: ball dilation (grow), erosion, closing (erosion of dilation; what lies outside of the grid takes no part) of a mask of 0 and 1. */
typedef enum BallWork { BALL_DILATE, BALL_ERODE, BALL_CLOSE, BALL_OPEN } BallWork;
bool cm__ball(CmContext *ctx, uint8_t *mask, BallWork work, double radius_mm, const int64_t n[3], const double mm[3], float *scratch,
              CmError **err);

#endif
