/* Headers of many files, in parallel, and the volumes that they make. The outcome follows from the files alone: every
 * list is sorted by path or identity, never by the order of reading. */
#include "cormack/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/dicom/scan_priv.h"

/* ---- reading */

typedef enum Outcome { OUTCOME_INSTANCE, OUTCOME_REJECT, OUTCOME_OTHER } Outcome;

typedef struct Reading {
  CmDicomScan *scan;
  const CmPathList *files;
  Outcome *outcomes;
  CmDicomReject *rejects; /* one for each file; filled where the outcome says so */
} Reading;

/* Errors that stop everything, in contrast to those of one file. */
static bool is_ours(const CmError *err) {
  CmErrorCode code = cm_error_code(err);
  return code == CM_ERR_MEMORY || code == CM_ERR_CANCELLED || code == CM_ERR_FAULT;
}

static bool note_reject(CmPool *pool, const char *path, CmError **fault, CmDicomReject *reject, CmError **err) {
  if (is_ours(*fault)) {
    cm_error_move(err, fault);
    return false;
  }
  /* The path stands in a column of its own. */
  const char *text = cm_error_text(*fault);
  size_t size = strlen(path);
  if (!strncmp(text, path, size) && !strncmp(text + size, ": ", 2)) text += size + 2;
  *reject = (CmDicomReject){
      .path = path, .reason = cm__pool_text(pool, text, err), .code = cm_error_code_name(cm_error_code(*fault))};
  cm_error_free(fault);
  return reject->reason != NULL;
}

static bool read_file(Reading *reading, CmPool *pool, int64_t at, CmError **err) {
  const char *path = reading->files->items[at];
  CmError *fault = NULL;
  CmDicom *dicom = cm_dicom_open(pool->ctx, path, CM_DICOM_HEADER, &fault);
  bool ok = dicom && cm__instance_read(pool, dicom, path, (int32_t)at, &reading->scan->instances[at], &fault);
  cm_dicom_close(&dicom);
  if (ok) {
    reading->outcomes[at] = OUTCOME_INSTANCE;
    return true;
  }
  if (!is_ours(fault) && cm_error_code(fault) != CM_ERR_IO && !cm_dicom_sniff(path)) {
    cm_error_free(&fault);
    reading->outcomes[at] = OUTCOME_OTHER;
    return true;
  }
  reading->outcomes[at] = OUTCOME_REJECT;
  return note_reject(pool, path, &fault, &reading->rejects[at], err);
}

static bool read_range(void *arg, CmRange range, CmError **err) {
  Reading *reading = arg;
  for (int64_t i = range.begin; i < range.end; i++)
    if (!read_file(reading, &reading->scan->pools[range.worker], i, err)) return false;
  return true;
}

/* ---- volumes */

static int compare_numbers(double a, double b) {
  if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
  return (a > b) - (a < b);
}

/* Patient, date, study, number of the series, series: the order in which people look for them. */
static int by_series(const void *a, const void *b, void *user) {
  const CmInstance *instances = user, *x = &instances[*(const int64_t *)a], *y = &instances[*(const int64_t *)b];
  int order = strcmp(x->patient_id, y->patient_id);
  if (!order) order = strcmp(x->study_date, y->study_date);
  if (!order) order = strcmp(x->study_uid, y->study_uid);
  if (!order) order = compare_numbers(x->series_number, y->series_number);
  if (!order) order = strcmp(x->series_uid, y->series_uid);
  return order ? order : strcmp(x->uid, y->uid);
}

static bool same_series(const CmInstance *a, const CmInstance *b) {
  return !strcmp(a->series_uid, b->series_uid) && !strcmp(a->study_uid, b->study_uid) &&
         !strcmp(a->patient_id, b->patient_id);
}

/* The files of a stack, each once, in slice order. */
static bool list_stack_files(CmPool *pool, const CmDicomScan *scan, CmVolumeEntry *entry, int32_t *mark, int32_t number,
                             CmError **err) {
  const CmStack *stack = &entry->stack;
  int64_t frames = stack->slices * stack->times;
  entry->files = cm__pool_alloc(pool, (size_t)frames, sizeof *entry->files, err);
  if (!entry->files) return false;
  for (int64_t i = 0; i < frames; i++) {
    if (!stack->frames[i]) continue;
    int32_t file = stack->frames[i]->file;
    if (mark[file] == number) continue;
    mark[file] = number;
    entry->files[entry->open.file_count++] = scan->instances[file].path;
  }
  return true;
}

