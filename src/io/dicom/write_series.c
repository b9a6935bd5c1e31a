/* One file per slice. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "io/dicom/write.h"

/* 2.25 and the hash as a UUID of version 8 (RFC 9562 5.8) in decimal (PS3.5 B.2). */
void cm_dicom_uid(const char *seed, char uid[65]) {
  CmHash hash;
  cm_hash_bytes(seed, strlen(seed), &hash);
  uint8_t number[16];
  memcpy(number, hash.bytes, 16);
  number[6] = (uint8_t)((number[6] & 0x0F) | 0x80);
  number[8] = (uint8_t)((number[8] & 0x3F) | 0x80);
  char digits[40];
  int count = 0;
  for (bool rest = true; rest;) { /* long division by ten */
    unsigned carry = 0;
    rest = false;
    for (int i = 0; i < 16; i++) {
      carry = carry << 8 | number[i];
      number[i] = (uint8_t)(carry / 10);
      carry %= 10;
      rest |= number[i] != 0;
    }
    digits[count++] = (char)('0' + carry);
  }
  memcpy(uid, "2.25.", 5);
  for (int i = 0; i < count; i++) uid[5 + i] = digits[count - 1 - i];
  uid[5 + count] = 0;
}

/* Study and frame of reference come from the seed alone, so that several images with one seed share them; the rest from
 * all that is written. */
void cm__dicom_series_uid(const CmDicomSeries *series, const char *part, char uid[65]) {
  CmHasher hasher;
  CmHash hash;
  char hex[2 * CM_HASH_SIZE + 1];
  bool shared = !strcmp(part, "study") || !strcmp(part, "frame of reference");
  cm_hash_start(&hasher);
  cm_hash_add_text(&hasher, shared ? series->options->uid_seed : series->seed);
  cm_hash_add_text(&hasher, part);
  cm_hash_finish(&hasher, &hash);
  cm_hash_hex(&hash, hex);
  cm_dicom_uid(hex, uid);
}

void cm__dicom_make_seed(CmDicomSeries *series) {
  CmHasher hasher;
  CmHash hash;
  const CmDicomWriteOptions *options = series->options;
  cm_image_hash(series->image, &hash);
  cm_hash_start(&hasher);
  cm_hash_add_text(&hasher, options->uid_seed);
  cm_hash_add(&hasher, &hash, sizeof hash);
  cm_hash_add_text(&hasher, options->sop_class_uid);
  for (int i = 0; i < options->attribute_count; i++) {
    cm_hash_add(&hasher, &options->attributes[i].tag, sizeof options->attributes[i].tag);
    cm_hash_add_text(&hasher, options->attributes[i].text);
  }
  cm_hash_finish(&hasher, &hash);
  cm_hash_hex(&hash, series->seed);
}

/* ---- one slice ---- */

void cm__dicom_add_reference(CmDicomBuilder *item, const CmDicomSeries *series, int source) {
  CmDicomBuilder purpose;
  cm__build_start(&purpose, item->ctx, item->err);
  cm__build_text(&purpose, CM_TAG(8, 0x100), "121322"); /* PS3.16 CID 7202 */
  cm__build_text(&purpose, CM_TAG(8, 0x102), "DCM");
  cm__build_text(&purpose, CM_TAG(8, 0x104), "Source image for image processing operation");
  cm__build_text(item, CM_TAG(8, 0x1150), series->source_uids[source][0]);
  cm__build_text(item, CM_TAG(8, 0x1155), series->source_uids[source][1]);
  cm__build_sequence(item, CM_TAG(0x40, 0xA170), &purpose, 1);
  item->failed |= purpose.failed;
  cm__build_free(&purpose);
}

/* SourceImageSequence: the source at the slice's place, else all of them. */
static void add_references(CmDicomBuilder *set, const CmDicomSeries *series, int source) {
  int first = source >= 0 ? source : 0, count = source >= 0 ? 1 : series->options->source_count;
  if (!count) return;
  CmDicomBuilder *items = cm_calloc(series->ctx, (size_t)count, sizeof *items, set->err);
  if (!items) {
    set->failed = true;
    return;
  }
  for (int i = 0; i < count; i++) {
    cm__build_start(&items[i], series->ctx, set->err);
    cm__dicom_add_reference(&items[i], series, first + i);
    set->failed |= items[i].failed;
  }
  if (!set->failed) cm__build_sequence(set, CM_TAG(8, 0x2112), items, count);
  for (int i = 0; i < count; i++) cm__build_free(&items[i]);
  cm_free(items);
}

