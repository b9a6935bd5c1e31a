/* What a validation of numbers or of survival has in other tables than classes, or beside them. */
#include <math.h>

#include "core/distribution.h"
#include "learn/numbers.h"
#include "learn/quantile.h"
#include "learn/result_view.h"

/* ---- predictions ---------------------------------------------------------------------------------------------------
 */

static bool put_numbers(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const CmView *view, CmError **err) {
  const CmLearnData *data = &trial->data;
  (void)err;
  for (int64_t i = 0; i < view->rows; i++) {
    const double *p = view->p + i * trial->width;
    cm__put_place(w, outcome, view);
    cm__put_row(w, trial, view, i);
    cm__rows_real(w, data->value[view->row[i]]);
    if (data->event) cm__rows_int(w, data->event[view->row[i]]);
    cm__rows_real(w, p[data->event ? CM__SURVIVAL_MEDIAN : 0]);
    if (data->event) cm__rows_real(w, p[CM__SURVIVAL_RISK]);
    for (int k = 0; k < trial->moments.horizons; k++) cm__rows_real(w, p[CM__SURVIVAL_WIDTH + k]);
  }
  return true;
}

CmTable *cm__table_numbers(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  const CmLearnData *data = &trial->data;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__place_columns(&w);
  cm__row_columns(&w);
  cm__rows_column(&w, "target", CM_COLUMN_REAL, data->target_unit);
  if (data->event) cm__rows_column(&w, "event", CM_COLUMN_INT, "");
  cm__rows_column(&w, "predicted", CM_COLUMN_REAL, data->target_unit);
  if (data->event) cm__rows_column(&w, "risk", CM_COLUMN_REAL, "");
  for (int k = 0; k < trial->moments.horizons; k++)
    cm__rows_columnf(&w, CM_COLUMN_REAL, "", "survival %s", trial->moments.name[k]);
  return cm__rows_end(&w, cm__each_view(&w, trial, put_numbers, err));
}

/* ---- survival of those with high and with low risks ----------------------------------------------------------------
 */

typedef struct Groups {
  CmSurvival rows;
  CmSurvivalOrder order;
  uint8_t *high; /* risk above the median */
  CmSurvivalStep *step;
} Groups;

static bool make_groups(CmArena *hold, const CmTrial *trial, const CmScores *s, int repeat, Groups *g, CmError **err) {
  const double *risk = s->p + repeat * s->rows * s->classes + CM__SURVIVAL_RISK;
  double *sorted = CM__NEW(hold, double, s->rows, err);
  g->high = CM__NEW(hold, uint8_t, s->rows, err);
  g->step = CM__NEW(hold, CmSurvivalStep, s->rows, err);
  if (!sorted || !g->high || !g->step || !cm__survival_rows(hold, &trial->data, s, &g->rows, err) ||
      !cm__survival_order(hold, &g->rows, risk, s->classes, &g->order, err))
    return false;
  for (int64_t i = 0; i < s->rows; i++) sorted[i] = risk[i * s->classes];
  cm__sort_numbers(sorted, s->rows);
  double median = cm__quantile(sorted, s->rows, 0.5);
  for (int64_t i = 0; i < s->rows; i++) g->high[i] = risk[i * s->classes] > median;
  return true;
}

static void put_group(CmTableWriter *w, const CmTrial *trial, const CmOutcome *outcome, const CmView *view,
                      const Groups *g, int high, double chi_square) {
  double z = cm__normal_z(trial->params.confidence);
  int64_t steps = cm__kaplan_meier(&g->rows, g->order.by_time, g->high, high, z, g->step);
  for (int64_t i = 0; i < steps; i++) {
    const CmSurvivalStep *step = &g->step[i];
    cm__put_place(w, outcome, view);
    cm__rows_text(w, high ? "high risk" : "low risk");
    cm__rows_real(w, step->time);
    cm__rows_int(w, step->at_risk);
    cm__rows_int(w, step->events);
    cm__rows_int(w, step->censored);
    cm__rows_real(w, step->survival);
    cm__rows_real(w, step->low);
    cm__rows_real(w, step->high);
    cm__rows_real(w, cm__chi_square_above(chi_square, 1));
  }
}

static bool put_survival(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const CmView *view,
                         CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  CmScores s = view->repeat ? cm__cross_scores(trial, outcome) : cm__held_scores(trial, outcome);
  Groups groups;
  bool ok = make_groups(&hold, trial, &s, view->repeat ? (int)view->repeat - 1 : 0, &groups, err);
  double chi_square = ok ? cm__log_rank(&groups.rows, groups.order.by_time, groups.high) : (double)NAN;
  for (int high = 0; ok && high < 2; high++) put_group(w, trial, outcome, view, &groups, high, chi_square);
  cm__arena_free(&hold);
  return ok;
}

CmTable *cm__table_survival(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__place_columns(&w);
  cm__rows_column(&w, "group", CM_COLUMN_TEXT, "");
  cm__rows_column(&w, "time", CM_COLUMN_REAL, trial->data.target_unit);
  cm__rows_columns(&w, (const char *const[]){"at_risk", "events", "censored", "survival", "low", "high", "log_rank_p"},
                   "iiirrrr");
  return cm__rows_end(&w, trial->data.task != CM_TASK_SURVIVAL || cm__each_view(&w, trial, put_survival, err));
}
