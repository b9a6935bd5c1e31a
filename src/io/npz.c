/* NumPy archives (.npz): arrays by name, and images with their geometry beside them. */
#include <libdeflate.h>
#include <stdio.h>
#include <string.h>

#include "cormack/file.h"
#include "io/formats.h"
#include "io/gzip.h"
#include "io/npy.h"
#include "io/words.h"

#define IMAGE "image"
#define WORDS "cormack.json"

bool cm__npz_detect(const uint8_t *head, size_t size) {
  return size >= 22 && head[0] == 'P' && head[1] == 'K' &&
         ((head[2] == 3 && head[3] == 4) || (head[2] == 5 && head[3] == 6));
}

/* ---- arrays by name
 * --------------------------------------------------------------------------------------------------- */

static bool is_array(const CmZipEntry *entry) {
  return cm_path_has_extension(entry->name, ".npy");
}

static const CmZipEntry *find_array(const CmZip *zip, const char *name) {
  size_t length = strlen(name);
  for (int i = 0; i < zip->count; i++) {
    const char *is = zip->entries[i].name;
    if (is_array(&zip->entries[i]) && !strncmp(is, name, length) && !strcmp(is + length, ".npy"))
      return &zip->entries[i];
  }
  return NULL;
}

static void set_name(CmArrayInfo *info, const char *file) {
  const char *name = cm__path_name(file);
  size_t length = strlen(name);
  if (cm_path_has_extension(name, ".npy")) length -= 4;
  if (length > CM_ARRAY_NAME - 1) length = CM_ARRAY_NAME - 1;
  memset(info->name, 0, sizeof info->name);
  memcpy(info->name, name, length);
}

static CmArray *read_member(const CmZip *zip, const CmZipEntry *entry, CmError **err) {
  uint8_t *bytes = cm__zip_read(zip, entry, err);
  CmArray *array = bytes ? cm__npy_take(zip->source->ctx, "", bytes, (size_t)entry->size, err) : NULL;
  if (array) {
    memcpy(array->info.name, entry->name, strlen(entry->name) - 4);
  } else {
    cm_error_context(err, "array '%s'", entry->name);
  }
  return array;
}

/* The entry that is asked for, or the only array. */
static const CmZipEntry *choose(const CmZip *zip, const char *name, CmError **err) {
  const CmZipEntry *only = name ? find_array(zip, name) : NULL;
  if (only) return only;
  char list[400] = "";
  int count = 0;
  for (int i = 0; i < zip->count; i++) {
    if (!is_array(&zip->entries[i])) continue;
    only = &zip->entries[i];
    size_t at = strlen(list);
    if (count++ < 12)
      snprintf(list + at, sizeof list - at, "%s%.*s", at ? ", " : "", (int)(strlen(only->name) - 4), only->name);
  }
  if (!name && count == 1) return only;
  if (!count)
    cm_error_set(err, CM_ERR_FORMAT, "is an archive without NumPy arrays");
  else if (name)
    cm_error_set(err, CM_ERR_MISSING, "has no array '%s'; it has %s", name, list);
  else
    cm_error_set(err, CM_ERR_DATA, "has %d arrays; choose one by name (--select): %s", count, list);
  return NULL;
}

CmArray *cm_array_read(CmContext *ctx, const char *path, const char *name, CmError **err) {
  CmSource source;
  CmZip zip = {0};
  CmArray *array = NULL;
  uint8_t head[22] = {0};
  if (!cm__source_open(&source, ctx, path, err)) goto done;
  size_t size = source.size < sizeof head ? (size_t)source.size : sizeof head;
  if (!cm__source_read(&source, 0, head, size, err)) goto done;
  if (cm__npz_detect(head, size)) {
    if (!cm__zip_open(&zip, &source, err)) goto done;
    const CmZipEntry *entry = choose(&zip, name, err);
    if (entry) array = read_member(&zip, entry, err);
  } else {
    uint8_t *block = cm__source_tail(&source, 0, &size, err);
    array = block ? cm__npy_take(ctx, "", block, size, err) : NULL;
    if (array) set_name(&array->info, path);
    if (array && name && strcmp(name, array->info.name)) {
      cm_error_set(err, CM_ERR_MISSING, "has no array '%s'; it is the array '%s'", name, array->info.name);
      cm_array_free(&array);
    }
  }
done:
  cm__zip_close(&zip);
  cm__source_close(&source);
  if (!array) cm_error_context(err, "%s", path);
  return array;
}

/* Type and shape of a member; false where it is no array of numbers. A deflated member is inflated whole: its header
 * cannot be had alone. */
static bool member_info(const CmZip *zip, const CmZipEntry *entry, CmArrayInfo *info, CmError **err) {
  if (!is_array(entry)) return false;
  CmError *none = NULL;
  uint8_t *bytes = cm__zip_read(zip, entry, err);
  if (!bytes) return false;
  bool ok = cm__npy_parse_info(bytes, (size_t)entry->size, info, &none);
  cm_error_free(&none);
  cm_free(bytes);
  set_name(info, entry->name);
  return ok;
}

