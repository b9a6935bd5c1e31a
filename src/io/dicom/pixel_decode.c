/* cm_dicom_decode: frames of a data set as an image, with what a caller needs to know beside the values. */
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "io/dicom/pixel.h"

#define TAG_SHARED_GROUPS CM_TAG(0x5200, 0x9229)
#define TAG_FRAME_GROUPS CM_TAG(0x5200, 0x9230)
#define TAG_PIXEL_MEASURES CM_TAG(0x0028, 0x9110)
#define TAG_PADDING CM_TAG(0x0028, 0x0120)
#define TAG_PADDING_LIMIT CM_TAG(0x0028, 0x0121)
/* An image of compressed frames may take this much, or this many times their bytes (see pixel_cells.c for a single
 * frame). */
#define FREE_IMAGE_BYTES ((int64_t)1 << 30)
#define MOST_IMAGE_RATIO 1024u

typedef struct Job {
  CmContext *ctx;
  const CmPixelReader *reader;
  CmPixelStage stage;
  CmType type;
  int64_t first;
  size_t frame_bytes;
  uint8_t *to;
} Job;

static bool decode_range(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  for (int64_t f = range.begin; f < range.end; f++) {
    if (!cm__pixel_reader_frame(job->ctx, job->reader, job->first + f, job->stage, job->type,
                                job->to + (size_t)f * job->frame_bytes, err)) {
      return false;
    }
  }
  return true;
}

/* PixelSpacing is the distance of rows, then of columns (PS3.3 10.7.1.3). */
static bool spacing_of(CmDicomSet set, uint32_t tag, CmGeometry *geometry) {
  double rows, columns;
  if (!cm_dicom_real(set, tag, 0, &rows) || !cm_dicom_real(set, tag, 1, &columns) || !(rows > 0.0) || !(columns > 0.0))
    return false;
  geometry->spacing[0] = columns;
  geometry->spacing[1] = rows;
  return true;
}

static void set_spacing(const CmDicom *dicom, CmImage *image) {
  static const uint32_t tags[] = {CM_TAG(0x0028, 0x0030), CM_TAG(0x0018, 0x1164), CM_TAG(0x0018, 0x2010)};
  CmGeometry geometry;
  CmDicomSet root = cm_dicom_root(dicom), groups, measures = root;
  double between;
  cm_geometry_default(&geometry);
  bool grouped = (cm_dicom_first_item(root, TAG_SHARED_GROUPS, &groups) &&
                  cm_dicom_first_item(groups, TAG_PIXEL_MEASURES, &measures)) ||
                 (cm_dicom_first_item(root, TAG_FRAME_GROUPS, &groups) &&
                  cm_dicom_first_item(groups, TAG_PIXEL_MEASURES, &measures));
  if (!grouped) measures = root;
  for (int i = 0; i < CM_COUNT(tags) && !spacing_of(measures, tags[i], &geometry); i++) continue;
  if ((cm_dicom_real(measures, CM_TAG(0x0018, 0x0088), 0, &between) ||
       cm_dicom_real(measures, CM_TAG(0x0018, 0x0050), 0, &between)) &&
      between > 0.0) {
    geometry.spacing[2] = between;
  }
  CmError *ignored = NULL; /* a spacing that is no spacing (infinite, say) leaves the default */
  if (!cm_image_set_geometry(image, &geometry, &ignored)) cm_error_free(&ignored);
}

/* Padding value and limit as the values that stand in the image (stored ones rescaled where the image is). */
static bool set_padding(const CmDicom *dicom, const Job *job, CmImage *image, CmError **err) {
  static const struct {
    uint32_t tag;
    const char *name;
  } keys[] = {{TAG_PADDING, "PixelPaddingValue"}, {TAG_PADDING_LIMIT, "PixelPaddingRangeLimit"}};
  const CmDicomPixels *pixels = cm__pixel_reader_pixels(job->reader);
  if (job->stage == CM_PIXEL_DISPLAY || pixels->samples > 1) return true;
  for (int i = 0; i < CM_COUNT(keys); i++) {
    CmDicomElement element;
    int64_t stored;
    char text[40];
    if (!cm_dicom_find(cm_dicom_root(dicom), keys[i].tag, &element) ||
        !cm_dicom_int(cm_dicom_root(dicom), keys[i].tag, 0, &stored))
      continue;
    /* its VR, US or SS, should be that of the pixels; files that disagree mean the pixels' */
    if (pixels->is_signed && stored > 32767 && pixels->bits_stored <= 16) stored -= 65536;
    if (!pixels->is_signed && stored < 0) stored += 65536;
    CmPixelLinear linear =
        job->stage == CM_PIXEL_VALUES ? cm__pixel_reader_linear(job->reader, job->first) : (CmPixelLinear){1.0, 0.0};
    snprintf(text, sizeof text, "%.17g", (double)stored * linear.slope + linear.intercept);
    if (!cm_image_set_meta(image, keys[i].name, text, err)) return false;
  }
  return true;
}

