/* Rows as bits. */
#ifndef CM_OPS_MORPHOLOGY_PACK_H
#define CM_OPS_MORPHOLOGY_PACK_H

#include "ops/lines.h"

/* Bits of the values equal to `label`, or (label 0) of those that are not 0; NaN counts as 0. */
void cm__bits_pack_row(CmType type, const void *row, int64_t nx, int64_t label, uint64_t *word);

#endif
