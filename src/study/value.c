/* Images, label maps, tables and signals as bytes for the store. */
#include <libdeflate.h>
#include <string.h>

#include "study/bytes.h"

#define BLOCK ((size_t)8 << 20) /* voxels are compressed in blocks of so many bytes */

/* ---- voxels ---------------------------------------------------------------------------------------------------------
 */

static bool put_block(CmBytes *bytes, struct libdeflate_compressor *with, const uint8_t *from, size_t size) {
  /* what does not become an eighth smaller is stored as it is: reading it back costs nothing then */
  size_t most = size - size / 8, at = bytes->size;
  if (!cm__bytes_reserve(bytes, 16 + size)) return false;
  cm__bytes_put_i64(bytes, (int64_t)size);
  cm__bytes_put_i64(bytes, 0);
  size_t made = libdeflate_deflate_compress(with, from, size, bytes->data + bytes->size, most);
  int64_t stored = (int64_t)made;
  memcpy(bytes->data + at + 8, &stored, sizeof stored);
  if (made)
    bytes->size += made;
  else
    cm__bytes_put(bytes, from, size);
  return !bytes->failed;
}

static bool put_voxels(CmBytes *bytes, const uint8_t *from, size_t size) {
  struct libdeflate_compressor *with = libdeflate_alloc_compressor(1);
  if (!with) {
    cm_error_set(bytes->err, CM_ERR_MEMORY, "no memory to compress an image");
    bytes->failed = true;
    return false;
  }
  for (size_t at = 0; at < size; at += BLOCK)
    if (!put_block(bytes, with, from + at, size - at < BLOCK ? size - at : BLOCK)) break;
  libdeflate_free_compressor(with);
  return !bytes->failed;
}

static bool take_voxels(CmView *view, uint8_t *to, size_t size) {
  struct libdeflate_decompressor *with = libdeflate_alloc_decompressor();
  bool good = with != NULL;
  while (good && size) {
    int64_t plain = cm__view_i64(view), stored = cm__view_i64(view);
    good = !view->failed && plain > 0 && (uint64_t)plain <= size && stored >= 0;
    const void *from = good ? cm__view_take(view, (size_t)(stored ? stored : plain)) : NULL;
    size_t got = (size_t)plain;
    if (from && stored)
      good = libdeflate_deflate_decompress(with, from, (size_t)stored, to, (size_t)plain, &got) == LIBDEFLATE_SUCCESS;
    else if (from)
      memcpy(to, from, (size_t)plain);
    good = good && from && got == (size_t)plain;
    if (good) {
      to += plain;
      size -= (size_t)plain;
    }
  }
  libdeflate_free_decompressor(with);
  return good;
}

/* ---- images ---------------------------------------------------------------------------------------------------------
 */

static void put_image(CmBytes *bytes, const CmImage *image) {
  cm__bytes_put_u8(bytes, cm_image_type(image));
  cm__bytes_put_u8(bytes, (unsigned)cm_image_rank(image));
  for (int i = 0; i < 4; i++) cm__bytes_put_i64(bytes, cm_image_dims(image)[i]);
  cm__bytes_put_i64(bytes, cm_image_components(image));
  const CmGeometry *g = cm_image_geometry(image);
  for (int i = 0; i < 3; i++) cm__bytes_put_f64(bytes, g->spacing[i]);
  for (int i = 0; i < 3; i++) cm__bytes_put_f64(bytes, g->origin[i]);
  for (int i = 0; i < 9; i++) cm__bytes_put_f64(bytes, g->direction[i]);
  cm__bytes_put_f64(bytes, g->spacing_t);
  cm__bytes_put_text(bytes, cm_image_unit(image));
  cm__bytes_put_i64(bytes, cm_image_label_count(image));
  for (int i = 0; i < cm_image_label_count(image); i++) {
    CmLabel label = cm_image_label_at(image, i);
    cm__bytes_put_i64(bytes, label.value);
    cm__bytes_put_text(bytes, label.name);
    cm__bytes_put(bytes, label.rgb, 3);
  }
  cm__bytes_put_i64(bytes, cm_image_meta_count(image));
  for (int i = 0; i < cm_image_meta_count(image); i++) {
    const char *key, *value;
    cm_image_meta_at(image, i, &key, &value);
    cm__bytes_put_text(bytes, key);
    cm__bytes_put_text(bytes, value);
  }
  put_voxels(bytes, cm_image_data(image), cm_image_bytes(image));
}

static bool take_words(CmView *view, CmImage *image, CmError **err) {
  CmGeometry g;
  for (int i = 0; i < 3; i++) g.spacing[i] = cm__view_f64(view);
  for (int i = 0; i < 3; i++) g.origin[i] = cm__view_f64(view);
  for (int i = 0; i < 9; i++) g.direction[i] = cm__view_f64(view);
  g.spacing_t = cm__view_f64(view);
  const char *unit = cm__view_text(view);
  if (!unit || !cm_image_set_geometry(image, &g, err) || !cm_image_set_unit(image, unit, err)) return false;
  for (int64_t i = cm__view_i64(view); i > 0 && !view->failed; i--) {
    int64_t value = cm__view_i64(view);
    const char *name = cm__view_text(view);
    const uint8_t *rgb = cm__view_take(view, 3);
    if (!rgb || !cm_image_set_label(image, value, name, rgb, err)) return false;
  }
  for (int64_t i = cm__view_i64(view); i > 0 && !view->failed; i--) {
    const char *key = cm__view_text(view), *value = cm__view_text(view);
    if (!key || !value || !cm_image_set_meta(image, key, value, err)) return false;
  }
  return !view->failed;
}

