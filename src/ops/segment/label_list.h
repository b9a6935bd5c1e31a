/* Which labels a map has, and where. */
#ifndef CM_OPS_SEGMENT_LABEL_LIST_H
#define CM_OPS_SEGMENT_LABEL_LIST_H

#include "ops/lines.h"

typedef struct CmLabelBox {
  int64_t value;
  int64_t t;
  int64_t voxels;
  int64_t box_min[3], box_max[3]; /* inclusive */
} CmLabelBox;

typedef struct CmLabelList {
  CmLabelBox *items; /* by time point, then by label; without 0 */
  int64_t count;
} CmLabelList;

/* labels: integer, one component. Free with cm_free(list->items). */
bool cm__label_list(CmContext *ctx, const CmImage *labels, CmLabelList *list, CmError **err);
/* Keeps label `only` alone (0: all, which may be none). CM_ERR_DATA where it is not there. */
bool cm__label_choose(CmLabelList *list, int64_t only, CmError **err);
/* The item of a label at a time point, -1 if absent. hint: the last answer, for speed. */
int64_t cm__label_find(const CmLabelList *list, int64_t t, int64_t value, int64_t hint);

#endif
