/* Models applied to tables: prediction, survival, contributions, weights. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/distribution.h"
#include "cormack/parallel.h"
#include "learn/model.h"
#include "learn/prepare/along_time.h"
#include "learn/prepare/harmony.h"
#include "learn/rows.h"

#define ROWS_A_CHUNK 256

int cm__most_probable(const double *probability, int classes) {
  int best = 0;
  for (int c = 1; c < classes; c++)
    if (probability[c] > probability[best]) best = c;
  return best;
}

static double *prepared(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, CmError **err) {
  size_t cells;
  int width = model->prepare.width;
  if (!cm_size_multiply((size_t)rows, (size_t)width, &cells, err)) return NULL;
  double *to = cm_alloc_array(ctx, cells, sizeof *to, err);
  if (!to) return NULL;
  if (!cm__prepare_apply(ctx, &model->prepare, x, rows, to, err)) goto error;
  if (model->body->kind.takes_missing) return to;
  for (size_t i = 0; i < cells; i++) {
    if (!isnan(to[i])) continue;
    cm_error_set(err, CM_ERR_DATA, "a row has no \"%s\", and the model was trained with impute=none; fill it",
                 model->feature[model->prepare.keep[i % (size_t)width]]);
    goto error;
  }
  return to;
error:
  cm_free(to);
  return NULL;
}

bool cm__model_raw(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *to, CmError **err) {
  double *ready = prepared(ctx, model, x, rows, err);
  bool ok = ready && model->body->predict(model->state, ctx, ready, rows, to, err);
  cm_free(ready);
  return ok;
}

bool cm__model_numbers(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *to, CmError **err) {
  if (!cm__model_raw(ctx, model, x, rows, to, err)) return false;
  cm__recalibration_apply(&model->recalibration, to, rows);
  return true;
}

bool cm__model_survive(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, const double *times,
                       int count, double *share, CmError **err) {
  double *ready = prepared(ctx, model, x, rows, err);
  bool ok = ready && model->body->survive(model->state, ctx, ready, rows, times, count, share, err);
  cm_free(ready);
  return ok;
}

bool cm__model_rows(CmContext *ctx, const CmModel *model, const CmLearnData *data, const int64_t *at, int64_t rows,
                    double *to, CmError **err) {
  CmArena hold = {.ctx = ctx};
  int d = data->features;
  size_t cells;
  double *x = cm_size_multiply((size_t)rows, (size_t)d, &cells, err) ? CM__NEW(&hold, double, cells, err) : NULL;
  for (int64_t i = 0; x && i < rows; i++) memcpy(x + i * d, data->x + at[i] * d, sizeof *x * (size_t)d);
  bool ok = x && cm__model_numbers(ctx, model, x, rows, to, err);
  cm__arena_free(&hold);
  return ok;
}

bool cm__model_contributions(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *contribution,
                             CmError **err) {
  if (!model->body->explain) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "%s has no contributions by row of its own; use kernel SHAP («cormack explain»)",
                 model->body->kind.about.name);
    return false;
  }
  int outputs = cm__outputs(model->task, model->classes), width = model->prepare.width, all = model->features;
  size_t cells;
  if (!cm_size_multiply((size_t)rows * (size_t)outputs, (size_t)width + 1, &cells, err)) return false;
  double *ready = prepared(ctx, model, x, rows, err),
         *part = ready ? cm_alloc_array(ctx, cells, sizeof *part, err) : NULL;
  bool ok = part && model->body->explain(model->state, ctx, ready, rows, part, err);
  for (int64_t i = 0; ok && i < rows * outputs; i++) {
    double *to = contribution + i * (all + 1);
    const double *from = part + i * (width + 1);
    memset(to, 0, sizeof *to * (size_t)all);
    for (int k = 0; k < width; k++) to[model->prepare.keep[k]] += from[k];
    to[all] = from[width];
  }
  cm_free(part);
  cm_free(ready);
  return ok;
}

const char *cm__prepared_name(const CmModel *model, int k, char *room, size_t size) {
  const char *name = model->feature[model->prepare.keep[k]];
  if (k < model->prepare.kept) return name;
  snprintf(room, size, "%s missing", name);
  return room;
}

/* Columns of the model's features in `table`; refuses what differs, all at once. */
static bool match_columns(const CmModel *model, const CmTable *table, int *column, CmError **err) {
  char wrong[700] = "";
  int count = 0, batch = model->prepare.harmony ? model->prepare.harmony->batch : -1;
  for (int j = 0; j < model->features; j++) {
    column[j] = cm_table_find_column(table, model->feature[j]);
    char text[200] = "";
    if (column[j] < 0)
      snprintf(text, sizeof text, "\"%.100s\" is missing", model->feature[j]);
    else if (j != batch && cm_table_column_type(table, column[j]) == CM_COLUMN_TEXT)
      snprintf(text, sizeof text, "\"%.100s\" holds text", model->feature[j]);
    else if (strcmp(cm_table_column_unit(table, column[j]), model->unit[j]))
      snprintf(text, sizeof text, "\"%.100s\" is in \"%.20s\", not \"%.20s\"", model->feature[j],
               cm_table_column_unit(table, column[j]), model->unit[j]);
    if (!*text) continue;
    size_t used = strlen(wrong);
    if (used + strlen(text) + 3 < sizeof wrong)
      snprintf(wrong + used, sizeof wrong - used, "%s%s", count ? ", " : "", text);
    count++;
  }
  if (!count) return true;
  cm_error_set(err, CM_ERR_DATA,
               "the table is not like the one that the model was trained on: %s (%d column%s in all); make the table "
               "in the same way",
               wrong, count, count > 1 ? "s" : "");
  return false;
}

