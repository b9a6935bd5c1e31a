#include "ops/radiomics/counted.h"

#include <math.h>

#include "ops/measure/gather.h"

/* Gives back what the lists do not need; where that fails they stay as long as they are. */
static void shrink(CmContext *ctx, CmCounted *to) {
  CmError *unused = NULL;
  void *value = cm_realloc(ctx, to->value, (size_t)to->distinct * sizeof(double) + 1, &unused);
  to->value = value ? value : to->value;
  void *below = cm_realloc(ctx, to->below, ((size_t)to->distinct + 1) * sizeof(int64_t), &unused);
  to->below = below ? below : to->below;
  cm_error_free(&unused);
}

bool cm__counted_take(CmContext *ctx, double *list, int64_t n, CmCounted *to, CmError **err) {
  *to = (CmCounted){.value = list, .total = n};
  double *spare = cm_alloc_array(ctx, (size_t)n + 1, sizeof(double), err);
  if (!spare) return false;
  cm__sort_reals(list, spare, n);
  to->below = (int64_t *)(void *)spare; /* as many numbers of the same size */
  for (int64_t k = 0; k < n; k++)
    if (k == 0 || list[k] != list[to->distinct - 1]) {
      to->below[to->distinct] = k;
      list[to->distinct++] = list[k];
    }
  to->below[to->distinct] = n;
  shrink(ctx, to);
  return true;
}

bool cm__counted_from(CmContext *ctx, double first, const int64_t *count, int64_t n, CmCounted *to, CmError **err) {
  *to = (CmCounted){.distinct = 0};
  for (int64_t k = 0; k < n; k++) to->distinct += count[k] > 0;
  to->value = cm_alloc_array(ctx, (size_t)to->distinct + 1, sizeof(double), err);
  to->below = to->value ? cm_alloc_array(ctx, (size_t)to->distinct + 1, sizeof(int64_t), err) : NULL;
  if (!to->below) return false;
  for (int64_t k = 0, at = 0; k < n; k++)
    if (count[k] > 0) {
      to->below[at] = to->total;
      to->value[at++] = first + (double)k;
      to->total += count[k];
    }
  to->below[to->distinct] = to->total;
  return true;
}

void cm__counted_free(CmCounted *counted) {
  cm_free(counted->value);
  cm_free(counted->below);
  *counted = (CmCounted){.distinct = 0};
}

int64_t cm__counted_below(const CmCounted *counted, double v) {
  int64_t low = 0, high = counted->distinct;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (counted->value[middle] < v)
      low = middle + 1;
    else
      high = middle;
  }
  return counted->below[low];
}

static double count_of(const CmCounted *counted, int64_t k) {
  return (double)(counted->below[k + 1] - counted->below[k]);
}

double cm__counted_mean(const CmCounted *counted) {
  double sum = 0.0;
  for (int64_t k = 0; k < counted->distinct; k++) sum += count_of(counted, k) * counted->value[k];
  return sum / (double)counted->total;
}

/* Sums of (value - from)^power, powers 2 to 4. */
static void powers(const CmCounted *counted, double from, double sum[5]) {
  sum[2] = sum[3] = sum[4] = 0.0;
  for (int64_t k = 0; k < counted->distinct; k++) {
    const double d = counted->value[k] - from, c = count_of(counted, k);
    sum[2] += c * d * d;
    sum[3] += c * d * d * d;
    sum[4] += c * d * d * d * d;
  }
}

double cm__counted_scatter(const CmCounted *counted, double mean) {
  double sum[5];
  powers(counted, mean, sum);
  return sum[2];
}

/* Number `index` in rising order. */
static double number_at(const CmCounted *counted, int64_t index) {
  int64_t low = 0, high = counted->distinct - 1; /* the last value with below <= index */
  while (low < high) {
    const int64_t middle = high - (high - low) / 2;
    if (counted->below[middle] <= index)
      low = middle;
    else
      high = middle - 1;
  }
  return counted->value[low];
}

static double quantile(const CmCounted *counted, double q) {
  const double at = (double)(counted->total - 1) * q;
  const double low = number_at(counted, (int64_t)floor(at)), high = number_at(counted, (int64_t)ceil(at));
  return low == high ? low : low + (high - low) * (at - floor(at));
}

/* Mean distance from `from`, NaN: from their mean, of the numbers from `low` to `high`. */
static double deviation(const CmCounted *counted, double low, double high, double from) {
  double sum = 0.0, apart = 0.0, n = 0.0;
  int64_t first = 0, end = counted->distinct;
  while (first < end && counted->value[first] < low) first++;
  while (end > first && counted->value[end - 1] > high) end--;
  for (int64_t k = first; k < end; k++) {
    n += count_of(counted, k);
    sum += count_of(counted, k) * counted->value[k];
  }
  const double centre = isnan(from) ? sum / n : from;
  for (int64_t k = first; k < end; k++) apart += count_of(counted, k) * fabs(counted->value[k] - centre);
  return apart / n;
}

void cm__counted_statistics(const CmCounted *counted, CmStatistics *out) {
  const double n = (double)counted->total, least = cm__counted_least(counted), most = cm__counted_most(counted);
  const double q25 = quantile(counted, 0.25), q75 = quantile(counted, 0.75);
  double sum[5], squares[5];
  *out = (CmStatistics){.mean = cm__counted_mean(counted), .least = least, .most = most, .range = most - least};
  powers(counted, out->mean, sum);
  powers(counted, 0.0, squares);
  const double variance = counted->distinct > 1 ? sum[2] / n : 0.0;
  out->variance = variance;
  out->skewness = variance > 0.0 ? sum[3] / n / (variance * sqrt(variance)) : 0.0;
  out->kurtosis = variance > 0.0 ? sum[4] / n / (variance * variance) - 3.0 : 0.0;
  out->median = quantile(counted, 0.5);
  out->p10 = quantile(counted, 0.1);
  out->p90 = quantile(counted, 0.9);
  out->iqr = q75 - q25;
  out->mad = deviation(counted, least, most, out->mean);
  out->rmad = deviation(counted, out->p10, out->p90, NAN);
  out->medad = deviation(counted, least, most, out->median);
  out->cov = out->mean != 0.0 ? sqrt(variance) / out->mean : NAN;
  out->qcod = q75 + q25 != 0.0 ? (q75 - q25) / (q75 + q25) : NAN;
  out->energy = squares[2];
  out->rms = sqrt(out->energy / n);
}