bool cm_array_list(CmContext *ctx, const char *path, CmArrayInfo **infos, int *count, CmError **err) {
  CmSource source;
  CmZip zip = {0};
  CmArrayInfo *list = NULL;
  CmError *fault = NULL;
  int found = 0;
  uint8_t head[22] = {0};
  if (!cm__source_open(&source, ctx, path, &fault)) goto done;
  size_t size = source.size < sizeof head ? (size_t)source.size : sizeof head;
  if (!cm__source_read(&source, 0, head, size, &fault)) goto done;
  if (cm__npz_detect(head, size)) {
    if (!cm__zip_open(&zip, &source, &fault)) goto done;
    list = cm_calloc(ctx, (size_t)zip.count + 1, sizeof *list, &fault);
    for (int i = 0; list && !fault && i < zip.count; i++)
      if (member_info(&zip, &zip.entries[i], &list[found], &fault)) found++;
  } else {
    uint8_t *block = cm__source_tail(&source, 0, &size, &fault);
    list = block ? cm_calloc(ctx, 1, sizeof *list, &fault) : NULL;
    if (list && cm__npy_parse_info(block, size, list, &fault)) found = 1;
    if (list) set_name(list, path);
    cm_free(block);
  }
done:
  cm__zip_close(&zip);
  cm__source_close(&source);
  if (fault) {
    cm_free(list);
    cm_error_context(&fault, "%s", path);
    cm_error_move(err, &fault);
    return false;
  }
  *infos = list;
  *count = found;
  return true;
}

/* ---- images
 * ------------------------------------------------------------------------------------------------------------- */

/* Reads `count` reals from the array `name`; false where it is not there or not of that size. */
static bool read_reals(const CmZip *zip, const char *name, double *to, int64_t count) {
  const CmZipEntry *entry = find_array(zip, name);
  CmArray *array = entry && entry->size < 4096 ? read_member(zip, entry, NULL) : NULL;
  bool ok = array && array->count == count;
  for (int64_t i = 0; ok && i < count; i++) to[i] = cm_array_value(array, i);
  cm_array_free(&array);
  return ok;
}

/* What cm__npz_write put beside the image. */
static bool apply_neighbours(const CmZip *zip, CmImage *image, CmError **err) {
  CmGeometry g;
  bool all = read_reals(zip, "spacing", g.spacing, 3) && read_reals(zip, "origin", g.origin, 3) &&
             read_reals(zip, "direction", g.direction, 9) && read_reals(zip, "spacing_t", &g.spacing_t, 1);
  if (all && !cm_image_set_geometry(image, &g, err)) return false;
  const CmZipEntry *entry = cm__zip_find(zip, WORDS);
  uint8_t *words = entry ? cm__zip_read(zip, entry, err) : NULL;
  if (entry && !words) return false;
  bool ok = !entry || cm__words_apply(image, (const char *)words, (size_t)entry->size, err);
  cm_free(words);
  return ok;
}

CmImage *cm__npz_read(const CmSource *source, const CmReadOptions *options, CmError **err) {
  CmZip zip;
  CmImage *image = NULL;
  if (!cm__zip_open(&zip, source, err)) return NULL;
  bool ours = !options->select && find_array(&zip, IMAGE) && find_array(&zip, "spacing");
  const CmZipEntry *entry = choose(&zip, ours ? IMAGE : options->select, err);
  CmArray *array = entry ? read_member(&zip, entry, err) : NULL;
  image = array ? cm__npy_image(&array, err) : NULL;
  cm_array_free(&array);
  if (image && ours && !apply_neighbours(&zip, image, err)) cm_image_unref(&image);
  cm__zip_close(&zip);
  return image;
}

/* ---- writing
 * --------------------------------------------------------------------------------------------------------- */

typedef struct ZipWriter {
  CmContext *ctx;
  CmFileWriter file;
  int level;
  uint64_t at;
  CmZipEntry entries[8];
  int count;
} ZipWriter;

