#include "learn/quantile.h"

#include <math.h>
#include <stdlib.h>

static int by_size(const void *a, const void *b) {
  double p = *(const double *)a, q = *(const double *)b;
  return p < q ? -1 : p > q;
}

void cm__sort_numbers(double *values, int64_t count) {
  qsort(values, (size_t)count, sizeof *values, by_size);
}

bool cm__percentiles(double *drawn, int64_t count, double confidence, double *low, double *high) {
  int64_t n = 0;
  for (int64_t b = 0; b < count; b++)
    if (!isnan(drawn[b])) drawn[n++] = drawn[b];
  if (n < 2) return false;
  cm__sort_numbers(drawn, n);
  *low = cm__quantile(drawn, n, (1 - confidence) / 2);
  *high = cm__quantile(drawn, n, (1 + confidence) / 2);
  return true;
}
