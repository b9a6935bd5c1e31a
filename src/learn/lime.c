/* LIME for tables (Ribeiro, Singh, Guestrin: "Why should I trust you?", KDD 2016): a linear model of what a model does
 * around one row. Each feature becomes a statement, that it lies in the same quarter of the background as in this row;
 * samples draw each feature from the background by itself, and weigh the more the fewer statements they break. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/dense.h"
#include "learn/explain.h"
#include "learn/quantile.h"
#include "learn/rng.h"
#include "learn/rows.h"

enum { CUTS = 3, BATCH = 256 };
#define KERNEL_WIDTH                                                                                           \
  0.75              /* times the root of the number of features; this and the penalties as in the lime package \
                     */
#define PENALTY 1.0 /* of the linear model that is told */
#define CHOOSING_PENALTY 0.01 /* of the one that chooses its features */

typedef struct Lime {
  CmContext *ctx;
  const CmModel *model;
  int players, outputs, told; /* players: features that the model uses; told: those of them in a row's linear model */
  int64_t rows, samples, background_rows;
  uint64_t seed;
  const double *x, *background; /* rows x features */
  double *cut;                  /* players x CUTS: quartiles of the background */
  double *weight;               /* rows x outputs x players; NaN where not told */
  double *fit;                  /* rows x outputs x FIT_COUNT */
} Lime;

enum { FIT_INTERCEPT, FIT_LOCAL, FIT_PREDICTION, FIT_R2, FIT_COUNT };

/* Room of one job. */
typedef struct Room {
  double *x, *numbers; /* of a batch */
  double *to;          /* samples x outputs */
  uint8_t *same;       /* samples x players: the statement holds */
  double *near;        /* samples: weight */
  double *matrix, *right, *mean;
  int *chosen;
} Room;

/* Which quarter; a missing value has one of its own. */
static int quarter(const Lime *l, int player, double value) {
  const double *cut = l->cut + player * CUTS;
  if (isnan(value)) return -1;
  int q = 0;
  while (q < CUTS && value > cut[q]) q++;
  return q;
}

static bool cut_features(Lime *l, CmArena *hold, CmError **err) {
  double *sorted = CM__NEW(hold, double, l->background_rows, err);
  l->cut = CM__NEW(hold, double, (int64_t)l->players *CUTS, err);
  if (!sorted || !l->cut) return false;
  for (int p = 0; p < l->players; p++) {
    int64_t n = 0;
    int j = l->model->prepare.keep[p];
    for (int64_t b = 0; b < l->background_rows; b++) {
      double value = l->background[b * l->model->features + j];
      if (!isnan(value)) sorted[n++] = value;
    }
    cm__sort_numbers(sorted, n);
    for (int q = 0; q < CUTS; q++) l->cut[p * CUTS + q] = n ? cm__quantile(sorted, n, 0.25 * (q + 1)) : NAN;
  }
  return true;
}

/* ---- samples around a row; the first is the row itself --------------------------------------------------------------
 */

static void draw_sample(const Lime *l, const double *x, int64_t row, int64_t sample, double *to, uint8_t *same) {
  int d = l->model->features;
  uint64_t stream = cm__stream(l->seed, CM__STREAM_LIME, (uint64_t)(row * l->samples + sample));
  memcpy(to, x, sizeof *to * (size_t)d);
  for (int p = 0; p < l->players; p++) {
    int j = l->model->prepare.keep[p];
    if (sample) to[j] = l->background[cm__draw_below(stream, (uint64_t)p, l->background_rows) * d + j];
    same[p] = quarter(l, p, to[j]) == quarter(l, p, x[j]);
  }
}

static bool draw_samples(const Lime *l, int64_t row, Room *room, CmError **err) {
  int d = l->model->features;
  double width = KERNEL_WIDTH * sqrt(l->players);
  for (int64_t first = 0; first < l->samples; first += BATCH) {
    int64_t n = l->samples - first < BATCH ? l->samples - first : BATCH;
    for (int64_t i = 0; i < n; i++) {
      uint8_t *same = room->same + (first + i) * l->players;
      int broken = 0;
      draw_sample(l, l->x + row * d, row, first + i, room->x + i * d, same);
      for (int p = 0; p < l->players; p++) broken += !same[p];
      room->near[first + i] = sqrt(exp(-broken / (width * width)));
    }
    if (!cm__model_outputs(l->ctx, l->model, room->x, n, room->numbers, room->to + first * l->outputs, err))
      return false;
  }
  return true;
}

/* ---- ridge regression on `count` of the statements ------------------------------------------------------------------
 */

