#include "study/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cormack/file.h"
#include "cormack/io.h"
#include "study/texts.h"

#define FOLDERS_DEEP 64
#define ARRAY_ITEMS_MOST (1 << 24)

typedef struct Asking { /* of catalogues */
  CmCohort cohort;
  const char **files; /* that any input has asked for */
  int file_count;
} Asking;

typedef struct Found { /* paths of one input, sorted out */
  const char **files;  /* image files by name */
  int file_count;
  const char **dicom; /* files and folders where DICOM may be */
  int dicom_count;
} Found;

const char *cm__shown_path(const CmInputs *inputs, const char *path) {
  const char *folder = inputs->spec->folder;
  size_t length = strlen(folder);
  return length && strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length + 1 : path;
}

/* ---- paths ----------------------------------------------------------------------------------------------------------
 */

static bool add_text(CmInputs *inputs, const char ***list, int *count, const char *text, CmError **err) {
  const char **grown = cm__arena_grow(&inputs->arena, *list, *count, sizeof *grown, err);
  char *copy = grown ? cm__arena_strdup(&inputs->arena, text, err) : NULL;
  if (!copy) return false;
  *list = grown;
  grown[(*count)++] = copy;
  return true;
}

static bool walk(CmInputs *inputs, Found *found, const char *folder, int depth, CmError **err) {
  struct dirent **entries = NULL;
  int count = depth > FOLDERS_DEEP ? -1 : scandir(folder, &entries, NULL, alphasort);
  bool good = true;
  for (int i = 0; i < count; i++) {
    char path[4096];
    struct stat info;
    bool usable = good && entries[i]->d_name[0] != '.' &&
                  snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < (int)sizeof path &&
                  stat(path, &info) == 0;
    if (usable && S_ISDIR(info.st_mode))
      good = walk(inputs, found, path, depth + 1, err);
    else if (usable && S_ISREG(info.st_mode) && cm_image_extension(path))
      good = add_text(inputs, &found->files, &found->file_count, path, err);
    free(entries[i]);
  }
  free(entries);
  return good && !cm_context_cancelled(inputs->ctx, err);
}

static bool add_path(CmInputs *inputs, Found *found, const char *path, CmError **err) {
  struct stat info;
  char plain[4096];
  snprintf(plain, sizeof plain, "%s", path);
  for (size_t length = strlen(plain); length > 1 && plain[length - 1] == '/';) plain[--length] = 0;
  if (stat(plain, &info)) return true; /* the check has said so, or it is optional */
  if (S_ISDIR(info.st_mode))
    return add_text(inputs, &found->dicom, &found->dicom_count, plain, err) && walk(inputs, found, plain, 0, err);
  if (cm_image_extension(plain)) return add_text(inputs, &found->files, &found->file_count, plain, err);
  return add_text(inputs, &found->dicom, &found->dicom_count, plain, err);
}

static bool expand(CmInputs *inputs, const CmSpecInput *input, Found *found, CmError **err) {
  bool good = true;
  for (int i = 0; i < input->path_count && good; i++) {
    const char *path = cm__spec_path(inputs->spec, input->paths[i]);
    struct stat info;
    glob_t list = {0};
    if (stat(path, &info) == 0 || !strpbrk(path, "*?["))
      good = add_path(inputs, found, path, err);
    else if (glob(path, 0, NULL, &list) == 0)
      for (size_t k = 0; k < list.gl_pathc && good; k++) good = add_path(inputs, found, list.gl_pathv[k], err);
    globfree(&list);
  }
  cm__texts_sort(found->files, &found->file_count);
  cm__texts_sort(found->dicom, &found->dicom_count);
  return good;
}

/* ---- quarantine -----------------------------------------------------------------------------------------------------
 */

/* A file that is no part of any item. The path stays as it is opened until all are told. */
static bool set_aside(CmInputs *inputs, const char *path, const char *code, const char *reason, CmError **err) {
  CmQuarantined *rows =
      cm__arena_grow(&inputs->arena, inputs->quarantined, inputs->quarantined_count, sizeof *rows, err);
  if (!rows) return false;
  inputs->quarantined = rows;
  rows[inputs->quarantined_count++] = (CmQuarantined){path, "", "", "read", code, reason};
  return true;
}

