/* Logistic regression, trained by LIBLINEAR, applied and explained here. */
#include <linear.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "learn/json.h"
#include "learn/kind.h"

enum { PENALTY_L2, PENALTY_L1 };
enum { CLASS_WEIGHT_NONE, CLASS_WEIGHT_BALANCED };

typedef struct LogisticParams {
  double C;
  int32_t penalty, class_weight;
  double intercept_scaling, tolerance;
} LogisticParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(LogisticParams, C, 1, 1e-12, 1e12, "1",
                  "weight of the data against the penalty; small values shrink more"),
    CM_PARAM_ENUM(LogisticParams, penalty, "l2|l1", "l2",
                  "shrink by the sum of squares, or by the sum of absolute values, which drops features"),
    CM_PARAM_ENUM(LogisticParams, class_weight, "none|balanced", "none",
                  "whether each class weighs the same whatever its number of rows"),
    CM_PARAM_REAL(
        LogisticParams, intercept_scaling, 100, 1e-3, 1e6, "1",
        "the intercept is penalised 1/s^2 (l2) or 1/s (l1) as much as a coefficient; 1: as scikit-learn's liblinear"),
    CM_PARAM_REAL(LogisticParams, tolerance, 1e-8, 1e-12, 1, "1",
                  "LIBLINEAR stops at this share of the first gradient"),
};

typedef struct Logistic {
  int features, outputs;
  double *weight, *intercept; /* outputs x features; outputs */
  double *mean, *deviation;   /* of the prepared training rows */
} Logistic;

/* ---- LIBLINEAR's random draws
 * ---------------------------------------------------------------------------------------- Its L1 solver draws from the
 * C library's generator, which the whole process shares. The solver therefore runs alone, on a state of its own that
 * starts from the same seed each time; the host's state is put back. The L2 solver draws nothing and runs in parallel.
 */

static pthread_mutex_t random_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t silence_once = PTHREAD_ONCE_INIT;

static void say_nothing(const char *text) {
  (void)text;
}
static void silence(void) {
  set_print_string_function(say_nothing);
}

static struct model *train_alone(const struct problem *problem, const struct parameter *parameter) {
  char state[128];
  pthread_mutex_lock(&random_lock);
  char *before = initstate(1, state, sizeof state);
  struct model *model = train(problem, parameter);
  if (before) setstate(before);
  pthread_mutex_unlock(&random_lock);
  return model;
}

/* ---- fitting --------------------------------------------------------------------------------------------------------
 */

typedef struct CmLinearRows {
  struct feature_node **row;
  double *y;
  int width;
} CmLinearRows;

/* Rows as LIBLINEAR wants them: 1-based, the bias last, closed by index -1. */
static bool make_rows(CmArena *scratch, const CmTraining *training, double bias, CmLinearRows *rows, CmError **err) {
  int64_t stride = training->features + 2;
  size_t cells;
  if (!cm_size_multiply((size_t)training->rows, (size_t)stride, &cells, err)) return false;
  struct feature_node *nodes = CM__NEW(scratch, struct feature_node, cells, err);
  rows->row = CM__NEW(scratch, struct feature_node *, training->rows, err);
  rows->y = CM__NEW(scratch, double, training->rows, err);
  if (!nodes || !rows->row || !rows->y) return false;
  for (int64_t i = 0; i < training->rows; i++) {
    struct feature_node *node = rows->row[i] = nodes + i * stride;
    for (int j = 0; j < training->features; j++, node++)
      *node = (struct feature_node){j + 1, training->x[i * training->features + j]};
    *node++ = (struct feature_node){training->features + 1, bias};
    node->index = -1;
  }
  return true;
}

