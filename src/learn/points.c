#include "learn/points.h"

#include <math.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 6, DIGIT_VALUES = 1 << DIGIT_BITS, FEW = 48 };

/* Bits that rise with the value; -0 is 0. */
static inline uint64_t key_of(double value) {
  uint64_t bits;
  value += 0.0;
  memcpy(&bits, &value, sizeof bits);
  return bits ^ (bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63);
}

static inline int digit_of(double value, int digit) {
  return (int)(key_of(value) >> (digit * DIGIT_BITS) & (DIGIT_VALUES - 1));
}

static void insert(CmPoint *points, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    CmPoint point = points[i];
    int64_t at = i;
    for (; at > 0 && points[at - 1].value > point.value; at--) points[at] = points[at - 1];
    points[at] = point;
  }
}

void cm__sort_points(CmPoint *points, CmPoint *spare, int64_t n) {
  if (n <= FEW) {
    insert(points, n);
    return;
  }
  CmPoint *from = points, *to = spare;
  for (int digit = 0; digit < DIGITS; digit++) {
    int64_t begin[DIGIT_VALUES + 1] = {0};
    for (int64_t i = 0; i < n; i++) begin[digit_of(from[i].value, digit) + 1]++;
    if (begin[digit_of(from[0].value, digit) + 1] == n) continue; /* all the same */
    for (int k = 0; k < DIGIT_VALUES; k++) begin[k + 1] += begin[k];
    for (int64_t i = 0; i < n; i++) to[begin[digit_of(from[i].value, digit)]++] = from[i];
    CmPoint *swap = from;
    from = to;
    to = swap;
  }
  if (from != points) memcpy(points, from, sizeof *points * (size_t)n);
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
