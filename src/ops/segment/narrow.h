/* Labels in the smallest type that holds them. */
#ifndef CM_OPS_SEGMENT_NARROW_H
#define CM_OPS_SEGMENT_NARROW_H

#include "cormack/image.h"

/* A u16 copy of a u32 image whose largest value is `most`, or the image itself (one more reference) where that is too
 * small. */
CM_NODISCARD CmImage *cm__labels_narrow(CmContext *ctx, CmImage *labels, int64_t most, CmError **err);

#endif
