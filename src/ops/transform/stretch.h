/* Aligned grids: each axis of the result runs along the same axis of the image. Nearest and linear. */
#ifndef CM_OPS_TRANSFORM_STRETCH_H
#define CM_OPS_TRANSFORM_STRETCH_H

#include "ops/transform/warp.h"

/* wide: in double, else in float, which must hold every value of image and out. Nearest hands over every value as it is
 * where the types agree. */
bool cm__stretch(CmContext *ctx, const CmWarp *warp, bool wide, CmError **err);

#endif
