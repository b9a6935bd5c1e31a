/* «duplicates: drop» at an input: the same image under two names would stand in training and in test. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cormack/hash.h"
#include "study/inputs.h"

typedef struct Print {
  CmItem *item;
  int64_t size; /* bytes */
  CmHash hash;  /* of what has the size of another */
} Print;

static int compare_prints(const void *a, const void *b) {
  const Print *x = a, *y = b;
  int order = (x->item->input > y->item->input) - (x->item->input < y->item->input);
  if (!order) order = (x->size > y->size) - (x->size < y->size);
  if (!order) order = memcmp(x->hash.bytes, y->hash.bytes, sizeof x->hash.bytes);
  return order ? order : (x->item > y->item) - (x->item < y->item); /* items are in order of subjects */
}

static bool same_size(const Print *a, const Print *b) {
  return a->item->input == b->item->input && a->size == b->size;
}

static bool same_image(const Print *a, const Print *b) {
  return same_size(a, b) && !a->item->defect && !b->item->defect && cm_hash_equal(&a->hash, &b->hash);
}

/* The bytes of an image of an array; of their count only where bytes is NULL. */
static int64_t array_bytes(const CmInputs *inputs, const CmItem *item, const char **bytes) {
  const CmArray *array = inputs->arrays[item->source];
  int64_t size = item->voxels * (int64_t)cm_type_size(cm_array_info(array)->type);
  if (bytes) *bytes = (const char *)cm_array_data(array) + item->at * size;
  return size;
}

/* A file that cannot be read is told as a defect. */
static bool hash_file(CmInputs *inputs, Print *print, CmError **err) {
  CmError *why = NULL;
  if (cm_hash_file(inputs->ctx, print->item->path, &print->hash, &why)) return true;
  if (cm_error_code(why) == CM_ERR_MEMORY || cm_error_code(why) == CM_ERR_CANCELLED) {
    cm_error_move(err, &why);
    return false;
  }
  print->item->defect = cm__arena_strdup(&inputs->arena, cm_error_text(why), err);
  print->item->code = cm_error_code_name(cm_error_code(why));
  cm_error_free(&why);
  return print->item->defect != NULL;
}

static bool hash_image(CmInputs *inputs, Print *print, CmError **err) {
  if (print->item->kind == CM__ITEM_FILE) return hash_file(inputs, print, err);
  const char *bytes;
  int64_t size = array_bytes(inputs, print->item, &bytes);
  cm_hash_bytes(bytes, (size_t)size, &print->hash);
  return true;
}

/* The images of inputs that drop copies; volumes of DICOM series are told apart by their UIDs when they are scanned. */
static int gather(CmInputs *inputs, Print *prints) {
  int count = 0;
  for (int i = 0; i < inputs->count; i++) {
    CmItem *item = &inputs->items[i];
    struct stat info;
    if (!inputs->spec->inputs[item->input].duplicates || item->defect || item->kind == CM__ITEM_VOLUME) continue;
    if (item->kind == CM__ITEM_FILE && stat(item->path, &info)) continue; /* reading it will say so */
    prints[count++] = (Print){
        .item = item, .size = item->kind == CM__ITEM_FILE ? (int64_t)info.st_size : array_bytes(inputs, item, NULL)};
  }
  return count;
}

static bool hash_where_needed(CmInputs *inputs, Print *prints, int count, CmError **err) {
  for (int i = 0; i < count; i++) {
    bool alone =
        !(i && same_size(&prints[i], &prints[i - 1])) && !(i + 1 < count && same_size(&prints[i], &prints[i + 1]));
    if (!alone && (!hash_image(inputs, &prints[i], err) || cm_context_cancelled(inputs->ctx, err))) return false;
  }
  return true;
}

/* What people call it: a file by its path, an image of an array by its subject. */
static const char *called(const CmItem *item) {
  return item->kind == CM__ITEM_FILE ? item->shown : item->subject;
}

static bool drop(CmInputs *inputs, CmItem *item, const CmItem *twin, bool disputed, CmError **err) {
  item->defect = cm__arena_printf(&inputs->arena, err, "has the same bytes as %s, %s", called(twin),
                                  disputed ? "and the copies differ in their labels: none is used" : "which is used");
  item->code = "duplicate";
  return item->defect != NULL;
}

/* first..end-1 are one image. */
static bool settle(CmInputs *inputs, const Print *prints, int first, int end, CmError **err) {
  const char *label = prints[first].item->label;
  bool disputed = false;
  for (int i = first + 1; i < end && label; i++)
    disputed |= prints[i].item->label && strcmp(prints[i].item->label, label) != 0;
  if (disputed && !drop(inputs, prints[first].item, prints[first + 1].item, true, err)) return false;
  for (int i = first + 1; i < end; i++)
    if (!drop(inputs, prints[i].item, prints[first].item, disputed, err)) return false;
  return true;
}

bool cm__inputs_drop_copies(CmInputs *inputs, CmError **err) {
  bool wanted = false;
  for (int i = 0; i < inputs->spec->input_count; i++) wanted |= inputs->spec->inputs[i].duplicates;
  if (!wanted || !inputs->count) return true;
  Print *prints = cm_calloc(inputs->ctx, (size_t)inputs->count, sizeof *prints, err);
  if (!prints) return false;
  int count = gather(inputs, prints);
  qsort(prints, (size_t)count, sizeof *prints, compare_prints);
  bool good = hash_where_needed(inputs, prints, count, err);
  if (good) qsort(prints, (size_t)count, sizeof *prints, compare_prints);
  for (int first = 0, end; first < count && good; first = end) {
    for (end = first + 1; end < count && same_image(&prints[first], &prints[end]);) end++;
    good = settle(inputs, prints, first, end, err);
  }
  cm_free(prints);
  return good;
}
