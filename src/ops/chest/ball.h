/* Balls in mm on plain masks: distances, dilation, erosion, opening, closing whatever the radius costs the same. */
#ifndef CORMACK_OPS_CHEST_BALL_H
#define CORMACK_OPS_CHEST_BALL_H

#include "cormack/image.h"

/* f32 image of squared distances in mm to the nearest voxel of the mask (n: x,y,z; x fastest) that is not 0 (to_inside)
 * or that is 0; see cm__distance_squared. The mask is borrowed for the call. */
CM_NODISCARD CmImage *cm__mask_distance(CmContext *ctx, uint8_t *mask, bool to_inside, const int64_t n[3],
                                        const double mm[3], CmError **err);

/* In place, on a mask of 0 and 1; what lies outside of the grid takes no part. */
typedef enum BallWork { BALL_DILATE, BALL_ERODE, BALL_CLOSE, BALL_OPEN } BallWork;
bool cm__ball(CmContext *ctx, uint8_t *mask, BallWork work, double radius_mm, const int64_t n[3], const double mm[3],
              CmError **err);

#endif