/* The source whose position is the slice's, within a hundredth of a millimetre; -1: none. */
int cm__dicom_source_at(const CmDicomSeries *series, const double position[3]) {
  for (int i = 0; i < series->options->source_count; i++) {
    double distance = 0;
    for (int k = 0; k < 3; k++)
      distance += (series->positions[i][k] - position[k]) * (series->positions[i][k] - position[k]);
    if (distance <= 1e-4) return i;
  }
  return -1;
}

static void add_plane(CmDicomBuilder *set, const CmDicomSeries *series, const double position[3]) {
  const CmGeometry *g = cm_image_geometry(series->image);
  const double *d = g->direction;
  double orientation[6] = {d[0], d[3], d[6], d[1], d[4], d[7]};
  double pixel_spacing[2] = {g->spacing[1], g->spacing[0]}; /* between rows, between columns */
  double normal[3] = {orientation[1] * orientation[5] - orientation[2] * orientation[4],
                      orientation[2] * orientation[3] - orientation[0] * orientation[5],
                      orientation[0] * orientation[4] - orientation[1] * orientation[3]};
  double location = normal[0] * position[0] + normal[1] * position[1] + normal[2] * position[2];
  cm__build_reals(set, CM_TAG(0x20, 0x32), position, 3);
  cm__build_reals(set, CM_TAG(0x20, 0x37), orientation, 6);
  cm__build_reals(set, CM_TAG(0x20, 0x1041), &location, 1);
  cm__build_reals(set, CM_TAG(0x28, 0x30), pixel_spacing, 2);
  cm__build_reals(set, CM_TAG(0x18, 0x50), &g->spacing[2], 1);
  if (series->kind == CM__CLASS_MR) cm__build_reals(set, CM_TAG(0x18, 0x88), &g->spacing[2], 1);
}

static void add_pixel_module(CmDicomBuilder *set, const CmDicomSeries *series) {
  const int64_t *dims = cm_image_dims(series->image);
  const CmDicomStorage *storage = &series->storage;
  int components = cm_image_components(series->image);
  uint16_t bits = (uint16_t)storage->bits;
  cm__build_us(set, CM_TAG(0x28, 0x02), (uint16_t)components);
  cm__build_text(set, CM_TAG(0x28, 0x04), components == 3 ? "RGB" : "MONOCHROME2");
  if (components == 3) cm__build_us(set, CM_TAG(0x28, 0x06), 0);
  cm__build_us(set, CM_TAG(0x28, 0x10), (uint16_t)dims[1]);
  cm__build_us(set, CM_TAG(0x28, 0x11), (uint16_t)dims[0]);
  cm__build_us(set, CM_TAG(0x28, 0x100), bits);
  cm__build_us(set, CM_TAG(0x28, 0x101), bits);
  cm__build_us(set, CM_TAG(0x28, 0x102), (uint16_t)(bits - 1));
  cm__build_us(set, CM_TAG(0x28, 0x103), storage->is_signed);
}

/* Attributes that differ from slice to slice; the caller's win over what a source says. */
static bool build_slice(CmDicomBuilder *set, const CmDicomSeries *series, int64_t z, int64_t t, CmError **err) {
  const int64_t *dims = cm_image_dims(series->image);
  int64_t number = t * dims[2] + z + 1;
  double index[3] = {0, 0, (double)z}, position[3];
  char part[64], uid[65];
  cm_geometry_to_physical(cm_image_geometry(series->image), index, position);
  cm__build_copy(set, &series->common);
  int source = cm__dicom_source_at(series, position);
  if (source > 0 && cm__dicom_is_same_class(series)) {
    if (!cm__dicom_copy_source(series, source, set, err)) return false;
    cm__dicom_apply_attributes(series, set);
  }
  snprintf(part, sizeof part, "instance %lld", (long long)number);
  cm__dicom_series_uid(series, part, uid);
  cm__build_text(set, CM_TAG(8, 0x18), uid);
  cm__build_int(set, CM_TAG(0x20, 0x13), number);
  if (dims[3] > 1) {
    cm__build_int(set, CM_TAG(0x20, 0x12), t + 1);
    cm__build_int(set, CM_TAG(0x20, 0x100), t + 1);
    cm__build_int(set, CM_TAG(0x20, 0x105), dims[3]);
  }
  if (series->has_plane) add_plane(set, series, position);
  if (series->kind == CM__CLASS_PT) cm__build_us(set, CM_TAG(0x54, 0x1330), (uint16_t)number);
  add_pixel_module(set, series);
  add_references(set, series, source);
  return !set->failed;
}

