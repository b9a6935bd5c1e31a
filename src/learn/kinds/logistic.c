/* Logistic regression: two classes, or each against the rest, by logit.c, or with an L1 penalty by LIBLINEAR; softmax
 * by softmax.c. */
#include <linear.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "learn/json.h"
#include "learn/linear.h"
#include "learn/logit.h"
#include "learn/softmax.h"

enum { PENALTY_L2, PENALTY_L1 };
enum { CLASS_WEIGHT_NONE, CLASS_WEIGHT_BALANCED };
enum { SEVERAL_AUTO, SEVERAL_SOFTMAX, SEVERAL_REST };

typedef struct LogisticParams {
  double C;
  int32_t penalty, class_weight, several;
  double intercept_scaling, tolerance;
} LogisticParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(LogisticParams, C, 1, 1e-12, 1e12, "1",
                  "weight of the data against the penalty; small values shrink more"),
    CM_PARAM_ENUM(LogisticParams, penalty, "l2|l1", "l2",
                  "shrink by the sum of squares, or by the sum of absolute values, which drops features"),
    CM_PARAM_ENUM(LogisticParams, class_weight, "none|balanced", "none",
                  "whether each class weighs the same whatever its number of rows"),
    CM_PARAM_ENUM(LogisticParams, several, "auto|softmax|rest", "auto",
                  "three or more classes: all in one (multinomial), or each against the rest; auto: softmax with l2"),
    CM_PARAM_REAL(
        LogisticParams, intercept_scaling, 100, 1e-3, 1e6, "1",
        "the intercept is penalised 1/s^2 (l2) or 1/s (l1) as much as a coefficient, and not at all in softmax; 1: as "
        "scikit-learn's liblinear"),
    CM_PARAM_REAL(LogisticParams, tolerance, 1e-8, 1e-12, 1, "1",
                  "the solver stops at this share of the first gradient"),
};

typedef struct Logistic {
  int softmax; /* else each class against the rest */
  CmLinear *linear;
} Logistic;

/* ---- LIBLINEAR's random draws
 * ---------------------------------------------------------------------------------------- Its L1 solver draws from the
 * C library's generator, which the whole process shares. The solver therefore runs alone, on a state of its own that
 * starts from the same seed each time; the host's state is put back.
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

/* weights: of the rows of the other classes, and of the positive one. */
static bool fit_l1(const CmTraining *training, const LogisticParams *p, CmLinearRows *rows, int positive,
                   const double *weights, double *weight, double *intercept, CmError **err) {
  for (int64_t i = 0; i < training->rows; i++) rows->y[i] = training->y[i] == positive ? 1 : -1;
  int labels[2] = {-1, 1};
  double each[2] = {weights[0], weights[1]};
  struct problem problem = {.l = (int)training->rows,
                            .n = training->features + 1,
                            .y = rows->y,
                            .x = rows->row,
                            .bias = p->intercept_scaling};
  struct parameter parameter = {.solver_type = L1R_LR, .eps = p->tolerance, .C = p->C, .p = 0.1};
  parameter.nr_weight = 2;
  parameter.weight_label = labels;
  parameter.weight = each;
  const char *wrong = check_parameter(&problem, &parameter);
  if (wrong) {
    cm_error_set(err, CM_ERR_PARAMETER, "LIBLINEAR refuses its settings (%s); use the defaults", wrong);
    return false;
  }
  struct model *model = train_alone(&problem, &parameter);
  if (!model) {
    cm_error_set(err, CM_ERR_MEMORY, "LIBLINEAR found no memory; train on fewer rows or features");
    return false;
  }
  double sign = model->label[0] == 1 ? 1 : -1;
  for (int j = 0; j < training->features; j++) weight[j] = sign * model->w[j];
  *intercept = sign * model->w[training->features] * p->intercept_scaling;
  free_and_destroy_model(&model);
  return true;
}

static void weigh(const CmTraining *training, const LogisticParams *p, int positive, double *weights) {
  int64_t count = 0;
  for (int64_t i = 0; i < training->rows; i++) count += training->y[i] == positive;
  double n = (double)training->rows;
  bool balanced = p->class_weight == CLASS_WEIGHT_BALANCED;
  weights[0] = balanced ? n / (2 * (n - (double)count)) : 1;
  weights[1] = balanced ? n / (2 * (double)count) : 1;
}

