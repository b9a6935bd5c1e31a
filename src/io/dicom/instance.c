#include "io/dicom/instance.h"

#include <math.h>
#include <string.h>

#define MOST_FRAMES ((int64_t)1000000)

/* ---- identity */

static bool read_text(CmPool *pool, CmDicomSet root, uint32_t tag, const char *absent, const char **to, CmError **err) {
  char text[1024];
  const char *value = cm_dicom_text(root, tag, text, sizeof text);
  *to = value && *value ? cm__pool_text(pool, value, err) : absent;
  return *to != NULL;
}

static bool read_identity(CmPool *pool, CmDicomSet root, CmInstance *instance, CmError **err) {
  const struct {
    uint32_t tag;
    const char **to, *absent;
  } texts[] = {
      {CM_TAG(0x0008, 0x0018), &instance->uid, instance->path},
      {CM_TAG(0x0008, 0x0016), &instance->class_uid, ""},
      {CM_TAG(0x0020, 0x000E), &instance->series_uid, instance->path},
      {CM_TAG(0x0020, 0x000D), &instance->study_uid, ""},
      {CM_TAG(0x0020, 0x0052), &instance->frame_of_reference_uid, ""},
      {CM_TAG(0x0010, 0x0020), &instance->patient_id, ""},
      {CM_TAG(0x0010, 0x0010), &instance->patient_name, ""},
      {CM_TAG(0x0008, 0x0020), &instance->study_date, ""},
      {CM_TAG(0x0008, 0x1030), &instance->study_description, ""},
      {CM_TAG(0x0008, 0x103E), &instance->series_description, ""},
      {CM_TAG(0x0008, 0x0060), &instance->modality, ""},
  };
  for (int i = 0; i < CM_COUNT(texts); i++)
    if (!read_text(pool, root, texts[i].tag, texts[i].absent, texts[i].to, err)) return false;
  if (!cm_dicom_real(root, CM_TAG(0x0020, 0x0011), 0, &instance->series_number)) instance->series_number = NAN;
  return true;
}

/* ---- space */

/* Two numbers, row spacing first as DICOM has it, to {x, y}; false where absent or not positive. */
static bool spacing_pair(const CmFrameSource *source, uint32_t sequence, uint32_t tag, double spacing[2]) {
  double pair[2];
  if (cm__source_reals(source, sequence, tag, pair, 2) < 2 ||
      !(pair[0] > 0 && pair[1] > 0 && pair[0] < CM_FARTHEST && pair[1] < CM_FARTHEST))
    return false;
  spacing[0] = pair[1];
  spacing[1] = pair[0];
  return true;
}

/* Ultrasound: the spacing of the one region that is in cm both ways (PS3.3 C.8.5.5). */
static bool region_spacing(CmDicomSet root, double spacing[2]) {
  CmDicomElement regions;
  CmDicomSet item;
  if (!cm_dicom_find(root, CM_TAG(0x0018, 0x6011), &regions) || cm_dicom_item_count(&regions) != 1) return false;
  uint64_t at = 0;
  int64_t unit_x, unit_y;
  if (!cm_dicom_item(&regions, &at, &item) || !cm_dicom_int(item, CM_TAG(0x0018, 0x6024), 0, &unit_x) ||
      !cm_dicom_int(item, CM_TAG(0x0018, 0x6026), 0, &unit_y) || unit_x != 3 || unit_y != 3)
    return false;
  double x, y;
  if (!cm_dicom_real(item, CM_TAG(0x0018, 0x602C), 0, &x) || !cm_dicom_real(item, CM_TAG(0x0018, 0x602E), 0, &y))
    return false;
  spacing[0] = 10 * fabs(x);
  spacing[1] = 10 * fabs(y);
  return spacing[0] > 0 && spacing[1] > 0 && spacing[0] < CM_FARTHEST && spacing[1] < CM_FARTHEST;
}

const char *cm__pixel_spacing(const CmFrameSource *source, double spacing[2]) {
  if (spacing_pair(source, CM_TAG(0x0028, 0x9110), CM_TAG(0x0028, 0x0030), spacing)) return "PixelSpacing";
  if (spacing_pair(source, 0, CM_TAG(0x0018, 0x1164), spacing)) return "ImagerPixelSpacing";
  if (spacing_pair(source, 0, CM_TAG(0x0018, 0x2010), spacing)) return "NominalScannedPixelSpacing";
  if (region_spacing(source->root, spacing)) return "SequenceOfUltrasoundRegions";
  return NULL;
}

