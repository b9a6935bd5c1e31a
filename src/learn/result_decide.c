/* The tables of a validation about what to do with a probability: decision curves and thresholds. */
#include <math.h>

#include "core/distribution.h"
#include "learn/auc.h"
#include "learn/quantile.h"
#include "learn/result_view.h"
#include "learn/rng.h"

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

static void add_called(Called *to, Called from, double times) {
  to->right += times * from.right;
  to->wrong += times * from.wrong;
  to->positives += times * from.positives;
  to->negatives += times * from.negatives;
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

/* Sensitivity, specificity, precision and npv as parts of wholes. */
enum { SHARES = 4 };
typedef struct Shares {
  double part[SHARES], whole[SHARES];
} Shares;

static Shares shares_of(const Called *c) {
  double missed = c->positives - c->right, cleared = c->negatives - c->wrong;
  return (Shares){{c->right, cleared, c->right, cleared},
                  {c->positives, c->negatives, c->right + c->wrong, cleared + missed}};
}

/* Intervals where subjects have several rows: percentiles over resampled subjects, with the draws of the metrics; of 0
 * and 1, where the bootstrap draws nothing else, Wilson's with the number of subjects. */
static bool cluster_intervals(CmArena *hold, const CmTrial *trial, const CmView *view, int c, double threshold,
                              const Shares *all, double low[SHARES], double high[SHARES], CmError **err) {
  const CmValidateParams *p = &trial->params;
  const int64_t *subject = view->repeat ? trial->pool_subject : trial->held_subject;
  int64_t subjects = view->repeat ? trial->pool_subjects : trial->held_subjects;
  int k = trial->data.classes;
  Called *own = CM__NEW(hold, Called, subjects, err);
  double *times = CM__NEW(hold, double, subjects, err), *drawn = CM__NEW(hold, double, SHARES * p->resamples, err);
  if (!own || !times || !drawn) return false;
  for (int64_t i = 0; i < view->rows; i++) {
    CmView one = *view;
    one.rows = 1;
    one.y += i;
    one.p += i * k;
    add_called(&own[subject[i]], call(&one, k, c, threshold), 1);
  }
  for (int64_t b = 0; b < p->resamples; b++) {
    Called sum = {0, 0, 0, 0};
    cm__draw_times(cm__stream((uint64_t)p->seed, CM__STREAM_BOOTSTRAP, (uint64_t)b), subjects, times);
    for (int64_t s = 0; s < subjects; s++) add_called(&sum, own[s], times[s]);
    Shares shares = shares_of(&sum);
    for (int m = 0; m < SHARES; m++) drawn[m * p->resamples + b] = shares.part[m] / shares.whole[m];
  }
  for (int m = 0; m < SHARES; m++) {
    int64_t with = 0;
    for (int64_t s = 0; s < subjects; s++) with += shares_of(&own[s]).whole[m] > 0;
    double share = all->part[m] / all->whole[m];
    low[m] = high[m] = NAN;
    if (share == 0 || share == 1)
      cm__wilson(share, (double)with, cm__normal_z(p->confidence), &low[m], &high[m]);
    else
      cm__percentiles(drawn + m * p->resamples, p->resamples, p->confidence, &low[m], &high[m]);
  }
  return true;
}

static bool put_shares(CmTableWriter *w, const CmTrial *trial, const CmView *view, int c, double threshold,
                       CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  Called called = call(view, trial->data.classes, c, threshold);
  Shares shares = shares_of(&called);
  double low[SHARES], high[SHARES], z = cm__normal_z(trial->params.confidence);
  bool each = view->repeat ? trial->pool_rows == trial->pool_subjects : trial->held_rows == trial->held_subjects;
  bool ok = each || cluster_intervals(&hold, trial, view, c, threshold, &shares, low, high, err);
  for (int m = 0; ok && m < SHARES; m++) {
    double share = shares.whole[m] > 0 ? shares.part[m] / shares.whole[m] : (double)NAN;
    if (each) cm__wilson(share, shares.whole[m], z, &low[m], &high[m]);
    cm__rows_real(w, share);
    cm__rows_real(w, low[m]);
    cm__rows_real(w, high[m]);
  }
  cm__arena_free(&hold);
  return ok;
}

static bool put_threshold(CmTableWriter *w, const CmTrial *trial, const CmOutcome *outcome, const CmView *view, int c,
                          int rule, double threshold, CmError **err) {
  cm__put_place(w, outcome, view);
  cm__rows_text(w, trial->data.class_name[c]);
  cm__rows_text(w, rule_names[rule]);
  cm__rows_real(w, threshold);
  return put_shares(w, trial, view, c, threshold, err);
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
      if (!put_threshold(w, trial, outcome, &chosen, c, rule, threshold[rule], err)) return false;
      if (trial->held_rows && !put_threshold(w, trial, outcome, &held, c, rule, threshold[rule], err)) return false;
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
