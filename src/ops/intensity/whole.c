#include "ops/intensity/whole.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "ops/simd.h"

enum { PART = 256, PIECE = 4096 }; /* PIECE: values that stay in the first-level cache */

#define CM_TEMPLATE "ops/intensity/whole_tmpl.c"
#include "ops/each_type.h"

typedef void (*RowFn)(const void *, int64_t, const CmStraight *, void *);
static const RowFn reals[CM_TYPE_COUNT] = CM_TYPE_TABLE(reals);
static const RowFn to_u8[CM_TYPE_COUNT] = CM_TYPE_TABLE(to_u8);
static const RowFn to_u16[CM_TYPE_COUNT] = CM_TYPE_TABLE(to_u16);
static const RowFn to_i16[CM_TYPE_COUNT] = CM_TYPE_TABLE(to_i16);

/* f32 in double. Ends are held to the type, so that what is cast is within it. */
#define ROUNDED(name, U)                                                                         \
  CM_SIMD static void name(const void *from, int64_t n, const CmStraight *map, void *to) {       \
    const float *restrict v = from;                                                              \
    U *restrict out = to;                                                                        \
    const double start = map->from, factor = map->factor, shift = map->to, most = (U)-1;         \
    const double low = fmin(fmax(map->low, 0.0), most), high = fmin(fmax(map->high, 0.0), most); \
    for (int64_t i = 0; i < n; i++) {                                                            \
      double y = ((double)v[i] - start) * factor + shift;                                        \
      y = y > low ? y : low;                                                                     \
      y = y < high ? y : high;                                                                   \
      out[i] = v[i] == v[i] ? (U)(int32_t)rint(y) : 0;                                           \
    }                                                                                            \
  }
ROUNDED(rounded_u8, uint8_t)
ROUNDED(rounded_u16, uint16_t)
#undef ROUNDED

void cm__straight_reals(CmType type, const void *from, int64_t n, const CmStraight *map, float *to) {
  reals[type](from, n, map, to);
}

void cm__straight_integers(CmType type, const void *from, int64_t n, const CmStraight *map, CmType to_type, void *to) {
  (to_type == CM_U8 ? to_u8 : to_type == CM_U16 ? to_u16 : to_i16)[type](from, n, map, to);
}

bool cm__straight_rounds_to(CmType to_type) {
  return to_type == CM_U8 || to_type == CM_U16;
}

/* How far float may be from what double gives where bytes come out; a hundredth or more: not to be used. Roundings of
 * the map's numbers and of each step, of what is at most as large as these. */
static double error_of(const CmStraight *map) {
  const double factor = fabs(map->factor), start = fabs(map->from);
  if (!(factor > 1e-30 && factor < 1e30 && start < 1e30)) return 1.0;
  return 0x1p-21 * (start * factor + fabs(map->to) + 512.0);
}

/* Bytes in float. true: a value is so near to a half that double may round it the other way. */
CM_SIMD static bool nearly_u8(const float *restrict v, int64_t n, const CmStraight *map, float error,
                              uint8_t *restrict out) {
  const float start = (float)map->from, factor = (float)map->factor, shift = (float)map->to;
  const float low = fminf(fmaxf((float)map->low, 0.0F), 255.0F), high = fminf(fmaxf((float)map->high, 0.0F), 255.0F);
  int near = 0;
  for (int64_t i = 0; i < n; i++) {
    float y = (v[i] - start) * factor + shift;
    y = y > low ? y : low;
    y = y < high ? y : high;
    const float whole = rintf(y);
    near |= fabsf(y - whole) > 0.5F - error;
    out[i] = v[i] == v[i] ? (uint8_t)(int32_t)whole : 0;
  }
  return near;
}

/* In pieces, those again in double that float does not decide. */
static void bytes_of_reals(const float *v, int64_t n, const CmStraight *map, uint8_t *out) {
  const double error = error_of(map);
  for (int64_t i = 0; i < n; i += PART) {
    const int64_t m = n - i < PART ? n - i : PART;
    if (error > 0.01 || nearly_u8(v + i, m, map, (float)error, out + i)) rounded_u8(v + i, m, map, out + i);
  }
}

void cm__straight_rounded(const void *from, int64_t n, const CmStraight *map, CmType to_type, void *to) {
  if (to_type == CM_U8)
    bytes_of_reals(from, n, map, to);
  else
    rounded_u16(from, n, map, to);
}

/* Puts down where n values beginning with `first` differ; false: in more places than there is room. */
static bool put_down(CmStraight *map, int64_t first, int64_t n, CmType to_type, const char *is, const char *should) {
  const size_t size = cm_type_size(to_type);
  if (memcmp(is, should, (size_t)n * size) == 0) return true;
  for (int64_t k = 0; k < n; k++) {
    double becomes;
    if (memcmp(is + (size_t)k * size, should + (size_t)k * size, size) == 0) continue;
    if (map->odd_count == CM_MOST_ODD) return false;
    cm__line_to_f64(to_type, should + (size_t)k * size, 1, &becomes);
    map->odd[map->odd_count] = (int32_t)(first + k);
    map->becomes[map->odd_count++] = (int32_t)becomes;
  }
  return true;
}

bool cm__straight_agrees(CmType type, CmStraight *map, CmType to_type, const void *table) {
  const size_t size = cm_type_size(type), to_size = cm_type_size(to_type);
  const int64_t values = (int64_t)1 << (8 * size), least = (int64_t)cm_type_min(type);
  double line[PART], from[PART], to[PART];
  if (to_type != CM_U8 && to_type != CM_U16 && to_type != CM_I16) return false;
  map->odd_count = 0;
  for (int64_t begin = 0; begin < values; begin += PART) {
    const CmStraight plain = {map->from, map->factor, map->to, map->low, map->high, 0, {0}, {0}};
    for (int k = 0; k < PART; k++) line[k] = (double)(begin + k + least);
    cm__line_from_f64(type, line, PART, from);
    cm__straight_integers(type, from, PART, &plain, to_type, to);
    if (!put_down(map, begin + least, PART, to_type, (const char *)to, (const char *)table + (size_t)begin * to_size))
      return false;
  }
  return true;
}
