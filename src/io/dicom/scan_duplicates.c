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

static bool same_number(double a, double b) {
  return isnan(a) ? isnan(b) : fabs(a - b) <= 1e-9 * fabs(a);
}

/* What a frame is worth to a volume: place, size and scale. */
static bool same_frame(const CmFrame *a, const CmFrame *b) {
  bool same = a->rows == b->rows && a->columns == b->columns && same_number(a->slope, b->slope) &&
              same_number(a->intercept, b->intercept);
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

/* How a file compares with another of the same SOPInstanceUID. */
typedef enum Likeness { LIKE_SAME, LIKE_OTHER, LIKE_BROKEN } Likeness;

static bool same_bytes(CmContext *ctx, const CmInstance *a, const CmInstance *b) {
  CmHash x, y;
  return cm_hash_file(ctx, a->path, &x, NULL) && cm_hash_file(ctx, b->path, &y, NULL) && cm_hash_equal(&x, &y);
}

/* `hash` is that of a's pixels. */
static Likeness compare(CmContext *ctx, const CmInstance *a, const CmHash *hash, const CmInstance *b) {
  CmHash other;
  if (same_bytes(ctx, a, b)) return LIKE_SAME;
  if (!pixel_hash(ctx, b, &other)) return LIKE_BROKEN;
  if (strcmp(a->series_uid, b->series_uid) != 0 || a->frame_count != b->frame_count || !cm_hash_equal(hash, &other))
    return LIKE_OTHER;
  for (int64_t i = 0; i < a->frame_count; i++)
    if (!same_frame(&a->frames[i], &b->frames[i])) return LIKE_OTHER;
  return LIKE_SAME;
}

typedef struct Sorting {
  CmDicomScan *scan;
  int64_t *images, kept;
  int64_t *conflicts, *with, conflict_count;
  int32_t *dropped;
} Sorting;

static void reject(Sorting *sorting, int64_t image, int64_t with) {
  sorting->conflicts[sorting->conflict_count] = image;
  sorting->with[sorting->conflict_count++] = with;
}

/* Instances images[begin..end) have one UID. Those whose pixels cannot be decoded go; of the others all stay as one, or
 * none does. */
static void sort_run(Sorting *sorting, int64_t begin, int64_t end) {
  CmDicomScan *scan = sorting->scan;
  CmHash hash;
  int64_t reference = begin;
  while (reference < end && !pixel_hash(scan->ctx, &scan->instances[sorting->images[reference]], &hash)) reference++;
  int64_t keeper = sorting->images[reference < end ? reference : begin];
  Likeness worst = reference < end ? LIKE_SAME : LIKE_OTHER;
  int32_t copies = 0;
  for (int64_t i = reference + 1; i < end; i++) {
    Likeness likeness = compare(scan->ctx, &scan->instances[keeper], &hash, &scan->instances[sorting->images[i]]);
    if (likeness == LIKE_OTHER) worst = LIKE_OTHER;
    if (likeness == LIKE_SAME) copies++;
    if (likeness == LIKE_BROKEN) {
      reject(sorting, sorting->images[i], keeper);
      sorting->images[i] = -1;
    }
  }
  int64_t another = keeper;
  for (int64_t i = begin; i < end && another == keeper; i++)
    if (sorting->images[i] >= 0) another = sorting->images[i];
  for (int64_t i = begin; i < end; i++) {
    int64_t image = sorting->images[i];
    if (image < 0) continue;
    bool broken = i < reference && reference < end;
    if (worst == LIKE_OTHER || broken) reject(sorting, image, image != keeper ? keeper : another);
  }
  if (worst == LIKE_OTHER) return;
  sorting->dropped[keeper] = copies;
  sorting->images[sorting->kept++] = keeper;
}

static int by_index(const void *a, const void *b) {
  int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
  return (i > j) - (i < j);
}

bool cm__drop_duplicates(CmDicomScan *scan, int64_t *images, int64_t *image_count, int64_t *conflicts, int64_t *with,
                         int64_t *conflict_count, int32_t *dropped, CmError **err) {
  Sorting sorting = {.scan = scan, .images = images, .conflicts = conflicts, .with = with, .dropped = dropped};
  int64_t count = *image_count;
  if (count) qsort_r(images, (size_t)count, sizeof *images, by_uid, scan->instances);
  for (int64_t begin = 0, end; begin < count; begin = end) {
    const char *uid = scan->instances[images[begin]].uid;
    end = begin + 1;
    while (end < count && !strcmp(scan->instances[images[end]].uid, uid)) end++;
    if (end == begin + 1) {
      images[sorting.kept++] = images[begin];
      continue;
    }
    if (cm_context_cancelled(scan->ctx, err)) return false;
    sort_run(&sorting, begin, end);
  }
  *conflict_count = sorting.conflict_count;
  *image_count = sorting.kept;
  if (sorting.kept) qsort(images, (size_t)sorting.kept, sizeof *images, by_index);
  return true;
}
