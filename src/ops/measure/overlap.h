/* What two label maps have in common, label by label. */
#ifndef CM_OPS_MEASURE_OVERLAP_H
#define CM_OPS_MEASURE_OVERLAP_H

#include "ops/segment/label_list.h"

typedef struct CmOverlapJob {
  CmContext *ctx;
  const CmImage *truth, *prediction; /* same grid and time points */
  CmMask mask;
  bool binary; /* set by cm__overlap_list */
} CmOverlapJob;

typedef struct CmOverlap {
  int64_t voxels; /* inside the mask, at this time point */
  int64_t truth, prediction, both;
  /* Bytes 0 and 1 of a box around both, n voxels; its outermost layer is 0 on axes along which the image is longer than
   * one voxel. The caller frees them, on failure as well. */
  int64_t n[3];
  uint8_t *a, *b;
} CmOverlap;

/* The labels of either map, by time point and label, with the box around both; binary: one label, 1, for all that is
 * not 0. only: this label, 0: all. Free with cm_free(list->items). */
bool cm__overlap_list(CmOverlapJob *job, bool binary, int64_t only, CmLabelList *list, CmError **err);
bool cm__overlap(const CmOverlapJob *job, const CmLabelBox *item, CmOverlap *out, CmError **err);

#endif
