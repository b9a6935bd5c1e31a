/* The loops over values: cells to integers or doubles, linear maps and tables, and out in the type that is wanted.
 *
 * Work goes by blocks that stay in the first cache, so that each value crosses the memory bus once in and once out. */
#include <math.h>
#include <string.h>

#include "io/dicom/pixel.h"

#define BLOCK 3072 /* values; divisible by 3 samples */

/* The same plain C for several instruction sets, chosen when the library is loaded; integer arithmetic, so the same
 * bits. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define CM_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CM_CLONES
#endif

static inline uint16_t load16(const uint8_t *p) {
  uint16_t v;
  memcpy(&v, p, 2);
  return v;
}

static inline uint32_t load32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}

static inline uint64_t load64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}

CM_CLONES void cm__pixel_widen_i32(const CmPixelCells *cells, int64_t first, int64_t count, int32_t *to) {
  int left = 32 - cells->shift - cells->bits, right = 32 - cells->bits;
  const uint8_t *from = cells->bytes + first * cells->cell_bytes;
  if (cells->cell_bytes == 1) {
    for (int64_t i = 0; i < count; i++) to[i] = (int32_t)((uint32_t)from[i] << left);
  } else if (cells->swap) {
    for (int64_t i = 0; i < count; i++) to[i] = (int32_t)((uint32_t)__builtin_bswap16(load16(from + 2 * i)) << left);
  } else {
    for (int64_t i = 0; i < count; i++) to[i] = (int32_t)((uint32_t)load16(from + 2 * i) << left);
  }
  if (cells->is_signed) {
    for (int64_t i = 0; i < count; i++) to[i] >>= right;
  } else {
    for (int64_t i = 0; i < count; i++) to[i] = (int32_t)((uint32_t)to[i] >> right);
  }
}

static void widen_wide(const CmPixelCells *cells, const uint8_t *from, int64_t count, double *to) {
  int left = 32 - cells->shift - cells->bits, right = 32 - cells->bits;
  for (int64_t i = 0; i < count; i++) {
    uint32_t cell = load32(from + 4 * i);
    cell = (cells->swap ? __builtin_bswap32(cell) : cell) << left;
    to[i] = cells->is_signed ? (double)((int32_t)cell >> right) : (double)(cell >> right);
  }
}

static void widen_float(const CmPixelCells *cells, const uint8_t *from, int64_t count, double *to) {
  for (int64_t i = 0; i < count; i++) {
    if (cells->cell_bytes == 4) {
      uint32_t bits = load32(from + 4 * i);
      if (cells->swap) bits = __builtin_bswap32(bits);
      float value;
      memcpy(&value, &bits, 4);
      to[i] = (double)value;
    } else {
      uint64_t bits = load64(from + 8 * i);
      if (cells->swap) bits = __builtin_bswap64(bits);
      memcpy(&to[i], &bits, 8);
    }
  }
}

void cm__pixel_widen_f64(const CmPixelCells *cells, int64_t first, int64_t count, double *to) {
  const uint8_t *from = cells->bytes + first * cells->cell_bytes;
  if (cells->is_float) {
    widen_float(cells, from, count, to);
  } else if (cells->cell_bytes == 4) {
    widen_wide(cells, from, count, to);
  } else {
    int32_t block[BLOCK];
    for (int64_t done = 0; done < count; done += BLOCK) {
      int64_t n = count - done < BLOCK ? count - done : BLOCK;
      cm__pixel_widen_i32(cells, first + done, n, block);
      for (int64_t i = 0; i < n; i++) to[done + i] = (double)block[i];
    }
  }
}

static bool refuse_value(double value, CmType type, CmError **err) {
  cm_error_set(err, CM_ERR_DATA, "a value of %.17g does not fit %s; ask for a wider type", value, cm_type_name(type));
  return false;
}

CM_CLONES bool cm__pixel_store_i32(const int32_t *from, int64_t count, CmType type, void *to, int64_t at,
                                   CmError **err) {
  int32_t low = from[0], high = from[0];
  if (type == CM_I32) {
    memcpy((int32_t *)to + at, from, (size_t)count * sizeof *from);
    return true;
  }
  if (cm_type_is_integer(type)) {
    for (int64_t i = 0; i < count; i++) {
      low = from[i] < low ? from[i] : low;
      high = from[i] > high ? from[i] : high;
    }
    if ((double)low < cm_type_min(type)) return refuse_value(low, type, err);
    if ((double)high > cm_type_max(type)) return refuse_value(high, type, err);
  }
  switch (type) {
#define STORE(code, ctype, name, suffix)                                        \
  case CM_##code:                                                               \
    for (int64_t i = 0; i < count; i++) ((ctype *)to)[at + i] = (ctype)from[i]; \
    break;
    CM_TYPE_MAP(STORE)
#undef STORE
    default:
      break;
  }
  return true;
}

static bool store_f64(const double *from, int64_t count, CmType type, void *to, int64_t at, CmError **err) {
  if (cm_type_is_integer(type)) {
    double low = cm_type_min(type), high = cm_type_max(type);
    for (int64_t i = 0; i < count; i++) {
      if (!(from[i] >= low && from[i] <= high) || from[i] != nearbyint(from[i]))
        return refuse_value(from[i], type, err);
    }
  }
  switch (type) {
#define STORE(code, ctype, name, suffix)                                        \
  case CM_##code:                                                               \
    for (int64_t i = 0; i < count; i++) ((ctype *)to)[at + i] = (ctype)from[i]; \
    break;
    CM_TYPE_MAP(STORE)
#undef STORE
    default:
      break;
  }
  return true;
}

static bool is_whole(double value) {
  return value == nearbyint(value) && fabs(value) <= 1 << 20;
}

/* Whether slope * stored + intercept stays within 32-bit arithmetic, and a float holds it where one is asked for. */
static bool integer_map(const CmPixelCells *cells, const CmPixelLinear *linear, CmType type) {
  if (cells->is_float || cells->cell_bytes > 2) return false;
  if (!linear) return true;
  if (!is_whole(linear->slope) || !is_whole(linear->intercept)) return false;
  return fabs(linear->slope) * 65536 + fabs(linear->intercept) < (type == CM_F32 ? 16777216.0 : 2147483647.0);
}

