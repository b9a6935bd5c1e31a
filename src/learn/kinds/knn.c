/* k nearest neighbours: the whole training table, searched exactly. */
#include <math.h>
#include <string.h>

#include "learn/json.h"
#include "learn/kind.h"
#include "learn/lanes.h"

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
} Knn;

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const KnnParams *p = params;
  if (p->k > training->rows) {
    cm_error_set(err, CM_ERR_DATA, "k: %lld neighbours are asked of %lld training rows; use a smaller k",
                 (long long)p->k, (long long)training->rows);
    return NULL;
  }
  Knn *knn = CM__NEW(hold, Knn, 1, err);
  if (!knn) return NULL;
  *knn =
      (Knn){(int)p->k, p->weights, p->metric, training->features, training->classes, training->rows, NULL, NULL, NULL};
  knn->x = CM__NEW(hold, double, training->rows * training->features, err);
  if (training->y && !(knn->y = CM__NEW(hold, int, training->rows, err))) return NULL;
  if (training->value && !(knn->value = CM__NEW(hold, double, training->rows, err))) return NULL;
  if (!knn->x) return NULL;
  memcpy(knn->x, training->x, sizeof(double) * (size_t)(training->rows * training->features));
  if (knn->y) memcpy(knn->y, training->y, sizeof(int) * (size_t)training->rows);
  if (knn->value) memcpy(knn->value, training->value, sizeof(double) * (size_t)training->rows);
  return knn;
}

/* Grow with the distance from x to rows [first, first + rows); squared for euclidean. */
static void apart(const Knn *knn, const double *x, int64_t first, int64_t rows, double *to) {
  int n = knn->features;
  const double *b = knn->x + first * n;
  if (knn->metric == METRIC_EUCLIDEAN) {
    cm__lanes_distances(x, b, rows, n, to);
    return;
  }
  for (int64_t i = 0; i < rows; i++, b += n) {
    double sum = 0;
    if (knn->metric == METRIC_MANHATTAN)
      for (int j = 0; j < n; j++) sum += fabs(x[j] - b[j]);
    else
      for (int j = 0; j < n; j++) sum = fmax(sum, fabs(x[j] - b[j]));
    to[i] = sum;
  }
}

typedef struct Near {
  double distance;
  int64_t row;
} Near;

static bool farther(Near a, Near b) {
  return a.distance != b.distance ? a.distance > b.distance : a.row > b.row;
}

/* The heap's top is the farthest of the k nearest so far; of equal distances the earlier row is nearer. */
static void sink(Near *heap, int count, int at) {
  for (;;) {
    int child = 2 * at + 1;
    if (child >= count) return;
    if (child + 1 < count && farther(heap[child + 1], heap[child])) child++;
    if (!farther(heap[child], heap[at])) return;
    Near t = heap[at];
    heap[at] = heap[child];
    heap[child] = t;
    at = child;
  }
}

static void find_nearest(const Knn *knn, const double *x, Near *heap) {
  enum { BLOCK = 256 };
  double distance[BLOCK];
  for (int64_t first = 0; first < knn->rows; first += BLOCK) {
    int64_t rows = knn->rows - first < BLOCK ? knn->rows - first : BLOCK;
    apart(knn, x, first, rows, distance);
    for (int64_t i = 0; i < rows; i++) {
      Near near = {distance[i], first + i};
      if (near.row < knn->k) {
        heap[near.row] = near;
        if (near.row == knn->k - 1)
          for (int at = knn->k / 2 - 1; at >= 0; at--) sink(heap, knn->k, at);
      } else if (farther(heap[0], near)) {
        heap[0] = near;
        sink(heap, knn->k, 0);
      }
    }
  }
}

/* Votes by class, or the weighted mean. */
static void combine(const Knn *knn, const Near *near, double *to) {
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
  Near *heap = cm_alloc_array(ctx, (size_t)knn->k, sizeof *heap, err);
  if (!heap) return false;
  for (int64_t i = 0; i < rows; i++) {
    find_nearest(knn, x + i * knn->features, heap);
    combine(knn, heap, to + i * (knn->classes ? knn->classes : 1));
  }
  cm_free(heap);
  return true;
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
               rows,
               NULL,
               NULL,
               NULL};
  if (knn->classes)
    knn->y = cm__json_read_ints(hold, y, "predictor.y", rows, 0, knn->classes - 1, err);
  else
    knn->value = cm__json_read_reals(hold, y, "predictor.y", rows, false, err);
  if (!knn->y && !knn->value) return NULL;
  knn->x = cm__json_read_reals(hold, x, "predictor.x", rows * knn->features, false, err);
  return knn->x ? knn : NULL;
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
