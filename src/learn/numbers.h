/* How good predicted numbers and risks are. No tables here. */
#ifndef CORMACK_LEARN_NUMBERS_H
#define CORMACK_LEARN_NUMBERS_H

#include "learn/data.h"
#include "learn/metrics.h"
#include "learn/survival.h"

/* Metrics of a regression (mae, rmse, r2, correlation, calibration_intercept, calibration_slope) or of survival
 * (c_index; auc and brier at each horizon; integrated_brier until the last), mean over repeats, each with its interval.
 * resamples 0: no intervals. Memory in `hold`. */
bool cm__number_metrics(CmArena *hold, const CmLearnData *data, const CmScores *scores, double confidence,
                        int64_t resamples, uint64_t seed, CmMetricList *list, CmError **err);

/* One number for how good predictions are, larger is better: AUC (mean over classes), R2 or C-index. row: of the data;
 * numbers: rows x what a model predicts for a row. */
bool cm__worth(CmContext *ctx, const CmLearnData *data, const int64_t *row, int64_t rows, const double *numbers,
               double *worth, CmError **err);

/* Times and events of the rows that were judged; memory in `hold`. */
bool cm__survival_rows(CmArena *hold, const CmLearnData *data, const CmScores *scores, CmSurvival *to, CmError **err);
/* The asked times, or the quartiles of the times of all events, and the grid; memory in `hold`. */
bool cm__survival_moments(CmArena *hold, const CmLearnData *data, const CmReals *asked, CmMoments *to, CmError **err);

#endif