typedef struct CmApply CmApply;
struct CmApply {
  CmContext *ctx;
  const CmModel *model;
  const double *x;
  double *to;
  int64_t width; /* numbers a row of `to` */
  bool (*apply)(const CmApply *apply, const double *x, int64_t rows, double *to, CmError **err);
  const double *times;  /* survival */
  const int64_t *known; /* forecasts: the place of each row's subject, -1: a new one; NULL: all are */
};

static bool apply_numbers(const CmApply *a, const double *x, int64_t rows, double *to, CmError **err) {
  return cm__model_numbers(a->ctx, a->model, x, rows, to, err);
}
static bool apply_contributions(const CmApply *a, const double *x, int64_t rows, double *to, CmError **err) {
  return cm__model_contributions(a->ctx, a->model, x, rows, to, err);
}
static bool apply_survival(const CmApply *a, const double *x, int64_t rows, double *to, CmError **err) {
  return cm__model_survive(a->ctx, a->model, x, rows, a->times, (int)a->width, to, err);
}

static bool apply_forecast(const CmApply *a, const double *x, int64_t rows, double *to, CmError **err) {
  double *ready = prepared(a->ctx, a->model, x, rows, err);
  const int64_t *known = a->known ? a->known + (x - a->x) / a->model->features : NULL;
  bool ok = ready && a->model->body->forecast(a->model->state, a->ctx, ready, known, rows, to, err);
  cm_free(ready);
  return ok;
}

static bool apply_chunk(void *arg, CmRange range, CmError **err) {
  const CmApply *a = arg;
  return a->apply(a, a->x + range.begin * a->model->features, range.end - range.begin, a->to + range.begin * a->width,
                  err);
}

/* Here rows are the table's, and can be named. */
static bool check_whole(const CmModel *model, const double *x, int64_t rows, CmError **err) {
  const CmPrepare *p = &model->prepare;
  for (int k = 0; k < p->kept && !p->imputer && !model->body->kind.takes_missing; k++) {
    if (!isnan(p->fill[p->place[k]])) continue;
    for (int64_t i = 0; i < rows; i++) {
      if (!isnan(x[i * model->features + p->keep[k]])) continue;
      cm_error_set(err, CM_ERR_DATA, "row %lld has no \"%s\", and the model was trained with impute=none; fill it",
                   (long long)i + 1, model->feature[p->keep[k]]);
      return false;
    }
  }
  return true;
}

double *cm__model_table(CmArena *hold, const CmModel *model, const CmTable *table, CmError **err) {
  size_t cells;
  int *column = CM__NEW(hold, int, model->features, err);
  if (!column || !match_columns(model, table, column, err) ||
      !cm_size_multiply((size_t)cm_table_rows(table), (size_t)model->features, &cells, err))
    return NULL;
  double *x = CM__NEW_RAW(hold, double, cells, err);
  if (!x || !cm__table_reals(hold->ctx, table, column, model->features, NULL, cm_table_rows(table), x, err))
    return NULL;
  const CmHarmony *harmony = model->prepare.harmony;
  const CmPrepare *p = &model->prepare;
  if (p->along_time && !cm__fill_table_along_time(hold->ctx, p->along_time, table, model->subject_column, p->time,
                                                  model->features - (harmony != NULL), model->features, x, err))
    return NULL;
  bool ok =
      !harmony || cm__harmony_encode(harmony, table, column[harmony->batch], x + harmony->batch, model->features, err);
  return ok && check_whole(model, x, cm_table_rows(table), err) ? x : NULL;
}