/* The stack knows positions; which files lie around its first gap is known here. */
static bool name_gap(CmPool *pool, const CmDicomScan *scan, CmStack *stack, CmError **err) {
  for (int64_t s = 1; stack->fillable && s < stack->slices; s++) {
    if (stack->places[s] == stack->places[s - 1] + 1) continue;
    stack->defect = cm__pool_printf(
        pool, err, "%s; the %sgap lies between %s and %s", stack->defect,
        stack->grid_slices - stack->slices > stack->places[s] - stack->places[s - 1] - 1 ? "first " : "",
        scan->instances[stack->frames[s - 1]->file].path, scan->instances[stack->frames[s]->file].path);
    return stack->defect != NULL;
  }
  return true;
}

static bool describe_volume(CmPool *pool, const CmDicomScan *scan, CmVolumeEntry *entry, CmError **err) {
  CmStack *stack = &entry->stack;
  const CmFrame *frame = stack->frames[0];
  const CmInstance *instance = &scan->instances[frame->file];
  entry->first = instance;
  if (instance->refusal) {
    stack->defect = instance->refusal;
    stack->fillable = stack->tilted = false;
  }
  if (!name_gap(pool, scan, stack, err)) return false;
  CmDicomVolume *open = &entry->open;
  *open = (CmDicomVolume){
      .patient_id = instance->patient_id,
      .patient_name = instance->patient_name,
      .study_uid = instance->study_uid,
      .series_uid = instance->series_uid,
      .frame_of_reference_uid = instance->frame_of_reference_uid,
      .study_date = instance->study_date,
      .modality = instance->modality,
      .study_description = instance->study_description,
      .series_description = instance->series_description,
      .rank = stack->rank,
      .dims = {frame->columns, frame->rows, stack->grid_slices, stack->times},
      .geometry = stack->geometry,
      .defect = stack->defect,
      .fillable = stack->fillable,
      .tilted = stack->tilted,
      .tilt_degrees = stack->tilted ? stack->tilt_degrees : 0,
  };
  open->key =
      *stack->label ? cm__pool_printf(pool, err, "%s%s", instance->series_uid, stack->label) : instance->series_uid;
  return open->key != NULL;
}

static bool note_copies(CmPool *pool, CmVolumeEntry *entry, const int32_t *dropped, CmError **err) {
  int64_t copies = 0, frames = entry->stack.slices * entry->stack.times;
  int32_t last = -1;
  for (int64_t i = 0; i < frames; i++) {
    const CmFrame *frame = entry->stack.frames[i];
    if (frame && frame->file != last) copies += dropped[frame->file];
    if (frame) last = frame->file;
  }
  if (copies &&
      !cm__stack_note(pool, &entry->stack,
                      cm__pool_printf(pool, err, "%lld copies of files were left out", (long long)copies), err))
    return false;
  entry->note = entry->open.note = entry->stack.note;
  return true;
}

/* Stacks of the instances images[begin..end), one series. */
static bool stack_series(CmPool *pool, const CmDicomScan *scan, const int64_t *images, int64_t count, CmStackList *list,
                         CmError **err) {
  int64_t frames = 0, segments = 0;
  for (int64_t i = 0; i < count; i++) frames += scan->instances[images[i]].frame_count;
  const CmFrame **all = cm__pool_alloc(pool, (size_t)frames, sizeof *all, err);
  if (!all) return false;
  int64_t plain = 0;
  for (int64_t i = 0; i < count; i++) {
    const CmInstance *instance = &scan->instances[images[i]];
    if (instance->segmentation && !instance->refusal) {
      segments++;
      continue;
    }
    for (int64_t f = 0; f < instance->frame_count; f++) all[plain++] = &instance->frames[f];
  }
  if (!cm__frames_to_stacks(pool, all, plain, list, err)) return false;
  for (int64_t i = 0; segments && i < count; i++) {
    const CmInstance *instance = &scan->instances[images[i]];
    if (!instance->segmentation || instance->refusal) continue;
    for (int64_t f = 0; f < instance->frame_count; f++) all[f] = &instance->frames[f];
    int before = list->count;
    if (!cm__segments_to_stacks(pool, all, instance->frame_count, list, err)) return false;
    for (int s = before; s < list->count && count > 1; s++) {
      list->items[s].label = cm__pool_printf(pool, err, "%s/image=%lld", list->items[s].label, (long long)i + 1);
      if (!list->items[s].label) return false;
    }
  }
  return true;
}

