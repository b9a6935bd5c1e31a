/* Unit, metadata and labels of an image. */
#include <string.h>

#include "core/image_priv.h"

void cm__image_free_words(CmImage *image) {
  for (int i = 0; i < image->meta_count; i++) {
    cm_free(image->meta[i].key);
    cm_free(image->meta[i].value);
  }
  for (int i = 0; i < image->label_count; i++) cm_free(image->labels[i].name);
  cm_free(image->meta);
  cm_free(image->labels);
  cm_free(image->unit);
}

const char *cm_image_unit(const CmImage *image) {
  return image->unit ? image->unit : "1";
}

bool cm_image_set_unit(CmImage *image, const char *unit, CmError **err) {
  char *copy = cm_strdup(image->ctx, unit, err);
  if (!copy) return false;
  cm_free(image->unit);
  image->unit = copy;
  return true;
}

static CmMeta *find_meta(const CmImage *image, const char *key) {
  for (int i = 0; i < image->meta_count; i++)
    if (strcmp(image->meta[i].key, key) == 0) return &image->meta[i];
  return NULL;
}

static void remove_meta(CmImage *image, CmMeta *meta) {
  cm_free(meta->key);
  cm_free(meta->value);
  CmMeta *end = image->meta + image->meta_count--;
  memmove(meta, meta + 1, (size_t)(end - meta - 1) * sizeof *meta);
}

/* Room for one more item of a growing array. */
static void *room_for_one(CmContext *ctx, void *items, int count, int *room, size_t size, CmError **err) {
  if (count < *room) return items;
  int more = *room ? 2 * *room : 16;
  void *grown = cm_realloc(ctx, items, (size_t)more * size, err);
  if (grown) *room = more;
  return grown;
}

bool cm_image_set_meta(CmImage *image, const char *key, const char *value, CmError **err) {
  CmMeta *old = find_meta(image, key);
  if (!value) {
    if (old) remove_meta(image, old);
    return true;
  }
  char *copy = cm_strdup(image->ctx, value, err);
  if (!copy) return false;
  if (old) {
    cm_free(old->value);
    old->value = copy;
    return true;
  }
  char *name = cm_strdup(image->ctx, key, err);
  CmMeta *grown =
      name ? room_for_one(image->ctx, image->meta, image->meta_count, &image->meta_room, sizeof *grown, err) : NULL;
  if (!grown) {
    cm_free(name);
    cm_free(copy);
    return false;
  }
  image->meta = grown;
  image->meta[image->meta_count++] = (CmMeta){name, copy};
  return true;
}

const char *cm_image_meta(const CmImage *image, const char *key) {
  CmMeta *meta = find_meta(image, key);
  return meta ? meta->value : NULL;
}

int cm_image_meta_count(const CmImage *image) {
  return image->meta_count;
}

void cm_image_meta_at(const CmImage *image, int at, const char **key, const char **value) {
  *key = image->meta[at].key;
  *value = image->meta[at].value;
}

bool cm_image_set_label(CmImage *image, int64_t value, const char *name, const uint8_t rgb[3], CmError **err) {
  char *copy = cm_strdup(image->ctx, name, err);
  if (!copy) return false;
  int at = 0;
  while (at < image->label_count && image->labels[at].value < value) at++;
  if (at < image->label_count && image->labels[at].value == value) {
    cm_free(image->labels[at].name);
  } else {
    CmLabelWords *grown =
        room_for_one(image->ctx, image->labels, image->label_count, &image->label_room, sizeof *grown, err);
    if (!grown) {
      cm_free(copy);
      return false;
    }
    image->labels = grown;
    memmove(grown + at + 1, grown + at, (size_t)(image->label_count++ - at) * sizeof *grown);
  }
  image->labels[at] = (CmLabelWords){.value = value, .name = copy, .rgb = {rgb[0], rgb[1], rgb[2]}};
  return true;
}

int cm_image_label_count(const CmImage *image) {
  return image->label_count;
}

CmLabel cm_image_label_at(const CmImage *image, int at) {
  const CmLabelWords *words = &image->labels[at];
  return (CmLabel){.value = words->value, .name = words->name, .rgb = {words->rgb[0], words->rgb[1], words->rgb[2]}};
}

bool cm_image_find_label(const CmImage *image, int64_t value, CmLabel *label) {
  for (int i = 0; i < image->label_count; i++) {
    if (image->labels[i].value != value) continue;
    *label = cm_image_label_at(image, i);
    return true;
  }
  return false;
}

void cm_label_colour(int64_t value, uint8_t rgb[3]) {
  /* Hues a golden angle apart, so that neighbours differ; full saturation, two levels of brightness. */
  uint64_t step = (uint64_t)value * 137508u % 360000u; /* thousandths of a degree */
  uint32_t sector = (uint32_t)(step / 60000u), within = (uint32_t)(step % 60000u);
  uint8_t high = value % 2 ? 255 : 220;
  uint8_t up = (uint8_t)((uint64_t)high * within / 60000u), down = (uint8_t)(high - up);
  const uint8_t wheel[6][3] = {{high, up, 0},   {down, high, 0}, {0, high, up},
                               {0, down, high}, {up, 0, high},   {high, 0, down}};
  memcpy(rgb, wheel[sector], 3);
}
