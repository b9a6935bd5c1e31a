/* Label propagation and label spreading: classes flow from labelled rows to their neighbours. */
#include <math.h>
#include <string.h>

#include "learn/json.h"
#include "learn/kernel.h"
#include "learn/lanes.h"

enum { METHOD_PROPAGATION, METHOD_SPREADING };

typedef struct PropagationParams {
  int32_t method;
  double gamma, alpha, tolerance;
  int64_t rounds;
} PropagationParams;

static const CmParam params_table[] = {
    CM_PARAM_ENUM(PropagationParams, method, "propagation|spreading", "spreading",
                  "labelled rows keep their classes, or may be outvoted by their neighbours"),
    CM_PARAM_REAL(PropagationParams, gamma, 0, 0, 1e12, "1",
                  "neighbours count exp(-gamma |x-y|^2); 0: 1 / (features * variance of all values)"),
    CM_PARAM_REAL(PropagationParams, alpha, 0.2, 1e-6, 0.999999, "1",
                  "spreading: how much neighbours count against the row's own label"),
    CM_PARAM_REAL(PropagationParams, tolerance, 1e-3, 0, 1e9, "1",
                  "ends where all shares together change by less in a round"),
    CM_PARAM_INT(PropagationParams, rounds, 1000, 1, 1000000, "", "at most"),
};

typedef struct Propagation {
  int features, classes;
  int64_t rows;
  double gamma;
  double *x, *share; /* rows x features; rows x classes */
} Propagation;

static Propagation *make(CmArena *hold, int features, int classes, int64_t rows, CmError **err) {
  Propagation *p = CM__NEW(hold, Propagation, 1, err);
  if (!p) return NULL;
  p->features = features;
  p->classes = classes;
  p->rows = rows;
  return p;
}

/* What each row takes of the others: rows x rows. */
static double *flows(CmArena *scratch, const CmTraining *t, const PropagationParams *p, double gamma, CmError **err) {
  int64_t n = t->rows;
  size_t cells;
  if (!cm_size_multiply((size_t)n, (size_t)n, &cells, err)) return NULL;
  double *w = CM__NEW(scratch, double, cells, err), *degree = CM__NEW(scratch, double, n, err);
  if (!w || !degree) return NULL;
  for (int64_t i = 0; i < n; i++) {
    cm__lanes_distances(t->x + i * t->features, t->x, n, t->features, w + i * n);
    for (int64_t j = 0; j < n; j++) w[i * n + j] = exp(-gamma * w[i * n + j]);
    if (p->method == METHOD_SPREADING) w[i * n + i] = 0;
    for (int64_t j = 0; j < n; j++) degree[i] += w[i * n + j];
  }
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < n; j++) {
      double by = p->method == METHOD_SPREADING ? sqrt(degree[i]) * sqrt(degree[j]) : degree[i];
      w[i * n + j] = by > 0 ? w[i * n + j] / by : 0;
    }
  }
  return w;
}

static void one_round(const CmTraining *t, const PropagationParams *p, const double *w, const double *from,
                      double *to) {
  int k = t->classes;
  for (int64_t i = 0; i < t->rows; i++) {
    double *row = to + i * k, total = 0;
    memset(row, 0, sizeof *row * (size_t)k);
    for (int64_t j = 0; j < t->rows; j++)
      for (int c = 0; c < k; c++) row[c] += w[i * t->rows + j] * from[j * k + c];
    if (p->method == METHOD_SPREADING) {
      for (int c = 0; c < k; c++) row[c] = p->alpha * row[c] + (t->y[i] == c ? 1 - p->alpha : 0);
      continue;
    }
    for (int c = 0; c < k; c++) total += row[c];
    for (int c = 0; c < k; c++) row[c] = t->y[i] >= 0 ? t->y[i] == c : total > 0 ? row[c] / total : 0;
  }
}

static void normalise(double *share, int k) {
  double total = 0;
  for (int c = 0; c < k; c++) total += share[c];
  for (int c = 0; c < k; c++) share[c] = total > 0 ? share[c] / total : 1.0 / k;
}

