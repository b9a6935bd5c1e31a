/* k nearest neighbours: the whole training table, searched exactly. */
#include <math.h>
#include <string.h>

#include "learn/json.h"
#include "learn/kind.h"
#include "learn/nearest.h"

enum { WEIGHTS_UNIFORM, WEIGHTS_DISTANCE };
enum { METRIC_EUCLIDEAN, METRIC_MANHATTAN, METRIC_CHEBYSHEV };

typedef struct KnnParams {
  int64_t k;
  int32_t weights, metric;
} KnnParams;

static const CmParam params_table[] = {
    CM_PARAM_INT(KnnParams, k, 5, 1, 10000, "", "how many neighbours vote, or are averaged"),
    CM_PARAM_ENUM(KnnParams, weights, "uniform|distance", "uniform",
                  "whether each vote counts one, or one over its distance"),
    CM_PARAM_ENUM(KnnParams, metric, "euclidean|manhattan|chebyshev", "euclidean", "how the distance is measured"),
};

typedef struct Knn {
  int k, weights, metric, features, classes; /* classes: 0 in regression */
  int64_t rows;
  double *x, *value;
  int *y;
  CmNearest nearest; /* euclidean */
} Knn;

static Knn *index_rows(CmArena *hold, Knn *knn, CmError **err) {
  if (knn->metric != METRIC_EUCLIDEAN) return knn;
  return cm__nearest_make(hold, knn->x, knn->rows, knn->features, &knn->nearest, err) ? knn : NULL;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const KnnParams *p = params;
  if (p->k > training->rows) {
    cm_error_set(err, CM_ERR_DATA, "k: %lld neighbours are asked of %lld training rows; use a smaller k",
                 (long long)p->k, (long long)training->rows);
    return NULL;
  }
  Knn *knn = CM__NEW(hold, Knn, 1, err);
  if (!knn) return NULL;
  *knn = (Knn){(int)p->k, p->weights, p->metric, training->features, training->classes, training->rows};
  knn->x = CM__NEW(hold, double, training->rows * training->features, err);
  if (training->y && !(knn->y = CM__NEW(hold, int, training->rows, err))) return NULL;
  if (training->value && !(knn->value = CM__NEW(hold, double, training->rows, err))) return NULL;
  if (!knn->x) return NULL;
  memcpy(knn->x, training->x, sizeof(double) * (size_t)(training->rows * training->features));
  if (knn->y) memcpy(knn->y, training->y, sizeof(int) * (size_t)training->rows);
  if (knn->value) memcpy(knn->value, training->value, sizeof(double) * (size_t)training->rows);
  return index_rows(hold, knn, err);
}

/* From x to a row. */
static double apart(const Knn *knn, const double *x, int64_t row) {
  const double *b = knn->x + row * knn->features;
  double sum = 0;
  for (int j = 0; j < knn->features; j++)
    sum = knn->metric == METRIC_MANHATTAN ? sum + fabs(x[j] - b[j]) : fmax(sum, fabs(x[j] - b[j]));
  return sum;
}

/* A row of training stays in the cache for all points. */
static bool find_nearest(const Knn *knn, CmContext *ctx, const double *x, int64_t points, CmNearHeap *heap,
                         CmError **err) {
  if (knn->metric == METRIC_EUCLIDEAN) return cm__nearest_find(&knn->nearest, ctx, x, points, heap, err);
  for (int64_t row = 0; row < knn->rows; row++)
    for (int64_t i = 0; i < points; i++) cm__near_put(&heap[i], (CmNear){apart(knn, x + i * knn->features, row), row});
  return true;
}

