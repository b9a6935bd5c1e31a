/* Partial dependence and accumulated local effects. */
#include <math.h>

#include "cormack/parallel.h"
#include "learn/explain.h"
#include "learn/quantile.h"
#include "learn/rows.h"

/* One feature's effects: points of both methods, and their values, points x outputs. */
typedef struct Effect {
  int points, edges;
  double *point, *dependence; /* partial dependence */
  double *edge, *local;       /* accumulated local effects */
  int64_t *in_bin;            /* below each edge; [0] is 0 */
} Effect;

typedef struct Effects {
  CmContext *ctx;
  const CmModel *model;
  CmExplainParams params;
  int64_t rows;
  const double *x;
  int outputs;
  Effect *effect; /* one a feature that is used */
} Effects;

/* Distinct quantiles of the sorted values at 0, 1 / (most - 1) … 1, or all of the distinct values where they are few.
 */
static int quantiles(const double *sorted, int64_t count, int most, double *to) {
  int distinct = 0, n = 0;
  for (int64_t i = 0; i < count && distinct <= most; i++) distinct += !i || sorted[i] != sorted[i - 1];
  if (distinct <= most) {
    for (int64_t i = 0; i < count; i++)
      if (!i || sorted[i] != sorted[i - 1]) to[n++] = sorted[i];
    return n;
  }
  for (int q = 0; q < most; q++) {
    double value = cm__quantile(sorted, count, (double)q / (most - 1));
    if (!n || value > to[n - 1]) to[n++] = value;
  }
  return n;
}

static bool make_effect(CmArena *hold, const Effects *e, int j, Effect *effect, double *scratch, CmError **err) {
  int most = (int)e->params.grid + 1, d = e->model->features;
  int64_t n = 0;
  effect->point = CM__NEW(hold, double, most, err);
  effect->edge = CM__NEW(hold, double, most, err);
  effect->dependence = CM__NEW(hold, double, most * e->outputs, err);
  effect->local = CM__NEW(hold, double, most * e->outputs, err);
  effect->in_bin = CM__NEW(hold, int64_t, most, err);
  if (!effect->point || !effect->edge || !effect->dependence || !effect->local || !effect->in_bin) return false;
  for (int64_t i = 0; i < e->rows; i++)
    if (!isnan(e->x[i * d + j])) scratch[n++] = e->x[i * d + j];
  cm__sort_numbers(scratch, n);
  effect->points = quantiles(scratch, n, most - 1, effect->point);
  effect->edges = quantiles(scratch, n, most, effect->edge);
  return true;
}

/* Room of one job. */
typedef struct Room {
  double *x, *numbers, *to;
} Room;

static bool depend(const Effects *e, int j, Effect *effect, Room *room, CmError **err) {
  int d = e->model->features, outputs = e->outputs;
  int64_t step = cm__even_step(e->rows, e->params.rows), n = (e->rows + step - 1) / step;
  for (int p = 0; p < effect->points; p++) {
    for (int64_t i = 0; i < n; i++) {
      for (int k = 0; k < d; k++) room->x[i * d + k] = e->x[i * step * d + k];
      room->x[i * d + j] = effect->point[p];
    }
    if (!cm__model_outputs(e->ctx, e->model, room->x, n, room->numbers, room->to, err)) return false;
    for (int o = 0; o < outputs; o++) {
      double sum = 0;
      for (int64_t i = 0; i < n; i++) sum += room->to[i * outputs + o];
      effect->dependence[p * outputs + o] = sum / (double)n;
    }
  }
  return true;
}

/* The first edge that is not below the value, at least 1. */
static int bin_of(const Effect *effect, double value) {
  int b = 1;
  while (b + 1 < effect->edges && value > effect->edge[b]) b++;
  return b;
}

/* Adds to local[bin] the change of each row's prediction from the lower to the upper edge of its bin. */
static bool add_changes(const Effects *e, int j, Effect *effect, Room *room, CmError **err) {
  int d = e->model->features, outputs = e->outputs;
  for (int upper = 0; upper < 2; upper++) {
    for (int64_t i = 0; i < e->rows; i++) {
      for (int k = 0; k < d; k++) room->x[i * d + k] = e->x[i * d + k];
      double *value = &room->x[i * d + j];
      if (!isnan(*value)) *value = effect->edge[bin_of(effect, *value) - !upper];
    }
    if (!cm__model_outputs(e->ctx, e->model, room->x, e->rows, room->numbers, room->to, err)) return false;
    for (int64_t i = 0; i < e->rows; i++) {
      double value = e->x[i * d + j];
      if (isnan(value)) continue;
      int b = bin_of(effect, value);
      effect->in_bin[b] += upper;
      for (int o = 0; o < outputs; o++)
        effect->local[b * outputs + o] += upper ? room->to[i * outputs + o] : -room->to[i * outputs + o];
    }
  }
  return true;
}