static bool train_output(const CmTraining *training, const LogisticParams *p, CmLinearRows *rows, int positive,
                         double *weight, double *intercept, CmError **err) {
  int64_t count = 0;
  for (int64_t i = 0; i < training->rows; i++) {
    rows->y[i] = training->y[i] == positive ? 1 : -1;
    count += training->y[i] == positive;
  }
  double n = (double)training->rows;
  double weights[2] = {n / (2 * (double)count), n / (2 * (n - (double)count))};
  int labels[2] = {1, -1};
  struct problem problem = {.l = (int)training->rows,
                            .n = training->features + 1,
                            .y = rows->y,
                            .x = rows->row,
                            .bias = p->intercept_scaling};
  struct parameter parameter = {
      .solver_type = p->penalty == PENALTY_L1 ? L1R_LR : L2R_LR, .eps = p->tolerance, .C = p->C, .p = 0.1};
  if (p->class_weight == CLASS_WEIGHT_BALANCED) {
    parameter.nr_weight = 2;
    parameter.weight_label = labels;
    parameter.weight = weights;
  }
  const char *wrong = check_parameter(&problem, &parameter);
  if (wrong) {
    cm_error_set(err, CM_ERR_PARAMETER, "LIBLINEAR refuses its settings (%s); use the defaults", wrong);
    return false;
  }
  struct model *model = p->penalty == PENALTY_L1 ? train_alone(&problem, &parameter) : train(&problem, &parameter);
  if (!model) {
    cm_error_set(err, CM_ERR_MEMORY, "LIBLINEAR found no memory; train on fewer rows or features");
    return false;
  }
  double sign = model->label[0] == 1 ? 1 : -1;
  bool finite = true;
  for (int j = 0; j < training->features; j++) finite = isfinite(weight[j] = sign * model->w[j]) && finite;
  *intercept = sign * model->w[training->features] * p->intercept_scaling;
  free_and_destroy_model(&model);
  if (finite && isfinite(*intercept)) return true;
  cm_error_set(err, CM_ERR_DATA, "the coefficients grow without bound; use a smaller C, or scale=zscore");
  return false;
}

static void describe_features(const CmTraining *training, Logistic *logistic) {
  double n = (double)training->rows;
  int d = training->features;
  for (int64_t i = 0; i < training->rows; i++)
    for (int j = 0; j < d; j++) logistic->mean[j] += training->x[i * d + j] / n;
  for (int64_t i = 0; i < training->rows; i++)
    for (int j = 0; j < d; j++)
      logistic->deviation[j] +=
          (training->x[i * d + j] - logistic->mean[j]) * (training->x[i * d + j] - logistic->mean[j]) / n;
  for (int j = 0; j < d; j++) logistic->deviation[j] = sqrt(logistic->deviation[j]);
}

static Logistic *make(CmArena *hold, int features, int outputs, CmError **err) {
  Logistic *logistic = CM__NEW(hold, Logistic, 1, err);
  if (!logistic) return NULL;
  logistic->features = features;
  logistic->outputs = outputs;
  return logistic;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  pthread_once(&silence_once, silence);
  const LogisticParams *p = params;
  if (training->rows > INT32_MAX || training->features > INT32_MAX - 2) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "LIBLINEAR takes at most %d rows; train on fewer", INT32_MAX);
    return NULL;
  }
  CmArena scratch = {.ctx = hold->ctx};
  int outputs = cm__outputs(training->task, training->classes), d = training->features;
  Logistic *logistic = make(hold, d, outputs, err), *result = NULL;
  CmLinearRows rows = {0};
  if (!logistic || !make_rows(&scratch, training, p->intercept_scaling, &rows, err)) goto done;
  logistic->weight = CM__NEW(hold, double, (int64_t)outputs *d, err);
  logistic->intercept = CM__NEW(hold, double, outputs, err);
  logistic->mean = CM__NEW(hold, double, d, err);
  logistic->deviation = CM__NEW(hold, double, d, err);
  if (!logistic->weight || !logistic->intercept || !logistic->mean || !logistic->deviation) goto done;
  for (int o = 0; o < outputs; o++)
    if (!train_output(training, p, &rows, outputs == 1 ? 1 : o, logistic->weight + (int64_t)o * d,
                      &logistic->intercept[o], err))
      goto done;
  describe_features(training, logistic);
  result = logistic;
done:
  cm__arena_free(&scratch);
  return result;
}

/* ---- applying -------------------------------------------------------------------------------------------------------
 */

static double margin(const Logistic *logistic, const double *x, int output) {
  const double *weight = logistic->weight + (int64_t)output * logistic->features;
  double sum = logistic->intercept[output];
  for (int j = 0; j < logistic->features; j++) sum += weight[j] * x[j];
  return sum;
}

