/* The labels of a map, numbered 1, 2, 3 ... in rising order. */
#ifndef CORMACK_IO_LABEL_INDEX_H
#define CORMACK_IO_LABEL_INDEX_H

#include "cormack/image.h"

#define CM__MOST_LABELS 65535

typedef struct CmLabelIndex {
  int64_t *values; /* count of them, rising, without 0 */
  int64_t count;
  uint16_t *at; /* for each voxel 0, or 1 + the index of its value */
} CmLabelIndex;

/* Real numbers count as labels where they are whole (cm_image_as_labels). CM_ERR_UNSUPPORTED: not a label map (whole
 * numbers above 0, one component, one time point), or of more than CM__MOST_LABELS. */
bool cm__label_index_make(CmContext *ctx, const CmImage *labels, CmLabelIndex *index, CmError **err);
void cm__label_index_free(CmLabelIndex *index);

#endif
