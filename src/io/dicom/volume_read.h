/* The pieces that reading a volume is made of. */
#ifndef CORMACK_IO_DICOM_VOLUME_READ_H
#define CORMACK_IO_DICOM_VOLUME_READ_H

#include "io/dicom/scan_priv.h"

/* What is read, and onto which grid. Slices are those of the stack, [first_slice, first_slice + slices). */
typedef struct CmReadPlan {
  CmContext *ctx;
  const CmDicomScan *scan;
  const CmVolumeEntry *entry;
  CmReadOptions options;
  int64_t first_slice, slices;
  int64_t depth; /* voxels along z of the result */
  double factor; /* of SUV; 1 */
  const char *suv_note;
  double *padding; /* two for each frame read: lowest and highest value that is padding, in the unit of the result; NAN:
                      none */
} CmReadPlan;

/* Place along z of slice s of the plan. */
static inline int64_t cm__plan_place(const CmReadPlan *plan, int64_t s) {
  const int64_t *places = plan->entry->stack.places;
  return places[plan->first_slice + s] - places[plan->first_slice];
}

/* Frame of the plan at slice s and time t; NULL: a segment's empty plane. */
static inline const CmFrame *cm__plan_frame(const CmReadPlan *plan, int64_t s, int64_t t) {
  return plan->entry->stack.frames[t * plan->entry->stack.slices + plan->first_slice + s];
}

/* Decodes all frames into a new image whose z counts places. */
CmImage *cm__volume_decode(CmReadPlan *plan, CmError **err);
/* Interpolates the places of the image that no slice is for. */
bool cm__volume_fill(const CmReadPlan *plan, CmImage *image, CmError **err);
/* A new image with each slice moved back by the shear; *shift is how far, in voxels, its first column and row lie
 * before the old ones. */
CmImage *cm__volume_untilt(const CmReadPlan *plan, const CmImage *image, int64_t shift[2], CmError **err);
/* Attributes and notes as metadata, and the unit. `dicom` is the first file. */
bool cm__volume_describe(const CmReadPlan *plan, const CmDicom *dicom, CmImage *image, CmError **err);
/* Label image of a segmentation (segmentation.c). */
CmImage *cm__segments_decode(CmReadPlan *plan, CmError **err);

#endif
