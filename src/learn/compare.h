/* Whether one model is better than another on the same rows. No tables here. */
#ifndef CORMACK_LEARN_COMPARE_H
#define CORMACK_LEARN_COMPARE_H

#include "learn/data.h"
#include "learn/metrics.h"

typedef struct CmComparison {
  const char *test;
  double difference, low, high; /* of the first minus the other; NaN: undefined */
  double statistic, p;          /* two-sided */
} CmComparison;

/* Areas under the ROC curve of class `positive`, means over the repeats: "delong" (DeLong et al. 1988), where subjects
 * have several rows "clustered_delong" (Obuchowski 1997); statistic z. */
bool cm__compare_auc(CmContext *ctx, const CmScores *scores, const CmScores *other, int positive, double confidence,
                     CmComparison *found, CmError **err);
/* Accuracies of the first repeat. "mcnemar": the exact test of the rows that one alone has right (McNemar 1947),
 * without a statistic; where subjects have several rows "clustered_mcnemar", z of the difference by the variance of the
 * subjects' sums (Obuchowski 1998, Statist. Med. 17). The interval is Wald's by that variance in both. */
bool cm__compare_accuracy(CmContext *ctx, const CmScores *scores, const CmScores *other, double confidence,
                          CmComparison *found, CmError **err);
/* Numbers: mean squared errors, the second's less the first's, so that above 0 the first is better; "paired_z", or
 * "clustered_z" where subjects have several rows. Survival: C-indices, "jackknife", by the difference of the subjects'
 * influences. Means over the repeats; statistic z. */
bool cm__compare_numbers(CmContext *ctx, const CmLearnData *data, const CmScores *scores, const CmScores *other,
                         double confidence, CmComparison *found, CmError **err);
/* "corrected_t": t of `count` differences over resampled folds, with the variance made larger by test_share = test rows
 * / training rows, since the folds' training sets overlap (Nadeau and Bengio 2003, Mach. Learn. 52). NaN is left out.
 */
void cm__compare_folds(const double *difference, int64_t count, double test_share, double confidence,
                       CmComparison *found);
/* Holm's step-down adjustment of p-values (1979); NaN stays and does not count. order: room for count. */
void cm__holm(const double *p, int64_t count, int64_t *order, double *adjusted);

#endif