static bool describe(const CmDicom *dicom, const Job *job, CmImage *image, CmError **err) {
  set_spacing(dicom, image);
  if (job->stage == CM_PIXEL_VALUES && !cm_image_set_unit(image, cm__pixel_reader_unit(job->reader), err)) return false;
  const char *photometric = cm__pixel_reader_pixels(job->reader)->photometric;
  if (job->stage == CM_PIXEL_STORED && !cm_image_set_meta(image, "PhotometricInterpretation", photometric, err))
    return false;
  return set_padding(dicom, job, image, err);
}

static CmImage *decode_frames(CmContext *ctx, const CmDicom *dicom, Job *job, int64_t count, CmError **err) {
  const CmDicomPixels *pixels = cm__pixel_reader_pixels(job->reader);
  if (job->first < 0 || count < 1 || job->first >= pixels->frames || count > pixels->frames - job->first) {
    cm_error_set(err, CM_ERR_PARAMETER, "frames %lld to %lld are asked for; there are %lld", (long long)job->first + 1,
                 (long long)job->first + (long long)count, (long long)pixels->frames);
    cm_error_context(err, "%s", cm_dicom_path(dicom));
    return NULL;
  }
  int components = cm__pixel_reader_components(job->reader, job->stage);
  uint64_t coded = cm__pixel_reader_coded(job->reader, job->first, count);
  double bytes =
      (double)pixels->columns * (double)pixels->rows * (double)count * components * (double)cm_type_size(job->type);
  if (bytes > (double)FREE_IMAGE_BYTES && bytes / MOST_IMAGE_RATIO > (double)coded) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "%llu compressed bytes claim to be an image of %.0f; decode fewer frames at a time if that is true",
                 (unsigned long long)coded, bytes);
    cm_error_context(err, "%s", cm_dicom_path(dicom));
    return NULL;
  }
  int64_t dims[3] = {pixels->columns, pixels->rows, count};
  CmImage *image = cm_image_create(ctx, job->type, count > 1 ? 3 : 2, dims, components, err);
  if (!image) return NULL;
  job->frame_bytes = cm_image_bytes(image) / (size_t)count;
  job->to = cm_image_data_mut(image);
  if (cm_parallel_for(ctx, NULL, count, 1, decode_range, job, err) && describe(dicom, job, image, err)) return image;
  cm_image_unref(&image);
  return NULL;
}

CmImage *cm_dicom_decode(CmContext *ctx, const CmDicom *dicom, CmPixelStage stage, int64_t first, int64_t count,
                         CmError **err) {
  CmPixelReader *reader = cm__pixel_reader_open(ctx, dicom, err);
  if (!reader) return NULL;
  Job job = {
      .ctx = ctx, .reader = reader, .stage = stage, .type = cm__pixel_reader_type(reader, stage), .first = first};
  CmImage *image = decode_frames(ctx, dicom, &job, count, err);
  cm__pixel_reader_close(&reader);
  return image;
}

bool cm__dicom_decode_into(CmContext *ctx, const CmDicom *dicom, CmPixelStage stage, int64_t frame, CmType type,
                           void *to, CmError **err) {
  CmPixelReader *reader = cm__pixel_reader_open(ctx, dicom, err);
  if (!reader) return false;
  bool ok = cm__pixel_reader_frame(ctx, reader, frame, stage, type, to, err);
  cm__pixel_reader_close(&reader);
  return ok;
}
