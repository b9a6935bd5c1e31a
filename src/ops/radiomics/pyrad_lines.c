#include "ops/radiomics/pyrad_lines.h"

#include <math.h>
#include <string.h>

#include "ops/simd.h"

static bool are_rows(const CmLines *lines) {
  return lines->across == 1 && lines->count == CM__LANES;
}

/* ---- turning: eight values of eight lines ---- */

enum { TILE = 8 };
typedef float Eight __attribute__((vector_size(TILE * sizeof(float))));

/* Value i of line k stands at k * step + i; to: at i * TILE + k. */
static inline __attribute__((always_inline)) void turn(const float *from, int64_t step, float *to) {
  Eight r[TILE], a[TILE], b[TILE];
  for (int k = 0; k < TILE; k++) memcpy(&r[k], from + k * step, sizeof r[k]);
  for (int k = 0; k < TILE; k += 2) {
    a[k] = __builtin_shufflevector(r[k], r[k + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[k + 1] = __builtin_shufflevector(r[k], r[k + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int k = 0; k < TILE; k += 4)
    for (int i = 0; i < 2; i++) {
      b[k + 2 * i] = __builtin_shufflevector(a[k + i], a[k + 2 + i], 0, 1, 8, 9, 4, 5, 12, 13);
      b[k + 2 * i + 1] = __builtin_shufflevector(a[k + i], a[k + 2 + i], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int i = 0; i < 4; i++) {
    r[i] = __builtin_shufflevector(b[i], b[4 + i], 0, 1, 2, 3, 8, 9, 10, 11);
    r[4 + i] = __builtin_shufflevector(b[i], b[4 + i], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int i = 0; i < TILE; i++) memcpy(to + i * TILE, &r[i], sizeof r[i]);
}

/* TILE values of all lines, from `from` on. */
CM_SIMD static void gather_tile(const float *from, int64_t across, double *data) {
  float tile[TILE * TILE];
  for (int half = 0; half < CM__LANES; half += TILE) {
    turn(from + half * across, across, tile);
    for (int i = 0; i < TILE; i++)
      for (int k = 0; k < TILE; k++) data[i * CM__LANES + half + k] = (double)tile[i * TILE + k];
  }
}

CM_SIMD static void scatter_tile(const double *one, const double *other, int64_t across, float *to) {
  float tile[TILE * TILE], turned[TILE * TILE];
  for (int half = 0; half < CM__LANES; half += TILE) {
    for (int i = 0; i < TILE; i++)
      for (int k = 0; k < TILE; k++)
        tile[i * TILE + k] = (float)(one[i * CM__LANES + half + k] + other[i * CM__LANES + half + k]);
    turn(tile, TILE, turned);
    for (int k = 0; k < TILE; k++) memcpy(to + (half + k) * across, turned + k * TILE, TILE * sizeof(float));
  }
}

/* ---- gather ---- */

CM_SIMD static void gather_rows(const float *from, int64_t step, int64_t count, double *data) {
  for (int64_t i = 0; i < count; i++) {
    __builtin_prefetch(from + i * step + CM__LANES); /* of the next lines */
    for (int64_t k = 0; k < CM__LANES; k++) data[i * CM__LANES + k] = (double)from[i * step + k];
  }
}

static void gather_value(const CmField *from, const CmLines *lines, int64_t at, double *to) {
  const int64_t place = lines->start + at * lines->step;
  for (int64_t k = 0; k < CM__LANES; k++) {
    const int64_t own = place + (k < lines->count ? k : lines->count - 1) * lines->across;
    to[k] = from->v ? (double)from->v[own] : from->wide[own];
  }
}

void cm__lines_gather(const CmField *from, const CmLines *lines, int64_t first, int64_t count, int64_t last,
                      double *data) {
  for (int64_t i = 0; i < count;) {
    const int64_t at = first + i < 0 ? 0 : first + i > last ? last : first + i;
    const int64_t room = first + i == at ? (first + count < last + 1 ? first + count : last + 1) - at : 0;
    const float *v = from->v ? from->v + lines->start + at * lines->step : NULL;
    double *to = data + i * CM__LANES;
    if (v && room > 0 && are_rows(lines)) {
      gather_rows(v, lines->step, room, to);
      i += room;
    } else if (v && room >= TILE && lines->step == 1 && lines->count == CM__LANES) {
      gather_tile(v, lines->across, to);
      i += TILE;
    } else {
      gather_value(from, lines, at, to);
      i++;
    }
  }
}

/* ---- sums ---- */

/* cm__lines_remember() where the lines lie side by side. */
CM_SIMD static void sum_rows(const float *from, int64_t step, const double *weights, int64_t count, double *to) {
  const double *w0 = weights, *w1 = w0 + count, *w2 = w1 + count, *w3 = w2 + count;
  double a[CM__LANES] = {0.0}, b[CM__LANES] = {0.0}, c[CM__LANES] = {0.0}, d[CM__LANES] = {0.0};
  for (int64_t p = 0; p < count; p++, from += step) {
    __builtin_prefetch(from + CM__LANES); /* of the next lines */
    for (int k = 0; k < CM__LANES; k++) {
      const double v = (double)from[k];
      a[k] = fma(w0[p], v, a[k]);
      b[k] = fma(w1[p], v, b[k]);
      c[k] = fma(w2[p], v, c[k]);
      d[k] = fma(w3[p], v, d[k]);
    }
  }
  for (int k = 0; k < CM__LANES; k++) {
    to[k] = a[k];
    to[CM__LANES + k] = b[k];
    to[2 * CM__LANES + k] = c[k];
    to[3 * CM__LANES + k] = d[k];
  }
}

enum { PARTS = 8 };

static double add_up(const double part[PARTS]) {
  return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
}

/* The same of one line whose values stand side by side. */
CM_SIMD static void sum_line(const float *from, const double *weights, int64_t count, double *to) {
  const double *w0 = weights, *w1 = w0 + count, *w2 = w1 + count, *w3 = w2 + count;
  double a[PARTS] = {0.0}, b[PARTS] = {0.0}, c[PARTS] = {0.0}, d[PARTS] = {0.0};
  int64_t p = 0;
  for (; p + PARTS <= count; p += PARTS)
    for (int k = 0; k < PARTS; k++) {
      const double v = (double)from[p + k];
      a[k] = fma(w0[p + k], v, a[k]);
      b[k] = fma(w1[p + k], v, b[k]);
      c[k] = fma(w2[p + k], v, c[k]);
      d[k] = fma(w3[p + k], v, d[k]);
    }
  double ends[CM__MEMORY] = {0.0};
  for (; p < count; p++) {
    const double v = (double)from[p];
    ends[0] = fma(w0[p], v, ends[0]);
    ends[1] = fma(w1[p], v, ends[1]);
    ends[2] = fma(w2[p], v, ends[2]);
    ends[3] = fma(w3[p], v, ends[3]);
  }
  to[0] = add_up(a) + ends[0];
  to[CM__LANES] = add_up(b) + ends[1];
  to[2 * CM__LANES] = add_up(c) + ends[2];
  to[3 * CM__LANES] = add_up(d) + ends[3];
}

void cm__lines_remember(const CmField *from, const CmLines *lines, int64_t first, int64_t count, const double *weights,
                        double *to) {
  const int64_t start = lines->start + first * lines->step;
  if (from->v && are_rows(lines)) {
    sum_rows(from->v + start, lines->step, weights, count, to);
  } else if (from->v && lines->step == 1) {
    for (int64_t k = 0; k < CM__LANES; k++)
      sum_line(from->v + start + (k < lines->count ? k : lines->count - 1) * lines->across, weights, count, to + k);
  } else {
    double row[CM__LANES];
    memset(to, 0, CM__MEMORY * CM__LANES * sizeof(double));
    for (int64_t p = 0; p < count; p++) {
      gather_value(from, lines, first + p, row);
      for (int64_t k = 0; k < CM__MEMORY * CM__LANES; k++)
        to[k] = fma(weights[k / CM__LANES * count + p], row[k % CM__LANES], to[k]);
    }
  }
}

/* ---- scatter ---- */

CM_SIMD static void scatter_rows(const double *one, const double *other, int64_t step, int64_t length, float *to) {
  for (int64_t i = 0; i < length; i++)
    for (int64_t k = 0; k < CM__LANES; k++)
      to[i * step + k] = (float)(one[i * CM__LANES + k] + other[i * CM__LANES + k]);
}

void cm__lines_scatter(const double *one, const double *other, const CmLines *lines, int64_t skipped, int64_t length,
                       float *to) {
  const bool full = lines->count == CM__LANES && skipped == 0;
  int64_t i = 0;
  to += lines->start;
  if (full && are_rows(lines)) {
    scatter_rows(one, other, lines->step, length, to);
    return;
  }
  for (; full && lines->step == 1 && i + TILE <= length; i += TILE)
    scatter_tile(one + i * CM__LANES, other + i * CM__LANES, lines->across, to + i);
  for (; i < length; i++)
    for (int64_t k = skipped; k < lines->count; k++)
      to[k * lines->across + i * lines->step] = (float)(one[i * CM__LANES + k] + other[i * CM__LANES + k]);
}
