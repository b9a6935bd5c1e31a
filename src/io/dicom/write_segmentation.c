/* A label map as a segmentation object of one file (PS3.3 A.51, C.8.20): binary, a frame for each plane of each segment
 * that is not empty. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/dicom/write.h"
#include "io/label_index.h"

#define SEG_UID "1.2.840.10008.5.1.4.1.1.66.4"
#define MOST_BYTES ((uint64_t)1 << 31)

/* A plane of a segment, z of the label map. */
typedef struct Frame {
  int32_t segment; /* from 1 */
  int64_t z;
} Frame;

typedef struct Job {
  CmDicomSeries series;
  CmLabelIndex index; /* segment numbers and their labels */
  Frame *frames;
  int64_t frame_count;
} Job;

/* ---- what is in the map
 */

static bool find_segments(Job *job, CmError **err) {
  if (!cm__label_index_make(job->series.ctx, job->series.image, &job->index, err)) return false;
  if (job->index.count > 0) return true;
  cm_error_set(err, CM_ERR_DATA, "the label map is empty; a segmentation has at least one segment");
  return false;
}

/* Frames in the order of segments, then of planes. */
static bool find_frames(Job *job, CmError **err) {
  const int64_t *dims = cm_image_dims(job->series.image), plane = dims[0] * dims[1];
  const int64_t places = job->index.count * dims[2];
  uint8_t *seen = cm_calloc(job->series.ctx, (size_t)places, 1, err);
  if (!seen) return false;
  for (int64_t z = 0; z < dims[2]; z++) {
    const uint16_t *at = job->index.at + z * plane;
    for (int64_t i = 0; i < plane; i++)
      if (at[i]) seen[(at[i] - 1) * dims[2] + z] = 1;
  }
  for (int64_t k = 0; k < places; k++) job->frame_count += seen[k];
  job->frames = cm_alloc_array(job->series.ctx, (size_t)job->frame_count, sizeof *job->frames, err);
  for (int64_t k = 0, at = 0; job->frames && k < places; k++)
    if (seen[k]) job->frames[at++] = (Frame){.segment = (int32_t)(k / dims[2]) + 1, .z = k % dims[2]};
  cm_free(seen);
  return job->frames != NULL;
}

/* ---- the data set
 */

/* An item with what `fill` puts in, as the only one of a sequence. */
static void add_item(CmDicomBuilder *set, uint32_t tag, void (*fill)(CmDicomBuilder *, const Job *, int64_t),
                     const Job *job, int64_t at) {
  CmDicomBuilder item;
  cm__build_start(&item, set->ctx, set->err);
  fill(&item, job, at);
  set->failed |= item.failed;
  if (!set->failed) cm__build_sequence(set, tag, &item, 1);
  cm__build_free(&item);
}

/* As many items as `count`. */
static void add_items(CmDicomBuilder *set, uint32_t tag, void (*fill)(CmDicomBuilder *, const Job *, int64_t),
                      const Job *job, int64_t count) {
  CmDicomBuilder *items = cm_calloc(set->ctx, (size_t)count, sizeof *items, set->err);
  set->failed |= !items;
  for (int64_t i = 0; items && i < count; i++) {
    cm__build_start(&items[i], set->ctx, set->err);
    fill(&items[i], job, i);
    set->failed |= items[i].failed;
  }
  if (!set->failed) cm__build_sequence(set, tag, items, (int)count);
  for (int64_t i = 0; items && i < count; i++) cm__build_free(&items[i]);
  cm_free(items);
}

static void add_code(CmDicomBuilder *item, const char *value, const char *scheme, const char *meaning) {
  cm__build_text(item, CM_TAG(8, 0x100), value);
  cm__build_text(item, CM_TAG(8, 0x102), scheme);
  cm__build_text(item, CM_TAG(8, 0x104), meaning);
}

/* What it is exactly, only the one who made the map knows: the codes are those of any tissue (PS3.16 CID 7150, 7166).
 */
static void fill_category(CmDicomBuilder *item, const Job *job, int64_t at) {
  (void)job, (void)at;
  add_code(item, "85756007", "SCT", "Tissue");
}

static uint16_t share(double value, double low, double high) {
  return (uint16_t)lrint(65535.0 * fmin(fmax((value - low) / (high - low), 0.0), 1.0));
}

static double f_of(double t) {
  return t > 216.0 / 24389.0 ? cbrt(t) : (24389.0 / 27.0 * t + 16.0) / 116.0;
}

