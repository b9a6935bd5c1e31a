#include "ops/measure/statistics.h"

#include <math.h>

#include "ops/measure/gather.h"
#include "ops/measure/ranks.h"
#include "ops/simd.h"

/* Sums of LANES values each, added in order at the end: loops that need not wait for the sum before. */
enum { LANES = 8 };

static double add_up(const double part[LANES]) {
  double sum = 0.0;
  for (int k = 0; k < LANES; k++) sum += part[k];
  return sum;
}

CM_SIMD static void sums(const double *v, int64_t n, double *sum, double *squares) {
  double one[LANES] = {0.0}, two[LANES] = {0.0};
  const int64_t whole = n / LANES * LANES;
  for (int64_t i = 0; i < whole; i += LANES)
    for (int k = 0; k < LANES; k++) {
      one[k] += v[i + k];
      two[k] += v[i + k] * v[i + k];
    }
  for (int64_t i = whole; i < n; i++) {
    one[i - whole] += v[i];
    two[i - whole] += v[i] * v[i];
  }
  *sum = add_up(one);
  *squares = add_up(two);
}

CM_SIMD static double distances(const double *v, int64_t n, double from) {
  double part[LANES] = {0.0};
  const int64_t whole = n / LANES * LANES;
  for (int64_t i = 0; i < whole; i += LANES)
    for (int k = 0; k < LANES; k++) part[k] += fabs(v[i + k] - from);
  for (int64_t i = whole; i < n; i++) part[i - whole] += fabs(v[i] - from);
  return add_up(part);
}

CM_SIMD static void powers(const double *v, int64_t n, double mean, double out[3]) {
  double two[LANES] = {0.0}, three[LANES] = {0.0}, four[LANES] = {0.0};
  const int64_t whole = n / LANES * LANES;
  for (int64_t i = 0; i < whole; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double d = v[i + k] - mean, dd = d * d;
      two[k] += dd;
      three[k] += dd * d;
      four[k] += dd * dd;
    }
  for (int64_t i = whole; i < n; i++) {
    const double d = v[i] - mean, dd = d * d;
    two[i - whole] += dd;
    three[i - whole] += dd * d;
    four[i - whole] += dd * dd;
  }
  out[0] = add_up(two);
  out[1] = add_up(three);
  out[2] = add_up(four);
}

/* least and most are known. */
static void moments(const double *v, int64_t count, CmStatistics *out) {
  const double n = (double)count;
  double sum, power[3];
  sums(v, count, &sum, &out->energy);
  const double mean = sum / n;
  powers(v, count, mean, power);
  const double variance = out->least == out->most ? 0.0 : power[0] / n;
  out->mean = mean;
  out->variance = variance;
  out->skewness = variance > 0.0 ? power[1] / n / (variance * sqrt(variance)) : 0.0;
  out->kurtosis = variance > 0.0 ? power[2] / n / (variance * variance) - 3.0 : 0.0;
  out->mad = distances(v, count, mean) / n;
  out->cov = mean != 0.0 ? sqrt(variance) / mean : NAN;
  out->rms = sqrt(out->energy / n);
}

/* How many of the sorted values are below `limit`, or not above it. */
static int64_t below(const double *v, int64_t n, double limit, bool or_equal) {
  int64_t low = 0, high = n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (v[middle] < limit || (or_equal && v[middle] == limit))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static double robust_deviation(const double *v, int64_t n, double p10, double p90) {
  const int64_t first = below(v, n, p10, false), count = below(v, n, p90, true) - first;
  double sum, squares;
  sums(v + first, count, &sum, &squares);
  return distances(v + first, count, sum / (double)count) / (double)count;
}

/* The same of values in any order. */
CM_SIMD static double robust_deviation_of(const double *v, int64_t n, double p10, double p90) {
  double count[LANES] = {0.0}, part[LANES] = {0.0}, apart[LANES] = {0.0};
  const int64_t whole = n / LANES * LANES;
  for (int64_t i = 0; i < whole; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double inside = (v[i + k] >= p10 ? 1.0 : 0.0) * (v[i + k] <= p90 ? 1.0 : 0.0);
      count[k] += inside;
      part[k] += inside * v[i + k];
    }
  for (int64_t i = whole; i < n; i++)
    if (v[i] >= p10 && v[i] <= p90) {
      count[0] += 1.0;
      part[0] += v[i];
    }
  const double kept = add_up(count), mean = add_up(part) / kept;
  for (int64_t i = 0; i < whole; i += LANES)
    for (int k = 0; k < LANES; k++)
      apart[k] += (v[i + k] >= p10 ? 1.0 : 0.0) * (v[i + k] <= p90 ? 1.0 : 0.0) * fabs(v[i + k] - mean);
  for (int64_t i = whole; i < n; i++) apart[0] += v[i] >= p10 && v[i] <= p90 ? fabs(v[i] - mean) : 0.0;
  return add_up(apart) / kept;
}

static void from_quantiles(double q25, double q75, CmStatistics *out) {
  out->iqr = q75 - q25;
  out->range = out->most - out->least;
  out->qcod = q75 + q25 != 0.0 ? (q75 - q25) / (q75 + q25) : NAN;
}

void cm__statistics(const double *v, int64_t n, CmStatistics *out) {
  out->least = v[0];
  out->most = v[n - 1];
  out->median = cm__sorted_quantile(v, n, 0.5);
  out->p10 = cm__sorted_quantile(v, n, 0.1);
  out->p90 = cm__sorted_quantile(v, n, 0.9);
  from_quantiles(cm__sorted_quantile(v, n, 0.25), cm__sorted_quantile(v, n, 0.75), out);
  moments(v, n, out);
  out->rmad = robust_deviation(v, n, out->p10, out->p90);
  out->medad = distances(v, n, out->median) / (double)n;
}

bool cm__statistics_of(CmContext *ctx, const double *v, int64_t n, CmStatistics *out, CmError **err) {
  static const double parts[] = {0.1, 0.25, 0.5, 0.75, 0.9};
  enum { PARTS = sizeof parts / sizeof *parts };
  int64_t rank[2 * PARTS];
  double value[2 * PARTS], quantile[PARTS];
  for (int k = 0; k < PARTS; k++) {
    rank[2 * k] = (int64_t)floor((double)(n - 1) * parts[k]);
    rank[2 * k + 1] = (int64_t)ceil((double)(n - 1) * parts[k]);
  }
  cm__ends(v, n, &out->least, &out->most);
  if (!cm__values_at_ranks(ctx, v, n, out->least, out->most, rank, 2 * PARTS, value, err)) return false;
  for (int k = 0; k < PARTS; k++)
    quantile[k] = cm__between_ranks(value[2 * k], value[2 * k + 1], (double)(n - 1) * parts[k] - (double)rank[2 * k]);
  out->p10 = quantile[0];
  out->median = quantile[2];
  out->p90 = quantile[4];
  from_quantiles(quantile[1], quantile[3], out);
  moments(v, n, out);
  out->rmad = robust_deviation_of(v, n, out->p10, out->p90);
  out->medad = distances(v, n, out->median) / (double)n;
  return true;
}