static double sigmoid(double m) {
  return m >= 0 ? 1 / (1 + exp(-m)) : exp(m) / (1 + exp(m));
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *probability,
                         CmError **err) {
  (void)ctx, (void)err;
  const Logistic *logistic = state;
  int classes = logistic->outputs == 1 ? 2 : logistic->outputs;
  for (int64_t i = 0; i < rows; i++) {
    double *p = probability + i * classes, total = 0;
    if (logistic->outputs == 1) {
      double m = margin(logistic, x + i * logistic->features, 0);
      p[0] = sigmoid(-m);
      p[1] = sigmoid(m);
      continue;
    }
    for (int c = 0; c < classes; c++) total += p[c] = sigmoid(margin(logistic, x + i * logistic->features, c));
    for (int c = 0; c < classes; c++) p[c] = total > 0 ? p[c] / total : 1.0 / classes;
  }
  return true;
}

static bool explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                    CmError **err) {
  (void)ctx, (void)err;
  const Logistic *logistic = state;
  int d = logistic->features;
  for (int64_t i = 0; i < rows; i++) {
    for (int o = 0; o < logistic->outputs; o++) {
      double *to = contribution + (i * logistic->outputs + o) * (d + 1);
      const double *weight = logistic->weight + (int64_t)o * d;
      to[d] = margin(logistic, logistic->mean, o);
      for (int j = 0; j < d; j++) to[j] = weight[j] * (x[i * d + j] - logistic->mean[j]);
    }
  }
  return true;
}

static void weights(const void *state, const double *scale, CmWeights *to) {
  const Logistic *logistic = state;
  to->measures = 2;
  to->measure[0] = "coefficient";
  to->measure[1] = "standardized";
  for (int o = 0; o < logistic->outputs; o++) {
    for (int j = 0; j < logistic->features; j++) {
      int64_t at = (int64_t)o * logistic->features + j;
      to->value[0][at] = logistic->weight[at] / scale[j];
      to->value[1][at] = logistic->weight[at] * logistic->deviation[j];
    }
  }
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Logistic *logistic = state;
  cm__text_add(json, "{\"weight\":");
  cm__json_reals(json, logistic->weight, (int64_t)logistic->outputs * logistic->features);
  cm__text_add(json, ",\"intercept\":");
  cm__json_reals(json, logistic->intercept, logistic->outputs);
  cm__text_add(json, ",\"mean\":");
  cm__json_reals(json, logistic->mean, logistic->features);
  cm__text_add(json, ",\"deviation\":");
  cm__json_reals(json, logistic->deviation, logistic->features);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *weight, *intercept, *mean, *deviation;
  CmJsonMember members[] = {{"weight", &weight}, {"intercept", &intercept}, {"mean", &mean}, {"deviation", &deviation}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  Logistic *logistic = make(hold, shape->features, cm__outputs(shape->task, shape->classes), err);
  if (!logistic) return NULL;
  logistic->weight =
      cm__json_read_reals(hold, weight, "predictor.weight", (int64_t)logistic->outputs * shape->features, false, err);
  if (!logistic->weight) return NULL;
  logistic->intercept = cm__json_read_reals(hold, intercept, "predictor.intercept", logistic->outputs, false, err);
  if (!logistic->intercept) return NULL;
  logistic->mean = cm__json_read_reals(hold, mean, "predictor.mean", shape->features, false, err);
  if (!logistic->mean) return NULL;
  logistic->deviation = cm__json_read_reals(hold, deviation, "predictor.deviation", shape->features, false, err);
  return logistic->deviation ? logistic : NULL;
}

CM_MODEL_KIND(logistic) = {
    .kind =
        {.about =
             {.name = "logistic",
              .family = "model",
              .since = "0.1",
              .summary = "Logistic regression with an L2 or L1 penalty.",
              .details =
                  "Trained by LIBLINEAR. Several classes: each against the rest, probabilities divided by their sum.",
              CM_OP_PARAMS(LogisticParams, params_table),
              .cite = "Fan, Chang, Hsieh, Wang, Lin: LIBLINEAR, JMLR 9, 2008"},
         .tasks = CM_TASKS_CLASSES,
         .wants_scaling = true,
         .explains_rows = true},
    .fit = fit,
    .predict = predict_rows,
    .explain = explain,
    .weights = weights,
    .write = write_state,
    .read = read_state,
};