static bool quarantine_file(CmInputs *inputs, const char *path, CmError **why, CmError **err) {
  if (cm_error_code(*why) == CM_ERR_MEMORY || cm_error_code(*why) == CM_ERR_CANCELLED) {
    cm_error_move(err, why);
    return false;
  }
  char *reason = cm__arena_strdup(&inputs->arena, cm_error_text(*why), err);
  const char *code = cm_error_code_name(cm_error_code(*why));
  cm_error_free(why);
  return reason && set_aside(inputs, path, code, reason, err);
}

/* ---- items ----------------------------------------------------------------------------------------------------------
 */

static CmItem *add_item(CmInputs *inputs, int input, CmItemKind kind, CmError **err) {
  CmItem *items = cm__arena_grow(&inputs->arena, inputs->items, inputs->count, sizeof *items, err);
  if (!items) return NULL;
  inputs->items = items;
  CmItem *item = &items[inputs->count++];
  *item = (CmItem){
      .kind = kind, .input = input, .subject = "", .visit = "", .series = "", .modality = "", .path = "", .shown = ""};
  return item;
}

/* Name of a file without folder and extension. */
static const char *stem(CmInputs *inputs, const char *path, CmError **err) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  const char *extension = cm_image_extension(name);
  return cm__arena_strndup(&inputs->arena, name, strlen(name) - (extension ? strlen(extension) : 0), err);
}

/* Subject, visit and label from a path, by the input's pattern. A path that does not fit is a defect. */
static bool name_by_path(CmInputs *inputs, CmItem *item, const CmSpecInput *input, CmError **err) {
  CmPathParts parts;
  if (!*input->keys) return true;
  if (cm__pattern_match(input->keys, item->path, &parts)) {
    bool labelled = cm__pattern_has(input->keys, CM__PART_LABEL);
    item->subject = cm__arena_strdup(&inputs->arena, parts.text[CM__PART_SUBJECT], err);
    item->visit = cm__arena_strdup(&inputs->arena, parts.text[CM__PART_VISIT], err);
    if (labelled) item->label = cm__arena_strdup(&inputs->arena, parts.text[CM__PART_LABEL], err);
    return item->subject && item->visit && (!labelled || item->label);
  }
  item->defect = cm__arena_printf(&inputs->arena, err, "the path does not fit keys: %s", input->keys);
  item->code = cm_error_code_name(CM_ERR_DATA);
  return item->defect != NULL;
}

static bool add_file(CmInputs *inputs, int at, const char *path, CmError **err) {
  const CmSpecInput *input = &inputs->spec->inputs[at];
  CmItem *item = add_item(inputs, at, CM__ITEM_FILE, err);
  struct stat info;
  if (!item) return false;
  item->path = path;
  item->shown = cm__shown_path(inputs, path);
  item->modality = input->modality;
  item->subject = stem(inputs, path, err);
  if (stat(path, &info) == 0) item->voxels = (int64_t)info.st_size;
  inputs->files[at]++;
  return item->subject && name_by_path(inputs, item, input, err);
}

/* ---- DICOM ----------------------------------------------------------------------------------------------------------
 */

static const CmInputScan *scan_for(CmInputs *inputs, const Found *found, int *at, CmError **err) {
  for (*at = 0; *at < inputs->scan_count; (*at)++) {
    const CmInputScan *scan = &inputs->scans[*at];
    bool same = scan->count == found->dicom_count;
    for (int i = 0; i < scan->count && same; i++) same = strcmp(scan->paths[i], found->dicom[i]) == 0;
    if (same) return scan;
  }
  CmInputScan *scan = &inputs->scans[inputs->scan_count];
  *scan = (CmInputScan){cm_dicom_scan(inputs->ctx, found->dicom, found->dicom_count, err), found->dicom,
                        found->dicom_count};
  if (!scan->scan) return NULL;
  inputs->scan_count++;
  for (int i = 0; i < cm_dicom_scan_rejects(scan->scan); i++) {
    const CmDicomReject *reject = cm_dicom_scan_reject(scan->scan, i);
    if (!set_aside(inputs, reject->path, reject->code ? reject->code : "format", reject->reason, err)) return NULL;
  }
  return scan;
}

