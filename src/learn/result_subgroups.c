/* The table of a validation that judges each model among some rows: men and women, sites, scanners. */
#include "learn/levels.h"
#include "learn/result_view.h"

/* The rows of one level, all repeats. */
static bool pick(CmArena *hold, const CmScores *all, const CmLevels *levels, int level, CmScores *some, CmError **err) {
  int *of = CM__NEW(hold, int, all->rows, err);
  for (int64_t i = 0; of && i < all->rows; i++) of[i] = levels->of[all->row[i]];
  return of && cm__pick_scores(hold, all, of, level, some, err);
}

static bool put_level(CmTableWriter *w, const CmTrial *trial, const char *model, const char *part, const char *column,
                      const CmLevels *levels, int level, const CmScores *all, CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  CmScores some;
  CmMetricList list = {0};
  bool ok = pick(&hold, all, levels, level, &some, err) &&
            (!some.rows || cm__judge(&hold, trial, &some, trial->params.resamples, &list, err));
  for (int m = 0; ok && m < list.count; m++) {
    const CmMetric *metric = &list.metric[m];
    cm__rows_next(w);
    cm__rows_text(w, model);
    cm__rows_text(w, part);
    cm__rows_text(w, column);
    cm__rows_text(w, levels->name[level]);
    cm__put_metric(w, trial, metric, &some);
  }
  cm__arena_free(&hold);
  return ok;
}

static bool put_column(CmTableWriter *w, const CmTrial *trial, const char *column, const CmLevels *levels,
                       CmError **err) {
  bool ok = true;
  for (int l = 0; ok && l < trial->count; l++) {
    const CmOutcome *outcome = &trial->outcome[l];
    CmScores cross = cm__cross_scores(trial, outcome), held = cm__held_scores(trial, outcome);
    for (int level = 0; ok && trial->params.folds && level < levels->count; level++)
      ok = put_level(w, trial, outcome->model->name, "cross_validation", column, levels, level, &cross, err);
    for (int level = 0; ok && trial->held_rows && level < levels->count; level++)
      ok = put_level(w, trial, outcome->model->name, "hold_out", column, levels, level, &held, err);
  }
  return ok;
}

static bool put_named(CmTableWriter *w, const CmTrial *trial, const char *column, CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  CmLevels levels;
  bool ok = cm__levels_read(&hold, &trial->data, column, "subgroups", &levels, err) &&
            put_column(w, trial, column, &levels, err);
  cm__arena_free(&hold);
  return ok;
}

CmTable *cm__table_subgroups(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  bool ok = true;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w,
                   (const char *const[]){"model", "part", "column", "level", "class", "metric", "value", "low", "high",
                                         "interval", "rows", "subjects"},
                   "ttttttrrrtii");
  const CmLearnColumns *columns = trial->columns;
  for (int i = 0; ok && i < columns->subgroup_count; i++) ok = put_named(&w, trial, columns->subgroups[i], err);
  if (ok && columns->group) ok = put_named(&w, trial, columns->group, err);
  if (!ok) cm_table_unref(&w.table);
  return cm__rows_finish(&w);
}
