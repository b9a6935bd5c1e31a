/* Unit, labels, metadata and geometry as JSON. */
#include "io/words.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "core/text.h"

static void add_reals(CmTextBuffer *out, const char *key, const double *values, int count) {
  cm__text_addf(out, "\"%s\":[", key);
  for (int i = 0; i < count; i++) {
    if (i) cm__text_add(out, ",");
    cm__text_add_real(out, values[i]);
  }
  cm__text_add(out, "]");
}

static void add_geometry(CmTextBuffer *out, const CmGeometry *geometry) {
  cm__text_add(out, ",\"geometry\":{");
  add_reals(out, "spacing", geometry->spacing, 3);
  cm__text_add(out, ",");
  add_reals(out, "origin", geometry->origin, 3);
  cm__text_add(out, ",");
  add_reals(out, "direction", geometry->direction, 9);
  cm__text_add(out, ",");
  add_reals(out, "spacing_t", &geometry->spacing_t, 1);
  cm__text_add(out, "}");
}

static void add_labels(CmTextBuffer *out, const CmImage *image) {
  int count = cm_image_label_count(image);
  for (int i = 0; i < count; i++) {
    CmLabel label = cm_image_label_at(image, i);
    cm__text_addf(out, "%s{\"value\":%lld,\"name\":", i ? "," : ",\"labels\":[", (long long)label.value);
    cm__text_add_json(out, label.name);
    cm__text_addf(out, ",\"rgb\":[%d,%d,%d]}", label.rgb[0], label.rgb[1], label.rgb[2]);
  }
  if (count) cm__text_add(out, "]");
}

static void add_meta(CmTextBuffer *out, const CmImage *image) {
  int count = cm_image_meta_count(image);
  for (int i = 0; i < count; i++) {
    const char *key, *value;
    cm_image_meta_at(image, i, &key, &value);
    cm__text_add(out, i ? "," : ",\"meta\":{");
    cm__text_add_json(out, key);
    cm__text_add(out, ":");
    cm__text_add_json(out, value);
  }
  if (count) cm__text_add(out, "}");
}

/* The object, if the text is one of ours; json_decref it. */
static json_t *parse(const char *text, size_t size) {
  json_t *root = json_loadb(text, size, JSON_DISABLE_EOF_CHECK, NULL);
  if (root && json_integer_value(json_object_get(root, "cormack")) == 1) return root;
  json_decref(root);
  return NULL;
}

bool cm__words_make(CmContext *ctx, const CmImage *image, bool geometry, bool rank, char **text, CmError **err) {
  *text = NULL;
  bool unit = strcmp(cm_image_unit(image), "1") != 0;
  if (!geometry && !rank && !unit && !cm_image_label_count(image) && !cm_image_meta_count(image)) return true;
  CmTextBuffer out;
  cm__text_start(&out, ctx, err);
  cm__text_add(&out, "{\"cormack\":1");
  if (rank) cm__text_addf(&out, ",\"rank\":%d", cm_image_rank(image));
  if (geometry) add_geometry(&out, cm_image_geometry(image));
  if (unit) {
    cm__text_add(&out, ",\"unit\":");
    cm__text_add_json(&out, cm_image_unit(image));
  }
  add_labels(&out, image);
  add_meta(&out, image);
  cm__text_add(&out, "}");
  *text = cm__text_finish(&out);
  if (!*text) return false;
  json_t *check = parse(*text, strlen(*text));
  if (check) {
    json_decref(check);
    return true;
  }
  cm_free(*text);
  *text = NULL;
  cm_error_set(err, CM_ERR_DATA, "the image's metadata is not valid UTF-8; remove or correct it");
  return false;
}

static bool get_reals(const json_t *object, const char *key, double *values, size_t count) {
  const json_t *array = json_object_get(object, key);
  if (json_array_size(array) != count) return false;
  for (size_t i = 0; i < count; i++) {
    const json_t *item = json_array_get(array, i);
    if (!json_is_number(item)) return false;
    values[i] = json_number_value(item);
  }
  return true;
}

bool cm__words_shape(const char *text, size_t size, int *rank, CmGeometry *geometry) {
  *rank = 0;
  json_t *root = parse(text, size);
  if (!root) return false;
  json_int_t said = json_integer_value(json_object_get(root, "rank"));
  if (said >= 2 && said <= 4) *rank = (int)said;
  const json_t *from = json_object_get(root, "geometry");
  CmGeometry read;
  bool ok = from && get_reals(from, "spacing", read.spacing, 3) && get_reals(from, "origin", read.origin, 3) &&
            get_reals(from, "direction", read.direction, 9) && get_reals(from, "spacing_t", &read.spacing_t, 1) &&
            cm_geometry_check(&read, NULL);
  if (ok) *geometry = read;
  json_decref(root);
  return ok;
}

static bool apply_labels(CmImage *image, const json_t *labels, CmError **err) {
  for (size_t i = 0; i < json_array_size(labels); i++) {
    const json_t *label = json_array_get(labels, i), *value = json_object_get(label, "value");
    const char *name = json_string_value(json_object_get(label, "name"));
    double rgb[3];
    if (!json_is_integer(value) || !name || !get_reals(label, "rgb", rgb, 3)) continue;
    uint8_t bytes[3];
    bool valid = true;
    for (int c = 0; c < 3; c++) {
      valid = valid && rgb[c] >= 0 && rgb[c] <= 255;
      bytes[c] = valid ? (uint8_t)rgb[c] : 0;
    }
    if (valid && !cm_image_set_label(image, (int64_t)json_integer_value(value), name, bytes, err)) return false;
  }
  return true;
}

bool cm__words_apply(CmImage *image, const char *text, size_t size, CmError **err) {
  json_t *root = parse(text, size);
  if (!root) return true;
  const char *unit = json_string_value(json_object_get(root, "unit"));
  bool ok = !unit || !*unit || cm_image_set_unit(image, unit, err);
  if (ok && cm_type_is_integer(cm_image_type(image))) ok = apply_labels(image, json_object_get(root, "labels"), err);
  json_t *meta = json_object_get(root, "meta");
  const char *key;
  json_t *value;
  json_object_foreach(meta, key, value) {
    if (!ok) break;
    if (*key && json_is_string(value)) ok = cm_image_set_meta(image, key, json_string_value(value), err);
  }
  json_decref(root);
  return ok;
}

bool cm__words_agree(const CmGeometry *header, const CmGeometry *exact, int axes, int coordinates) {
  for (int i = 0; i < coordinates; i++)
    if (!(fabs(header->origin[i] - exact->origin[i]) <= 1e-6 * (exact->spacing[i] + fabs(exact->origin[i]))))
      return false;
  for (int k = 0; k < axes; k++) {
    if (!(fabs(header->spacing[k] - exact->spacing[k]) <= 1e-6 * exact->spacing[k])) return false;
    for (int i = 0; i < coordinates; i++)
      if (!(fabs(header->direction[3 * i + k] - exact->direction[3 * i + k]) <= 1e-6)) return false;
  }
  return true;
}