static void read_space(const CmFrameSource *source, CmFrame *frame) {
  const uint32_t measures = CM_TAG(0x0028, 0x9110);
  if (cm__source_reals(source, CM_TAG(0x0020, 0x9113), CM_TAG(0x0020, 0x0032), frame->position, 3) != 3)
    frame->position[0] = NAN;
  if (cm__source_reals(source, CM_TAG(0x0020, 0x9116), CM_TAG(0x0020, 0x0037), frame->orientation, 6) != 6)
    frame->orientation[0] = NAN;
  if (!cm__pixel_spacing(source, frame->spacing)) frame->spacing[0] = frame->spacing[1] = NAN;
  double across;
  if (cm__source_reals(source, measures, CM_TAG(0x0018, 0x0088), &across, 1) > 0 && across != 0 && isfinite(across))
    frame->slice_spacing = fabs(across);
}

static void read_rescale(const CmFrameSource *source, CmFrame *frame) {
  const uint32_t sequence = CM_TAG(0x0028, 0x9145);
  double value;
  if (cm__source_reals(source, sequence, CM_TAG(0x0028, 0x1053), &value, 1) > 0 && isfinite(value) && value != 0)
    frame->slope = value;
  if (cm__source_reals(source, sequence, CM_TAG(0x0028, 0x1052), &value, 1) > 0 && isfinite(value))
    frame->intercept = value;
  /* RT Dose has a scaling of its own (PS3.3 C.8.8.3). */
  if (cm_dicom_real(source->root, CM_TAG(0x3004, 0x000E), 0, &value) && isfinite(value) && value > 0)
    frame->slope = value;
}

/* Whether the modality makes slices, which may be stacked by instance number where they have no position. */
static bool makes_slices(const char *modality) {
  static const char *const slicing[] = {"CT", "MR", "PT", "NM"};
  for (int i = 0; i < CM_COUNT(slicing); i++)
    if (!strcmp(modality, slicing[i])) return true;
  return false;
}

static CmLayout layout_of(const CmInstance *instance, const CmFrame *frame) {
  double direction[9];
  bool placed = cm__frame_axes(frame, direction);
  placed = placed && cm__frame_has_position(frame);
  /* A CT localizer is a projection: its neighbours are other projections, not slices. */
  if (frame->localizer && !strcmp(instance->modality, "CT")) return CM_LAYOUT_ALONE;
  if (placed) return CM_LAYOUT_SPACE;
  return instance->frame_count == 1 && !frame->localizer && makes_slices(instance->modality) ? CM_LAYOUT_ORDER
                                                                                             : CM_LAYOUT_ALONE;
}

/* ---- frames */

static bool read_frame(CmPool *pool, const CmFrameSource *source, const CmInstance *instance, CmFrame *frame,
                       CmError **err) {
  read_space(source, frame);
  read_rescale(source, frame);
  if (!cm__frame_facts(pool, source, frame, err)) return false;
  if (instance->segmentation && cm__source_reals(source, CM_TAG(0x0062, 0x000A), CM_TAG(0x0062, 0x000B),
                                                 &frame->fact[CM_FACT_DIMENSION_1], 1) < 1)
    frame->fact[CM_FACT_DIMENSION_1] = NAN;
  frame->layout = layout_of(instance, frame);
  return true;
}

