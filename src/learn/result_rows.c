/* The tables of a validation that have a row for each row, point or feature. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/distribution.h"
#include "learn/calibrate.h"
#include "learn/quantile.h"
#include "learn/result_view.h"

/* ---- predictions
 * ------------------------------------------------------------------------------------------------------ */

static bool put_predictions(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const CmView *view,
                            CmError **err) {
  (void)err;
  int k = trial->data.classes;
  for (int64_t i = 0; i < view->rows; i++) {
    cm__put_place(w, outcome, view);
    cm__put_row(w, trial, view, i);
    cm__rows_text(w, trial->data.class_name[view->y[i]]);
    cm__rows_text(w, trial->data.class_name[cm__most_probable(view->p + i * k, k)]);
    for (int c = 0; c < k; c++) cm__rows_real(w, view->p[i * k + c]);
  }
  return true;
}

CmTable *cm__table_predictions(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!trial->data.classes) return cm__table_numbers(trial, err);
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__place_columns(&w);
  cm__row_columns(&w);
  cm__rows_column(&w, "target", CM_COLUMN_TEXT, "");
  cm__rows_column(&w, "predicted", CM_COLUMN_TEXT, "");
  for (int c = 0; c < trial->data.classes; c++)
    cm__rows_columnf(&w, CM_COLUMN_REAL, "", "probability %s", trial->data.class_name[c]);
  return cm__rows_end(&w, cm__each_view(&w, trial, put_predictions, err));
}

/* ---- curves
 * ----------------------------------------------------------------------------------------------------------- */

static bool put_roc(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const CmView *view, CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  CmRocPoint *point = CM__NEW(&hold, CmRocPoint, view->rows + 1, err);
  int k = trial->data.classes;
  bool ok = point != NULL;
  for (int c = k == 2; ok && c < k; c++) {
    int64_t count = cm__roc(trial->ctx, view->y, c, view->p + c, k, view->rows, point, err);
    ok = count >= 0;
    for (int64_t i = 0; i < count; i++) {
      cm__put_place(w, outcome, view);
      cm__rows_text(w, trial->data.class_name[c]);
      cm__rows_real(w, point[i].threshold);
      cm__rows_real(w, point[i].false_positive_rate);
      cm__rows_real(w, point[i].true_positive_rate);
    }
  }
  cm__arena_free(&hold);
  return ok;
}

CmTable *cm__table_roc(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__place_columns(&w);
  cm__rows_column(&w, "class", CM_COLUMN_TEXT, "");
  cm__rows_column(&w, "threshold", CM_COLUMN_REAL, "");
  cm__rows_column(&w, "false_positive_rate", CM_COLUMN_REAL, "");
  cm__rows_column(&w, "true_positive_rate", CM_COLUMN_REAL, "");
  return cm__rows_end(&w, cm__each_view(&w, trial, put_roc, err));
}

static bool put_calibration(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const CmView *view,
                            CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  int bins = (int)trial->params.calibration_bins, k = trial->data.classes;
  CmCalibrationBin *bin = CM__NEW(&hold, CmCalibrationBin, bins, err);
  double z = cm__normal_z(trial->params.confidence);
  for (int c = k == 2; bin && c < k; c++) {
    cm__calibration(view->y, c, view->p + c, k, view->rows, bins, bin);
    for (int b = 0; b < bins; b++) {
      double low, high;
      cm__wilson(bin[b].observed, (double)bin[b].rows, z, &low, &high);
      cm__put_place(w, outcome, view);
      cm__rows_text(w, trial->data.class_name[c]);
      cm__rows_int(w, b + 1);
      cm__rows_real(w, bin[b].from);
      cm__rows_real(w, bin[b].to);
      cm__rows_int(w, bin[b].rows);
      cm__rows_real(w, bin[b].mean);
      cm__rows_real(w, bin[b].observed);
      cm__rows_real(w, low);
      cm__rows_real(w, high);
    }
  }
  cm__arena_free(&hold);
  return bin != NULL;
}

CmTable *cm__table_calibration(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__place_columns(&w);
  cm__rows_column(&w, "class", CM_COLUMN_TEXT, "");
  cm__rows_column(&w, "bin", CM_COLUMN_INT, "");
  cm__rows_column(&w, "from", CM_COLUMN_REAL, "");
  cm__rows_column(&w, "to", CM_COLUMN_REAL, "");
  cm__rows_column(&w, "rows", CM_COLUMN_INT, "");
  static const char *const reals[] = {"mean_probability", "observed", "low", "high"};
  for (int i = 0; i < CM_COUNT(reals); i++) cm__rows_column(&w, reals[i], CM_COLUMN_REAL, "");
  return cm__rows_end(&w, cm__each_view(&w, trial, put_calibration, err));
}

static bool put_confusion(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const CmView *view,
                          CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  int k = trial->data.classes;
  int64_t *count = CM__NEW(&hold, int64_t, k * k, err);
  for (int64_t i = 0; count && i < view->rows; i++) count[view->y[i] * k + cm__most_probable(view->p + i * k, k)]++;
  for (int at = 0; count && at < k * k; at++) {
    cm__put_place(w, outcome, view);
    cm__rows_text(w, trial->data.class_name[at / k]);
    cm__rows_text(w, trial->data.class_name[at % k]);
    cm__rows_int(w, count[at]);
  }
  bool ok = count != NULL;
  cm__arena_free(&hold);
  return ok;
}

