/* The tables of a validation about what to do with a probability: decision curves and thresholds. */
#include <math.h>

#include "core/distribution.h"
#include "learn/auc.h"
#include "learn/result_view.h"

/* Rows of the class, and not, that are called positive: p >= threshold. */
typedef struct Called {
  double right, wrong, positives, negatives;
} Called;

static Called call(const CmView *view, int classes, int c, double threshold) {
  Called called = {0, 0, 0, 0};
  for (int64_t i = 0; i < view->rows; i++) {
    bool is = view->y[i] == c, said = view->p[i * classes + c] >= threshold;
    called.positives += is;
    called.negatives += !is;
    called.right += is && said;
    called.wrong += !is && said;
  }
  return called;
}

/* ---- decision curve -------------------------------------------------------------------------------------------------
 */

static bool put_decision(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const CmView *view,
                         CmError **err) {
  (void)err;
  int k = trial->data.classes;
  double n = (double)view->rows;
  for (int c = k == 2; c < k; c++) {
    for (int percent = 1; percent < 100; percent++) {
      double threshold = percent / 100.0, odds = threshold / (1 - threshold);
      Called called = call(view, k, c, threshold);
      cm__put_place(w, outcome, view);
      cm__rows_text(w, trial->data.class_name[c]);
      cm__rows_real(w, threshold);
      cm__rows_real(w, (called.right - called.wrong * odds) / n);
      cm__rows_real(w, (called.positives - called.negatives * odds) / n);
    }
  }
  return true;
}

CmTable *cm__table_decision(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__place_columns(&w);
  cm__rows_columns(&w, (const char *const[]){"class", "threshold", "net_benefit", "treat_all"}, "trrr");
  return cm__rows_end(&w, cm__each_view(&w, trial, put_decision, err));
}

/* ---- thresholds -----------------------------------------------------------------------------------------------------
 */

enum { YOUDEN, SENSITIVITY, SPECIFICITY, RULES };
static const char *const rule_names[] = {"youden", "sensitivity", "specificity"};

/* The threshold of each rule, from the view's rows; NaN where a class is absent. */
static bool choose(CmTrial *trial, const CmView *view, int c, double threshold[RULES], CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  CmOrder order;
  int k = trial->data.classes;
  Called all = call(view, k, c, 0);
  for (int r = 0; r < RULES; r++) threshold[r] = NAN;
  bool ok = cm__order_make(&hold, view->p + c, k, view->rows, &order, err);
  double seen[2] = {0, 0}, best = -1;
  for (int64_t i = 0; ok && i < view->rows && all.positives > 0 && all.negatives > 0; i++) {
    seen[view->y[order.row[i]] == c] += 1;
    if (!order.last[i]) continue;
    double score = view->p[order.row[i] * k + c];
    double sensitivity = seen[1] / all.positives, specificity = 1 - seen[0] / all.negatives;
    if (sensitivity + specificity > best) {
      best = sensitivity + specificity;
      threshold[YOUDEN] = score;
    }
    if (isnan(threshold[SENSITIVITY]) && sensitivity >= trial->params.sensitivity) threshold[SENSITIVITY] = score;
    if (specificity >= trial->params.specificity) threshold[SPECIFICITY] = score;
  }
  cm__arena_free(&hold);
  return ok;
}

/* A proportion and its interval; Wilson's holds where each subject has one row. */
static void put_share(CmTableWriter *w, double part, double whole, double z, bool one_row_each) {
  double low = NAN, high = NAN;
  if (one_row_each) cm__wilson(part / whole, whole, z, &low, &high);
  cm__rows_real(w, whole > 0 ? part / whole : (double)NAN);
  cm__rows_real(w, low);
  cm__rows_real(w, high);
}

static void put_threshold(CmTableWriter *w, const CmTrial *trial, const CmOutcome *outcome, const CmView *view, int c,
                          int rule, double threshold) {
  Called called = call(view, trial->data.classes, c, threshold);
  double z = cm__normal_z(trial->params.confidence), missed = called.positives - called.right,
         cleared = called.negatives - called.wrong;
  bool each = view->repeat ? trial->pool_rows == trial->pool_subjects : trial->held_rows == trial->held_subjects;
  cm__put_place(w, outcome, view);
  cm__rows_text(w, trial->data.class_name[c]);
  cm__rows_text(w, rule_names[rule]);
  cm__rows_real(w, threshold);
  put_share(w, called.right, called.positives, z, each);
  put_share(w, cleared, called.negatives, z, each);
  put_share(w, called.right, called.right + called.wrong, z, each);
  put_share(w, cleared, cleared + missed, z, each);
}

/* Chosen on the first repeat, whose predictions are of unseen rows; applied to that, and to the hold-out. */
static bool put_thresholds(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, CmError **err) {
  int k = trial->data.classes;
  CmView chosen = cm__view(trial, outcome, 0), held = cm__view(trial, outcome, (int)trial->params.repeats);
  for (int c = k == 2; c < k; c++) {
    double threshold[RULES];
    if (!choose(trial, &chosen, c, threshold, err)) return false;
    for (int rule = 0; rule < RULES; rule++) {
      if (isnan(threshold[rule])) continue;
      put_threshold(w, trial, outcome, &chosen, c, rule, threshold[rule]);
      if (trial->held_rows) put_threshold(w, trial, outcome, &held, c, rule, threshold[rule]);
    }
  }
  return true;
}

CmTable *cm__table_thresholds(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  bool ok = true;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__place_columns(&w);
  cm__rows_columns(&w,
                   (const char *const[]){"class", "rule", "threshold", "sensitivity", "sensitivity_low",
                                         "sensitivity_high", "specificity", "specificity_low", "specificity_high",
                                         "precision", "precision_low", "precision_high", "npv", "npv_low", "npv_high"},
                   "ttrrrrrrrrrrrrr");
  for (int l = 0; ok && trial->params.folds && l < trial->count; l++)
    ok = put_thresholds(&w, trial, &trial->outcome[l], err);
  return cm__rows_end(&w, ok);
}
