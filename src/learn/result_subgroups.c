/* The table of a validation that judges each model among some rows: men and women, sites, scanners. */
#include <string.h>

#include "learn/result_view.h"

enum { MOST_LEVELS = 50 };

/* Which level of one column each row of the data has; -1: missing. */
typedef struct Levels {
  int count;
  const char *name[MOST_LEVELS];
  int *of;
} Levels;

static bool find_level(CmArena *hold, Levels *levels, const char *column, const char *cell, int *at, CmError **err) {
  for (*at = 0; *at < levels->count; ++*at)
    if (!strcmp(levels->name[*at], cell)) return true;
  if (levels->count == MOST_LEVELS) {
    cm_error_set(err, CM_ERR_DATA, "subgroups: \"%s\" has more than %d values; group them", column, MOST_LEVELS);
    return false;
  }
  return (levels->name[levels->count++] = cm__arena_strdup(hold, cell, err)) != NULL;
}

static bool read_levels(CmArena *hold, const CmLearnData *data, const char *name, Levels *levels, CmError **err) {
  int column = cm__named_column(data->table, name, "subgroups", err);
  *levels = (Levels){.of = CM__NEW(hold, int, data->rows, err)};
  if (column < 0 || !levels->of) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    char cell[CM_TEXT_MAX];
    levels->of[i] = -1;
    if (cm_table_is_missing(data->table, data->row[i], column)) continue;
    const char *text = cm_table_column_type(data->table, column) == CM_COLUMN_TEXT
                           ? cm_table_text(data->table, data->row[i], column)
                           : cm_table_cell(data->table, data->row[i], column, cell, sizeof cell);
    if (!find_level(hold, levels, name, text, &levels->of[i], err)) return false;
  }
  return true;
}

/* The rows of one level, all repeats. */
static bool pick(CmArena *hold, const CmScores *all, const Levels *levels, int level, CmScores *some, CmError **err) {
  int *of = CM__NEW(hold, int, all->rows, err);
  for (int64_t i = 0; of && i < all->rows; i++) of[i] = levels->of[all->row[i]];
  return of && cm__pick_scores(hold, all, of, level, some, err);
}

static bool put_level(CmTableWriter *w, const CmTrial *trial, const char *model, const char *part, const char *column,
                      const Levels *levels, int level, const CmScores *all, CmError **err) {
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

static bool put_column(CmTableWriter *w, const CmTrial *trial, const char *column, const Levels *levels,
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

CmTable *cm__table_subgroups(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  bool ok = true;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w,
                   (const char *const[]){"model", "part", "column", "level", "class", "metric", "value", "low", "high",
                                         "interval", "rows", "subjects"},
                   "ttttttrrrtii");
  for (int i = 0; ok && i < trial->columns->subgroup_count; i++) {
    CmArena hold = {.ctx = trial->ctx};
    Levels levels;
    const char *column = trial->columns->subgroups[i];
    ok = read_levels(&hold, &trial->data, column, &levels, err) && put_column(&w, trial, column, &levels, err);
    cm__arena_free(&hold);
  }
  if (!ok) cm_table_unref(&w.table);
  return cm__rows_finish(&w);
}
