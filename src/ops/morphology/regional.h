/* Regional extrema. */
#ifndef CM_OPS_MORPHOLOGY_REGIONAL_H
#define CM_OPS_MORPHOLOGY_REGIONAL_H

#include "ops/segment/components.h"

/* Sets out (u8, grid of image, one component) to 1 on touching voxels of equal value that touch lower (minima: higher)
 * ones only, else 0. NaN is a wall and no extremum. Without `borders`, those that reach the border are left out. */
bool cm__regional(CmContext *ctx, const CmImage *image, CmConnect connect, bool minima, bool borders, CmImage *out,
                  CmError **err);

#endif
