#include "learn/quantile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_size(const void *a, const void *b) {
  double p = *(const double *)a, q = *(const double *)b;
  return p < q ? -1 : p > q;
}

static void insert(double *values, int64_t count) {
  for (int64_t i = 1; i < count; i++) {
    double value = values[i];
    int64_t at = i;
    for (; at > 0 && values[at - 1] > value; at--) values[at] = values[at - 1];
    values[at] = value;
  }
}

static double middle_of(double a, double b, double c) {
  return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}

/* Swaps values until those before *high + 1 are at most those from *low on (Hoare 1961); both sides are shorter. */
static void part(double *values, int64_t count, int64_t *low, int64_t *high) {
  double pivot = middle_of(values[0], values[count / 2], values[count - 1]);
  int64_t up = 0, down = count - 1;
  while (up <= down) {
    while (values[up] < pivot) up++;
    while (values[down] > pivot) down--;
    if (up > down) break;
    double swap = values[up];
    values[up++] = values[down];
    values[down--] = swap;
  }
  *low = up;
  *high = down;
}

enum { FEW = 24, MOST_PARTS = 64 };

/* In place; where the cuts are bad too often the library's sort ends it. */
static void sort(double *values, int64_t count, int parts) {
  while (count > FEW && parts-- > 0) {
    int64_t low, high;
    part(values, count, &low, &high);
    sort(values, high + 1, parts);
    values += low;
    count -= low;
  }
  if (count > FEW)
    qsort(values, (size_t)count, sizeof *values, by_size);
  else
    insert(values, count);
}

void cm__sort_numbers(double *values, int64_t count) {
  sort(values, count, MOST_PARTS);
}

/* Moves the value that would stand at `at` there, smaller ones before it. */
static void place(double *values, int64_t count, int64_t at) {
  for (int parts = MOST_PARTS; count > FEW && parts > 0; parts--) {
    int64_t low, high;
    part(values, count, &low, &high);
    if (at > high && at < low) return;
    if (at <= high) {
      count = high + 1;
    } else {
      values += low;
      count -= low;
      at -= low;
    }
  }
  sort(values, count, MOST_PARTS);
}

double cm__median(double *values, int64_t count) {
  int64_t at = (count - 1) / 2;
  place(values, count, at);
  double above = INFINITY;
  for (int64_t i = at + 1; i < count; i++) above = fmin(above, values[i]);
  double pair[] = {values[at], count % 2 ? values[at] : above};
  return cm__quantile(pair, 2, 0.5);
}

enum { SAMPLE = 1024, MARGIN = 64 }; /* four deviations of the sample's middle, or 5 % of the values on either side */

double cm__median_of(const double *values, int64_t count, double *work) {
  double sample[SAMPLE];
  int64_t at = (count - 1) / 2, below = 0, taken = 0;
  if (count > 8 * SAMPLE) {
    for (int k = 0; k < SAMPLE; k++) sample[k] = values[count / SAMPLE * k];
    cm__sort_numbers(sample, SAMPLE);
    double low = sample[SAMPLE / 2 - MARGIN], high = sample[SAMPLE / 2 + MARGIN];
    for (int64_t i = 0; i < count; i++) { /* without branches */
      double value = values[i];
      work[taken] = value;
      taken += (value >= low) & (value <= high);
      below += value < low;
    }
    if (at >= below && at + 1 < below + taken) {
      place(work, taken, at - below);
      double above = INFINITY;
      for (int64_t i = at - below + 1; i < taken; i++) above = work[i] < above ? work[i] : above;
      return cm__quantile((double[]){work[at - below], count % 2 ? work[at - below] : above}, 2, 0.5);
    }
  }
  memcpy(work, values, sizeof *work * (size_t)count);
  return cm__median(work, count);
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