static bool read_frames(CmPool *pool, CmDicomSet root, const CmDicomPixels *pixels, int32_t file, CmInstance *instance,
                        CmError **err) {
  if (pixels->frames > MOST_FRAMES) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "NumberOfFrames (0028,0008) is %lld; at most %lld are read",
                 (long long)pixels->frames, (long long)MOST_FRAMES);
    return false;
  }
  CmFrameSource source = {.root = root};
  source.has_shared = cm_dicom_first_item(root, CM_TAG(0x5200, 0x9229), &source.shared);
  CmDicomElement groups;
  bool grouped = cm_dicom_find(root, CM_TAG(0x5200, 0x9230), &groups);
  if (grouped && cm_dicom_item_count(&groups) != pixels->frames) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "PerFrameFunctionalGroupsSequence (5200,9230) describes %d frames, NumberOfFrames (0028,0008) says "
                 "%lld; get the "
                 "object again from its source",
                 cm_dicom_item_count(&groups), (long long)pixels->frames);
    return false;
  }
  instance->frame_count = pixels->frames;
  instance->frames = cm__pool_alloc(pool, (size_t)pixels->frames, sizeof *instance->frames, err);
  if (!instance->frames) return false;
  uint64_t at = 0;
  for (int64_t i = 0; i < pixels->frames; i++) {
    CmFrame *frame = &instance->frames[i];
    if (i > 0 && !grouped) { /* nothing but the frame's number differs */
      *frame = instance->frames[0];
    } else {
      source.has_own = grouped && cm_dicom_item(&groups, &at, &source.own);
      cm__frame_clear(frame);
      frame->file = file;
      frame->uid = instance->uid;
      frame->rows = pixels->rows;
      frame->columns = pixels->columns;
      frame->colour = pixels->samples > 1 || !strcmp(pixels->photometric, "PALETTE COLOR");
      if (!read_frame(pool, &source, instance, frame, err)) return false;
    }
    frame->frame = (int32_t)i;
  }
  return grouped || pixels->frames == 1 || cm__frames_place(pool, root, instance->frames, pixels->frames, err);
}

/* Images whose frames are no slices and no film. */
static const char *refusal_of(const CmInstance *instance, CmDicomSet root) {
  char type[256];
  const char *text;
  if (!strcmp(instance->class_uid, "1.2.840.10008.5.1.4.1.1.77.1.6"))
    return "whole slide microscopy is tiled into frames, which is not supported; convert it with a slide tool first";
  text = cm_dicom_text(root, CM_TAG(0x0062, 0x0001), type, sizeof type);
  if (instance->segmentation && (!text || (strcmp(text, "BINARY") != 0 && strcmp(text, "FRACTIONAL") != 0)))
    return "a segmentation of another SegmentationType (0062,0001) than BINARY or FRACTIONAL; export it as BINARY";
  text = cm_dicom_text(root, CM_TAG(0x0008, 0x0008), type, sizeof type);
  if (text && strstr(text, "MOSAIC"))
    return "a Siemens mosaic holds many slices in one picture, which is not supported; export the series as single "
           "slices or as "
           "enhanced MR";
  return NULL;
}

bool cm__instance_read(CmPool *pool, const CmDicom *dicom, const char *path, int32_t file, CmInstance *instance,
                       CmError **err) {
  CmDicomSet root = cm_dicom_root(dicom);
  CmDicomElement element;
  *instance = (CmInstance){.kind = CM_INSTANCE_OBJECT};
  instance->path = cm__pool_text(pool, path, err);
  if (!instance->path || !read_identity(pool, root, instance, err)) return false;
  if (cm_dicom_find(root, CM_TAG(0x0004, 0x1220), &element)) {
    instance->kind = CM_INSTANCE_DIRECTORY;
    return true;
  }
  bool pixels_there = cm_dicom_find(root, CM_TAG(0x7FE0, 0x0010), &element) ||
                      cm_dicom_find(root, CM_TAG(0x7FE0, 0x0008), &element) ||
                      cm_dicom_find(root, CM_TAG(0x7FE0, 0x0009), &element);
  bool rows_there = cm_dicom_find(root, CM_TAG(0x0028, 0x0010), &element);
  if (!pixels_there && !rows_there) return true;
  if (!pixels_there) {
    cm_error_set(err, CM_ERR_FORMAT, "an image without PixelData (7FE0,0010); get the file again from its source");
    return false;
  }
  CmDicomPixels pixels;
  if (!cm_dicom_pixels(dicom, &pixels, err)) return false;
  instance->pixels = pixels;
  instance->mapped = pixels.samples > 1 || pixels.is_float || !strcmp(pixels.photometric, "PALETTE COLOR") ||
                     cm_dicom_find(root, CM_TAG(0x0028, 0x3000), &element);
  instance->kind = CM_INSTANCE_IMAGE;
  instance->segmentation = !strcmp(instance->class_uid, "1.2.840.10008.5.1.4.1.1.66.4");
  instance->refusal = refusal_of(instance, root);
  return read_frames(pool, root, &pixels, file, instance, err);
}
