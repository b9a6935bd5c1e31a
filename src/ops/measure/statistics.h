/* Statistics of many numbers. IBSI manual 3.3 */
#ifndef CM_OPS_MEASURE_STATISTICS_H
#define CM_OPS_MEASURE_STATISTICS_H

#include "cormack/context.h"

typedef struct CmStatistics {
  double mean, variance;     /* divided by n */
  double skewness, kurtosis; /* kurtosis: excess; both 0 where all values are equal */
  double median, least, p10, p90, most, iqr, range;
  double mad;   /* mean distance from the mean */
  double rmad;  /* the same of the values from percentile 10 to 90 */
  double medad; /* mean distance from the median */
  double cov;   /* standard deviation / mean; NaN for a mean of 0 */
  double qcod;  /* (Q75 - Q25) / (Q75 + Q25); NaN where the sum is 0 */
  double energy, rms;
} CmStatistics;

/* Of n > 0 values in rising order. Percentiles: linear between order statistics. */
void cm__statistics(const double *sorted, int64_t n, CmStatistics *out);
/* Of n > 0 values without NaN in any order. */
bool cm__statistics_of(CmContext *ctx, const double *values, int64_t n, CmStatistics *out, CmError **err);

#endif