/* Weighted means of the statements, and of the output behind them. */
static void take_means(const Lime *l, Room *room, int count, int output) {
  double all = 0;
  memset(room->mean, 0, sizeof *room->mean * (size_t)(count + 1));
  for (int64_t s = 0; s < l->samples; s++) {
    const uint8_t *same = room->same + s * l->players;
    all += room->near[s];
    for (int i = 0; i < count; i++) room->mean[i] += same[room->chosen[i]] ? room->near[s] : 0;
    room->mean[count] += room->near[s] * room->to[s * l->outputs + output];
  }
  for (int i = 0; i <= count; i++) room->mean[i] /= all;
}

/* right becomes the weights of the statements chosen[0..count). */
static bool regress(const Lime *l, Room *room, int count, int output, double penalty, CmError **err) {
  take_means(l, room, count, output);
  memset(room->matrix, 0, sizeof *room->matrix * (size_t)count * (size_t)count);
  memset(room->right, 0, sizeof *room->right * (size_t)count);
  for (int64_t s = 0; s < l->samples; s++) {
    const uint8_t *same = room->same + s * l->players;
    double y = room->to[s * l->outputs + output] - room->mean[count];
    for (int i = 0; i < count; i++) {
      double z = room->near[s] * (same[room->chosen[i]] - room->mean[i]);
      room->right[i] += z * y;
      for (int k = 0; k <= i; k++) room->matrix[i * count + k] += z * (same[room->chosen[k]] - room->mean[k]);
    }
  }
  for (int i = 0; i < count; i++) room->matrix[i * count + i] += penalty;
  bool good = cm__cholesky(room->matrix, count);
  if (good) cm__cholesky_solve(room->matrix, count, room->right);
  for (int i = 0; good && i < count; i++) good = isfinite(room->right[i]);
  if (!good) {
    cm_error_set(err, CM_ERR_DATA, "the linear model around a row cannot be solved; its predictions are not finite");
    return false;
  }
  return true;
}

/* The `told` statements of the largest weights, the largest first. */
static void choose(const Lime *l, Room *room) {
  for (int i = 0; i < l->told; i++) {
    int best = i;
    for (int k = i + 1; k < l->players; k++)
      if (fabs(room->right[k]) > fabs(room->right[best])) best = k;
    int player = room->chosen[best];
    double weight = room->right[best];
    room->chosen[best] = room->chosen[i];
    room->right[best] = room->right[i];
    room->chosen[i] = player;
    room->right[i] = weight;
  }
}

static double r_squared(const Lime *l, const Room *room, int output, double intercept) {
  double left = 0, all = 0;
  for (int64_t s = 0; s < l->samples; s++) {
    const uint8_t *same = room->same + s * l->players;
    double y = room->to[s * l->outputs + output], told = intercept;
    for (int i = 0; i < l->told; i++) told += same[room->chosen[i]] ? room->right[i] : 0;
    left += room->near[s] * (y - told) * (y - told);
    all += room->near[s] * (y - room->mean[l->told]) * (y - room->mean[l->told]);
  }
  return all > 0 ? 1 - left / all : NAN;
}

static bool tell_output(const Lime *l, int64_t row, int output, Room *room, CmError **err) {
  double *weight = l->weight + (row * l->outputs + output) * l->players;
  double *fit = l->fit + (row * l->outputs + output) * FIT_COUNT;
  for (int p = 0; p < l->players; p++) {
    room->chosen[p] = p;
    weight[p] = NAN;
  }
  if (l->told < l->players) {
    if (!regress(l, room, l->players, output, CHOOSING_PENALTY, err)) return false;
    choose(l, room);
  }
  if (!regress(l, room, l->told, output, PENALTY, err)) return false;
  fit[FIT_INTERCEPT] = fit[FIT_LOCAL] = room->mean[l->told];
  for (int i = 0; i < l->told; i++) {
    weight[room->chosen[i]] = room->right[i];
    fit[FIT_INTERCEPT] -= room->right[i] * room->mean[i];
    fit[FIT_LOCAL] += room->right[i] * (1 - room->mean[i]);
  }
  fit[FIT_PREDICTION] = room->to[output];
  fit[FIT_R2] = r_squared(l, room, output, fit[FIT_INTERCEPT]);
  return true;
}