/* Numbers of all rows of a table, in `hold`: rows x width. */
static double *apply_model(CmArena *hold, CmApply apply, const CmTable *table, CmError **err) {
  int64_t rows = cm_table_rows(table);
  size_t results;
  apply.x = cm__model_table(hold, apply.model, table, err);
  if (!apply.x || !cm_size_multiply((size_t)rows, (size_t)apply.width, &results, err)) return NULL;
  apply.to = CM__NEW(hold, double, results, err);
  if (!apply.to) return NULL;
  apply.ctx = hold->ctx;
  const char *what = apply.apply == apply_contributions ? "explain" : "predict";
  bool ok = !rows || cm_parallel_for(hold->ctx, what, rows, ROWS_A_CHUNK, apply_chunk, &apply, err);
  return ok ? apply.to : NULL;
}

int cm__start_rows(CmTableWriter *writer, const CmModel *model, const CmTable *table) {
  cm__rows_column(writer, "row", CM_COLUMN_INT, "");
  int subject = model->subject_column ? cm_table_find_column(table, model->subject_column) : -1;
  static const char *const ours[] = {"row",  "predicted", "class", "base", "output",
                                     "risk", "score",     "low",   "high", "known"};
  const char *name = model->subject_column;
  for (int i = 0; subject >= 0 && i < CM_COUNT(ours); i++)
    if (!strcmp(model->subject_column, ours[i])) name = "subject";
  if (subject >= 0) cm__rows_column(writer, name, CM_COLUMN_TEXT, "");
  return subject;
}

void cm__put_applied(CmTableWriter *writer, const CmTable *table, int64_t row, int subject) {
  char cell[CM_TEXT_MAX];
  cm__rows_next(writer);
  cm__rows_int(writer, row);
  if (subject >= 0)
    cm__rows_text(writer, cm_table_is_missing(table, row, subject)
                              ? NULL
                              : cm_table_cell(table, row, subject, cell, sizeof cell));
}

static void number_columns(CmTableWriter *writer, const CmModel *model) {
  if (model->task == CM_TASK_REGRESSION || model->task == CM_TASK_SURVIVAL)
    cm__rows_column(writer, "predicted", CM_COLUMN_REAL, model->target_unit);
  else if (model->task != CM_TASK_EMBEDDING)
    cm__rows_column(writer, "predicted", CM_COLUMN_TEXT, "");
  if (model->task == CM_TASK_SURVIVAL) {
    cm__rows_column(writer, "longer_than", CM_COLUMN_REAL, model->target_unit);
    cm__rows_column(writer, "risk", CM_COLUMN_REAL, "");
  }
  if (model->task == CM_TASK_OUTLIERS) cm__rows_column(writer, "score", CM_COLUMN_REAL, "");
  const char *what = model->task == CM_TASK_EMBEDDING ? "component" : "probability";
  for (int c = 0; c < model->classes; c++)
    cm__rows_columnf(writer, CM_COLUMN_REAL, "", "%s %s", what, model->class_name[c]);
}

/* p: what predict() gave for the row. */
static void put_numbers(CmTableWriter *writer, const CmModel *model, const double *p) {
  if (model->task == CM_TASK_REGRESSION) {
    cm__rows_real(writer, p[CM__FORECAST_VALUE]);
  } else if (model->task == CM_TASK_SURVIVAL) {
    cm__rows_real(writer, p[CM__SURVIVAL_MEDIAN]);
    cm__rows_real(writer, isnan(p[CM__SURVIVAL_MEDIAN]) ? model->body->follow_up(model->state) : (double)NAN);
    cm__rows_real(writer, p[CM__SURVIVAL_RISK]);
  } else if (model->task == CM_TASK_OUTLIERS) {
    cm__rows_text(writer, p[0] < 0 ? "outlier" : "inlier");
    cm__rows_real(writer, p[0]);
  } else if (model->task != CM_TASK_EMBEDDING) {
    cm__rows_text(writer, model->class_name[cm__most_probable(p, model->classes)]);
  }
  for (int c = 0; c < model->classes; c++) cm__rows_real(writer, p[c]);
}

