/* Quantiles of sorted numbers, linear between order statistics (Hyndman and Fan 1996, type 7). */
#ifndef CORMACK_LEARN_QUANTILE_H
#define CORMACK_LEARN_QUANTILE_H

#include <stdbool.h>
#include <stdint.h>

/* count >= 1. */
static inline double cm__quantile(const double *sorted, int64_t count, double share) {
  double at = share * (double)(count - 1);
  int64_t below = (int64_t)at;
  double part = at - (double)below;
  return below + 1 < count ? sorted[below] + part * (sorted[below + 1] - sorted[below]) : sorted[below];
}

/* From the smallest; no NaN. */
void cm__sort_numbers(double *values, int64_t count);
/* As the quantile 0.5 of the sorted values, which are put in another order; count >= 1, no NaN. */
double cm__median(double *values, int64_t count);
/* The same of values that stay as they are; work: as many places. */
double cm__median_of(const double *values, int64_t count, double *work);
/* The limits between which `confidence` of what was drawn lies, NaN left out; false with fewer than two. Sorts. */
bool cm__percentiles(double *drawn, int64_t count, double confidence, double *low, double *high);

#endif