static CmImage *take_image(CmContext *ctx, CmView *view, CmError **err) {
  unsigned type = cm__view_u8(view), rank = cm__view_u8(view);
  int64_t dims[4];
  for (int i = 0; i < 4; i++) dims[i] = cm__view_i64(view);
  int64_t components = cm__view_i64(view);
  if (view->failed || type >= CM_TYPE_COUNT || components < 1 || components > CM_MAX_COMPONENTS) return NULL;
  CmImage *image = cm_image_create(ctx, (CmType)type, (int)rank, dims, (int)components, err);
  if (image && (!take_words(view, image, err) || !take_voxels(view, cm_image_data_mut(image), cm_image_bytes(image))))
    cm_image_unref(&image);
  return image;
}

/* ---- tables ---------------------------------------------------------------------------------------------------------
 */

static void put_table(CmBytes *bytes, const CmTable *table) {
  int columns = cm_table_columns(table);
  int64_t rows = cm_table_rows(table);
  cm__bytes_put_i64(bytes, columns);
  cm__bytes_put_i64(bytes, rows);
  for (int c = 0; c < columns; c++) {
    CmColumnType type = cm_table_column_type(table, c);
    cm__bytes_put_text(bytes, cm_table_column_name(table, c));
    cm__bytes_put_u8(bytes, type);
    cm__bytes_put_text(bytes, cm_table_column_unit(table, c));
    for (int64_t r = 0; r < rows; r++) {
      bool missing = cm_table_is_missing(table, r, c);
      cm__bytes_put_u8(bytes, missing);
      if (missing) continue;
      if (type == CM_COLUMN_REAL)
        cm__bytes_put_f64(bytes, cm_table_real(table, r, c));
      else if (type == CM_COLUMN_INT)
        cm__bytes_put_i64(bytes, cm_table_int(table, r, c));
      else
        cm__bytes_put_text(bytes, cm_table_text(table, r, c));
    }
  }
}

static bool take_cells(CmView *view, CmTable *table, int column, int64_t rows, CmError **err) {
  CmColumnType type = cm_table_column_type(table, column);
  for (int64_t r = 0; r < rows && !view->failed; r++) {
    if (cm__view_u8(view)) continue;
    if (type == CM_COLUMN_REAL)
      cm_table_set_real(table, r, column, cm__view_f64(view));
    else if (type == CM_COLUMN_INT)
      cm_table_set_int(table, r, column, cm__view_i64(view));
    else if (!cm_table_set_text(table, r, column, cm__view_text(view), err))
      return false;
  }
  return !view->failed;
}

static CmTable *take_table(CmContext *ctx, CmView *view, CmError **err) {
  int64_t columns = cm__view_i64(view), rows = cm__view_i64(view);
  if (view->failed || columns < 0 || rows < 0) return NULL;
  CmTable *table = cm_table_create(ctx, err);
  bool good = table != NULL;
  for (int64_t r = 0; good && r < rows; r++) good = cm_table_add_row(table, err) >= 0;
  for (int64_t c = 0; good && c < columns; c++) {
    const char *name = cm__view_text(view);
    unsigned type = cm__view_u8(view);
    const char *unit = cm__view_text(view);
    int at =
        name && unit && type <= CM_COLUMN_TEXT ? cm_table_add_column(table, name, (CmColumnType)type, unit, err) : -1;
    good = at >= 0 && take_cells(view, table, at, rows, err);
  }
  if (!good) cm_table_unref(&table);
  return table;
}

/* ---- signals --------------------------------------------------------------------------------------------------------
 */

static void put_signal(CmBytes *bytes, const CmSignal *signal) {
  int64_t samples = cm_signal_samples(signal);
  cm__bytes_put_i64(bytes, cm_signal_channels(signal));
  cm__bytes_put_i64(bytes, samples);
  cm__bytes_put_f64(bytes, cm_signal_rate_hz(signal));
  for (int c = 0; c < cm_signal_channels(signal); c++) {
    cm__bytes_put_text(bytes, cm_signal_name(signal, c));
    cm__bytes_put_text(bytes, cm_signal_unit(signal, c));
    cm__bytes_put(bytes, cm_signal_data(signal, c), (size_t)samples * sizeof(double));
  }
  int64_t count = cm_signal_annotation_count(signal);
  cm__bytes_put_i64(bytes, count);
  for (int64_t i = 0; i < count; i++) {
    const CmAnnotation *a = &cm_signal_annotations(signal)[i];
    cm__bytes_put_i64(bytes, a->sample);
    cm__bytes_put_i64(bytes, a->channel);
    cm__bytes_put_text(bytes, a->code);
  }
}