static bool make_volumes(CmDicomScan *scan, int64_t *images, int64_t count, const int32_t *dropped, CmError **err) {
  CmPool *pool = &scan->pools[0];
  CmStackList list = {0};
  if (count) qsort_r(images, (size_t)count, sizeof *images, by_series, scan->instances);
  for (int64_t begin = 0, end; begin < count; begin = end) {
    end = begin + 1;
    while (end < count && same_series(&scan->instances[images[begin]], &scan->instances[images[end]])) end++;
    if (cm_context_cancelled(scan->ctx, err) || !stack_series(pool, scan, images + begin, end - begin, &list, err))
      return false;
  }
  int32_t *mark = cm__pool_alloc(pool, (size_t)scan->instance_count, sizeof *mark, err);
  scan->volumes = cm__pool_alloc(pool, (size_t)list.count, sizeof *scan->volumes, err);
  if (!mark || !scan->volumes) return false;
  for (int i = 0; i < list.count; i++) {
    CmVolumeEntry *entry = &scan->volumes[i];
    entry->stack = list.items[i];
    if (!describe_volume(pool, scan, entry, err) || !list_stack_files(pool, scan, entry, mark, i + 1, err) ||
        !note_copies(pool, entry, dropped, err))
      return false;
  }
  scan->volume_count = list.count;
  return true;
}

/* ---- sorting out */

static int by_path(const void *a, const void *b) {
  return strcmp(((const CmDicomReject *)a)->path, ((const CmDicomReject *)b)->path);
}

static const char *object_reason(CmPool *pool, const CmInstance *instance, CmError **err) {
  const char *name = cm_dicom_uid_name(instance->class_uid);
  if (!name) name = *instance->class_uid ? instance->class_uid : "an object without SOPClassUID (0008,0016)";
  return cm__pool_printf(pool, err, "%s: holds no image", name);
}

static bool add_rejects(CmDicomScan *scan, const CmPathList *missing, const int64_t *conflicts, const int64_t *with,
                        int64_t conflict_count, CmError **err) {
  CmPool *pool = &scan->pools[0];
  for (int64_t i = 0; i < missing->count; i++)
    scan->rejects[scan->reject_count++] =
        (CmDicomReject){.path = missing->items[i],
                        .reason = "cannot be read; it is listed, but not there or not permitted",
                        .code = cm_error_code_name(CM_ERR_IO)};
  for (int64_t i = 0; i < conflict_count; i++) {
    const CmInstance *a = &scan->instances[conflicts[i]], *b = &scan->instances[with[i]];
    const char *reason = cm__pool_printf(pool, err,
                                         "SOPInstanceUID (0008,0018) %s is also that of %s, whose content differs or "
                                         "cannot be decoded; keep the right one",
                                         a->uid, b->path);
    if (!reason) return false;
    scan->rejects[scan->reject_count++] =
        (CmDicomReject){.path = a->path, .reason = reason, .code = cm_error_code_name(CM_ERR_DATA)};
  }
  if (scan->reject_count) qsort(scan->rejects, (size_t)scan->reject_count, sizeof *scan->rejects, by_path);
  return true;
}

static bool sort_out(CmDicomScan *scan, const Reading *reading, const CmPathList *missing, CmError **err) {
  CmPool *pool = &scan->pools[0];
  size_t count = (size_t)scan->instance_count;
  int64_t *images = cm__pool_alloc(pool, count, sizeof *images, err),
          *conflicts = cm__pool_alloc(pool, count, sizeof *conflicts, err);
  int64_t *with = cm__pool_alloc(pool, count, sizeof *with, err);
  int32_t *dropped = cm__pool_alloc(pool, count, sizeof *dropped, err);
  scan->rejects = cm__pool_alloc(pool, count + (size_t)missing->count, sizeof *scan->rejects, err);
  scan->objects = cm__pool_alloc(pool, count, sizeof *scan->objects, err);
  if (!images || !conflicts || !with || !dropped || !scan->rejects || !scan->objects) return false;
  int64_t image_count = 0, conflict_count;
  for (int64_t i = 0; i < scan->instance_count; i++) {
    const CmInstance *instance = &scan->instances[i];
    if (reading->outcomes[i] == OUTCOME_OTHER) {
      scan->other_files++;
    } else if (reading->outcomes[i] == OUTCOME_REJECT) {
      scan->rejects[scan->reject_count++] = reading->rejects[i];
    } else if (instance->kind == CM_INSTANCE_IMAGE) {
      images[image_count++] = i;
    } else {
      const char *reason = object_reason(pool, instance, err);
      if (!reason) return false;
      scan->objects[scan->object_count++] =
          (CmDicomReject){.path = instance->path, .reason = reason, .code = cm_error_code_name(CM_ERR_UNSUPPORTED)};
    }
  }
  return cm__drop_duplicates(scan, images, &image_count, conflicts, with, &conflict_count, dropped, err) &&
         add_rejects(scan, missing, conflicts, with, conflict_count, err) &&
         make_volumes(scan, images, image_count, dropped, err);
}

