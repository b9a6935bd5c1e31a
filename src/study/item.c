/* One image of the inputs: what it depends on, and its voxels. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cormack/file.h"
#include "cormack/io.h"
#include "study/inputs.h"

/* The file that a header of its own (.mhd, .nhdr) points to; "" where it is none or lies within. */
static void data_file(CmContext *ctx, const char *path, char *to, size_t size) {
  to[0] = 0;
  bool mhd = cm_path_has_extension(path, ".mhd");
  if (!mhd && !cm_path_has_extension(path, ".nhdr")) return;
  size_t length;
  char *text = (char *)cm_file_read(ctx, path, (size_t)1 << 20, &length, NULL);
  if (!text) return;
  const char *key = mhd ? "ElementDataFile" : "data file:";
  char *at = strcasestr(text, key);
  if (!at && !mhd) at = strcasestr(text, key = "datafile:");
  if (at) {
    at += strlen(key);
    at += strspn(at, " \t=");
    at[strcspn(at, "\r\n")] = 0;
    const char *slash = strrchr(path, '/');
    if (at[0] == '/' || !slash)
      snprintf(to, size, "%s", at);
    else
      snprintf(to, size, "%.*s/%s", (int)(slash - path), path, at);
    struct stat info;
    if (stat(to, &info) || !S_ISREG(info.st_mode)) to[0] = 0;
  }
  cm_free(text);
}

static bool add_file_hash(CmHasher *hasher, CmStore *store, const char *path, CmError **err) {
  CmHash hash;
  if (!cm__store_file_hash(store, path, &hash, err)) return false;
  cm_hash_add(hasher, hash.bytes, sizeof hash.bytes);
  return true;
}

bool cm__item_hash(const CmInputs *inputs, const CmItem *item, CmStore *store, CmHash *hash, CmError **err) {
  const CmSpecInput *input = &inputs->spec->inputs[item->input];
  CmHasher hasher;
  cm__store_key_start(&hasher, "read");
  int64_t numbers[4] = {input->kind, input->fill, input->suv, item->kind};
  cm_hash_add(&hasher, numbers, sizeof numbers);
  cm_hash_add(&hasher, input->shape, sizeof input->shape);
  cm_hash_add(&hasher, &input->shape_rank, sizeof input->shape_rank);
  cm_hash_add(&hasher, &input->components, sizeof input->components);
  cm_hash_add_text(&hasher, input->unit);
  if (item->kind == CM__ITEM_VOLUME) {
    const CmDicomScan *scan = inputs->scans[item->source].scan;
    const CmDicomVolume *volume = cm_dicom_scan_volume(scan, (int)item->at);
    cm_hash_add_text(&hasher, volume->key);
    for (int64_t i = 0; i < volume->file_count; i++)
      if (!add_file_hash(&hasher, store, cm_dicom_scan_file(scan, (int)item->at, i), err)) return false;
  } else {
    char more[4096];
    cm_hash_add_text(&hasher, item->kind == CM__ITEM_ARRAY ? inputs->array_names[item->source] : input->select);
    cm_hash_add(&hasher, &item->at, sizeof item->at);
    if (!add_file_hash(&hasher, store, item->path, err)) return false;
    data_file(inputs->ctx, item->path, more, sizeof more);
    if (*more && !add_file_hash(&hasher, store, more, err)) return false;
  }
  cm_hash_finish(&hasher, hash);
  return true;
}

CmImage *cm__item_read(const CmInputs *inputs, const CmItem *item, CmError **err) {
  const CmSpecInput *input = &inputs->spec->inputs[item->input];
  CmReadOptions options;
  cm_read_default_options(&options);
  options.fill = (CmFill)input->fill;
  options.suv = input->suv;
  CmImage *image = NULL;
  switch (item->kind) {
    case CM__ITEM_VOLUME:
      image = cm_dicom_read_volume(inputs->ctx, inputs->scans[item->source].scan, (int)item->at, &options, err);
      break;
    case CM__ITEM_ARRAY:
      image = cm_array_image(inputs->ctx, inputs->arrays[item->source], item->at, err);
      break;
    case CM__ITEM_FILE:
      options.select = input->select;
      image = cm_image_read(inputs->ctx, item->path, &options, err);
      break;
  }
  if (!image || input->kind != CM_KIND_LABELS || cm_type_is_integer(cm_image_type(image))) return image;
  CmImage *labels = cm_image_as_labels(inputs->ctx, image, CM_INTEGER_TYPES, err);
  cm_image_unref(&image);
  return labels;
}