/* sRGB as PCS values of CIELAB, D50 (PS3.3 C.10.7.1.1; IEC 61966-2-1, Bradford-adapted). */
static void add_colour(CmDicomBuilder *item, const uint8_t rgb[3]) {
  double c[3];
  for (int k = 0; k < 3; k++) {
    const double v = rgb[k] / 255.0;
    c[k] = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
  }
  const double x = f_of((0.4360747 * c[0] + 0.3850649 * c[1] + 0.1430804 * c[2]) / 0.96422);
  const double y = f_of(0.2225045 * c[0] + 0.7168786 * c[1] + 0.0606169 * c[2]);
  const double z = f_of((0.0139322 * c[0] + 0.0971045 * c[1] + 0.7141733 * c[2]) / 0.82521);
  const uint16_t lab[3] = {share(116.0 * y - 16.0, 0, 100), share(500.0 * (x - y), -128, 127),
                           share(200.0 * (y - z), -128, 127)};
  uint8_t bytes[6];
  for (int k = 0; k < 3; k++) {
    bytes[2 * k] = (uint8_t)(lab[k] & 0xFF);
    bytes[2 * k + 1] = (uint8_t)(lab[k] >> 8);
  }
  cm__build_bytes(item, CM_TAG(0x62, 0x0D), CM_VR('U', 'S'), bytes, sizeof bytes);
}

static void fill_segment(CmDicomBuilder *item, const Job *job, int64_t at) {
  char name[32];
  CmLabel label = {.name = NULL};
  const int64_t value = job->index.values[at];
  cm_label_colour(value, label.rgb);
  snprintf(name, sizeof name, "Label %lld", (long long)value);
  const bool named = cm_image_find_label(job->series.image, value, &label) && label.name && *label.name &&
                     cm__build_takes(CM_TAG(0x62, 0x05), label.name);
  add_item(item, CM_TAG(0x62, 0x03), fill_category, job, at);
  add_item(item, CM_TAG(0x62, 0x0F), fill_category, job, at);
  cm__build_us(item, CM_TAG(0x62, 0x04), (uint16_t)(at + 1));
  cm__build_text(item, CM_TAG(0x62, 0x05), named ? label.name : name);
  cm__build_text(item, CM_TAG(0x62, 0x08), "SEMIAUTOMATIC");
  cm__build_text(item, CM_TAG(0x62, 0x09), "Cormack");
  add_colour(item, label.rgb);
}

static void fill_measures(CmDicomBuilder *item, const Job *job, int64_t at) {
  const double *spacing = cm_image_geometry(job->series.image)->spacing;
  const double pixel[2] = {spacing[1], spacing[0]}; /* between rows, between columns */
  (void)at;
  cm__build_reals(item, CM_TAG(0x18, 0x50), &spacing[2], 1);
  cm__build_reals(item, CM_TAG(0x18, 0x88), &spacing[2], 1);
  cm__build_reals(item, CM_TAG(0x28, 0x30), pixel, 2);
}

static void fill_orientation(CmDicomBuilder *item, const Job *job, int64_t at) {
  const double *d = cm_image_geometry(job->series.image)->direction;
  const double orientation[6] = {d[0], d[3], d[6], d[1], d[4], d[7]};
  (void)at;
  cm__build_reals(item, CM_TAG(0x20, 0x37), orientation, 6);
}

static void fill_shared(CmDicomBuilder *item, const Job *job, int64_t at) {
  add_item(item, CM_TAG(0x28, 0x9110), fill_measures, job, at);
  add_item(item, CM_TAG(0x20, 0x9116), fill_orientation, job, at);
}

static void position_of(const Job *job, int64_t at, double position[3]) {
  const double index[3] = {0, 0, (double)job->frames[at].z};
  cm_geometry_to_physical(cm_image_geometry(job->series.image), index, position);
}

static void fill_content(CmDicomBuilder *item, const Job *job, int64_t at) {
  const uint32_t index[2] = {(uint32_t)job->frames[at].segment, (uint32_t)job->frames[at].z + 1};
  uint8_t bytes[8];
  for (int k = 0; k < 8; k++) bytes[k] = (uint8_t)(index[k / 4] >> 8 * (k % 4));
  cm__build_bytes(item, CM_TAG(0x20, 0x9157), CM_VR('U', 'L'), bytes, sizeof bytes);
}

