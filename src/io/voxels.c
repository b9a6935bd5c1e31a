/* From the numbers of a file to an image. */
#include "io/voxels.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"

#define SWAP_CHUNK (1 << 18)

size_t cm__raw_size(int raw) {
  if (raw == CM_RAW_I64 || raw == CM_RAW_U64) return 8;
  return raw == CM_RAW_F16 ? 2 : cm_type_size((CmType)raw);
}

bool cm__layout_bytes(const CmLayout *layout, uint64_t *bytes, CmError **err) {
  uint64_t total = cm__raw_size(layout->raw);
  for (int i = 0; i < layout->axes; i++) {
    int64_t most = layout->role[i] == CM_ROLE_C ? CM_MAX_COMPONENTS : CM_MAX_DIM;
    if (layout->size[i] < 1 || layout->size[i] > most) {
      cm_error_set(err, layout->size[i] < 1 ? CM_ERR_FORMAT : CM_ERR_UNSUPPORTED,
                   "the header says size %lld for axis %d; sizes from 1 to %lld are read", (long long)layout->size[i],
                   i, (long long)most);
      return false;
    }
    if (__builtin_mul_overflow(total, (uint64_t)layout->size[i], &total) || total > (uint64_t)INT64_MAX / 2) {
      cm_error_set(err, CM_ERR_FORMAT, "the header's sizes are more than any file can hold; it is damaged");
      return false;
    }
  }
  *bytes = total;
  return true;
}

/* ---- byte order -------------------------------------------------------------------------------------------------- */

typedef struct Swap {
  uint8_t *data;
  size_t size;
} Swap;

static bool swap_range(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Swap *swap = arg;
  if (swap->size == 2) {
    uint16_t *at = (uint16_t *)(void *)swap->data;
    for (int64_t i = range.begin; i < range.end; i++) at[i] = __builtin_bswap16(at[i]);
  } else if (swap->size == 4) {
    uint32_t *at = (uint32_t *)(void *)swap->data;
    for (int64_t i = range.begin; i < range.end; i++) at[i] = __builtin_bswap32(at[i]);
  } else if (swap->size == 8) {
    uint64_t *at = (uint64_t *)(void *)swap->data;
    for (int64_t i = range.begin; i < range.end; i++) at[i] = __builtin_bswap64(at[i]);
  }
  return true;
}

bool cm__swap_bytes(CmContext *ctx, void *data, int64_t count, size_t size, CmError **err) {
  if (size == 1) return true;
  Swap swap = {data, size};
  return cm_parallel_for(ctx, NULL, count, SWAP_CHUNK, swap_range, &swap, err);
}

/* ---- axis order ----------------------------------------------------------------------------------------------------
 */

typedef struct Strided {
  size_t number;
  int64_t n[5], to[5], from[5];
  uint8_t *dst;
  const uint8_t *src;
} Strided;

#define COPY_ROW(T)                                                                                              \
  do {                                                                                                           \
    T *d = (T *)(void *)s->dst + dst;                                                                            \
    const T *f = (const T *)(const void *)s->src + src;                                                          \
    for (int64_t j = 0; j < s->n[1]; j++)                                                                        \
      for (int64_t i = 0; i < s->n[0]; i++) d[j * s->to[1] + i * s->to[0]] = f[j * s->from[1] + i * s->from[0]]; \
  } while (0)

static bool copy_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Strided *s = arg;
  for (int64_t row = range.begin; row < range.end; row++) {
    int64_t k = row % s->n[2], l = row / s->n[2] % s->n[3], m = row / s->n[2] / s->n[3];
    int64_t dst = k * s->to[2] + l * s->to[3] + m * s->to[4];
    int64_t src = k * s->from[2] + l * s->from[3] + m * s->from[4];
    if (s->number == 1)
      COPY_ROW(uint8_t);
    else if (s->number == 2)
      COPY_ROW(uint16_t);
    else if (s->number == 4)
      COPY_ROW(uint32_t);
    else
      COPY_ROW(uint64_t);
  }
  return true;
}

bool cm__copy_strided(CmContext *ctx, size_t number, const int64_t n[5], void *dst, const int64_t to[5],
                      const void *src, const int64_t from[5], CmError **err) {
  Strided s = {.number = number, .dst = dst, .src = src};
  memcpy(s.n, n, sizeof s.n);
  memcpy(s.to, to, sizeof s.to);
  memcpy(s.from, from, sizeof s.from);
  int64_t per_row = n[0] * n[1];
  int64_t chunk = per_row >= SWAP_CHUNK ? 1 : SWAP_CHUNK / per_row;
  return cm_parallel_for(ctx, NULL, n[2] * n[3] * n[4], chunk, copy_rows, &s, err);
}

