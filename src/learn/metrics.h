/* How good probabilities are: numbers, intervals and curves. No tables here. */
#ifndef CORMACK_LEARN_METRICS_H
#define CORMACK_LEARN_METRICS_H

#include "core/arena.h"
#include "cormack/learn.h"

/* Predictions of the same rows, `repeats` times over. */
typedef struct CmScores {
  int64_t rows, subjects;
  int classes, repeats;   /* classes: or how many numbers are predicted for a row */
  const int *y;           /* rows: the class, where there are classes */
  const int64_t *subject; /* rows; 0..subjects-1 */
  const double *p;        /* repeats x rows x classes */
  const int64_t *row;     /* rows: the row of the data */
  /* survival: behind the numbers of a row the share that lives past each of these times; NULL: not judged */
  const struct CmMoments *moments;
} CmScores;

enum { CM__CLASS_ALL = -1, CM__CLASS_MACRO = -2 };

typedef struct CmMetric {
  int class_at;                  /* or CM__CLASS_ALL, CM__CLASS_MACRO */
  const char *metric, *interval; /* interval "": none */
  double value, low, high;       /* NaN: undefined */
} CmMetric;

typedef struct CmMetricList {
  int count;
  CmMetric *metric;
} CmMetricList;

/* All metrics, mean over repeats. resamples 0: no intervals. Memory in `hold`. */
bool cm__metrics(CmArena *hold, const CmScores *scores, double confidence, int64_t resamples, uint64_t seed,
                 CmMetricList *list, CmError **err);

/* Area under the ROC curve, ties count half; NaN where positives or negatives are absent. score: of row i at score[i *
 * stride]. */
bool cm__auc(CmContext *ctx, const int *y, int positive, const double *score, int stride, int64_t rows, double *auc,
             CmError **err);
/* AUC of class 1 where binary, else the mean over the classes (against the rest). */
bool cm__mean_auc(CmContext *ctx, const int *y, int classes, const double *p, int64_t rows, double *auc, CmError **err);

/* The mean AUC over repeats and its variance, by DeLong's components, summed by subject (Obuchowski 1997). With
 * `other`, predictions of the same rows: the difference of the two AUCs and the variance of that. NaN where undefined.
 */
bool cm__delong(CmContext *ctx, const CmScores *scores, const CmScores *other, int positive, double *auc,
                double *variance, CmError **err);
/* Interval of a proportion by Wilson's score (1927); n may be fractional. */
void cm__wilson(double proportion, double n, double z, double *low, double *high);

typedef struct CmRocPoint {
  double threshold, false_positive_rate, true_positive_rate; /* threshold NaN at 0,0 */
} CmRocPoint;
/* points: room for rows + 1; without those on a straight line between neighbours. Returns how many; -1 on failure, 0
 * where undefined. */
int64_t cm__roc(CmContext *ctx, const int *y, int positive, const double *score, int stride, int64_t rows,
                CmRocPoint *points, CmError **err);

#endif