/* Votes by class, or the weighted mean. */
static void combine(const Knn *knn, const CmNear *near, double *to) {
  double total = 0;
  int width = knn->classes ? knn->classes : 1;
  for (int c = 0; c < width; c++) to[c] = 0;
  bool exact = false;
  for (int n = 0; n < knn->k; n++) exact = exact || near[n].distance == 0;
  for (int n = 0; n < knn->k; n++) {
    double distance = knn->metric == METRIC_EUCLIDEAN ? sqrt(near[n].distance) : near[n].distance;
    double weight = knn->weights == WEIGHTS_UNIFORM ? 1 : exact ? distance == 0 : 1 / distance;
    to[knn->classes ? knn->y[near[n].row] : 0] += knn->classes ? weight : weight * knn->value[near[n].row];
    total += weight;
  }
  for (int c = 0; c < width; c++) to[c] /= total;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  const Knn *knn = state;
  CmArena scratch = {.ctx = ctx};
  size_t places;
  if (!cm_size_multiply((size_t)rows, (size_t)knn->k, &places, err)) return false;
  CmNearHeap *heap = CM__NEW(&scratch, CmNearHeap, rows, err);
  CmNear *near = CM__NEW(&scratch, CmNear, places, err);
  bool ok = heap && near;
  for (int64_t i = 0; ok && i < rows; i++) heap[i] = (CmNearHeap){near + i * knn->k, knn->k, 0};
  ok = ok && find_nearest(knn, ctx, x, rows, heap, err);
  for (int64_t i = 0; ok && i < rows; i++) combine(knn, heap[i].near, to + i * (knn->classes ? knn->classes : 1));
  cm__arena_free(&scratch);
  return ok;
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Knn *knn = state;
  cm__text_addf(json, "{\"k\":%d,\"weights\":%d,\"metric\":%d,\"y\":", knn->k, knn->weights, knn->metric);
  if (knn->classes)
    cm__json_ints(json, knn->y, knn->rows);
  else
    cm__json_reals(json, knn->value, knn->rows);
  cm__text_add(json, ",\"x\":");
  cm__json_reals(json, knn->x, knn->rows * knn->features);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *k, *weights, *metric, *y, *x;
  CmJsonMember members[] = {{"k", &k}, {"weights", &weights}, {"metric", &metric}, {"y", &y}, {"x", &x}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  Knn *knn = CM__NEW(hold, Knn, 1, err);
  if (!knn) return NULL;
  int64_t rows = (int64_t)json_array_size(y);
  bool good = json_is_integer(k) && json_integer_value(k) >= 1 && json_integer_value(k) <= rows && rows < INT32_MAX &&
              json_is_integer(weights) && json_is_integer(metric) && json_integer_value(weights) >= 0 &&
              json_integer_value(weights) <= WEIGHTS_DISTANCE && json_integer_value(metric) >= 0 &&
              json_integer_value(metric) <= METRIC_CHEBYSHEV;
  if (!good) return cm__json_refuse(err, "predictor"), NULL;
  *knn = (Knn){(int)json_integer_value(k),
               (int)json_integer_value(weights),
               (int)json_integer_value(metric),
               shape->features,
               shape->classes,
               rows};
  if (knn->classes)
    knn->y = cm__json_read_ints(hold, y, "predictor.y", rows, 0, knn->classes - 1, err);
  else
    knn->value = cm__json_read_reals(hold, y, "predictor.y", rows, false, err);
  if (!knn->y && !knn->value) return NULL;
  knn->x = cm__json_read_reals(hold, x, "predictor.x", rows * knn->features, false, err);
  return knn->x ? index_rows(hold, knn, err) : NULL;
}

CM_MODEL_KIND(knn) = {
    .kind = {.about = {.name = "knn",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Let the k nearest training rows vote, or take their mean.",
                       .details = "Exact search. A probability is the share of the votes. Of rows at equal distance "
                                  "the earlier one is nearer. With distance "
                                  "weights, rows at distance 0 alone vote where there are any. The saved model holds "
                                  "the training rows: treat it as patient data.",
                       CM_OP_PARAMS(KnnParams, params_table),
                       .cite =
                           "Cover, Hart: Nearest neighbor pattern classification, IEEE Trans. Inf. Theory 13(1), 1967"},
             .tasks = CM_TASKS_CLASSES | 1u << CM_TASK_REGRESSION,
             .wants_scaling = true},
    .fit = fit,
    .predict = predict_rows,
    .write = write_state,
    .read = read_state,
};