/* The places of the subjects of a table's rows, where the kind knows some; NULL without an error where none is. */
static bool find_known(CmArena *hold, const CmModel *model, const CmTable *table, const int64_t **known,
                       CmError **err) {
  int column = model->subject_column ? cm_table_find_column(table, model->subject_column) : -1;
  char cell[CM_TEXT_MAX];
  *known = NULL;
  if (!model->body->known || column < 0) return true;
  int64_t *place = CM__NEW(hold, int64_t, cm_table_rows(table), err);
  for (int64_t i = 0; place && i < cm_table_rows(table); i++) {
    const char *text = cm_table_text(table, i, column);
    if (!text) text = cm_table_cell(table, i, column, cell, sizeof cell);
    place[i] = cm_table_is_missing(table, i, column) ? -1 : model->body->known(model->state, text);
  }
  *known = place;
  return place != NULL;
}

CmTable *cm_model_forecast(CmContext *ctx, const CmModel *model, const CmTable *table, double confidence,
                           CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTableWriter writer = {0};
  CmApply apply = {.model = model, .width = CM__FORECAST_WIDTH, .apply = apply_forecast};
  if (!model->body->forecast) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%s forecasts no intervals; use linear, ridge or mixed",
                 model->body->kind.about.name);
    return NULL;
  }
  if (!(confidence > 0 && confidence < 1)) {
    cm_error_set(err, CM_ERR_PARAMETER, "interval: %g is no share between 0 and 1; write e.g. 0.95", confidence);
    return NULL;
  }
  double *p = find_known(&hold, model, table, &apply.known, err) ? apply_model(&hold, apply, table, err) : NULL;
  if (!p || !cm__rows_start(&writer, ctx, err)) goto done;
  static const char *const names[] = {"predicted", "standard_error", "low", "high"};
  int subject = cm__start_rows(&writer, model, table);
  for (int i = 0; i < CM_COUNT(names); i++) cm__rows_column(&writer, names[i], CM_COLUMN_REAL, model->target_unit);
  if (model->body->known) cm__rows_column(&writer, "known", CM_COLUMN_INT, "");
  for (int64_t i = 0; i < cm_table_rows(table); i++, p += CM__FORECAST_WIDTH) {
    double value = p[CM__FORECAST_VALUE], error = p[CM__FORECAST_ERROR],
           reach = error * cm__student_quantile(confidence, p[CM__FORECAST_DEGREES]);
    cm__put_applied(&writer, table, i, subject);
    cm__rows_real(&writer, value);
    cm__rows_real(&writer, error);
    cm__rows_real(&writer, value - reach);
    cm__rows_real(&writer, value + reach);
    if (model->body->known) cm__rows_int(&writer, apply.known && apply.known[i] >= 0);
  }
done:
  cm__arena_free(&hold);
  return cm__rows_finish(&writer);
}

double *cm__model_said(CmArena *hold, const CmModel *model, const CmTable *table, int *width, CmError **err) {
  CmApply apply = {.model = model, .width = cm__width(model->task, model->classes), .apply = apply_numbers};
  if (!find_known(hold, model, table, &apply.known, err)) return NULL;
  if (apply.known) {
    apply.apply = apply_forecast;
    apply.width = CM__FORECAST_WIDTH;
  }
  *width = (int)apply.width;
  return apply_model(hold, apply, table, err);
}

CmTable *cm_model_predict(CmContext *ctx, const CmModel *model, const CmTable *table, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTableWriter writer = {0};
  int width;
  const double *p = cm__model_said(&hold, model, table, &width, err);
  if (!p || !cm__rows_start(&writer, ctx, err)) goto done;
  int subject = cm__start_rows(&writer, model, table);
  number_columns(&writer, model);
  for (int64_t i = 0; i < cm_table_rows(table); i++) {
    cm__put_applied(&writer, table, i, subject);
    put_numbers(&writer, model, p + i * width);
  }
done:
  cm__arena_free(&hold);
  return cm__rows_finish(&writer);
}