/* From sums of changes to accumulated means of them, around 0. */
static void accumulate(const Effects *e, Effect *effect) {
  int outputs = e->outputs;
  for (int o = 0; o < outputs; o++) {
    double at = 0, middle = 0, all = 0;
    for (int b = 1; b < effect->edges; b++) {
      double n = (double)effect->in_bin[b], before = at;
      double *local = &effect->local[b * outputs + o];
      if (n > 0) at += *local / n;
      *local = at;
      middle += n * (before + at) / 2;
      all += n;
    }
    for (int b = 0; b < effect->edges; b++) effect->local[b * outputs + o] -= middle / all;
  }
}

static bool run_features(void *arg, CmRange range, CmError **err) {
  const Effects *e = arg;
  const CmModel *model = e->model;
  CmArena hold = {.ctx = e->ctx};
  Room room = {CM__NEW(&hold, double, e->rows * model->features, err),
               CM__NEW(&hold, double, e->rows *cm__width(model->task, model->classes), err),
               CM__NEW(&hold, double, e->rows * e->outputs, err)};
  bool ok = room.x && room.numbers && room.to;
  for (int64_t at = range.begin; ok && at < range.end; at++) {
    int j = model->prepare.keep[at];
    Effect *effect = &e->effect[at];
    ok = depend(e, j, effect, &room, err) && (effect->edges < 2 || add_changes(e, j, effect, &room, err));
    if (ok && effect->edges > 1) accumulate(e, effect);
  }
  cm__arena_free(&hold);
  return ok;
}

static void put_points(CmTableWriter *w, const Effects *e, int j, int output, const char *method, int count,
                       const double *value, const double *effect, const int64_t *rows, int64_t all) {
  for (int p = 0; p < count; p++) {
    cm__rows_next(w);
    cm__rows_text(w, e->model->feature[j]);
    cm__rows_text(w, e->model->unit[j]);
    cm__rows_text(w, cm__output_name(e->model, output));
    cm__rows_text(w, method);
    cm__rows_real(w, value[p]);
    cm__rows_real(w, effect[p * e->outputs + output]);
    cm__rows_int(w, rows ? rows[p] : all);
  }
}

static CmTable *write_effects(const Effects *e, CmError **err) {
  CmTableWriter w;
  int64_t step = cm__even_step(e->rows, e->params.rows);
  if (!cm__rows_start(&w, e->ctx, err)) return NULL;
  cm__rows_columns(&w, (const char *const[]){"feature", "unit", "class", "method", "value", "effect", "rows"},
                   "ttttrri");
  for (int at = 0; at < e->model->prepare.kept; at++) {
    const Effect *f = &e->effect[at];
    int j = e->model->prepare.keep[at];
    for (int o = 0; o < e->outputs; o++) {
      put_points(&w, e, j, o, "partial_dependence", f->points, f->point, f->dependence, NULL,
                 (e->rows + step - 1) / step);
      if (f->edges > 1) put_points(&w, e, j, o, "accumulated_local", f->edges, f->edge, f->local, f->in_bin, 0);
    }
  }
  return cm__rows_finish(&w);
}

CmTable *cm_model_effects(CmContext *ctx, const CmModel *model, const CmTable *table, const CmExplainParams *params,
                          CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTable *result = NULL;
  Effects e = {
      .ctx = ctx, .model = model, .rows = cm_table_rows(table), .outputs = cm__outputs(model->task, model->classes)};
  if (!cm__explain_start(ctx, model, params, &e.params, err) || !(e.x = cm__model_table(&hold, model, table, err)))
    goto done;
  if (!e.rows) {
    cm_error_set(err, CM_ERR_DATA, "the table has no rows; effects are means over rows");
    goto done;
  }
  double *scratch = CM__NEW(&hold, double, e.rows, err);
  e.effect = CM__NEW(&hold, Effect, model->prepare.kept, err);
  bool ok = scratch && e.effect;
  for (int at = 0; ok && at < model->prepare.kept; at++)
    ok = make_effect(&hold, &e, model->prepare.keep[at], &e.effect[at], scratch, err);
  if (ok && cm_parallel_for(ctx, "effects", model->prepare.kept, 1, run_features, &e, err))
    result = write_effects(&e, err);
done:
  cm__arena_free(&hold);
  return result;
}
