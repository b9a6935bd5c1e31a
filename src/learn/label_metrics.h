/* How good the probabilities of several labels of the same rows are, taken together. No tables here. */
#ifndef CORMACK_LEARN_LABEL_METRICS_H
#define CORMACK_LEARN_LABEL_METRICS_H

#include "core/arena.h"

/* Predictions of the same rows, `repeats` times over. A label is predicted where p >= 0.5. */
typedef struct CmLabelScores {
  int64_t rows, subjects;
  int labels, repeats;
  const uint8_t *y;       /* rows x labels; 0..1 */
  const int64_t *subject; /* rows; 0..subjects-1 */
  const double *p;        /* repeats x rows x labels */
} CmLabelScores;

typedef struct CmLabelMetric {
  const char *average, *metric; /* average: "all" where there is none */
  double value, low, high;      /* NaN: undefined */
} CmLabelMetric;

/* subset_accuracy, hamming_loss, log_loss (mean over rows and labels), label_ranking_average_precision,
 * coverage_error, ranking_loss (Tsoumakas, Katakis, Vlahavas: Mining multi-label data, 2010); precision, recall, f1 and
 * jaccard as macro (mean over labels), micro (of all counts), weighted (by the rows that have the label) and samples
 * (mean over rows); auc as macro, micro, weighted. Mean over repeats, with percentiles of a bootstrap by subject.
 * 0/0 is 0 as in scikit-learn; NaN where a label is nowhere, or everywhere in an AUC. Memory in `hold`. */
bool cm__label_metrics(CmArena *hold, const CmLabelScores *scores, double confidence, int64_t resamples, uint64_t seed,
                       CmLabelMetric **metric, int *count, CmError **err);

#endif
