/* Kernel SHAP: Shapley values of any model by weighted least squares over coalitions of features (Lundberg, Lee: A
 * unified approach to interpreting model predictions, NIPS 2017). The coalitions are the same for all rows, so that the
 * normal matrix is factored once. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/dense.h"
#include "learn/explain.h"
#include "learn/rng.h"
#include "learn/rows.h"

typedef struct Kernel {
  CmContext *ctx;
  const CmModel *model;
  int players, outputs; /* players: features that the model uses */
  int64_t rows;
  const double *x, *background; /* rows x features */
  int64_t background_rows;
  int64_t coalitions, room;
  uint8_t *in;    /* coalitions x players */
  double *weight; /* coalitions */
  double *factor; /* (players - 1) squared: Cholesky's, of the normal matrix */
  double *phi;    /* rows x outputs x (features + 1) */
} Kernel;

/* ---- coalitions ----------------------------------------------------------------------------------------------------
 */

static double choose(int n, int k) {
  double c = 1;
  for (int i = 1; i <= k; i++) c = c * (n - k + i) / i;
  return round(c);
}

/* Of all coalitions of `size` players together, up to a factor. */
static double size_weight(int players, int size) {
  return (players - 1.0) / ((double)size * (players - size));
}

static void add_coalition(Kernel *k, const int *member, int size, double weight) {
  uint8_t *in = k->in + k->coalitions * k->players;
  for (int i = 0; i < size; i++) in[member[i]] = 1;
  k->weight[k->coalitions++] = weight;
}

/* The next set of `size` numbers below n, in lexicographic order. */
static bool next_set(int *member, int size, int n) {
  int i = size - 1;
  while (i >= 0 && member[i] == n - size + i) i--;
  if (i < 0) return false;
  member[i]++;
  for (int j = i + 1; j < size; j++) member[j] = member[j - 1] + 1;
  return true;
}

static void add_all(Kernel *k, int size, int *member) {
  double weight = size_weight(k->players, size) / choose(k->players, size);
  for (int i = 0; i < size; i++) member[i] = i;
  do add_coalition(k, member, size, weight);
  while (next_set(member, size, k->players));
}

/* Sizes between `from` and players - from, drawn by weight; each set with the set of the others. */
static void add_drawn(Kernel *k, int from, uint64_t seed, int64_t *order) {
  int p = k->players;
  int64_t pairs = (k->room - k->coalitions) / 2;
  double left = 0;
  for (int s = from; s <= p - from; s++) left += size_weight(p, s);
  for (int64_t at = 0; at < pairs; at++) {
    uint64_t stream = cm__stream(seed, CM__STREAM_COALITIONS, (uint64_t)at);
    double target = (double)(cm__draw(stream, UINT64_MAX) >> 11) * 0x1p-53 * left;
    int size = from;
    while (size < p - from && target >= size_weight(p, size)) target -= size_weight(p, size++);
    for (int64_t i = 0; i < p; i++) order[i] = i;
    cm__shuffle(stream, order, p);
    uint8_t *in = k->in + k->coalitions * p, *others = in + p;
    for (int i = 0; i < p; i++) *(i < size ? &in[order[i]] : &others[order[i]]) = 1;
    for (int i = 0; i < 2; i++) k->weight[k->coalitions++] = left / (double)(2 * pairs);
  }
}

