/* Segmentation objects (PS3.3 A.51, C.8.20) as label images: a frame is a plane of one segment; planes that no frame is
 * for are empty. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/dicom/pixel.h"
#include "io/dicom/volume_read.h"

#define TAG_SEGMENTS CM_TAG(0x0062, 0x0002)

typedef struct Plane {
  const CmFrame *frame;
  double along;
} Plane;

static int by_along(const void *a, const void *b) {
  const Plane *x = a, *y = b;
  if (x->along < y->along || x->along > y->along) return x->along < y->along ? -1 : 1;
  return cm__frame_order(x->frame, y->frame);
}

/* Places of the planes on a grid of `step`; false where one lies between two of its places. */
static bool fit_places(const Plane *planes, int64_t count, double step, int64_t *places) {
  for (int64_t i = 0; i < count; i++) {
    double steps = (planes[i].along - planes[0].along) / step, whole = floor(steps + 0.5);
    if (fabs(steps - whole) > CM_SPACING_TOLERANCE || !(whole < 1e6)) return false;
    places[i] = (int64_t)whole;
  }
  return true;
}

/* The step is the object's own, else the smallest distance of two planes. */
static bool place_planes(CmPool *pool, CmStack *stack, const Plane *planes, int64_t count, CmError **err) {
  double step = planes[0].frame->slice_spacing, least = INFINITY;
  for (int64_t i = 1; i < count; i++)
    if (planes[i].along - planes[i - 1].along > 1e-3) least = fmin(least, planes[i].along - planes[i - 1].along);
  if (!(step > 0) || !fit_places(planes, count, step, stack->places)) step = least;
  if (isinf(step)) step = stack->geometry.spacing[2]; /* one plane */
  if (!fit_places(planes, count, step, stack->places))
    stack->defect = cm__pool_text(
        pool, "the planes of the segmentation are unevenly spaced; resample it with the tool that made it", err);
  stack->geometry.spacing[2] = step;
  stack->grid_slices = stack->places[count - 1] + 1;
  stack->rank = stack->grid_slices > 1 ? 3 : 2;
  return !err || !*err;
}

bool cm__segments_to_stacks(CmPool *pool, const CmFrame *const *frames, int64_t count, CmStackList *list,
                            CmError **err) {
  CmStack *stack = cm__stack_new(pool, list, count, 1, "", err);
  Plane *planes = cm__pool_alloc(pool, (size_t)count, sizeof *planes, err);
  if (!stack || !planes) return false;
  for (int64_t i = 0; i < count; i++) stack->frames[i] = frames[i];
  stack->rank = 2;
  if (!cm__stack_spacing(pool, stack, frames[0], err)) return false;
  for (int64_t i = 0; i < count; i++) {
    bool placed = frames[i]->layout == CM_LAYOUT_SPACE;
    for (int k = 0; k < 6; k++) placed = placed && fabs(frames[i]->orientation[k] - frames[0]->orientation[k]) < 2e-3;
    if (placed) continue;
    stack->defect = cm__pool_text(
        pool, "the segmentation has planes of several orientations, or without position; it cannot be one label image",
        err);
    return stack->defect != NULL;
  }
  if (!cm__frame_axes(frames[0], stack->geometry.direction)) return true;
  for (int64_t i = 0; i < count; i++) {
    planes[i] = (Plane){.frame = frames[i]};
    for (int k = 0; k < 3; k++) planes[i].along += frames[i]->position[k] * stack->geometry.direction[3 * k + 2];
  }
  qsort(planes, (size_t)count, sizeof *planes, by_along);
  for (int64_t i = 0; i < count; i++) stack->frames[i] = planes[i].frame;
  memcpy(stack->geometry.origin, planes[0].frame->position, sizeof stack->geometry.origin);
  return place_planes(pool, stack, planes, count, err);
}

/* ---- reading */

static bool name_segments(CmDicomSet root, int64_t only, CmImage *image, int64_t *most, CmError **err) {
  CmDicomElement segments;
  CmDicomSet item;
  if (!cm_dicom_find(root, TAG_SEGMENTS, &segments)) return true;
  for (uint64_t at = 0; cm_dicom_item(&segments, &at, &item);) {
    int64_t number;
    char label[256];
    if (!cm_dicom_int(item, CM_TAG(0x0062, 0x0004), 0, &number) || (only && number != only)) continue;
    if (most && number > *most) *most = number;
    if (!image) continue;
    uint8_t rgb[3];
    cm_label_colour(number, rgb);
    const char *name = cm_dicom_text(item, CM_TAG(0x0062, 0x0005), label, sizeof label);
    if (!cm_image_set_label(image, number, name ? name : "segment", rgb, err)) return false;
  }
  return true;
}

