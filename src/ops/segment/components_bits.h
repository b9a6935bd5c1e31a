/* Connected components of what is set, 64 voxels to a word. */
#ifndef CM_OPS_SEGMENT_COMPONENTS_BITS_H
#define CM_OPS_SEGMENT_COMPONENTS_BITS_H

#include "ops/segment/components.h"

/* Fills found (whose grid is set) with runs and measured items: of the voxels that are not 0, or (zero) that are. What
 * was allocated stays in found also after a failure. */
bool cm__components_of_bits(CmContext *ctx, const CmImage *image, CmConnect connect, bool zero, CmComponents *found,
                            CmError **err);

/* Memory for the runs of all rows; row_begin[row + 1] has their numbers, and becomes their sum. */
bool cm__components_room(CmContext *ctx, CmComponents *found, CmError **err);

/* Adds a run of a row to what is known of its component. */
void cm__component_add(CmComponent *item, const CmGrid *grid, const CmRun *run, int64_t row);

#endif