void *cm__voxels_planar(CmContext *ctx, const CmImage *image, CmError **err) {
  const int64_t *d = cm_image_dims(image);
  int64_t c = cm_image_components(image), voxels = cm_image_voxels(image);
  const int64_t n[5] = {c, d[0], d[1], d[2], d[3]};
  const int64_t from[5] = {1, c, c * d[0], c * d[0] * d[1], c * d[0] * d[1] * d[2]};
  const int64_t to[5] = {voxels, 1, d[0], d[0] * d[1], d[0] * d[1] * d[2]};
  void *planar = cm_alloc(ctx, cm_image_bytes(image), err);
  if (!planar) return NULL;
  if (!cm__copy_strided(ctx, cm_type_size(cm_image_type(image)), n, planar, to, cm_image_data(image), from, err)) {
    cm_free(planar);
    return NULL;
  }
  return planar;
}

/* Whether the axes lie in the order c, x, y, z, t already. */
static bool in_order(const CmLayout *layout) {
  int last = -1;
  for (int i = 0; i < layout->axes; i++) {
    if (layout->size[i] == 1) continue;
    if ((int)layout->role[i] < last) return false;
    last = (int)layout->role[i];
  }
  return true;
}

static void *put_in_order(CmContext *ctx, const CmLayout *layout, const void *data, uint64_t bytes, CmError **err) {
  int64_t n[5] = {1, 1, 1, 1, 1}, from[5] = {0}, to[5];
  int64_t stride = 1;
  for (int i = 0; i < layout->axes; i++) {
    n[layout->role[i]] = layout->size[i];
    from[layout->role[i]] = stride;
    stride *= layout->size[i];
  }
  stride = 1;
  for (int i = 0; i < 5; i++) {
    to[i] = stride;
    stride *= n[i];
  }
  void *ordered = cm_alloc(ctx, (size_t)bytes, err);
  if (!ordered) return NULL;
  if (!cm__copy_strided(ctx, cm__raw_size(layout->raw), n, ordered, to, data, from, err)) {
    cm_free(ordered);
    return NULL;
  }
  return ordered;
}

/* ---- types that CmImage has not -------------------------------------------------------------------------------- */

/* IEEE 754 binary16. */
static float half_to_float(uint16_t half) {
  uint32_t exponent = (half >> 10) & 31u, fraction = half & 1023u;
  float value = exponent == 31 ? (fraction ? NAN : INFINITY)
                : exponent     ? ldexpf((float)(fraction | 1024u), (int)exponent - 25)
                               : ldexpf((float)fraction, -24);
  return half & 0x8000u ? -value : value;
}

/* The type that holds all 64-bit integers exactly; CM_TYPE_COUNT if none does. */
static CmType type_for_int64(const void *data, int64_t count, bool is_signed) {
  const int64_t *s = data;
  const uint64_t *u = data;
  int64_t low = 0, high = 0;
  for (int64_t i = 0; i < count; i++) {
    if (!is_signed && u[i] > (uint64_t)1 << 53) return CM_TYPE_COUNT;
    if (s[i] < low) low = s[i];
    if (s[i] > high) high = s[i];
  }
  if (low >= INT32_MIN && high <= INT32_MAX) return CM_I32;
  if (low >= 0 && high <= (int64_t)UINT32_MAX) return CM_U32;
  const int64_t exact = (int64_t)1 << 53;
  return low >= -exact && high <= exact ? CM_F64 : CM_TYPE_COUNT;
}

/* Narrows 64-bit integers in place (the results are never wider). */
static bool narrow(void *data, int64_t count, bool is_signed, CmType *type, CmError **err) {
  *type = type_for_int64(data, count, is_signed);
  if (*type == CM_TYPE_COUNT) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "holds 64-bit integers beyond 2^53, which no voxel type of Cormack keeps exactly; "
                 "convert it to a smaller type first");
    return false;
  }
  const int64_t *from = data;
  uint8_t *to = data;
  for (int64_t i = 0; i < count; i++) {
    int64_t value = from[i];
    if (*type == CM_F64) {
      double real = (double)value;
      memcpy(to + 8 * i, &real, 8);
    } else { /* i32 and u32 have the same low bits */
      uint32_t small = (uint32_t)value;
      memcpy(to + 4 * i, &small, 4);
    }
  }
  return true;
}

bool cm__raw_to_type(CmContext *ctx, int raw, int64_t count, void **block, void **data, CmType *type, CmError **err) {
  if (raw == CM_RAW_I64 || raw == CM_RAW_U64) return narrow(*data, count, raw == CM_RAW_I64, type, err);
  *type = (CmType)raw;
  if (raw != CM_RAW_F16) return true;
  float *wide = cm_alloc_array(ctx, (size_t)count, sizeof(float), err);
  if (!wide) return false;
  const uint16_t *half = *data;
  for (int64_t i = 0; i < count; i++) wide[i] = half_to_float(half[i]);
  cm_free(*block);
  *block = *data = wide;
  *type = CM_F32;
  return true;
}

/* ---- putting it together --------------------------------------------------------------------------------------------
 */

static void free_block(void *block) {
  cm_free(block);
}

