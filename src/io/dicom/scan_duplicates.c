/* The same instance twice: copies are dropped, conflicts are rejected. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/dicom/scan_priv.h"

static int by_uid(const void *a, const void *b, void *user) {
  const CmInstance *instances = user;
  int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
  int order = strcmp(instances[i].uid, instances[j].uid);
  return order ? order : (i > j) - (i < j);
}

static bool same_number(double a, double b) { return isnan(a) ? isnan(b) : fabs(a - b) <= 1e-9 * fabs(a); }

/* What a frame is worth to a volume: place, size and scale. */
static bool same_frame(const CmFrame *a, const CmFrame *b) {
  bool same = a->rows == b->rows && a->columns == b->columns && same_number(a->slope, b->slope) && same_number(a->intercept, b->intercept);
  for (int i = 0; i < 3; i++) same = same && same_number(a->position[i], b->position[i]);
  for (int i = 0; i < 6; i++) same = same && same_number(a->orientation[i], b->orientation[i]);
  for (int i = 0; i < 2; i++) same = same && same_number(a->spacing[i], b->spacing[i]);
  return same;
}

/* Stored values of all frames; false where they cannot be had (then the files count as different). */
static bool pixel_hash(CmContext *ctx, const CmInstance *instance, CmHash *hash) {
  CmDicom *dicom = cm_dicom_open(ctx, instance->path, CM_DICOM_WHOLE, NULL);
  CmImage *image = dicom ? cm_dicom_decode(ctx, dicom, CM_PIXEL_STORED, 0, instance->frame_count, NULL) : NULL;
  if (image) cm_image_hash(image, hash);
  bool ok = image != NULL;
  cm_image_unref(&image);
  cm_dicom_close(&dicom);
  return ok;
}

static bool same_content(CmContext *ctx, const CmInstance *a, const CmInstance *b) {
  CmHash x, y;
  if (strcmp(a->series_uid, b->series_uid) != 0 || a->frame_count != b->frame_count) return false;
  if (cm_hash_file(ctx, a->path, &x, NULL) && cm_hash_file(ctx, b->path, &y, NULL) && cm_hash_equal(&x, &y)) return true;
  for (int64_t i = 0; i < a->frame_count; i++)
    if (!same_frame(&a->frames[i], &b->frames[i])) return false;
  return pixel_hash(ctx, a, &x) && pixel_hash(ctx, b, &y) && cm_hash_equal(&x, &y);
}

static int by_index(const void *a, const void *b) {
  int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
  return (i > j) - (i < j);
}

bool cm__drop_duplicates(CmDicomScan *scan, int64_t *images, int64_t *image_count, int64_t *conflicts, int64_t *with,
                         int64_t *conflict_count, int32_t *dropped, CmError **err) {
  int64_t kept = 0, count = *image_count;
  *conflict_count = 0;
  if (!count) return true;
  qsort_r(images, (size_t)count, sizeof *images, by_uid, scan->instances);
  for (int64_t begin = 0, end; begin < count; begin = end) {
    const CmInstance *first = &scan->instances[images[begin]];
    end = begin + 1;
    bool agree = true;
    while (end < count && !strcmp(scan->instances[images[end]].uid, first->uid)) {
      if (cm_context_cancelled(scan->ctx, err)) return false;
      agree = agree && same_content(scan->ctx, first, &scan->instances[images[end]]);
      end++;
    }
    if (agree) {
      dropped[images[begin]] = (int32_t)(end - begin - 1);
      images[kept++] = images[begin];
      continue;
    }
    for (int64_t i = begin; i < end; i++) {
      conflicts[*conflict_count] = images[i];
      with[(*conflict_count)++] = i == begin ? images[begin + 1] : images[begin];
    }
  }
  *image_count = kept;
  qsort(images, (size_t)kept, sizeof *images, by_index);
  return true;
}