/* Whether every stored value plus `intercept` fits a 16-bit `type`. */
static bool fits_16(const CmPixelCells *cells, int32_t intercept, CmType type) {
  int32_t low = cells->is_signed ? -(1 << (cells->bits - 1)) : 0,
          high = (1 << (cells->bits - (cells->is_signed ? 1 : 0))) - 1;
  if (type != CM_I16 && type != CM_U16) return false;
  return (double)low + intercept >= cm_type_min(type) && (double)high + intercept <= cm_type_max(type);
}

/* 16-bit cells to 16-bit values in one pass, in 16-bit arithmetic: nothing can overflow where fits_16() holds. */
CM_CLONES static void shift_16(const uint8_t *from, int64_t count, int left, int right, uint16_t intercept,
                               uint16_t *to) {
  for (int64_t i = 0; i < count; i++)
    to[i] = (uint16_t)(((uint16_t)(load16(from + 2 * i) << left) >> right) + intercept);
}

CM_CLONES static void shift_16_signed(const uint8_t *from, int64_t count, int left, int right, uint16_t intercept,
                                      uint16_t *to) {
  for (int64_t i = 0; i < count; i++) {
    int16_t value = (int16_t)(uint16_t)(load16(from + 2 * i) << left);
    to[i] = (uint16_t)((uint16_t)(value >> right) + intercept);
  }
}

CM_CLONES static void swap_16(const uint8_t *from, int64_t count, uint16_t *to) {
  for (int64_t i = 0; i < count; i++) to[i] = __builtin_bswap16(load16(from + 2 * i));
}

/* The quick ways: cells that are the values already, and 16 bits to 16 bits. false: not one of them. */
static bool store_directly(const CmPixelCells *cells, int64_t count, const CmPixelLinear *linear, CmType type,
                           void *to) {
  static const CmType exact[2][3] = {{CM_U8, CM_U16, CM_U32}, {CM_I8, CM_I16, CM_I32}};
  int size = cells->cell_bytes;
  bool swap = cells->swap && size > 1;
  if (cells->is_float || (linear && linear->slope != 1.0) || (swap && size != 2)) return false;
  if (!linear && !swap && cells->bits == 8 * size && type == exact[cells->is_signed][size / 2]) {
    memcpy(to, cells->bytes, (size_t)count * (size_t)size);
    return true;
  }
  int32_t intercept = linear ? (int32_t)linear->intercept : 0;
  if (size != 2 || !fits_16(cells, intercept, type)) return false;
  const uint8_t *from = cells->bytes;
  if (swap) {
    swap_16(from, count, to);
    from = to;
  }
  (cells->is_signed ? shift_16_signed : shift_16)(from, count, 16 - cells->shift - cells->bits, 16 - cells->bits,
                                                  (uint16_t)intercept, to);
  return true;
}