static bool check_follow_up(const CmModel *model, const double *times, int count, CmError **err) {
  double last = model->body->follow_up(model->state);
  for (int k = 0; k < count; k++) {
    char at[32], end[32];
    if (times[k] <= last) continue;
    cm_error_set(err, CM_ERR_PARAMETER,
                 "survival: %s%s%s is beyond the follow-up of the rows that the model was trained on; ask for times up "
                 "to %s",
                 cm_real_text(times[k], at), *model->target_unit ? " " : "", model->target_unit,
                 cm_real_text(last, end));
    return false;
  }
  return true;
}

CmTable *cm_model_survival(CmContext *ctx, const CmModel *model, const CmTable *table, const double *times, int count,
                           CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTableWriter writer = {0};
  if (!model->body->survive || count < 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%s",
                 count < 1 ? "no time is given; name at least one" : "only models of survival give its curve; use cox");
    return NULL;
  }
  if (!check_follow_up(model, times, count, err)) return NULL;
  CmApply apply = {.model = model, .width = count, .apply = apply_survival, .times = times};
  double *share = apply_model(&hold, apply, table, err);
  if (!share || !cm__rows_start(&writer, ctx, err)) goto done;
  int subject = cm__start_rows(&writer, model, table);
  char text[32];
  for (int k = 0; k < count; k++)
    cm__rows_columnf(&writer, CM_COLUMN_REAL, "", "survival %s", cm_real_text(times[k], text));
  for (int64_t i = 0; i < cm_table_rows(table); i++) {
    cm__put_applied(&writer, table, i, subject);
    for (int k = 0; k < count; k++) cm__rows_real(&writer, share[i * count + k]);
  }
done:
  cm__arena_free(&hold);
  return cm__rows_finish(&writer);
}

CmTable *cm_model_explain(CmContext *ctx, const CmModel *model, const CmTable *table, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTableWriter writer = {0};
  int outputs = cm__outputs(model->task, model->classes), d = model->features;
  CmApply apply = {.model = model, .width = (int64_t)outputs * (d + 1), .apply = apply_contributions};
  double *phi = apply_model(&hold, apply, table, err);
  if (!phi || !cm__rows_start(&writer, ctx, err)) goto done;
  int subject = cm__start_rows(&writer, model, table);
  cm__rows_shap_columns(&writer, model);
  for (int64_t i = 0; i < cm_table_rows(table); i++) {
    for (int o = 0; o < outputs; o++) {
      cm__put_applied(&writer, table, i, subject);
      cm__rows_shap(&writer, model, o, phi + (i * outputs + o) * (d + 1));
    }
  }
done:
  cm__arena_free(&hold);
  return cm__rows_finish(&writer);
}

CmTable *cm_model_weights(CmContext *ctx, const CmModel *model, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTableWriter writer = {0};
  int outputs = cm__outputs(model->task, model->classes), width = model->prepare.width;
  CmWeights weights = {0};
  for (int m = 0; m < CM__MOST_MEASURES; m++)
    if (!(weights.value[m] = CM__NEW(&hold, double, (int64_t)outputs *width, err))) goto done;
  if (!cm__rows_start(&writer, ctx, err)) goto done;
  if (model->body->weights) model->body->weights(model->state, model->prepare.scale, &weights);
  static const char *const names[] = {"feature", "unit", "class", "measure"};
  for (int i = 0; i < CM_COUNT(names); i++) cm__rows_column(&writer, names[i], CM_COLUMN_TEXT, "");
  cm__rows_column(&writer, "value", CM_COLUMN_REAL, "");
  for (int m = 0; m < weights.measures; m++) {
    for (int o = 0; o < outputs; o++) {
      for (int k = 0; k < width; k++) {
        char name[600];
        cm__rows_next(&writer);
        cm__rows_text(&writer, cm__prepared_name(model, k, name, sizeof name));
        cm__rows_text(&writer, k < model->prepare.kept ? model->unit[model->prepare.keep[k]] : "");
        cm__rows_text(&writer, cm__output_name(model, o));
        cm__rows_text(&writer, weights.measure[m]);
        cm__rows_real(&writer, weights.value[m][o * width + k]);
      }
    }
  }
done:
  cm__arena_free(&hold);
  return cm__rows_finish(&writer);
}

char *cm_model_draw(CmContext *ctx, const CmModel *model, bool svg, CmError **err) {
  CmTextBuffer text;
  if (!model->body->draw) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%s cannot be drawn; use a decision tree (kind: tree)",
                 model->body->kind.about.name);
    return NULL;
  }
  cm__text_start(&text, ctx, err);
  model->body->draw(model->state, model, svg, &text);
  return cm__text_finish(&text);
}