static const char *subject_of(const CmDicomVolume *volume, int key) {
  switch ((CmSubjectKey)key) {
    case CM__SUBJECT_PATIENT_NAME:
      return volume->patient_name;
    case CM__SUBJECT_STUDY_UID:
      return volume->study_uid;
    case CM__SUBJECT_SERIES_UID:
      return volume->series_uid;
    case CM__SUBJECT_PATIENT_ID:
      break;
  }
  return volume->patient_id;
}

static const char *visit_of(CmInputs *inputs, const CmDicomVolume *volume, int key, CmError **err) {
  const char *date = volume->study_date ? volume->study_date : "";
  if (key == CM__VISIT_NONE) return "";
  if (key == CM__VISIT_STUDY_UID) return volume->study_uid ? volume->study_uid : "";
  if (strlen(date) != 8 || strspn(date, "0123456789") != 8) return date;
  return cm__arena_printf(&inputs->arena, err, "%.4s-%.2s-%.2s", date, date + 4, date + 6);
}

static bool add_volume(CmInputs *inputs, int at, const CmDicomScan *scan, int source, int volume_at, CmError **err) {
  const CmSpecInput *input = &inputs->spec->inputs[at];
  const CmDicomVolume *volume = cm_dicom_scan_volume(scan, volume_at);
  const char *modality = volume->modality ? volume->modality : "",
             *series = volume->series_description ? volume->series_description : "";
  if (*input->modality && strcasecmp(input->modality, modality) != 0) return true;
  if (*input->series && !cm__glob_match(input->series, series)) return true;
  if (input->min_slices > 0 && volume->dims[2] < input->min_slices) return true;
  if (input->select && strcmp(input->select, volume->key) != 0 &&
      strcmp(input->select, volume->series_uid ? volume->series_uid : "") != 0)
    return true;
  CmItem *item = add_item(inputs, at, CM__ITEM_VOLUME, err);
  if (!item) return false;
  const char *subject = subject_of(volume, input->subject_key);
  item->source = source;
  item->at = volume_at;
  item->path = volume->file_count ? cm_dicom_scan_file(scan, volume_at, 0) : "";
  item->shown = cm__shown_path(inputs, item->path);
  item->subject = subject ? subject : "";
  item->visit = visit_of(inputs, volume, input->visit_key, err);
  item->series = volume->key;
  item->modality = modality;
  item->voxels = volume->dims[0] * volume->dims[1] * volume->dims[2] * (volume->dims[3] > 0 ? volume->dims[3] : 1);
  inputs->files[at] += volume->file_count;
  if (!item->visit || !name_by_path(inputs, item, input, err)) return false;
  if (!*item->subject && !item->defect) {
    item->defect = "the files name no patient; say e.g. subject: StudyInstanceUID, or keys: a pattern, at the input";
    item->code = cm_error_code_name(CM_ERR_DATA);
  }
  if (volume->defect && !(volume->fillable && input->fill != CM_FILL_REFUSE)) {
    item->defect = volume->defect;
    item->code = cm_error_code_name(volume->fillable ? CM_ERR_GEOMETRY : CM_ERR_UNSUPPORTED);
  }
  return true;
}

static bool add_dicom(CmInputs *inputs, int at, const Found *found, CmError **err) {
  int source;
  if (!found->dicom_count) return true;
  const CmInputScan *scan = scan_for(inputs, found, &source, err);
  if (!scan) return false;
  for (int v = 0; v < cm_dicom_scan_volumes(scan->scan); v++)
    if (!add_volume(inputs, at, scan->scan, source, v, err)) return false;
  return true;
}

