/* Morphology of label maps, label by label. */
#ifndef CM_OPS_MORPHOLOGY_LABELS_H
#define CM_OPS_MORPHOLOGY_LABELS_H

#include "ops/morphology/bits.h"

/* image: integer, one component. Each label is treated as if the others were background; what grows goes into
 * background only, the smaller label first. out: same grid and type. */
bool cm__morph_labels(CmContext *ctx, const CmImage *image, CmMorph morph, const CmElement *element, bool zero_outside,
                      CmImage *out, CmError **err);

#endif