CmImage *cm__voxels_take(CmContext *ctx, const CmLayout *layout, void *block, void *data, CmError **err) {
  CmImage *image = NULL;
  CmType type;
  uint64_t bytes;
  int64_t dims[4] = {1, 1, 1, 1}, components = 1;
  if (!cm__layout_bytes(layout, &bytes, err)) goto done;
  size_t number = cm__raw_size(layout->raw);
  int64_t count = (int64_t)(bytes / number);
  if (layout->big_endian && !cm__swap_bytes(ctx, data, count, number, err)) goto done;
  if (!in_order(layout)) {
    void *ordered = put_in_order(ctx, layout, data, bytes, err);
    if (!ordered) goto done;
    cm_free(block);
    block = data = ordered;
  }
  for (int i = 0; i < layout->axes; i++) {
    if (layout->role[i] == CM_ROLE_C)
      components = layout->size[i];
    else
      dims[layout->role[i] - CM_ROLE_X] = layout->size[i];
  }
  if (!cm__raw_to_type(ctx, layout->raw, count, &block, &data, &type, err)) goto done;
  image = cm_image_wrap(ctx, type, layout->rank, dims, (int)components, data, free_block, block, err);
done:
  if (!image) cm_free(block);
  return image;
}

/* ---- slope and intercept
 * --------------------------------------------------------------------------------------------- */

static CmType rescaled_integer(CmType type, double slope, double intercept) {
  if (!cm_type_is_integer(type) || slope != floor(slope) || intercept != floor(intercept)) return CM_TYPE_COUNT;
  double a = cm_type_min(type) * slope + intercept, b = cm_type_max(type) * slope + intercept;
  static const CmType order[] = {CM_I16, CM_U16, CM_I32, CM_U32};
  for (int i = 0; i < CM_COUNT(order); i++)
    if (fmin(a, b) >= cm_type_min(order[i]) && fmax(a, b) <= cm_type_max(order[i])) return order[i];
  return CM_TYPE_COUNT;
}

typedef struct Rescale {
  const void *from;
  CmType from_type, to_type;
  double slope, intercept;
  void *to;
  bool *inexact; /* per chunk */
} Rescale;

static double number_at(const void *data, CmType type, int64_t at) {
  switch (type) {
#define NUMBER_AT(code, ctype, name, suffix) \
  case CM_##code:                            \
    return (double)((const ctype *)data)[at];
    CM_TYPE_MAP(NUMBER_AT)
#undef NUMBER_AT
    default:
      return 0;
  }
}

static bool rescale_range(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Rescale *r = arg;
  for (int64_t i = range.begin; i < range.end; i++) {
    double value = number_at(r->from, r->from_type, i) * r->slope + r->intercept;
    switch (r->to_type) {
      case CM_I16:
        ((int16_t *)r->to)[i] = (int16_t)value;
        break;
      case CM_U16:
        ((uint16_t *)r->to)[i] = (uint16_t)value;
        break;
      case CM_I32:
        ((int32_t *)r->to)[i] = (int32_t)value;
        break;
      case CM_U32:
        ((uint32_t *)r->to)[i] = (uint32_t)value;
        break;
      case CM_F32:
        ((float *)r->to)[i] = (float)value;
        if ((double)(float)value != value && value == value) r->inexact[range.chunk] = true;
        break;
      default:
        ((double *)r->to)[i] = value;
        break;
    }
  }
  return true;
}

static CmImage *rescale_to(CmContext *ctx, const CmImage *image, CmType type, double slope, double intercept,
                           bool *exact, CmError **err) {
  int64_t count = cm_image_values(image), chunks = cm_chunk_count(count, SWAP_CHUNK);
  CmImage *out = cm_image_create_like(ctx, image, type, cm_image_components(image), err);
  bool *inexact = cm_calloc(ctx, (size_t)chunks, sizeof(bool), err);
  bool ok = false;
  if (out && inexact) {
    Rescale r = {cm_image_data(image), cm_image_type(image), type, slope, intercept, cm_image_data_mut(out), inexact};
    ok = cm_parallel_for(ctx, NULL, count, SWAP_CHUNK, rescale_range, &r, err);
    *exact = true;
    for (int64_t i = 0; i < chunks; i++) *exact = *exact && !inexact[i];
  }
  cm_free(inexact);
  if (!ok) cm_image_unref(&out);
  return out;
}

CmImage *cm__voxels_rescale(CmContext *ctx, CmImage *image, double slope, double intercept, CmError **err) {
  if (!image || (slope == 1.0 && intercept == 0.0)) return image;
  CmType type = rescaled_integer(cm_image_type(image), slope, intercept);
  if (type == CM_TYPE_COUNT) type = CM_F32;
  bool exact = false;
  CmImage *out = rescale_to(ctx, image, type, slope, intercept, &exact, err);
  if (out && !exact) {
    cm_image_unref(&out);
    out = rescale_to(ctx, image, CM_F64, slope, intercept, &exact, err);
  }
  cm_image_unref(&image);
  return out;
}
