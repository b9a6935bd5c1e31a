/* How good a saved model's predictions are on new rows whose outcome is known. */
#include <math.h>
#include <string.h>

#include "learn/numbers.h"
#include "learn/result_view.h"
#include "learn/split.h"
#include "learn/survival.h"

typedef struct Judge {
  CmContext *ctx;
  const CmModel *model;
  const CmTable *table;
  const CmLearnColumns *columns;
  const double *x;       /* rows of the table x features; survival only */
  const double *numbers; /* rows of the table x stride */
  int stride;
  int target, event, group;
  CmTrial trial; /* of one group: its data and parameters are used */
  CmArena hold;
} Judge;

/* Which class of the model the cell names; -1 and an error where it knows none such. */
static int class_at(const Judge *j, int64_t row, CmError **err) {
  char cell[CM_TEXT_MAX];
  const char *text = cm_table_cell(j->table, row, j->target, cell, sizeof cell);
  for (int c = 0; c < j->model->classes; c++)
    if (strcmp(j->model->class_name[c], text) == 0) return c;
  cm_error_set(err, CM_ERR_DATA, "row %lld: «%s» is «%.60s», which is no class of the model; mend or empty the cell",
               (long long)row + 1, cm_table_column_name(j->table, j->target), text);
  return -1;
}

/* 1 where the event came, 0 where not, -1 and an error where the cell says neither. */
static int event_at(const Judge *j, int64_t row, CmError **err) {
  char cell[CM_TEXT_MAX];
  const char *text = cm_table_cell(j->table, row, j->event, cell, sizeof cell);
  if (!strcmp(text, "1") || !strcmp(text, "event")) return 1;
  if (!strcmp(text, "0") || !strcmp(text, "censored")) return 0;
  cm_error_set(err, CM_ERR_DATA, "row %lld: «%s» is «%.60s»; use 1 or \"event\", 0 or \"censored\"", (long long)row + 1,
               cm_table_column_name(j->table, j->event), text);
  return -1;
}

static bool read_outcome(const Judge *j, CmLearnData *data, int64_t at, CmError **err) {
  int64_t row = data->row[at];
  if (data->classes) return (data->y[at] = class_at(j, row, err)) >= 0;
  data->value[at] = cm__table_number(j->table, row, j->target);
  int came = data->event ? event_at(j, row, err) : 0;
  if (came < 0) return false;
  if (data->event) data->event[at] = came != 0;
  if (isfinite(data->value[at]) && (!data->event || data->value[at] > 0)) return true;
  cm_error_set(err, CM_ERR_DATA, "row %lld: «%s» is not a %s; mend or empty the cell", (long long)row + 1,
               cm_table_column_name(j->table, j->target), data->event ? "time above 0" : "finite number");
  return false;
}

static const char *group_of(const Judge *j, int64_t row, char *cell, size_t size) {
  return j->group < 0 ? "" : cm_table_cell(j->table, row, j->group, cell, size);
}

/* The rows of a group that have the outcome, as data. */
static bool take_group(Judge *j, const char *group, CmLearnData *data, CmError **err) {
  const CmModel *model = j->model;
  int64_t most = cm_table_rows(j->table);
  *data = (CmLearnData){.hold = {.ctx = j->ctx},
                        .table = j->table,
                        .task = model->task,
                        .classes = model->classes,
                        .class_name = model->class_name,
                        .notes_end = &data->notes};
  data->row = CM__NEW(&data->hold, int64_t, most, err);
  data->y = CM__NEW(&data->hold, int, most, err);
  data->value = CM__NEW(&data->hold, double, most, err);
  if (model->task == CM_TASK_SURVIVAL) data->event = CM__NEW(&data->hold, uint8_t, most, err);
  if (!data->row || !data->y || !data->value || (model->task == CM_TASK_SURVIVAL && !data->event)) return false;
  for (int64_t row = 0; row < most; row++) {
    char cell[CM_TEXT_MAX];
    if (cm_table_is_missing(j->table, row, j->target) || strcmp(group_of(j, row, cell, sizeof cell), group) != 0)
      continue;
    data->row[data->rows] = row;
    if (!read_outcome(j, data, data->rows++, err)) return false;
  }
  return !data->rows || cm__data_subjects(data, j->columns->subject, err);
}

/* What the model says of the group's rows, and behind that of survival the shares at the moments. */
static double *gather(Judge *j, CmError **err) {
  CmLearnData *data = &j->trial.data;
  const CmModel *model = j->model;
  const int64_t said = cm__width(model->task, model->classes), d = model->features;
  double *p = CM__NEW(&data->hold, double, data->rows * j->trial.width, err);
  double *x = p && j->x ? CM__NEW(&data->hold, double, data->rows *d, err) : NULL;
  if (!p || (j->x && !x)) return NULL;
  for (int64_t i = 0; i < data->rows; i++) {
    memcpy(p + i * said, j->numbers + data->row[i] * j->stride, sizeof *p * (size_t)said);
    if (x) memcpy(x + i * d, j->x + data->row[i] * d, sizeof *x * (size_t)d);
  }
  return cm__trial_shares(&data->hold, &j->trial, model, x, data->rows, p, err) ? p : NULL;
}