/* Each class against the rest, or the positive one against the other. */
static bool fit_each(CmArena *hold, const CmTraining *training, const LogisticParams *p, CmLinear *linear,
                     CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  CmLinearRows rows = {0};
  bool l1 = p->penalty == PENALTY_L1, ok = !l1 || make_rows(&scratch, training, p->intercept_scaling, &rows, err);
  for (int o = 0; ok && o < linear->outputs; o++) {
    int positive = linear->outputs == 1 ? 1 : o;
    double *weight = linear->weight + (int64_t)o * training->features, *intercept = &linear->intercept[o], weights[2];
    weigh(training, p, positive, weights);
    CmLogit options = {{p->C * weights[0], p->C * weights[1]}, p->intercept_scaling, p->tolerance};
    ok = l1 ? fit_l1(training, p, &rows, positive, weights, weight, intercept, err)
            : cm__logit_fit(hold->ctx, training, positive, &options, weight, intercept, err);
  }
  cm__arena_free(&scratch);
  return ok;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  pthread_once(&silence_once, silence);
  const LogisticParams *p = params;
  if (training->rows > INT32_MAX || training->features > INT32_MAX - 2) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "LIBLINEAR takes at most %d rows; train on fewer", INT32_MAX);
    return NULL;
  }
  Logistic *logistic = CM__NEW(hold, Logistic, 1, err);
  int outputs = cm__outputs(training->task, training->classes);
  if (!logistic || !(logistic->linear = cm__linear_create(hold, training, outputs, err))) return NULL;
  if (outputs > 1 && p->several == SEVERAL_SOFTMAX && p->penalty == PENALTY_L1) {
    cm_error_set(err, CM_ERR_PARAMETER, "several: softmax has no l1 penalty here; use several=rest, or penalty=l2");
    return NULL;
  }
  logistic->softmax = outputs > 1 && p->penalty == PENALTY_L2 && p->several != SEVERAL_REST;
  CmSoftmaxOptions options = {.C = p->C, .tolerance = p->tolerance};
  options.balanced = p->class_weight == CLASS_WEIGHT_BALANCED;
  bool ok = logistic->softmax ? cm__softmax_fit(training, &options, hold->ctx, logistic->linear, err)
                              : fit_each(hold, training, p, logistic->linear, err);
  return ok && cm__linear_finite(logistic->linear, err) ? logistic : NULL;
}

/* ---- applying -------------------------------------------------------------------------------------------------------
 */

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *probability,
                         CmError **err) {
  (void)ctx, (void)err;
  const CmLinear *linear = ((const Logistic *)state)->linear;
  bool softmax = ((const Logistic *)state)->softmax;
  int classes = linear->outputs == 1 ? 2 : linear->outputs;
  for (int64_t i = 0; i < rows; i++) {
    double *p = probability + i * classes, total = 0;
    const double *row = x + i * linear->features;
    if (linear->outputs == 1) {
      double m = cm__linear_score(linear, row, 0);
      p[0] = cm__sigmoid(-m);
      p[1] = cm__sigmoid(m);
      continue;
    }
    for (int c = 0; c < classes; c++) p[c] = cm__linear_score(linear, row, c);
    if (softmax) {
      cm__softmax(p, classes);
      continue;
    }
    for (int c = 0; c < classes; c++) total += p[c] = cm__sigmoid(p[c]);
    for (int c = 0; c < classes; c++) p[c] = total > 0 ? p[c] / total : 1.0 / classes;
  }
  return true;
}

static bool explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                    CmError **err) {
  return cm__linear_explain(((const Logistic *)state)->linear, ctx, x, rows, contribution, err);
}

static void weights(const void *state, const double *scale, CmWeights *to) {
  cm__linear_weights(((const Logistic *)state)->linear, scale, to);
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Logistic *logistic = state;
  cm__text_addf(json, "{\"softmax\":%d,\"linear\":", logistic->softmax);
  cm__linear_write(logistic->linear, json);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *softmax, *linear;
  CmJsonMember members[] = {{"softmax", &softmax}, {"linear", &linear}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  json_int_t how = json_integer_value(softmax);
  if (!json_is_integer(softmax) || how < 0 || how > 1) return cm__json_refuse(err, "predictor.softmax"), NULL;
  Logistic *logistic = CM__NEW(hold, Logistic, 1, err);
  if (!logistic) return NULL;
  logistic->softmax = (int)how;
  logistic->linear = cm__linear_read(hold, linear, shape, err);
  return logistic->linear ? logistic : NULL;
}

CM_MODEL_KIND(logistic) = {
    .kind = {.about = {.name = "logistic",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Logistic regression with an L2 or L1 penalty.",
                       .details = "Least penalty + C sum log(1 + exp(-y m)), by own Newton steps, or with l1 by "
                                  "LIBLINEAR. Three or more classes: "
                                  "multinomial, by own "
                                  "Newton steps with conjugate gradients, or each against the rest, probabilities "
                                  "divided by their sum.",
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
