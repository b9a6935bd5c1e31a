/* Grey morphology: the largest or smallest value under a structuring element. */
#ifndef CM_OPS_MORPHOLOGY_GREY_H
#define CM_OPS_MORPHOLOGY_GREY_H

#include "ops/morphology/bits.h"

/* out: same type, grid and components as image, not image itself. What lies beyond the border takes no part; with
 * zero_outside it counts as 0. */
bool cm__morph_grey(CmContext *ctx, const CmImage *image, CmMorph morph, const CmElement *element, bool zero_outside,
                    CmImage *out, CmError **err);

#endif