static void fill_position(CmDicomBuilder *item, const Job *job, int64_t at) {
  double position[3];
  position_of(job, at, position);
  cm__build_reals(item, CM_TAG(0x20, 0x32), position, 3);
}

static void fill_identification(CmDicomBuilder *item, const Job *job, int64_t at) {
  cm__build_us(item, CM_TAG(0x62, 0x0B), (uint16_t)job->frames[at].segment);
}

static void fill_derivation_code(CmDicomBuilder *item, const Job *job, int64_t at) {
  (void)job, (void)at;
  add_code(item, "113076", "DCM", "Segmentation");
}

static void fill_source(CmDicomBuilder *item, const Job *job, int64_t source) {
  cm__dicom_add_reference(item, &job->series, (int)source);
}

static void fill_derivation(CmDicomBuilder *item, const Job *job, int64_t source) {
  add_item(item, CM_TAG(8, 0x2112), fill_source, job, source);
  add_item(item, CM_TAG(8, 0x9215), fill_derivation_code, job, source);
}

static void fill_frame(CmDicomBuilder *item, const Job *job, int64_t at) {
  double position[3];
  position_of(job, at, position);
  const int source = cm__dicom_source_at(&job->series, position);
  if (source >= 0) add_item(item, CM_TAG(8, 0x9124), fill_derivation, job, source);
  add_item(item, CM_TAG(0x20, 0x9111), fill_content, job, at);
  add_item(item, CM_TAG(0x20, 0x9113), fill_position, job, at);
  add_item(item, CM_TAG(0x62, 0x0A), fill_identification, job, at);
}

/* A plane that lies on no slice of the source is of another series, or of another patient. */
static bool check_places(const Job *job, CmError **err) {
  for (int64_t at = 0; at < job->frame_count; at++) {
    double position[3];
    position_of(job, at, position);
    if (cm__dicom_source_at(&job->series, position) >= 0) continue;
    cm_error_set(err, CM_ERR_GEOMETRY,
                 "plane %lld of the labels lies on no slice of the source; give the series that they were drawn on, or "
                 "resample them onto it",
                 (long long)job->frames[at].z + 1);
    return false;
  }
  return true;
}

static void add_tag(CmDicomBuilder *item, uint32_t tag, uint32_t value) {
  const uint8_t bytes[4] = {(uint8_t)(value >> 16), (uint8_t)(value >> 24), (uint8_t)value, (uint8_t)(value >> 8)};
  cm__build_bytes(item, tag, CM_VR('A', 'T'), bytes, sizeof bytes);
}

static void fill_organization(CmDicomBuilder *item, const Job *job, int64_t at) {
  char uid[65];
  (void)at;
  cm__dicom_series_uid(&job->series, "dimensions", uid);
  cm__build_text(item, CM_TAG(0x20, 0x9164), uid);
}

/* The frames are indexed by segment and by position. */
static void fill_index(CmDicomBuilder *item, const Job *job, int64_t at) {
  fill_organization(item, job, at);
  add_tag(item, CM_TAG(0x20, 0x9165), at == 0 ? CM_TAG(0x62, 0x0B) : CM_TAG(0x20, 0x32));
  add_tag(item, CM_TAG(0x20, 0x9167), at == 0 ? CM_TAG(0x62, 0x0A) : CM_TAG(0x20, 0x9113));
  cm__build_text(item, CM_TAG(0x20, 0x9421), at == 0 ? "ReferencedSegmentNumber" : "ImagePositionPatient");
}

static void fill_instance(CmDicomBuilder *item, const Job *job, int64_t at) {
  cm__build_text(item, CM_TAG(8, 0x1150), job->series.source_uids[at][0]);
  cm__build_text(item, CM_TAG(8, 0x1155), job->series.source_uids[at][1]);
}

/* The series that the sources are of (PS3.3 C.12.2, common instance reference). */
static void fill_series(CmDicomBuilder *item, const Job *job, int64_t at) {
  (void)at;
  CmDicom *source = cm_dicom_open(job->series.ctx, job->series.options->source_files[0], CM_DICOM_HEADER, item->err);
  char uid[65];
  item->failed |= !source;
  if (source && cm_dicom_text(cm_dicom_root(source), CM_TAG(0x20, 0x0E), uid, sizeof uid))
    cm__build_text(item, CM_TAG(0x20, 0x0E), uid);
  cm_dicom_close(&source);
  add_items(item, CM_TAG(8, 0x114A), fill_instance, job, job->series.options->source_count);
}