static void put(uint8_t *at, int size, uint64_t value) {
  for (int i = 0; i < size; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static bool add_bytes(ZipWriter *zip, const void *bytes, size_t size, CmError **err) {
  zip->at += size;
  return cm__file_add(&zip->file, bytes, size, err);
}

/* The fields that the local and the central record share: version, flags, method, time (1980-01-01), CRC and sizes. */
static void put_common(uint8_t *at, const CmZipEntry *entry) {
  put(at, 2, 45);
  put(at + 4, 2, (uint64_t)entry->method);
  put(at + 8, 2, 33);
  put(at + 10, 4, entry->crc);
  put(at + 14, 4, UINT32_MAX);
  put(at + 18, 4, UINT32_MAX);
  put(at + 22, 2, strlen(entry->name));
}

/* Sizes always stand in the 64-bit extra field, as NumPy writes them: one form for small and large. */
static bool add_member(ZipWriter *zip, const char *name, const void *bytes, size_t size, CmError **err) {
  CmZipEntry *entry = &zip->entries[zip->count++];
  *entry =
      (CmZipEntry){.at = zip->at, .size = size, .crc = libdeflate_crc32(0, bytes, size), .method = zip->level ? 8 : 0};
  memcpy(entry->name, name, strlen(name));
  size_t packed_size = size;
  uint8_t *packed = NULL;
  if (entry->method) {
    packed = cm__deflate(zip->ctx, CM_DEFLATE_RAW, bytes, size, zip->level, &packed_size, err);
    if (!packed) return false;
  }
  entry->packed = packed_size;
  uint8_t head[30 + CM_ARRAY_NAME + 20] = {'P', 'K', 3, 4};
  size_t length = strlen(name);
  put_common(head + 4, entry);
  put(head + 28, 2, 20);
  memcpy(head + 30, name, length);
  put(head + 30 + length, 2, 1);
  put(head + 32 + length, 2, 16);
  put(head + 34 + length, 8, entry->size);
  put(head + 42 + length, 8, entry->packed);
  bool ok = add_bytes(zip, head, 50 + length, err) && add_bytes(zip, packed ? packed : bytes, packed_size, err);
  cm_free(packed);
  return ok;
}

static bool add_directory(ZipWriter *zip, CmError **err) {
  uint64_t begin = zip->at;
  for (int i = 0; i < zip->count; i++) {
    const CmZipEntry *entry = &zip->entries[i];
    uint8_t head[46 + CM_ARRAY_NAME + 28] = {'P', 'K', 1, 2, 45};
    size_t length = strlen(entry->name);
    put_common(head + 6, entry);
    put(head + 30, 2, 28);
    put(head + 42, 4, UINT32_MAX);
    memcpy(head + 46, entry->name, length);
    uint8_t *extra = head + 46 + length;
    put(extra, 2, 1);
    put(extra + 2, 2, 24);
    put(extra + 4, 8, entry->size);
    put(extra + 12, 8, entry->packed);
    put(extra + 20, 8, entry->at);
    if (!add_bytes(zip, head, 74 + length, err)) return false;
  }
  uint64_t size = zip->at - begin;
  uint8_t tail[56 + 20 + 22] = {'P', 'K', 6, 6}, *locator = tail + 56, *end = tail + 76;
  put(tail + 4, 8, 44);
  put(tail + 12, 2, 45);
  put(tail + 14, 2, 45);
  put(tail + 24, 8, (uint64_t)zip->count);
  put(tail + 32, 8, (uint64_t)zip->count);
  put(tail + 40, 8, size);
  put(tail + 48, 8, begin);
  memcpy(locator, "PK\6\7", 4);
  put(locator + 8, 8, zip->at);
  put(locator + 16, 4, 1);
  memcpy(end, "PK\5\6", 4);
  put(end + 8, 2, (uint64_t)zip->count);
  put(end + 10, 2, (uint64_t)zip->count);
  put(end + 12, 4, UINT32_MAX);
  put(end + 16, 4, UINT32_MAX);
  return add_bytes(zip, tail, sizeof tail, err);
}

static bool add_array(ZipWriter *zip, const char *name, CmType type, int rank, const int64_t *shape, const void *data,
                      size_t size, CmError **err) {
  char head[512];
  size_t before = cm__npy_make_header(type, rank, shape, head);
  uint8_t *both = cm_alloc(zip->ctx, before + size, err);
  if (!both) return false;
  memcpy(both, head, before);
  memcpy(both + before, data, size);
  bool ok = add_member(zip, name, both, before + size, err);
  cm_free(both);
  return ok;
}

bool cm__npz_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                   CmError **err) {
  ZipWriter zip = {.ctx = ctx, .level = options->compression < 0 ? CM_GZIP_USUAL : options->compression};
  const CmGeometry *g = cm_image_geometry(image);
  int64_t shape[5];
  int rank = cm__npy_shape_of(image, shape);
  char *words = NULL;
  if (!cm__words_make(ctx, image, false, false, &words, err)) return false;
  bool ok = cm__file_begin(&zip.file, path, err);
  if (ok) {
    ok = add_array(&zip, IMAGE ".npy", cm_image_type(image), rank, shape, cm_image_data(image), cm_image_bytes(image),
                   err) &&
         add_array(&zip, "spacing.npy", CM_F64, 1, (const int64_t[]){3}, g->spacing, sizeof g->spacing, err) &&
         add_array(&zip, "origin.npy", CM_F64, 1, (const int64_t[]){3}, g->origin, sizeof g->origin, err) &&
         add_array(&zip, "direction.npy", CM_F64, 2, (const int64_t[]){3, 3}, g->direction, sizeof g->direction, err) &&
         add_array(&zip, "spacing_t.npy", CM_F64, 0, NULL, &g->spacing_t, sizeof g->spacing_t, err) &&
         (!words || add_member(&zip, WORDS, words, strlen(words), err)) && add_directory(&zip, err) &&
         cm__file_end(&zip.file, err);
    cm__file_abandon(&zip.file);
  }
  cm_free(words);
  return ok;
}