/* Preamble, mark and file meta information (PS3.10 7.1). */
void cm__dicom_add_meta(CmTextBuffer *out, const CmDicomSeries *series, const CmDicomBuilder *set) {
  CmDicomBuilder meta;
  static const char zeros[128];
  size_t length = 0;
  char uid[65];
  const char *instance = cm__build_find(set, CM_TAG(8, 0x18), &length);
  snprintf(uid, sizeof uid, "%.*s", (int)length, instance ? instance : "");
  cm__build_start(&meta, out->ctx, out->err);
  cm__build_bytes(&meta, CM_TAG(2, 1), CM_VR('O', 'B'), "\0\1", 2);
  cm__build_text(&meta, CM_TAG(2, 2), series->class_uid);
  cm__build_text(&meta, CM_TAG(2, 3), uid);
  cm__build_text(&meta, CM_TAG(2, 0x10), "1.2.840.10008.1.2.1");
  cm_dicom_uid("Cormack", uid);
  cm__build_text(&meta, CM_TAG(2, 0x12), uid);
  cm__build_text(&meta, CM_TAG(2, 0x13), "CORMACK " CM_VERSION);
  cm__text_add_n(out, zeros, sizeof zeros);
  cm__text_add_n(out, "DICM", 4);
  cm__build_head(out, CM_TAG(2, 0), CM_VR('U', 'L'), 4);
  size_t at = out->size;
  uint32_t size = 0;
  cm__text_add_n(out, (const char *)&size, 4);
  cm__build_write(&meta, 0, UINT32_MAX, out);
  if (!out->failed) {
    size = (uint32_t)(out->size - at - 4);
    memcpy(out->text + at, &size, 4);
  }
  cm__build_free(&meta);
}

static bool write_slice(const CmDicomSeries *series, int64_t z, int64_t t, CmError **err) {
  const int64_t *dims = cm_image_dims(series->image);
  int64_t values = dims[0] * dims[1] * cm_image_components(series->image), slice = t * dims[2] + z;
  size_t bytes = (size_t)values * (size_t)(series->storage.bits / 8);
  CmDicomBuilder set;
  CmTextBuffer out;
  cm__build_start(&set, series->ctx, err);
  cm__text_start(&out, series->ctx, err);
  char *path = cm_sprintf(series->ctx, err, "%s/IM%04lld.dcm", series->folder, (long long)slice + 1);
  bool good = path && build_slice(&set, series, z, t, err);
  if (good) {
    cm__dicom_add_meta(&out, series, &set);
    cm__build_write(&set, CM_TAG(8, 0), CM_TAG(0x7FE0, 0), &out);
    cm__build_head(&out, CM_TAG(0x7FE0, 0x10), series->storage.bits == 8 ? CM_VR('O', 'B') : CM_VR('O', 'W'),
                   (uint32_t)(bytes + (bytes & 1)));
    good = cm__dicom_store(series->image, &series->storage, slice * values, values, &out);
    if (bytes & 1) cm__text_add_n(&out, "", 1);
    good = good && !out.failed && cm_file_write(series->ctx, path, out.text, out.size, err);
  }
  cm_free(path);
  cm_free(out.text);
  cm__build_free(&set);
  return good;
}

static bool write_chunk(void *arg, CmRange range, CmError **err) {
  const CmDicomSeries *series = arg;
  int64_t slices = cm_image_dims(series->image)[2];
  for (int64_t i = range.begin; i < range.end; i++)
    if (!write_slice(series, i % slices, i / slices, err)) return false;
  return true;
}

static bool check_size(const CmImage *image, CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  if (dims[0] <= 65535 && dims[1] <= 65535 && dims[2] <= 65535 && dims[0] * dims[1] <= (int64_t)500 << 20) return true;
  cm_error_set(
      err, CM_ERR_UNSUPPORTED,
      "%lld x %lld x %lld voxels: DICOM slices have at most 65535 rows and columns, and 65535 slices; write NIfTI",
      (long long)dims[0], (long long)dims[1], (long long)dims[2]);
  return false;
}

bool cm_dicom_write_series(CmContext *ctx, const CmImage *image, const char *folder, const CmDicomWriteOptions *options,
                           CmError **err) {
  CmDicomSeries series = {.ctx = ctx, .image = image, .options = options, .folder = folder};
  if (!options->uid_seed) {
    cm_error_set(err, CM_ERR_PARAMETER, "%s: uid_seed is missing; give a text from which the UIDs follow", folder);
    return false;
  }
  cm__dicom_make_seed(&series);
  const int64_t *dims = cm_image_dims(image);
  bool good = check_size(image, err) && cm__dicom_common(&series, err) && cm_make_folder(folder, err) &&
              cm_parallel_for(ctx, "write DICOM", dims[2] * dims[3], 1, write_chunk, &series, err);
  if (!good) cm_error_context(err, "%s", folder);
  cm__build_free(&series.common);
  cm_free(series.positions);
  cm_free(series.source_uids);
  return good;
}