static bool tell_rows(void *arg, CmRange range, CmError **err) {
  const Lime *l = arg;
  CmArena hold = {.ctx = l->ctx};
  Room room = {CM__NEW(&hold, double, BATCH *(int64_t)l->model->features, err),
               CM__NEW(&hold, double, BATCH *(int64_t)cm__width(l->model->task, l->model->classes), err),
               CM__NEW(&hold, double, l->samples * l->outputs, err),
               CM__NEW(&hold, uint8_t, l->samples * l->players, err),
               CM__NEW(&hold, double, l->samples, err),
               CM__NEW(&hold, double, (int64_t)l->players * l->players, err),
               CM__NEW(&hold, double, l->players, err),
               CM__NEW(&hold, double, l->players + 1, err),
               CM__NEW(&hold, int, l->players, err)};
  bool ok = room.x && room.numbers && room.to && room.same && room.near && room.matrix && room.right && room.mean &&
            room.chosen;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    ok = draw_samples(l, row, &room, err);
    for (int o = 0; ok && o < l->outputs; o++) ok = tell_output(l, row, o, &room, err);
  }
  cm__arena_free(&hold);
  return ok;
}

/* ---- the table ------------------------------------------------------------------------------------------------------
 */

static void write_statement(const Lime *l, int player, double value, char *to, size_t size) {
  const char *name = l->model->feature[l->model->prepare.keep[player]];
  const double *cut = l->cut + player * CUTS;
  int q = quarter(l, player, value);
  char low[32], high[32];
  if (q < 0)
    snprintf(to, size, "%s is missing", name);
  else if (q == 0)
    snprintf(to, size, "%s <= %s", name, cm_real_text(cut[0], high));
  else if (q == CUTS)
    snprintf(to, size, "%s > %s", name, cm_real_text(cut[CUTS - 1], low));
  else
    snprintf(to, size, "%s < %s <= %s", cm_real_text(cut[q - 1], low), name, cm_real_text(cut[q], high));
}

/* The statements of one output, the weightiest first. */
static void write_output(CmTableWriter *w, const Lime *l, const CmTable *table, int subject, int64_t row, int output) {
  const double *weight = l->weight + (row * l->outputs + output) * l->players;
  const double *fit = l->fit + (row * l->outputs + output) * FIT_COUNT;
  char statement[CM_TEXT_MAX];
  double below = INFINITY;
  int before = -1;
  for (int n = 0; n < l->told; n++) {
    int next = -1;
    for (int p = 0; p < l->players; p++) {
      double size = fabs(weight[p]);
      bool left = size < below || (size == below && p > before);
      if (left && (next < 0 || size > fabs(weight[next]))) next = p;
    }
    below = fabs(weight[next]);
    before = next;
    int j = l->model->prepare.keep[next];
    write_statement(l, next, l->x[row * l->model->features + j], statement, sizeof statement);
    cm__put_applied(w, table, row, subject);
    cm__rows_text(w, cm__output_name(l->model, output));
    cm__rows_text(w, l->model->feature[j]);
    cm__rows_text(w, statement);
    cm__rows_real(w, weight[next]);
    for (int f = 0; f < FIT_COUNT; f++) cm__rows_real(w, fit[f]);
  }
}

static CmTable *write_table(const Lime *l, const CmTable *table, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, l->ctx, err)) return NULL;
  int subject = cm__start_rows(&w, l->model, table);
  cm__rows_columns(
      &w, (const char *const[]){"class", "feature", "statement", "weight", "intercept", "local_output", "output", "r2"},
      "tttrrrrr");
  for (int64_t row = 0; row < l->rows; row++)
    for (int o = 0; o < l->outputs; o++) write_output(&w, l, table, subject, row, o);
  return cm__rows_finish(&w);
}

CmTable *cm_model_lime(CmContext *ctx, const CmModel *model, const CmTable *table, const CmTable *background,
                       const CmExplainParams *params, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTable *result = NULL;
  CmExplainParams filled;
  Lime l = {.ctx = ctx,
            .model = model,
            .players = model->prepare.kept,
            .outputs = cm__outputs(model->task, model->classes),
            .rows = cm_table_rows(table),
            .background_rows = cm_table_rows(background)};
  if (!cm__explain_start(ctx, model, params, &filled, err) || !cm__explain_background(background, err) ||
      !(l.x = cm__model_table(&hold, model, table, err)) ||
      !(l.background = cm__model_table(&hold, model, background, err)) || !cut_features(&l, &hold, err))
    goto done;
  l.samples = filled.samples;
  l.seed = (uint64_t)filled.seed;
  l.told = filled.told < l.players ? (int)filled.told : l.players;
  l.weight = CM__NEW(&hold, double, l.rows *l.outputs *l.players + 1, err);
  l.fit = CM__NEW(&hold, double, l.rows *l.outputs *FIT_COUNT + 1, err);
  if (!l.weight || !l.fit) goto done;
  if (!l.rows || cm_parallel_for(ctx, "explain", l.rows, 1, tell_rows, &l, err)) result = write_table(&l, table, err);
done:
  cm__arena_free(&hold);
  return result;
}