/* ---- public */

CmDicomScan *cm_dicom_scan(CmContext *ctx, const char *const *paths, int count, CmError **err) {
  CmPathList files = {0}, missing = {0};
  CmError *fault = NULL;
  CmDicomScan *scan = cm_calloc(ctx, 1, sizeof *scan, &fault);
  if (!scan) goto error;
  scan->ctx = ctx;
  int workers = cm_context_threads(ctx);
  scan->pools = cm_calloc(ctx, (size_t)workers, sizeof *scan->pools, &fault);
  if (!scan->pools) goto error;
  scan->pool_count = workers;
  for (int i = 0; i < workers; i++) cm__pool_start(&scan->pools[i], ctx);
  CmPool *pool = &scan->pools[0];
  if (!cm__list_files(pool, paths, count, &files, &missing, &fault)) goto error;
  if (files.count > INT32_MAX) {
    cm_error_set(&fault, CM_ERR_UNSUPPORTED, "more than %d files at once; scan them in parts", INT32_MAX);
    goto error;
  }
  scan->instance_count = files.count;
  scan->instances = cm__pool_alloc(pool, (size_t)files.count, sizeof *scan->instances, &fault);
  Reading reading = {.scan = scan, .files = &files};
  reading.outcomes = cm__pool_alloc(pool, (size_t)files.count, sizeof *reading.outcomes, &fault);
  reading.rejects = cm__pool_alloc(pool, (size_t)files.count, sizeof *reading.rejects, &fault);
  if (!scan->instances || !reading.outcomes || !reading.rejects) goto error;
  if (!cm_parallel_for(ctx, "scan", files.count, 16, read_range, &reading, &fault)) goto error;
  if (!sort_out(scan, &reading, &missing, &fault)) goto error;
  return scan;
error:
  cm_error_move(err, &fault);
  cm_dicom_scan_free(&scan);
  return NULL;
}

void cm_dicom_scan_free(CmDicomScan **scan) {
  if (!scan || !*scan) return;
  for (int i = 0; i < (*scan)->pool_count; i++) cm__pool_free(&(*scan)->pools[i]);
  cm_free((*scan)->pools);
  cm_free(*scan);
  *scan = NULL;
}

int cm_dicom_scan_volumes(const CmDicomScan *scan) {
  return scan->volume_count;
}

const CmDicomVolume *cm_dicom_scan_volume(const CmDicomScan *scan, int at) {
  return at >= 0 && at < scan->volume_count ? &scan->volumes[at].open : NULL;
}

const char *cm_dicom_scan_file(const CmDicomScan *scan, int volume, int64_t at) {
  if (volume < 0 || volume >= scan->volume_count || at < 0 || at >= scan->volumes[volume].open.file_count) return NULL;
  return scan->volumes[volume].files[at];
}

int cm_dicom_scan_rejects(const CmDicomScan *scan) {
  return scan->reject_count;
}

const CmDicomReject *cm_dicom_scan_reject(const CmDicomScan *scan, int at) {
  return at >= 0 && at < scan->reject_count ? &scan->rejects[at] : NULL;
}

int cm_dicom_scan_objects(const CmDicomScan *scan) {
  return scan->object_count;
}

const CmDicomReject *cm_dicom_scan_object(const CmDicomScan *scan, int at) {
  return at >= 0 && at < scan->object_count ? &scan->objects[at] : NULL;
}

int64_t cm_dicom_scan_other_files(const CmDicomScan *scan) {
  return scan->other_files;
}