static bool make_coalitions(CmArena *hold, Kernel *k, const CmExplainParams *params, CmError **err) {
  int p = k->players, size = 1;
  size_t cells;
  double all = p < 62 ? ldexp(1, p) - 2 : INFINITY;
  k->room = params->coalitions ? params->coalitions : 2048 + 2 * (int64_t)p;
  if ((double)k->room > all) k->room = (int64_t)all;
  int *member = CM__NEW(hold, int, p, err);
  int64_t *order = CM__NEW(hold, int64_t, p, err);
  if (!cm_size_multiply((size_t)k->room + 1, (size_t)p, &cells, err)) return false;
  k->in = CM__NEW(hold, uint8_t, cells, err);
  k->weight = CM__NEW(hold, double, k->room + 1, err);
  if (!member || !order || !k->in || !k->weight) return false;
  double left = 0; /* weight of the sizes that are not enumerated */
  for (int s = 1; s < p; s++) left += size_weight(p, s);
  for (; 2 * size <= p; size++) {
    int sides = 2 * size == p ? 1 : 2;
    double share = sides * size_weight(p, size), sets = sides * choose(p, size),
           free = (double)(k->room - k->coalitions);
    if (sets > free || free * share / left < sets * (1 - 1e-8)) break; /* drawing would not reach all of them */
    add_all(k, size, member);
    if (sides == 2) add_all(k, p - size, member);
    left -= share;
  }
  if (2 * size <= p) add_drawn(k, size, (uint64_t)params->seed, order);
  return true;
}

/* ---- least squares: the last player's value follows from the sum ---------------------------------------------------
 */

static bool factor(CmArena *hold, Kernel *k, CmError **err) {
  int p = k->players, n = p - 1;
  size_t cells;
  if (!cm_size_multiply((size_t)n, (size_t)n, &cells, err)) return false;
  double *a = k->factor = CM__NEW(hold, double, cells + 1, err), *z = CM__NEW(hold, double, p, err);
  if (!a || !z) return false;
  for (int64_t c = 0; c < k->coalitions; c++) {
    const uint8_t *in = k->in + c * p;
    for (int i = 0; i < n; i++) z[i] = in[i] - in[n];
    for (int i = 0; i < n; i++)
      for (int j = 0; z[i] != 0 && j < n; j++) a[i * n + j] += k->weight[c] * z[i] * z[j];
  }
  if (cm__cholesky(a, n)) return true;
  cm_error_set(err, CM_ERR_DATA, "%lld coalitions do not tell %d features apart; try more of them",
               (long long)k->coalitions, p);
  return false;
}

/* Room of one job. */
typedef struct Room {
  double *x, *numbers, *to; /* of the background's rows */
  double *value;            /* outputs: the mean prediction of a coalition */
  double *right;            /* outputs x players */
} Room;

/* The mean prediction when the features of a coalition (NULL: none) come from x and the others from the background. */
static bool play(const Kernel *k, const double *x, const uint8_t *in, Room *room, CmError **err) {
  int d = k->model->features;
  memcpy(room->x, k->background, sizeof *room->x * (size_t)(k->background_rows * d));
  for (int i = 0; in && i < k->players; i++) {
    int j = k->model->prepare.keep[i];
    for (int64_t b = 0; in[i] && b < k->background_rows; b++) room->x[b * d + j] = x[j];
  }
  if (!cm__model_outputs(k->ctx, k->model, room->x, k->background_rows, room->numbers, room->to, err)) return false;
  for (int o = 0; o < k->outputs; o++) {
    room->value[o] = 0;
    for (int64_t b = 0; b < k->background_rows; b++) room->value[o] += room->to[b * k->outputs + o];
    room->value[o] /= (double)k->background_rows;
  }
  return true;
}

static bool explain_row(const Kernel *k, int64_t row, Room *room, CmError **err) {
  int d = k->model->features, n = k->players - 1, outputs = k->outputs;
  const double *x = k->x + row * d;
  double *phi = k->phi + row * outputs * (d + 1);
  if (!play(k, x, NULL, room, err)) return false;
  for (int o = 0; o < outputs; o++) phi[o * (d + 1) + d] = room->value[o];
  if (!cm__model_outputs(k->ctx, k->model, x, 1, room->numbers, room->value, err)) return false;
  /* the sum that the contributions have, kept in the last player's place */
  int last = k->model->prepare.keep[n];
  for (int o = 0; o < outputs; o++) phi[o * (d + 1) + last] = room->value[o] - phi[o * (d + 1) + d];
  memset(room->right, 0, sizeof *room->right * (size_t)(outputs * k->players));
  for (int64_t c = 0; c < k->coalitions; c++) {
    const uint8_t *in = k->in + c * k->players;
    if (!play(k, x, in, room, err)) return false;
    for (int o = 0; o < outputs; o++) {
      const double *own = phi + o * (d + 1);
      double rest = k->weight[c] * (room->value[o] - own[d] - in[n] * own[last]);
      for (int i = 0; i < n; i++) room->right[o * k->players + i] += rest * (in[i] - in[n]);
    }
  }
  for (int o = 0; o < outputs; o++) {
    double *own = phi + o * (d + 1), *right = room->right + o * k->players;
    cm__cholesky_solve(k->factor, n, right);
    for (int i = 0; i < n; i++) {
      own[k->model->prepare.keep[i]] = right[i];
      own[last] -= right[i];
    }
  }
  return true;
}