static bool flow(CmArena *scratch, const CmTraining *t, const PropagationParams *p, Propagation *to, CmError **err) {
  int64_t cells = t->rows * t->classes;
  double *w = flows(scratch, t, p, to->gamma, err), *next = w ? CM__NEW(scratch, double, cells, err) : NULL;
  if (!next) return false;
  for (int64_t i = 0; i < t->rows; i++)
    if (t->y[i] >= 0) to->share[i * t->classes + t->y[i]] = 1;
  double change = INFINITY;
  for (int64_t round = 0; round < p->rounds && change >= p->tolerance; round++) {
    if (cm_context_cancelled(scratch->ctx, err)) return false;
    one_round(t, p, w, to->share, next);
    change = 0;
    for (int64_t i = 0; i < cells; i++) change += fabs(next[i] - to->share[i]);
    memcpy(to->share, next, sizeof *next * (size_t)cells);
  }
  for (int64_t i = 0; i < t->rows; i++) normalise(to->share + i * t->classes, t->classes);
  return true;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const PropagationParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  int64_t n = training->rows;
  Propagation *to = make(hold, training->features, training->classes, n, err);
  bool ok = to != NULL;
  if (ok) {
    to->gamma = cm__kernel(CM__KERNEL_RBF, p->gamma, 1, 0, training).gamma;
    to->x = CM__NEW(hold, double, n * training->features, err);
    to->share = CM__NEW(hold, double, n * training->classes, err);
    ok = to->x && to->share;
  }
  if (ok) memcpy(to->x, training->x, sizeof(double) * (size_t)(n * training->features));
  ok = ok && flow(&scratch, training, p, to, err);
  cm__arena_free(&scratch);
  return ok ? to : NULL;
}

/* The shares of the training rows, by their nearness. */
static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  const Propagation *p = state;
  double *weight = cm_alloc_array(ctx, (size_t)p->rows, sizeof *weight, err);
  if (!weight) return false;
  for (int64_t i = 0; i < rows; i++) {
    double *row = to + i * p->classes;
    memset(row, 0, sizeof *row * (size_t)p->classes);
    cm__lanes_distances(x + i * p->features, p->x, p->rows, p->features, weight);
    for (int64_t j = 0; j < p->rows; j++) {
      double w = exp(-p->gamma * weight[j]);
      for (int c = 0; c < p->classes; c++) row[c] += w * p->share[j * p->classes + c];
    }
    normalise(row, p->classes);
  }
  cm_free(weight);
  return true;
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Propagation *p = state;
  cm__text_addf(json, "{\"rows\":%lld,\"gamma\":", (long long)p->rows);
  cm__json_reals(json, &p->gamma, 1);
  cm__text_add(json, ",\"share\":");
  cm__json_reals(json, p->share, p->rows * p->classes);
  cm__text_add(json, ",\"x\":");
  cm__json_reals(json, p->x, p->rows * p->features);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *rows, *gamma, *share, *x;
  CmJsonMember members[] = {{"rows", &rows}, {"gamma", &gamma}, {"share", &share}, {"x", &x}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  json_int_t count = json_integer_value(rows);
  bool good = json_is_integer(rows) && count >= 1 && count <= (json_int_t)json_array_size(share);
  Propagation *p =
      good ? make(hold, shape->features, shape->classes, count, err) : (cm__json_refuse(err, "predictor.rows"), NULL);
  double *number = p ? cm__json_read_reals(hold, gamma, "predictor.gamma", 1, false, err) : NULL;
  if (!number) return NULL;
  p->gamma = *number;
  p->share = cm__json_read_reals(hold, share, "predictor.share", count * shape->classes, false, err);
  p->x = p->share ? cm__json_read_reals(hold, x, "predictor.x", count * shape->features, false, err) : NULL;
  return p->x ? p : NULL;
}

CM_MODEL_KIND(label_propagation) = {
    .kind = {.about = {.name = "label_propagation",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Classes that flow from labelled rows to unlabelled neighbours.",
                       .details = "All pairs of rows are kept: memory grows with the square of their number. The saved "
                                  "model holds the training rows: treat it as patient data.",
                       CM_OP_PARAMS(PropagationParams, params_table),
                       .cite =
                           "Zhu, Ghahramani: Learning from labeled and unlabeled data with label propagation, "
                           "CMU-CALD-02-107, 2002; Zhou et al.: Learning with local and global consistency, NIPS 16, "
                           "2004"},
             .tasks = CM_TASKS_CLASSES,
             .wants_scaling = true,
             .takes_unlabelled = true},
    .fit = fit,
    .predict = predict_rows,
    .write = write_state,
    .read = read_state,
};