/* ---- labelled image sets --------------------------------------------------------------------------------------------
 */

/* "train_images" -> "train", "images" -> "", else the name. */
static size_t set_length(const char *name) {
  static const char *const ends[] = {"_images", "images", "_image", "image"};
  for (int i = 0; i < CM_COUNT(ends); i++) {
    size_t length = strlen(name), more = strlen(ends[i]);
    if (length >= more && strcmp(name + length - more, ends[i]) == 0) return length - more;
  }
  return strlen(name);
}

static int find_array(const CmArrayInfo *infos, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (strcmp(infos[i].name, name) == 0) return i;
  return -1;
}

static CmArray *hold_array(CmInputs *inputs, const char *path, const char *name, CmError **err) {
  CmArray **arrays = cm__arena_grow(&inputs->arena, inputs->arrays, inputs->array_count, sizeof *arrays, err);
  if (arrays) inputs->arrays = arrays;
  const char **paths =
      arrays ? cm__arena_grow(&inputs->arena, inputs->array_paths, inputs->array_count, sizeof *paths, err) : NULL;
  if (paths) inputs->array_paths = paths;
  const char **names =
      paths ? cm__arena_grow(&inputs->arena, inputs->array_names, inputs->array_count, sizeof *names, err) : NULL;
  if (!names) return NULL;
  inputs->array_names = names;
  names[inputs->array_count] = cm__arena_strdup(&inputs->arena, name, err);
  paths[inputs->array_count] = path;
  CmArray *array = names[inputs->array_count] ? cm_array_read(inputs->ctx, path, name, err) : NULL;
  if (array) arrays[inputs->array_count++] = array;
  return array;
}

static bool add_set(CmInputs *inputs, int at, const char *path, const CmArrayInfo *images, const char *labels_name,
                    CmError **err) {
  CmArray *array = hold_array(inputs, path, images->name, err), *labels = NULL;
  if (!array) return false;
  if (labels_name && !(labels = cm_array_read(inputs->ctx, path, labels_name, err))) return false;
  int64_t count = images->shape[0];
  bool good = true;
  if (labels && cm_array_count(labels) != count) {
    cm_error_set(err, CM_ERR_DATA, "%s: «%s» has %lld images, but «%s» has %lld labels", path, images->name,
                 (long long)count, labels_name, (long long)cm_array_count(labels));
    good = false;
  }
  size_t length = set_length(images->name);
  char *set = good ? cm__arena_strndup(&inputs->arena, images->name, length, err) : NULL;
  for (int64_t i = 0; set && good && i < count; i++) {
    CmItem *item = add_item(inputs, at, CM__ITEM_ARRAY, err);
    char number[32] = "";
    if (!(good = item != NULL)) break;
    item->source = inputs->array_count - 1;
    item->at = i;
    item->path = path;
    item->shown = cm__shown_path(inputs, path);
    item->set = set;
    item->voxels = cm_array_count(array) / count;
    item->subject = cm__arena_printf(&inputs->arena, err, "%s%s%07lld", set, *set ? "-" : "", (long long)i);
    if (labels) item->label = cm__arena_strdup(&inputs->arena, cm_real_text(cm_array_value(labels, i), number), err);
    good = item->subject && (!labels || item->label);
  }
  cm_array_free(&labels);
  return set && good;
}