static bool copy_context(Job *job, CmError **err) {
  CmDicomBuilder *set = &job->series.common;
  CmDicom *source = cm_dicom_open(job->series.ctx, job->series.options->source_files[0], CM_DICOM_HEADER, err);
  if (!source) return false;
  cm__build_copy_set(set, cm_dicom_root(source), cm__dicom_is_context);
  cm_dicom_close(&source);
  return !set->failed;
}

static void add_defaults(Job *job) {
  CmDicomBuilder *set = &job->series.common;
  static const struct {
    uint32_t tag;
    const char *text;
    bool always;
  } texts[] = {
      {CM_TAG(8, 0x05), "ISO_IR 192", true},
      {CM_TAG(8, 0x08), "DERIVED\\PRIMARY", true},
      {CM_TAG(8, 0x16), SEG_UID, true},
      {CM_TAG(8, 0x20), "", false},
      {CM_TAG(8, 0x30), "", false},
      {CM_TAG(8, 0x50), "", false},
      {CM_TAG(8, 0x60), "SEG", true},
      {CM_TAG(8, 0x70), "Cormack", true},
      {CM_TAG(8, 0x90), "", false},
      {CM_TAG(8, 0x1090), "Cormack", true},
      {CM_TAG(8, 0x103E), "Segmentation", true},
      {CM_TAG(0x10, 0x10), "", false},
      {CM_TAG(0x10, 0x20), "", false},
      {CM_TAG(0x10, 0x30), "", false},
      {CM_TAG(0x10, 0x40), "", false},
      {CM_TAG(0x18, 0x1000), "1", true},
      {CM_TAG(0x18, 0x1020), CM_VERSION, true},
      {CM_TAG(0x20, 0x10), "", false},
      {CM_TAG(0x20, 0x11), "1000", true},
      {CM_TAG(0x20, 0x13), "1", true},
      {CM_TAG(0x20, 0x1040), "", false},
      {CM_TAG(0x28, 0x2110), "00", true},
      {CM_TAG(0x62, 0x01), "BINARY", true},
      {CM_TAG(0x70, 0x80), "SEGMENTATION", true},
      {CM_TAG(0x70, 0x81), "", true},
      {CM_TAG(0x70, 0x84), "", true},
      {CM_TAG(0x28, 0x04), "MONOCHROME2", true},
  };
  for (int i = 0; i < CM_COUNT(texts); i++)
    if (texts[i].always)
      cm__build_text(set, texts[i].tag, texts[i].text);
    else
      cm__build_default(set, texts[i].tag, texts[i].text);
  static const uint32_t not_of_it[] = {CM_TAG(0x18, 0x15), CM_TAG(0x18, 0x5100), CM_TAG(0x20, 0x60)};
  for (int i = 0; i < CM_COUNT(not_of_it); i++) cm__build_remove(set, not_of_it[i]);
  cm__dicom_content_time(set);
}

static void add_uids(Job *job) {
  CmDicomBuilder *set = &job->series.common;
  static const struct {
    uint32_t tag;
    const char *part;
    bool always;
  } uids[] = {{CM_TAG(8, 0x18), "instance 1", true},
              {CM_TAG(0x20, 0x0D), "study", false},
              {CM_TAG(0x20, 0x0E), "series", true},
              {CM_TAG(0x20, 0x52), "frame of reference", false}};
  for (int i = 0; i < CM_COUNT(uids); i++) {
    char uid[65];
    size_t length = 0;
    if (!uids[i].always && cm__build_find(set, uids[i].tag, &length) && length) continue;
    cm__dicom_series_uid(&job->series, uids[i].part, uid);
    cm__build_text(set, uids[i].tag, uid);
  }
}