static CmSignal *take_signal(CmContext *ctx, CmView *view, CmError **err) {
  int64_t channels = cm__view_i64(view), samples = cm__view_i64(view);
  double rate_hz = cm__view_f64(view);
  if (view->failed || channels < 1 || channels > 1024 || samples < 1 || samples > (view->end - view->at) / 8)
    return NULL;
  CmSignal *signal = cm_signal_create(ctx, (int)channels, samples, rate_hz, err);
  bool good = signal != NULL;
  for (int c = 0; good && c < (int)channels; c++) {
    const char *name = cm__view_text(view), *unit = cm__view_text(view);
    const void *data = cm__view_take(view, (size_t)samples * sizeof(double));
    good = name && unit && data && cm_signal_set_channel(signal, c, name, unit, err);
    if (good) memcpy(cm_signal_data_mut(signal, c), data, (size_t)samples * sizeof(double));
  }
  for (int64_t i = good ? cm__view_i64(view) : 0; good && i > 0; i--) {
    CmAnnotation a = {.sample = cm__view_i64(view), .channel = (int)cm__view_i64(view)};
    const char *code = cm__view_text(view);
    good = code && strlen(code) < sizeof a.code;
    if (good) {
      memcpy(a.code, code, strlen(code) + 1);
      good = cm_signal_annotate(signal, &a, err);
    }
  }
  if (!good) cm_signal_unref(&signal);
  return signal;
}

/* ---- any ------------------------------------------------------------------------------------------------------------
 */

bool cm__value_put(CmBytes *bytes, const CmValue *value) {
  cm__bytes_put_u8(bytes, value->kind);
  switch (value->kind) {
    case CM_KIND_IMAGE:
    case CM_KIND_LABELS:
      put_image(bytes, value->image);
      break;
    case CM_KIND_TABLE:
      put_table(bytes, value->table);
      break;
    case CM_KIND_SIGNAL:
      put_signal(bytes, value->signal);
      break;
    case CM_KIND_NONE:
      break;
  }
  return !bytes->failed;
}

bool cm__value_take(CmContext *ctx, CmView *view, CmValue *value, CmError **err) {
  CmValue taken = {.kind = (CmKind)cm__view_u8(view)};
  CmError *why = NULL;
  bool good = false;
  switch (taken.kind) {
    case CM_KIND_IMAGE:
    case CM_KIND_LABELS:
      good = (taken.image = take_image(ctx, view, &why)) != NULL;
      break;
    case CM_KIND_TABLE:
      good = (taken.table = take_table(ctx, view, &why)) != NULL;
      break;
    case CM_KIND_SIGNAL:
      good = (taken.signal = take_signal(ctx, view, &why)) != NULL;
      break;
    default:
      break;
  }
  if (good)
    *value = taken;
  else if (why)
    cm_error_move(err, &why);
  else
    cm_error_set(err, CM_ERR_FORMAT, "a kept value cannot be read");
  return good;
}

static void hash_words(CmHasher *hasher, const CmImage *image) {
  for (int i = 0; i < cm_image_meta_count(image); i++) {
    const char *key, *value;
    cm_image_meta_at(image, i, &key, &value);
    cm_hash_add_text(hasher, key);
    cm_hash_add_text(hasher, value);
  }
}

static void hash_signal(CmHasher *hasher, const CmSignal *signal) {
  double rate_hz = cm_signal_rate_hz(signal);
  cm_hash_add(hasher, &rate_hz, sizeof rate_hz);
  for (int c = 0; c < cm_signal_channels(signal); c++) {
    cm_hash_add_text(hasher, cm_signal_name(signal, c));
    cm_hash_add_text(hasher, cm_signal_unit(signal, c));
    cm_hash_add(hasher, cm_signal_data(signal, c), (size_t)cm_signal_samples(signal) * sizeof(double));
  }
  for (int64_t i = 0; i < cm_signal_annotation_count(signal); i++) {
    const CmAnnotation *a = &cm_signal_annotations(signal)[i];
    cm_hash_add(hasher, &a->sample, sizeof a->sample);
    cm_hash_add(hasher, &a->channel, sizeof a->channel);
    cm_hash_add_text(hasher, a->code);
  }
}

void cm__value_hash(const CmValue *value, CmHash *hash) {
  CmHasher hasher;
  CmHash part;
  cm_hash_start(&hasher);
  cm_hash_add_text(&hasher, cm_kind_name(value->kind));
  switch (value->kind) {
    case CM_KIND_IMAGE:
    case CM_KIND_LABELS:
      cm_image_hash(value->image, &part);
      cm_hash_add(&hasher, part.bytes, sizeof part.bytes);
      hash_words(&hasher, value->image);
      break;
    case CM_KIND_TABLE:
      cm_table_hash(value->table, &part);
      cm_hash_add(&hasher, part.bytes, sizeof part.bytes);
      break;
    case CM_KIND_SIGNAL:
      hash_signal(&hasher, value->signal);
      break;
    case CM_KIND_NONE:
      break;
  }
  cm_hash_finish(&hasher, hash);
}
