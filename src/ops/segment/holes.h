/* Holes: pieces of background that do not reach the border. */
#ifndef CM_OPS_SEGMENT_HOLES_H
#define CM_OPS_SEGMENT_HOLES_H

#include "ops/segment/components.h"

/* Fills, in place, the background components (0) of `labels` (integer, not shared yet) that do not reach the border,
 * each with the label that most of its contacts by faces have (equal counts: the smaller label). connect: of the
 * background; with CM_CONNECT_4 and CM_CONNECT_8 each slice by itself. Holes of more than max_voxels stay open (0: no
 * limit). at_border: pieces of background that reach the border are filled as well. */
bool cm__fill_holes(CmContext *ctx, CmImage *labels, CmConnect connect, double max_voxels, bool at_border,
                    CmError **err);

#endif