static bool add_array_file(CmInputs *inputs, int at, const char *path, CmError **err) {
  const CmSpecInput *input = &inputs->spec->inputs[at];
  CmArrayInfo *infos = NULL;
  int count = 0, sets = 0;
  if (!cm_array_list(inputs->ctx, path, &infos, &count, err)) return false;
  inputs->files[at]++;
  bool good = true;
  for (int i = 0; i < count && good; i++) {
    const CmArrayInfo *info = &infos[i];
    bool named = input->select ? strcmp(info->name, input->select) == 0
                               : info->rank >= 3 && (set_length(info->name) != strlen(info->name) || count == 1);
    if (!named || info->rank < 3 || info->shape[0] < 1 || info->shape[0] > ARRAY_ITEMS_MOST) continue;
    char labels[CM_ARRAY_NAME + 16];
    size_t length = set_length(info->name);
    snprintf(labels, sizeof labels, "%.*s%slabels", (int)length, info->name, length ? "_" : "");
    int label_at = find_array(infos, count, input->labels ? input->labels : labels);
    if (input->labels && label_at < 0) {
      cm_error_set(err, CM_ERR_MISSING, "%s: there is no array «%s» of labels", path, input->labels);
      good = false;
    } else {
      good = add_set(inputs, at, path, info, label_at < 0 ? NULL : infos[label_at].name, err);
      sets++;
    }
  }
  cm_free(infos);
  if (good && !sets) {
    cm_error_set(err, CM_ERR_DATA, "%s: has no array of images (name, y, x); say which with select: NAME", path);
    good = false;
  }
  return good;
}

/* ---- all of them ----------------------------------------------------------------------------------------------------
 */

/* Where nothing is usable: what was looked for, and why it may not be there. */
static void refuse_empty(const CmInputs *inputs, const CmSpecInput *input, CmError **err) {
  const char *first = inputs->quarantined_count ? inputs->quarantined[inputs->quarantined_count - 1].reason : NULL;
  const char *of = *input->modality ? " of modality " : "";
  if (input->sql)
    cm_error_set(err, CM_ERR_DATA,
                 "%s:%d:%d: input «%s»: the catalogue (%s) has no usable image%s%s that fits; check where, query, "
                 "series and min_slices",
                 inputs->spec->file, input->asks_at->line, input->asks_at->column, input->name, input->catalog_name, of,
                 input->modality);
  else
    cm_error_set(err, CM_ERR_DATA, "input «%s»: there is no usable image%s%s in %s%s%s%s", input->name, of,
                 input->modality, input->path_count ? input->paths[0] : "",
                 input->path_count > 1 ? " and the others" : "", first ? "; the last one refused: " : "",
                 first ? first : "; check path, modality, series and min_slices");
}

/* The files that a catalogue names: those that have gone since are set aside. */
static bool ask(CmInputs *inputs, Asking *asking, const CmSpecInput *input, Found *found, CmError **err) {
  const char **files;
  int count, kept = 0;
  if (!cm__cohort_files(&asking->cohort, input, &files, &count, err)) return false;
  for (int i = 0; i < count; i++) {
    if (access(files[i], F_OK) == 0)
      files[kept++] = files[i];
    else if (!set_aside(inputs, files[i], cm_error_code_name(CM_ERR_MISSING),
                        "the catalogue names it, but it is no longer there; bring the catalogue up to date with "
                        "cormack catalog add",
                        err))
      return false;
  }
  found->dicom = files;
  found->dicom_count = kept;
  for (int i = 0; i < kept; i++) {
    const char **all = cm__arena_grow(&inputs->arena, asking->files, asking->file_count, sizeof *all, err);
    if (!all) return false;
    asking->files = all;
    all[asking->file_count++] = files[i];
  }
  return true;
}

static bool find_input(CmInputs *inputs, Asking *asking, int at, CmError **err) {
  Found found = {0};
  const CmSpecInput *input = &inputs->spec->inputs[at];
  int before = inputs->count;
  if (!(input->sql ? ask(inputs, asking, input, &found, err) : expand(inputs, input, &found, err)) ||
      !add_dicom(inputs, at, &found, err))
    return false;
  for (int i = 0; i < found.file_count; i++) {
    const char *path = found.files[i];
    CmError *why = NULL;
    bool array = cm_path_has_extension(path, ".npz");
    if (array ? add_array_file(inputs, at, path, &why) : add_file(inputs, at, path, &why)) continue;
    if (!quarantine_file(inputs, path, &why, err)) return false;
  }
  if (inputs->count > before || input->optional) return true;
  refuse_empty(inputs, input, err);
  return false;
}