static bool run_rows(void *arg, CmRange range, CmError **err) {
  const Kernel *k = arg;
  const CmModel *model = k->model;
  CmArena hold = {.ctx = k->ctx};
  int64_t b = k->background_rows;
  Room room = {CM__NEW(&hold, double, b * model->features, err),
               CM__NEW(&hold, double, b *cm__width(model->task, model->classes), err),
               CM__NEW(&hold, double, b * k->outputs, err), CM__NEW(&hold, double, k->outputs, err),
               CM__NEW(&hold, double, k->outputs * k->players, err)};
  bool ok = room.x && room.numbers && room.to && room.value && room.right;
  for (int64_t row = range.begin; ok && row < range.end; row++) ok = explain_row(k, row, &room, err);
  cm__arena_free(&hold);
  return ok;
}

/* ---- the call ------------------------------------------------------------------------------------------------------
 */

static bool take_background(CmArena *hold, Kernel *k, const CmTable *background, int64_t most, CmError **err) {
  int d = k->model->features;
  double *x = cm__explain_background(background, err) ? cm__model_table(hold, k->model, background, err) : NULL;
  if (!x) return false;
  int64_t rows = cm_table_rows(background), step = cm__even_step(rows, most);
  for (int64_t i = 0; i < rows; i += step) memmove(x + k->background_rows++ * d, x + i * d, sizeof *x * (size_t)d);
  k->background = x;
  return true;
}

static CmTable *write_values(const Kernel *k, const CmTable *table, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, k->ctx, err)) return NULL;
  int subject = cm__start_rows(&w, k->model, table);
  cm__rows_shap_columns(&w, k->model);
  for (int64_t at = 0; at < k->rows * k->outputs; at++) {
    cm__put_applied(&w, table, at / k->outputs, subject);
    cm__rows_shap(&w, k->model, (int)(at % k->outputs), k->phi + at * (k->model->features + 1));
  }
  return cm__rows_finish(&w);
}

CmTable *cm_model_kernel_shap(CmContext *ctx, const CmModel *model, const CmTable *table, const CmTable *background,
                              const CmExplainParams *params, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTable *result = NULL;
  CmExplainParams filled;
  size_t cells;
  Kernel k = {.ctx = ctx,
              .model = model,
              .players = model->prepare.kept,
              .outputs = cm__outputs(model->task, model->classes),
              .rows = cm_table_rows(table)};
  if (!cm__explain_start(ctx, model, params, &filled, err) || !(k.x = cm__model_table(&hold, model, table, err)) ||
      !take_background(&hold, &k, background, filled.background, err) ||
      !cm_size_multiply((size_t)(k.rows * k.outputs), (size_t)model->features + 1, &cells, err))
    goto done;
  k.phi = CM__NEW(&hold, double, cells, err);
  if (!k.phi || !make_coalitions(&hold, &k, &filled, err) || !factor(&hold, &k, err)) goto done;
  if (!k.rows || cm_parallel_for(ctx, "explain", k.rows, 1, run_rows, &k, err)) result = write_values(&k, table, err);
done:
  cm__arena_free(&hold);
  return result;
}