static bool build(Job *job, CmError **err) {
  CmDicomBuilder *set = &job->series.common;
  const int64_t *dims = cm_image_dims(job->series.image);
  cm__build_start(set, job->series.ctx, err);
  if (job->series.options->source_count &&
      (!cm__dicom_read_sources(&job->series, err) || !check_places(job, err) || !copy_context(job, err)))
    return false;
  add_defaults(job);
  add_uids(job);
  cm__build_int(set, CM_TAG(0x28, 0x08), job->frame_count);
  cm__build_us(set, CM_TAG(0x28, 0x02), 1);
  cm__build_us(set, CM_TAG(0x28, 0x10), (uint16_t)dims[1]);
  cm__build_us(set, CM_TAG(0x28, 0x11), (uint16_t)dims[0]);
  cm__build_us(set, CM_TAG(0x28, 0x100), 1);
  cm__build_us(set, CM_TAG(0x28, 0x101), 1);
  cm__build_us(set, CM_TAG(0x28, 0x102), 0);
  cm__build_us(set, CM_TAG(0x28, 0x103), 0);
  add_items(set, CM_TAG(0x62, 0x02), fill_segment, job, job->index.count);
  add_item(set, CM_TAG(0x20, 0x9221), fill_organization, job, 0);
  add_items(set, CM_TAG(0x20, 0x9222), fill_index, job, 2);
  add_item(set, CM_TAG(0x5200, 0x9229), fill_shared, job, 0);
  add_items(set, CM_TAG(0x5200, 0x9230), fill_frame, job, job->frame_count);
  if (job->series.options->source_count) add_item(set, CM_TAG(8, 0x1115), fill_series, job, 0);
  cm__dicom_apply_attributes(&job->series, set);
  return !set->failed;
}

/* The bits of a frame behind those that are there, the first in the lowest bit (PS3.5 8.1.1). */
static void pack(const uint16_t *at, int64_t count, uint16_t segment, int64_t bit, uint8_t *packed) {
  int64_t i = 0;
  for (; i < count && (bit + i) % 8 != 0; i++) packed[(bit + i) / 8] |= (uint8_t)((at[i] == segment) << (bit + i) % 8);
  for (; i + 8 <= count; i += 8) {
    unsigned byte = 0;
    for (int k = 0; k < 8; k++) byte |= (unsigned)(at[i + k] == segment) << k;
    packed[(bit + i) / 8] = (uint8_t)byte;
  }
  for (; i < count; i++) packed[(bit + i) / 8] |= (uint8_t)((at[i] == segment) << (bit + i) % 8);
}

/* Frame after frame without a gap. */
static bool add_pixels(const Job *job, CmTextBuffer *out, CmError **err) {
  const int64_t *dims = cm_image_dims(job->series.image), plane = dims[0] * dims[1];
  const uint64_t bytes = ((uint64_t)(plane * job->frame_count) + 7) / 8, even = bytes + (bytes & 1);
  if (even > MOST_BYTES) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the segmentation would need %llu bytes of pixels; write fewer segments",
                 (unsigned long long)even);
    return false;
  }
  uint8_t *packed = cm_calloc(job->series.ctx, (size_t)even, 1, err);
  if (!packed) return false;
  for (int64_t f = 0; f < job->frame_count; f++)
    pack(job->index.at + job->frames[f].z * plane, plane, (uint16_t)job->frames[f].segment, f * plane, packed);
  cm__build_head(out, CM_TAG(0x7FE0, 0x10), CM_VR('O', 'B'), (uint32_t)even);
  cm__text_add_n(out, (const char *)packed, (size_t)even);
  cm_free(packed);
  return !out->failed;
}

static bool check_map(const CmImage *image, CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  if (dims[0] <= 65535 && dims[1] <= 65535) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED, "%lld x %lld voxels: DICOM has at most 65535 rows and columns",
               (long long)dims[0], (long long)dims[1]);
  return false;
}

bool cm_dicom_write_segmentation(CmContext *ctx, const CmImage *labels, const char *path,
                                 const CmDicomWriteOptions *options, CmError **err) {
  Job job = {.series = {.ctx = ctx, .image = labels, .options = options, .class_uid = SEG_UID}};
  CmTextBuffer out;
  cm__text_start(&out, ctx, err);
  cm__dicom_make_seed(&job.series);
  bool good = check_map(labels, err) && find_segments(&job, err) && find_frames(&job, err) && build(&job, err);
  if (good) {
    cm__dicom_add_meta(&out, &job.series, &job.series.common);
    cm__build_write(&job.series.common, CM_TAG(8, 0), CM_TAG(0x7FE0, 0), &out);
    good = add_pixels(&job, &out, err) && cm_file_write(ctx, path, out.text, out.size, err);
  }
  if (!good) cm_error_context(err, "%s", path);
  cm__build_free(&job.series.common);
  cm_free(job.series.positions);
  cm_free(job.series.source_uids);
  cm__label_index_free(&job.index);
  cm_free(job.frames);
  cm_free(out.text);
  return good;
}