static int compare_items(const void *a, const void *b) {
  const CmItem *x = a, *y = b;
  int order = strcmp(x->subject, y->subject);
  if (!order) order = strcmp(x->visit, y->visit);
  if (!order) order = (x->input > y->input) - (x->input < y->input);
  if (!order) order = strcmp(x->series, y->series);
  if (!order) order = strcmp(x->path, y->path);
  return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Items of one input, subject and visit that nothing tells apart are told apart by the names of their files. */
static bool tell_apart(CmInputs *inputs, CmError **err) {
  for (int i = 0; i < inputs->count;) {
    int end = i + 1;
    CmItem *first = &inputs->items[i];
    while (end < inputs->count && inputs->items[end].input == first->input &&
           strcmp(inputs->items[end].subject, first->subject) == 0 &&
           strcmp(inputs->items[end].visit, first->visit) == 0 && strcmp(inputs->items[end].series, first->series) == 0)
      end++;
    for (int k = i; end - i > 1 && k < end; k++) {
      CmItem *item = &inputs->items[k];
      item->series = item->kind == CM__ITEM_FILE ? stem(inputs, item->path, err)
                                                 : cm__arena_printf(&inputs->arena, err, "%s%s%d", item->series,
                                                                    *item->series ? "/" : "", k - i + 1);
      if (!item->series) return false;
      for (int other = i; other < k; other++)
        if (strcmp(inputs->items[other].series, item->series) == 0) item->series = item->shown;
    }
    i = end;
  }
  return true;
}

static bool find_all(CmInputs *inputs, Asking *asking, const char *keep, CmError **err) {
  CmSpec *spec = inputs->spec;
  CmCohort *cohort = &asking->cohort;
  bool asked = spec->catalog.at != NULL;
  for (int i = 0; i < spec->input_count; i++) asked |= spec->inputs[i].sql != NULL;
  if (asked && !cm__cohort_open(cohort, &inputs->arena, inputs->ctx, spec, keep, err)) return false;
  for (int i = 0; i < spec->input_count; i++)
    if (!find_input(inputs, asking, i, err)) return false;
  if (!asked) return true;
  CmError *why = NULL;
  cm__texts_sort(asking->files, &asking->file_count);
  if (!cm__cohort_quarantine(cohort, asking->files, asking->file_count, &inputs->quarantined,
                             &inputs->quarantined_count, err))
    return false;
  inputs->catalogs = cm__cohort_counts(cohort, &why);
  bool good = why == NULL; /* no table without an error: the study's catalogue was asked by nobody */
  cm_error_move(err, &why);
  return good;
}

bool cm__inputs_find(CmInputs *inputs, CmContext *ctx, CmSpec *spec, const char *keep, CmError **err) {
  *inputs = (CmInputs){.ctx = ctx, .spec = spec, .arena.ctx = ctx};
  inputs->scans = cm__arena_alloc(&inputs->arena, (size_t)spec->input_count, sizeof *inputs->scans, err);
  inputs->files =
      inputs->scans ? cm__arena_alloc(&inputs->arena, (size_t)spec->input_count, sizeof *inputs->files, err) : NULL;
  if (!inputs->files) return false;
  Asking asking = {.files = NULL};
  bool good = find_all(inputs, &asking, keep, err);
  cm__cohort_close(&asking.cohort);
  if (!good) return false;
  if (inputs->count > 1) qsort(inputs->items, (size_t)inputs->count, sizeof *inputs->items, compare_items);
  return tell_apart(inputs, err) && cm__inputs_name_causes(inputs, err) && cm__inputs_drop_copies(inputs, err);
}

void cm__inputs_free(CmInputs *inputs) {
  for (int i = 0; i < inputs->scan_count; i++) cm_dicom_scan_free(&inputs->scans[i].scan);
  for (int i = 0; i < inputs->array_count; i++) cm_array_free(&inputs->arrays[i]);
  cm_table_unref(&inputs->catalogs);
  cm__arena_free(&inputs->arena);
}
