/* The table of a validation about probabilities before and after their recalibration. */
#include <string.h>

#include "learn/result_view.h"

/* What recalibration is for; ranks are judged too, since isotonic maps make ties. */
static bool is_shown(const CmMetric *metric) {
  static const char *const names[] = {"brier", "log_loss", "calibration_intercept", "calibration_slope", "auc"};
  for (int i = 0; i < CM_COUNT(names); i++)
    if (!strcmp(metric->metric, names[i])) return true;
  return false;
}

static bool put_part(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const char *part, CmScores after,
                     const double *raw, CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  CmScores before = after;
  CmMetricList was, is;
  before.p = raw;
  bool ok = cm__judge(&hold, trial, &before, 0, &was, err) && cm__judge(&hold, trial, &after, 0, &is, err);
  for (int m = 0; ok && m < is.count; m++) {
    if (!is_shown(&is.metric[m])) continue;
    cm__rows_next(w);
    cm__rows_text(w, outcome->model->name);
    cm__rows_text(w, part);
    cm__rows_text(w, cm__class_text(trial, is.metric[m].class_at));
    cm__rows_text(w, is.metric[m].metric);
    cm__rows_real(w, was.metric[m].value);
    cm__rows_real(w, is.metric[m].value);
  }
  cm__arena_free(&hold);
  return ok;
}

CmTable *cm__table_recalibration(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  bool ok = true;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w, (const char *const[]){"model", "part", "class", "metric", "before", "after"}, "ttttrr");
  for (int l = 0; ok && l < trial->count; l++) {
    const CmOutcome *outcome = &trial->outcome[l];
    if (!outcome->raw_p) continue;
    if (trial->params.folds)
      ok = put_part(&w, trial, outcome, "cross_validation", cm__cross_scores(trial, outcome), outcome->raw_p, err);
    if (ok && trial->held_rows)
      ok = put_part(&w, trial, outcome, "hold_out", cm__held_scores(trial, outcome), outcome->raw_held_p, err);
  }
  return cm__rows_end(&w, ok);
}