/* The stored value from which on a voxel is in. Of fractional objects (C.8.20.2.3) it is more than half of the largest:
 * what is more likely in than out, or filled by more than a half, so that two segments never share a voxel. */
static uint8_t least_inside(CmContext *ctx, CmDicomSet root) {
  char type[32];
  int64_t most = 255;
  const char *text = cm_dicom_text(root, CM_TAG(0x0062, 0x0001), type, sizeof type);
  if (!text || strcmp(text, "FRACTIONAL") != 0) return 1;
  cm_dicom_int(root, CM_TAG(0x0062, 0x000e), 0, &most);
  if (!(most >= 1 && most <= 255)) most = 255;
  cm_log(ctx, CM_LOG_WARNING,
         "the segmentation is fractional: voxels of more than one half (%lld of %lld) are taken as in",
         (long long)most / 2 + 1, (long long)most);
  return (uint8_t)(most / 2 + 1);
}

/* Sets the label where the plane is `least` and more. */
static bool paint(const uint8_t *plane, int64_t count, uint8_t least, int64_t label, int64_t first, CmImage *image,
                  CmError **err) {
  uint8_t *small = cm_image_data_mut(image);
  uint16_t *large = cm_image_data_mut(image);
  bool wide = cm_image_type(image) == CM_U16;
  for (int64_t i = 0; i < count; i++) {
    if (plane[i] < least) continue;
    int64_t before = wide ? large[first + i] : small[first + i];
    if (before && before != label) {
      cm_error_set(
          err, CM_ERR_DATA,
          "segments %lld and %lld overlap; a label image holds one label a voxel: read one segment (--segment)",
          (long long)before, (long long)label);
      return false;
    }
    if (wide)
      large[first + i] = (uint16_t)label;
    else
      small[first + i] = (uint8_t)label;
  }
  return true;
}

static bool paint_all(const CmReadPlan *plan, const CmPixelReader *reader, CmImage *image, uint8_t *plane,
                      uint8_t least, CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  int64_t count = dims[0] * dims[1];
  for (int64_t s = 0; s < plan->slices; s++) {
    const CmFrame *frame = cm__plan_frame(plan, s, 0);
    double number = frame->fact[CM_FACT_DIMENSION_1];
    if (!(number >= 1 && number <= 65535)) {
      cm_error_set(err, CM_ERR_FORMAT, "frame %d has no ReferencedSegmentNumber (0062,000B) from 1 to 65535",
                   frame->frame + 1);
      return false;
    }
    if (plan->options.segment && (int64_t)number != plan->options.segment) continue;
    if (cm_context_cancelled(plan->ctx, err) ||
        !cm__pixel_reader_frame(plan->ctx, reader, frame->frame, CM_PIXEL_STORED, CM_U8, plane, err) ||
        !paint(plane, count, least, (int64_t)number, cm__plan_place(plan, s) * count, image, err))
      return false;
  }
  return true;
}

CmImage *cm__segments_decode(CmReadPlan *plan, CmError **err) {
  const CmStack *stack = &plan->entry->stack;
  int64_t dims[3] = {stack->frames[0]->columns, stack->frames[0]->rows, plan->depth}, most = 0;
  CmImage *image = NULL;
  uint8_t *plane = NULL;
  bool ok = false;
  CmPixelReader *reader = NULL;
  CmDicom *dicom = cm_dicom_open(plan->ctx, plan->entry->first->path, CM_DICOM_WHOLE, err);
  if (!dicom || !(reader = cm__pixel_reader_open(plan->ctx, dicom, err))) goto done;
  const int64_t only = plan->options.segment;
  if (!name_segments(cm_dicom_root(dicom), only, NULL, &most, err)) goto done;
  if (only && most == 0) {
    cm_error_set(err, CM_ERR_MISSING, "the segmentation has no segment %lld", (long long)only);
    goto done;
  }
  for (int64_t s = 0; s < plan->slices && !only; s++)
    if (stack->frames[s]->fact[CM_FACT_DIMENSION_1] > (double)most)
      most = (int64_t)fmin(stack->frames[s]->fact[CM_FACT_DIMENSION_1], 65535);
  image = cm_image_create(plan->ctx, most > 255 ? CM_U16 : CM_U8, stack->rank, dims, 1, err);
  plane = image ? cm_alloc_array(plan->ctx, (size_t)dims[0], (size_t)dims[1], err) : NULL;
  if (!plane) goto done;
  memset(cm_image_data_mut(image), 0, cm_image_bytes(image));
  ok = paint_all(plan, reader, image, plane, least_inside(plan->ctx, cm_dicom_root(dicom)), err) &&
       name_segments(cm_dicom_root(dicom), only, image, NULL, err);
done:
  cm_free(plane);
  cm__pixel_reader_close(&reader);
  cm_dicom_close(&dicom);
  if (!ok) cm_image_unref(&image);
  return image;
}