static bool find_moments(Judge *j, CmError **err) {
  CmLearnData *data = &j->trial.data;
  CmMoments *moments = &j->trial.moments;
  *moments = (CmMoments){0};
  if (data->event && data->rows && !cm__survival_moments(&data->hold, data, &j->trial.params.horizons, moments, err))
    return false;
  j->trial.width = cm__width(j->model->task, j->model->classes) + moments->count;
  return true;
}

static bool judge_group(Judge *j, const char *group, CmTableWriter *w, CmError **err) {
  CmLearnData *data = &j->trial.data;
  const CmMoments *moments = &j->trial.moments;
  CmMetricList list = {0};
  bool ok = take_group(j, group, data, err) && find_moments(j, err);
  const double *p = ok ? gather(j, err) : NULL;
  int64_t *place = p ? CM__NEW(&data->hold, int64_t, data->rows, err) : NULL;
  ok = place != NULL;
  for (int64_t i = 0; ok && i < data->rows; i++) place[i] = i;
  const CmScores scores = {
      data->rows, data->subjects, j->trial.width, 1, data->y, data->subject, p, place, moments->count ? moments : NULL};
  ok = ok && (!data->rows || cm__judge(&data->hold, &j->trial, &scores, j->trial.params.resamples, &list, err));
  for (int m = 0; ok && m < list.count; m++) {
    cm__rows_next(w);
    cm__rows_text(w, j->model->name);
    cm__rows_text(w, *group ? group : "new");
    cm__put_metric(w, &j->trial, &list.metric[m], &scores);
  }
  cm__data_free(data);
  return ok;
}

static bool find_columns(Judge *j, CmError **err) {
  const CmLearnColumns *columns = j->columns;
  const char *target = columns->target ? columns->target : j->model->target;
  const char *event = columns->event ? columns->event : j->model->event_column;
  if (!j->model->target) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%s predicts no target, so there is nothing to judge it by",
                 j->model->body->kind.about.name);
    return false;
  }
  j->target = cm__named_column(j->table, target, "target", err);
  j->event = event && j->target >= 0 ? cm__named_column(j->table, event, "event", err) : -1;
  j->group = columns->group ? cm_table_find_column(j->table, columns->group) : -1;
  if (columns->group && j->group < 0) cm__named_column(j->table, columns->group, "group", err);
  return j->target >= 0 && (!event || j->event >= 0) && (!columns->group || j->group >= 0);
}

/* Each value of the group's column, by its first row. */
static bool judge_groups(Judge *j, CmTableWriter *w, CmError **err) {
  for (int64_t row = 0; row < cm_table_rows(j->table); row++) {
    char cell[CM_TEXT_MAX], other[CM_TEXT_MAX];
    const char *group = group_of(j, row, cell, sizeof cell);
    bool known = false;
    for (int64_t before = row; before-- > 0 && !known;)
      known = strcmp(group_of(j, before, other, sizeof other), group) == 0;
    if (!known && !judge_group(j, group, w, err)) return false;
  }
  return true;
}

CmTable *cm_model_judge(CmContext *ctx, const CmModel *model, const CmTable *table, const CmLearnColumns *columns,
                        const CmValidateParams *params, CmError **err) {
  Judge j = {.ctx = ctx, .model = model, .table = table, .columns = columns, .hold = {.ctx = ctx}};
  CmTableWriter w = {0};
  bool ok = false;
  CmValidateParams *defaults = params ? NULL : cm_params_create(ctx, cm_validate_about(), err);
  if (!params && !defaults) return NULL;
  j.trial = (CmTrial){.ctx = ctx, .params = params ? *params : *defaults};
  cm_free(defaults);
  if (!find_columns(&j, err) || !cm__rows_start(&w, ctx, err)) goto done;
  cm__rows_columns(
      &w,
      (const char *const[]){"model", "part", "class", "metric", "value", "low", "high", "interval", "rows", "subjects"},
      "ttttrrrtii");
  j.numbers = cm__model_said(&j.hold, model, table, &j.stride, err);
  if (j.numbers && model->task == CM_TASK_SURVIVAL) j.x = cm__model_table(&j.hold, model, table, err);
  ok = j.numbers && (j.x || model->task != CM_TASK_SURVIVAL) && judge_groups(&j, &w, err);
done:
  cm__arena_free(&j.hold);
  return cm__rows_end(&w, ok);
}