CmTable *cm__table_confusion(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__place_columns(&w);
  cm__rows_column(&w, "target", CM_COLUMN_TEXT, "");
  cm__rows_column(&w, "predicted", CM_COLUMN_TEXT, "");
  cm__rows_column(&w, "rows", CM_COLUMN_INT, "");
  return cm__rows_end(&w, cm__each_view(&w, trial, put_confusion, err));
}

/* ---- importance
 * ------------------------------------------------------------------------------------------------------- */

/* text: part, feature, unit, measure, class; real: value, low, high. */
static void put_importance_row(CmTableWriter *w, const CmOutcome *outcome, const char *const text[5],
                               const double real[3]) {
  cm__rows_next(w);
  cm__rows_text(w, outcome->model->name);
  for (int i = 0; i < 5; i++) cm__rows_text(w, text[i]);
  for (int i = 0; i < 3; i++) cm__rows_real(w, real[i]);
}

static void put_importance(CmTableWriter *w, const CmTrial *trial, const CmOutcome *outcome, const char *part, int j,
                           const char *measure, const char *class_name, double value, double low, double high) {
  put_importance_row(w, outcome,
                     (const char *const[]){part, trial->data.feature[j], trial->data.unit[j], measure, class_name},
                     (const double[]){value, low, high});
}

static void put_permutation(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome) {
  const CmLearnData *data = &trial->data;
  const char *class_name = !data->classes ? NULL : data->classes == 2 ? data->class_name[1] : "macro";
  double side = (1 - trial->params.confidence) / 2;
  for (int j = 0; j < trial->data.features; j++) {
    double *drop = outcome->drop + (int64_t)j * trial->drops, sum = 0;
    int64_t n = 0;
    for (int q = 0; q < trial->drops; q++) {
      if (isnan(drop[q])) continue;
      sum += drop[q];
      drop[n++] = drop[q];
    }
    if (!n) continue;
    cm__sort_numbers(drop, n);
    put_importance(w, trial, outcome, trial->drop_is_held ? "hold_out" : "cross_validation", j, "permutation",
                   class_name, sum / (double)n, cm__quantile(drop, n, side), cm__quantile(drop, n, 1 - side));
  }
}

static void put_mean_shap(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome) {
  CmView view = cm__view(trial, outcome, 0);
  int outputs = cm__outputs(trial->data.task, trial->data.classes), d = trial->data.features;
  if (!view.shap || !view.rows) return;
  for (int o = 0; o < outputs; o++) {
    for (int j = 0; j < d; j++) {
      double sum = 0;
      for (int64_t i = 0; i < view.rows; i++) sum += fabs(view.shap[(i * outputs + o) * (d + 1) + j]);
      put_importance(w, trial, outcome, view.part, j, "shap", cm__output_name(outcome->model, o),
                     sum / (double)view.rows, NAN, NAN);
    }
  }
}

static bool put_weights(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, CmError **err) {
  CmTable *weights = cm_model_weights(trial->ctx, outcome->model, err);
  if (!weights) return false;
  for (int64_t i = 0; i < cm_table_rows(weights); i++) {
    const char *feature = cm_table_text(weights, i, 0), *unit = cm_table_text(weights, i, 1);
    put_importance_row(
        w, outcome,
        (const char *const[]){NULL, feature, unit, cm_table_text(weights, i, 3), cm_table_text(weights, i, 2)},
        (const double[]){cm_table_real(weights, i, 4), NAN, NAN});
  }
  cm_table_unref(&weights);
  return true;
}

CmTable *cm__table_importance(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  bool ok = true;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  static const char *const texts[] = {"model", "part", "feature", "unit", "measure", "class"};
  static const char *const reals[] = {"value", "low", "high"};
  for (int i = 0; i < CM_COUNT(texts); i++) cm__rows_column(&w, texts[i], CM_COLUMN_TEXT, "");
  for (int i = 0; i < CM_COUNT(reals); i++) cm__rows_column(&w, reals[i], CM_COLUMN_REAL, "");
  for (int l = 0; ok && l < trial->count; l++) {
    put_permutation(&w, trial, &trial->outcome[l]);
    put_mean_shap(&w, trial, &trial->outcome[l]);
    ok = put_weights(&w, trial, &trial->outcome[l], err);
  }
  return cm__rows_end(&w, ok);
}

/* ---- contributions
 * ---------------------------------------------------------------------------------------------------- */

static bool put_shap(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const CmView *view, CmError **err) {
  (void)err;
  int outputs = cm__outputs(trial->data.task, trial->data.classes), d = trial->data.features;
  for (int64_t i = 0; view->shap && i < view->rows; i++) {
    for (int o = 0; o < outputs; o++) {
      cm__put_place(w, outcome, view);
      cm__put_row(w, trial, view, i);
      cm__rows_shap(w, outcome->model, o, view->shap + (i * outputs + o) * (d + 1));
    }
  }
  return true;
}

CmTable *cm__table_shap(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__place_columns(&w);
  cm__row_columns(&w);
  cm__rows_shap_columns(&w, trial->outcome[0].model);
  return cm__rows_end(&w, cm__each_view(&w, trial, put_shap, err));
}
