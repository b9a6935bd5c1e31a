#include "learn/points.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 3, DIGIT_VALUES = 1 << DIGIT_BITS, FEW = 48 };

static int by_value(const void *a, const void *b) {
  const CmPoint *p = a, *q = b;
  if (p->value != q->value) return p->value < q->value ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

/* Of a value, as bits that rise with it. -0 is 0. */
static uint32_t upper_half(double value) {
  uint64_t bits;
  value += 0.0;
  memcpy(&bits, &value, sizeof bits);
  bits ^= bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63;
  return (uint32_t)(bits >> 32);
}

static void insert(CmPoint *points, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    CmPoint point = points[i];
    int64_t at = i;
    for (; at > 0 && points[at - 1].value > point.value; at--) points[at] = points[at - 1];
    points[at] = point;
  }
}

/* By digits, from the last on. */
CmKey *cm__sort_keys(CmKey *from, CmKey *to, uint32_t n) {
  uint32_t begin[DIGITS][DIGIT_VALUES + 1] = {0};
  for (uint32_t i = 0; i < n; i++)
    for (int d = 0; d < DIGITS; d++) begin[d][(from[i].bits >> d * DIGIT_BITS & (DIGIT_VALUES - 1)) + 1]++;
  for (int d = 0; d < DIGITS; d++) {
    int shift = d * DIGIT_BITS;
    if (begin[d][(from[0].bits >> shift & (DIGIT_VALUES - 1)) + 1] == n) continue; /* all the same */
    for (int k = 0; k < DIGIT_VALUES; k++) begin[d][k + 1] += begin[d][k];
    for (uint32_t i = 0; i < n; i++) to[begin[d][from[i].bits >> shift & (DIGIT_VALUES - 1)]++] = from[i];
    CmKey *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

/* Points whose keys are equal lie together; their lower halves may still differ. */
static void sort_rest(CmPoint *points, const CmKey *key, int64_t n) {
  for (int64_t first = 0, end; first < n; first = end) {
    bool sorted = true;
    for (end = first + 1; end < n && key[end].bits == key[first].bits; end++)
      sorted = sorted && points[end - 1].value <= points[end].value;
    if (sorted) continue;
    if (end - first <= FEW)
      insert(points + first, end - first);
    else
      qsort(points + first, (size_t)(end - first), sizeof *points, by_value);
  }
}

void cm__sort_points(CmPoint *points, CmPoint *spare, int64_t n) {
  if (n <= FEW) {
    insert(points, n);
    return;
  }
  if (n > UINT32_MAX / 2) {
    qsort(points, (size_t)n, sizeof *points, by_value);
    return;
  }
  CmPoint *sorted = spare + n; /* before it there is room for two arrays of keys */
  CmKey *key = (CmKey *)(void *)spare;
  for (int64_t i = 0; i < n; i++) key[i] = (CmKey){upper_half(points[i].value), (uint32_t)i};
  const CmKey *order = cm__sort_keys(key, key + n, (uint32_t)n);
  for (int64_t i = 0; i < n; i++) sorted[i] = points[order[i].at];
  sort_rest(sorted, order, n);
  memcpy(points, sorted, sizeof *points * (size_t)n);
}

int64_t cm__sorted_column(const double *x, int64_t rows, int features, int j, CmPoint *points, CmPoint *spare) {
  int64_t n = 0;
  for (int64_t i = 0; i < rows; i++) {
    double value = x[i * features + j];
    if (!isnan(value)) points[n++] = (CmPoint){value, i};
  }
  cm__sort_points(points, spare, n);
  return n;
}
