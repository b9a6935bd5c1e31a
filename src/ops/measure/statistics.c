#include "ops/measure/statistics.h"

#include <math.h>

#include "ops/measure/gather.h"

static void moments(const double *v, int64_t count, CmStatistics *out) {
  const double n = (double)count;
  double sum = 0.0, second = 0.0, third = 0.0, fourth = 0.0, absolute = 0.0;
  out->energy = 0.0;
  for (int64_t i = 0; i < count; i++) {
    sum += v[i];
    out->energy += v[i] * v[i];
  }
  const double mean = sum / n;
  for (int64_t i = 0; i < count; i++) {
    const double d = v[i] - mean;
    second += d * d;
    third += d * d * d;
    fourth += d * d * d * d;
    absolute += fabs(d);
  }
  const double variance = v[0] == v[count - 1] ? 0.0 : second / n;
  out->mean = mean;
  out->variance = variance;
  out->skewness = variance > 0.0 ? third / n / (variance * sqrt(variance)) : 0.0;
  out->kurtosis = variance > 0.0 ? fourth / n / (variance * variance) - 3.0 : 0.0;
  out->mad = absolute / n;
  out->cov = mean != 0.0 ? sqrt(variance) / mean : NAN;
  out->rms = sqrt(out->energy / n);
}

static double robust_deviation(const double *v, int64_t n, double p10, double p90) {
  double sum = 0.0, count = 0.0, absolute = 0.0;
  for (int64_t i = 0; i < n; i++)
    if (v[i] >= p10 && v[i] <= p90) {
      sum += v[i];
      count += 1.0;
    }
  for (int64_t i = 0; i < n; i++)
    if (v[i] >= p10 && v[i] <= p90) absolute += fabs(v[i] - sum / count);
  return absolute / count;
}

void cm__statistics(const double *v, int64_t n, CmStatistics *out) {
  const double q25 = cm__sorted_quantile(v, n, 0.25), q75 = cm__sorted_quantile(v, n, 0.75);
  moments(v, n, out);
  out->median = cm__sorted_quantile(v, n, 0.5);
  out->least = v[0];
  out->most = v[n - 1];
  out->p10 = cm__sorted_quantile(v, n, 0.1);
  out->p90 = cm__sorted_quantile(v, n, 0.9);
  out->iqr = q75 - q25;
  out->range = v[n - 1] - v[0];
  out->qcod = q75 + q25 != 0.0 ? (q75 - q25) / (q75 + q25) : NAN;
  out->rmad = robust_deviation(v, n, out->p10, out->p90);
  out->medad = 0.0;
  for (int64_t i = 0; i < n; i++) out->medad += fabs(v[i] - out->median);
  out->medad /= (double)n;
}