static bool store_integers(const CmPixelCells *cells, int64_t count, const CmPixelLinear *linear, const CmPixelLut *lut,
                           CmType type, void *to, CmError **err) {
  int32_t block[BLOCK];
  int32_t slope = linear ? (int32_t)linear->slope : 1, intercept = linear ? (int32_t)linear->intercept : 0;
  for (int64_t done = 0; done < count; done += BLOCK) {
    int64_t n = count - done < BLOCK ? count - done : BLOCK;
    cm__pixel_widen_i32(cells, done, n, block);
    if (lut) {
      for (int64_t i = 0; i < n; i++) block[i] = cm__pixel_lut_at(lut, block[i]);
    } else if (slope != 1) {
      for (int64_t i = 0; i < n; i++) block[i] = block[i] * slope + intercept;
    } else if (intercept != 0) {
      for (int64_t i = 0; i < n; i++) block[i] += intercept;
    }
    if (!cm__pixel_store_i32(block, n, type, to, done, err)) return false;
  }
  return true;
}

bool cm__pixel_store(const CmPixelCells *cells, int64_t count, const CmPixelLinear *linear, const CmPixelLut *lut,
                     CmType type, void *to, CmError **err) {
  bool whole = integer_map(cells, lut ? NULL : linear, type);
  if (whole && !lut && store_directly(cells, count, linear, type, to)) return true;
  if (whole) return store_integers(cells, count, lut ? NULL : linear, lut, type, to, err);
  double block[BLOCK];
  for (int64_t done = 0; done < count; done += BLOCK) {
    int64_t n = count - done < BLOCK ? count - done : BLOCK;
    cm__pixel_widen_f64(cells, done, n, block);
    if (lut) {
      for (int64_t i = 0; i < n; i++) block[i] = (double)cm__pixel_lut_at(lut, (int64_t)block[i]);
    } else if (linear) {
      double slope = linear->slope, intercept = linear->intercept;
      for (int64_t i = 0; i < n; i++) block[i] = block[i] * slope + intercept;
    }
    if (!store_f64(block, n, type, to, done, err)) return false;
  }
  return true;
}

static int32_t clamp_sample(double value, int32_t most) {
  int32_t whole = (int32_t)floor(value + 0.5);
  return whole < 0 ? 0 : whole > most ? most : whole;
}

/* Inverse of the forward equations of PS3.3 C.7.6.3.1.2, whose luma weights are those of ITU-R BT.601: 0.299, 0.587,
 * 0.114. */
void cm__pixel_ybr_to_rgb(int32_t *triples, int64_t pixels, int bits, bool partial_range) {
  int32_t most = (int32_t)(((int64_t)1 << bits) - 1);
  double half = (double)((int64_t)1 << (bits - 1)), unit = half / 128.0;
  double y_gain = partial_range ? 255.0 / 219.0 : 1.0, c_gain = partial_range ? 255.0 / 224.0 : 1.0;
  double y_zero = partial_range ? 16.0 * unit : 0.0;
  double r_cr = 1.402 * c_gain, b_cb = 1.772 * c_gain;
  double g_cb = 0.114 * 1.772 / 0.587 * c_gain, g_cr = 0.299 * 1.402 / 0.587 * c_gain;
  for (int64_t i = 0; i < pixels; i++, triples += 3) {
    double y = ((double)triples[0] - y_zero) * y_gain, cb = (double)triples[1] - half, cr = (double)triples[2] - half;
    triples[0] = clamp_sample(y + r_cr * cr, most);
    triples[1] = clamp_sample(y - g_cb * cb - g_cr * cr, most);
    triples[2] = clamp_sample(y + b_cb * cb, most);
  }
}

/* PS3.3 C.11.2.1.2 and C.11.2.1.3, to 0..255, rounded to nearest. */
static double windowed(const CmPixelWindow *window, double x) {
  double c = window->center, w = window->width;
  switch (window->kind) {
    case CM_WINDOW_SIGMOID:
      return 255.0 / (1.0 + exp(-4.0 * (x - c) / w));
    case CM_WINDOW_LINEAR:
      c -= 0.5;
      w -= 1.0;
      break;
    case CM_WINDOW_LINEAR_EXACT:
      break;
  }
  if (x <= c - w / 2.0) return 0.0;
  if (x > c + w / 2.0) return 255.0;
  return ((x - c) / w + 0.5) * 255.0;
}

void cm__pixel_window(const CmPixelWindow *window, bool inverse, const double *values, int64_t count, uint8_t *to) {
  for (int64_t i = 0; i < count; i++) {
    double shown = isnan(values[i]) ? 0.0 : windowed(window, values[i]);
    uint8_t level = (uint8_t)floor((inverse ? 255.0 - shown : shown) + 0.5);
    to[i] = level;
  }
}
