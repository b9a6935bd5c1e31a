/* The tables of a validation that come of fitting again: optimism, permutation_test, learning_curve. */
#include <math.h>

#include "learn/numbers.h"
#include "learn/quantile.h"
#include "learn/result_view.h"

/* What cm__worth() is: the name of the metric and its class. */
static void put_worth(CmTableWriter *w, const CmTrial *trial, const CmOutcome *outcome) {
  int classes = trial->data.classes;
  cm__rows_next(w);
  cm__rows_text(w, outcome->model->name);
  cm__rows_text(w, cm__class_text(trial, !classes ? CM__CLASS_ALL : classes == 2 ? 1 : CM__CLASS_MACRO));
  cm__rows_text(w, classes ? "auc" : trial->data.event ? "c_index" : "r2");
}

/* Mean and standard deviation of what is defined. */
static int64_t moments(const double *value, int64_t count, int64_t step, double *mean, double *spread) {
  int64_t n = 0;
  double sum = 0, square = 0;
  for (int64_t i = 0; i < count; i++) {
    if (isnan(value[i * step])) continue;
    sum += value[i * step];
    n++;
  }
  *mean = n ? sum / (double)n : (double)NAN;
  for (int64_t i = 0; i < count; i++)
    if (!isnan(value[i * step])) square += (value[i * step] - *mean) * (value[i * step] - *mean);
  *spread = n ? sqrt(square / (double)n) : (double)NAN;
  return n;
}

CmTable *cm__table_optimism(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w,
                   (const char *const[]){"model", "class", "metric", "apparent", "optimism", "corrected", "resamples"},
                   "tttrrri");
  for (int l = 0; trial->params.optimism && l < trial->count; l++) {
    const CmOptimism *o = &trial->outcome[l].optimism;
    for (int m = 0; m < o->apparent.count; m++) {
      const CmMetric *metric = &o->apparent.metric[m];
      double mean, spread;
      int64_t n = moments(o->lost + m, trial->params.optimism, o->apparent.count, &mean, &spread);
      cm__rows_next(&w);
      cm__rows_text(&w, trial->outcome[l].model->name);
      cm__rows_text(&w, cm__class_text(trial, metric->class_at));
      cm__rows_text(&w, metric->metric);
      cm__rows_real(&w, metric->value);
      cm__rows_real(&w, mean);
      cm__rows_real(&w, metric->value - mean);
      cm__rows_int(&w, n);
    }
  }
  return cm__rows_finish(&w);
}

static bool put_test(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, CmError **err) {
  double value, mean, spread, low = NAN, high = NAN, *permuted = outcome->permuted;
  int64_t drawn = trial->params.permutation_test, n = moments(permuted, drawn, 1, &mean, &spread), above = 0;
  if (!cm__worth(trial->ctx, &trial->data, trial->pool, trial->pool_rows, outcome->p, &value, err)) return false;
  for (int64_t b = 0; b < drawn; b++) above += permuted[b] >= value;
  cm__percentiles(permuted, drawn, trial->params.confidence, &low, &high);
  put_worth(w, trial, outcome);
  cm__rows_real(w, value);
  cm__rows_real(w, mean);
  cm__rows_real(w, low);
  cm__rows_real(w, high);
  cm__rows_int(w, n);
  cm__rows_real(w, isnan(value) ? (double)NAN : (double)(above + 1) / (double)(n + 1));
  return true;
}

CmTable *cm__table_permutation_test(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  bool ok = true, asked = trial->params.permutation_test && trial->params.folds;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w,
                   (const char *const[]){"model", "class", "metric", "value", "permuted_mean", "permuted_low",
                                         "permuted_high", "permutations", "p"},
                   "tttrrrrir");
  for (int l = 0; ok && asked && l < trial->count; l++) ok = put_test(&w, trial, &trial->outcome[l], err);
  return cm__rows_end(&w, ok);
}

static void put_point(CmTableWriter *w, const CmTrial *trial, const CmOutcome *outcome, int64_t point) {
  int64_t folds = trial->params.folds, step = (int64_t)(sizeof(CmCurvePoint) / sizeof(double));
  const CmCurvePoint *at = outcome->curve + point * folds;
  double rows = 0, subjects = 0, mean, spread;
  for (int64_t f = 0; f < folds; f++) {
    rows += (double)at[f].rows / (double)folds;
    subjects += (double)at[f].subjects / (double)folds;
  }
  put_worth(w, trial, outcome);
  cm__rows_real(w, subjects);
  cm__rows_real(w, rows);
  moments(&at->training, folds, step, &mean, &spread);
  cm__rows_real(w, mean);
  cm__rows_real(w, spread);
  int64_t n = moments(&at->test, folds, step, &mean, &spread);
  cm__rows_real(w, mean);
  cm__rows_real(w, spread);
  cm__rows_int(w, n);
}

CmTable *cm__table_learning_curve(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w,
                   (const char *const[]){"model", "class", "metric", "subjects", "rows", "training", "training_spread",
                                         "test", "test_spread", "folds"},
                   "tttrrrrrri");
  for (int l = 0; trial->params.folds && l < trial->count; l++)
    for (int64_t point = 0; point < trial->params.learning_curve; point++)
      put_point(&w, trial, &trial->outcome[l], point);
  return cm__rows_finish(&w);
}
