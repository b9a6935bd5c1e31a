/* Slices of an image with its segmentation, as a figure in HTML: a JPEG inside, contours as vector paths over it. */
#ifndef STUDY_REPORT_SLICES_H
#define STUDY_REPORT_SLICES_H

#include "core/text.h"
#include "cormack/image.h"

typedef enum CmPlane { CM_PLANE_AXIAL, CM_PLANE_CORONAL, CM_PLANE_SAGITTAL } CmPlane;

/* Axes are chosen by the direction cosines, so that the patient's right is on the left of axial and coronal slices,
 * anterior on top of axial and on the left of sagittal ones, the head on top of the others. 2D images are shown as they
 * are. */
typedef struct CmSliceView {
  const CmImage *image;     /* one or three components; of a series x,y,z,t the first instant */
  CmImage *const *overlays; /* label maps of the same grid, drawn in this order; NULL among them are left out */
  int overlay_count;
  CmPlane plane;
  double centre_mm[3]; /* LPS: the slice goes through it; also the middle where a size is given */
  bool has_centre;     /* false: the slice with most voxels of the last overlay that has any, or the middle one */
  double size_mm;      /* edge of the square shown; 0: the whole slice */
  double low, high;    /* grey window; equal: the 1st to 99th percentile of the image */
  double width_px;     /* on the page */
} CmSliceView;

/* Adds <figure>; the caption is plain text and may be NULL. */
bool cm__slice_add(CmTextBuffer *out, CmContext *ctx, const CmSliceView *view, const char *caption, CmError **err);
/* The index along the slice axis with most voxels of labels (of the given value; 0: any) in LPS mm of its middle.
 * false: no such voxel. */
bool cm__slice_busiest(const CmImage *labels, CmPlane plane, int64_t value, double centre_mm[3]);
/* <legend> of the labels that a map names, with their colours. */
void cm__slice_legend(CmTextBuffer *out, const CmImage *labels);

#endif
