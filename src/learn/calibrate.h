/* Whether probabilities come true. */
#ifndef CORMACK_LEARN_CALIBRATE_H
#define CORMACK_LEARN_CALIBRATE_H

#include "learn/metrics.h"

typedef struct CmCalibrationBin {
  double from, to, mean, observed; /* NaN without rows */
  int64_t rows;
} CmCalibrationBin;
/* Bins of equal width: from < p <= to, the first with 0. */
void cm__calibration(const int *y, int positive, const double *score, int stride, int64_t rows, int bins,
                     CmCalibrationBin *bin);

typedef struct CmCalibrationFit {
  double intercept, slope; /* NaN: undefined, as where a class is absent, the probabilities part the classes, or one
                              is 0 or 1, whose log-odds are infinite */
  double intercept_variance, slope_variance; /* NaN with fewer than two subjects */
} CmCalibrationFit;
/* Logistic regression of the outcome on the log-odds of the probabilities (Cox 1958). slope: 1 is right, below 1 the
 * probabilities are too extreme. intercept: with the slope held at 1 (calibration in the large); 0 is right, above 0
 * they are too low. Means over the repeats; variances by the sums of the subjects' influences (sandwich; Liang and
 * Zeger 1986), times subjects / (subjects - 1). */
bool cm__calibration_fit(CmContext *ctx, const CmScores *scores, int positive, CmCalibrationFit *fit, CmError **err);

#endif
