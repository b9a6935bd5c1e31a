/* Proportional odds: one linear predictor, and a threshold between each two neighbouring classes. */
#include <math.h>
#include <string.h>

#include "learn/json.h"
#include "learn/linear.h"
#include "learn/newton.h"

typedef struct OrdinalParams {
  double alpha;
} OrdinalParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(OrdinalParams, alpha, 0, 0, 1e12, "",
                  "squares of the coefficients times half of this are added to the negative log-likelihood"),
};

typedef struct Ordinal {
  CmLinear *linear;
  int classes;
  double *threshold; /* classes - 1, rising */
} Ordinal;

/* Unknowns: features weights, then the thresholds. */
typedef struct Odds {
  const CmTraining *training;
  double alpha;
} Odds;

/* One end of a class on the score: its threshold minus the score, and the logistic density there with its slope. */
typedef struct Side {
  bool open; /* no threshold there */
  double at, density, slope;
} Side;

static Side side(const double *threshold, int index, int count, double score) {
  if (index < 0 || index >= count) return (Side){.open = true};
  double at = threshold[index] - score, f = cm__sigmoid(at), g = cm__sigmoid(-at);
  return (Side){false, at, f * g, f * g * (g - f)};
}

/* Probability between the ends, without loss of digits in the far tails. */
static double between(const Side *low, const Side *high) {
  if (low->open) return cm__sigmoid(high->at);
  if (high->open) return cm__sigmoid(-low->at);
  /* sigma(b) - sigma(a) = sigma(b) sigma(-a) (1 - exp(a - b)) */
  return cm__sigmoid(high->at) * cm__sigmoid(-low->at) * -expm1(low->at - high->at);
}

/* Adds a row's part of the derivatives: first[0], first[1] by the lower and the upper argument, second likewise. */
static void add_derivatives(const Odds *odds, const double *x, int class_at, const double first[2],
                            const double second[3], double *gradient, double *hessian) {
  const CmTraining *t = odds->training;
  int d = t->features, count = d + t->classes - 1, low = d + class_at - 1, high = d + class_at;
  double by_score = -(first[0] + first[1]), twice = second[0] + 2 * second[1] + second[2];
  bool has_low = class_at > 0, has_high = class_at < t->classes - 1;
  for (int j = 0; j < d; j++) {
    gradient[j] -= by_score * x[j];
    for (int k = 0; k <= j; k++) hessian[(int64_t)j * count + k] -= twice * x[j] * x[k];
    if (has_low) hessian[(int64_t)low * count + j] += (second[0] + second[1]) * x[j];
    if (has_high) hessian[(int64_t)high * count + j] += (second[1] + second[2]) * x[j];
  }
  if (has_low) {
    gradient[low] -= first[0];
    hessian[(int64_t)low * count + low] -= second[0];
  }
  if (has_high) {
    gradient[high] -= first[1];
    hessian[(int64_t)high * count + high] -= second[2];
  }
  if (has_low && has_high) hessian[(int64_t)high * count + low] -= second[1];
}

/* Negative log-likelihood and penalty. */
static double odds_function(void *arg, const double *w, double *gradient, double *hessian) {
  const Odds *odds = arg;
  const CmTraining *t = odds->training;
  int d = t->features, count = d + t->classes - 1;
  const double *threshold = w + d;
  double value = 0;
  for (int k = 1; k < t->classes - 1; k++)
    if (!(threshold[k] > threshold[k - 1])) return NAN;
  for (int j = 0; j < d; j++) {
    value += 0.5 * odds->alpha * w[j] * w[j];
    if (!gradient) continue;
    gradient[j] += odds->alpha * w[j];
    hessian[(int64_t)j * count + j] += odds->alpha;
  }
  for (int64_t i = 0; i < t->rows; i++) {
    const double *x = t->x + i * d;
    int c = t->y[i];
    double score = 0;
    for (int j = 0; j < d; j++) score += w[j] * x[j];
    Side low = side(threshold, c - 1, t->classes - 1, score), high = side(threshold, c, t->classes - 1, score);
    double p = between(&low, &high);
    value -= log(p);
    if (!gradient) continue;
    double first[2] = {-low.density / p, high.density / p};
    double second[3] = {-low.slope / p - first[0] * first[0], -first[0] * first[1],
                        high.slope / p - first[1] * first[1]};
    add_derivatives(odds, x, c, first, second, gradient, hessian);
  }
  return value;
}

static Ordinal *make(CmArena *hold, int classes, CmError **err) {
  Ordinal *ordinal = CM__NEW(hold, Ordinal, 1, err);
  if (ordinal) ordinal->classes = classes;
  return ordinal;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  int d = training->features, k = training->classes, count = d + k - 1;
  Ordinal *ordinal = make(hold, k, err), *result = NULL;
  double *w = CM__NEW(&scratch, double, count, err);
  if (!ordinal || !w || !(ordinal->linear = cm__linear_create(hold, training, 1, err))) goto done;
  ordinal->threshold = CM__NEW(hold, double, k - 1, err);
  if (!ordinal->threshold) goto done;
  for (int c = 0; c < k - 1; c++) { /* as without features */
    double below = 0;
    for (int64_t i = 0; i < training->rows; i++) below += training->y[i] <= c;
    w[d + c] = log(below / ((double)training->rows - below));
  }
  Odds odds = {.training = training, .alpha = ((const OrdinalParams *)params)->alpha};
  if (!cm__newton(hold->ctx, odds_function, &odds, count, w, err)) goto done;
  memcpy(ordinal->linear->weight, w, sizeof *w * (size_t)d);
  memcpy(ordinal->threshold, w + d, sizeof *w * (size_t)(k - 1));
  if (cm__linear_finite(ordinal->linear, err)) result = ordinal;
done:
  cm__arena_free(&scratch);
  return result;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *probability,
                         CmError **err) {
  (void)ctx, (void)err;
  const Ordinal *ordinal = state;
  int k = ordinal->classes;
  for (int64_t i = 0; i < rows; i++) {
    double score = cm__linear_score(ordinal->linear, x + i * ordinal->linear->features, 0);
    for (int c = 0; c < k; c++) {
      Side low = side(ordinal->threshold, c - 1, k - 1, score), high = side(ordinal->threshold, c, k - 1, score);
      probability[i * k + c] = between(&low, &high);
    }
  }
  return true;
}

static bool explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                    CmError **err) {
  return cm__linear_explain(((const Ordinal *)state)->linear, ctx, x, rows, contribution, err);
}

static void weights(const void *state, const double *scale, CmWeights *to) {
  cm__linear_weights(((const Ordinal *)state)->linear, scale, to);
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Ordinal *ordinal = state;
  cm__text_add(json, "{\"threshold\":");
  cm__json_reals(json, ordinal->threshold, ordinal->classes - 1);
  cm__text_add(json, ",\"linear\":");
  cm__linear_write(ordinal->linear, json);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *threshold, *linear;
  CmJsonMember members[] = {{"threshold", &threshold}, {"linear", &linear}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  Ordinal *ordinal = make(hold, shape->classes, err);
  if (!ordinal || !(ordinal->linear = cm__linear_read(hold, linear, shape, err))) return NULL;
  ordinal->threshold = cm__json_read_reals(hold, threshold, "predictor.threshold", shape->classes - 1, false, err);
  if (!ordinal->threshold) return NULL;
  for (int c = 1; c < shape->classes - 1; c++)
    if (!(ordinal->threshold[c] > ordinal->threshold[c - 1])) return cm__json_refuse(err, "predictor.threshold"), NULL;
  return ordinal;
}

CM_MODEL_KIND(ordinal) = {
    .kind = {.about = {.name = "ordinal",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Ordinal logistic regression (proportional odds).",
                       .details =
                           "P(class <= k) = 1 / (1 + exp(score - threshold k)): one score, a threshold between "
                           "each two neighbours, by Newton's method. Contributions are to the score: more of it, "
                           "a higher class.",
                       CM_OP_PARAMS(OrdinalParams, params_table),
                       .cite = "McCullagh: Regression models for ordinal data, J. R. Stat. Soc. B 42, 1980"},
             .tasks = 1u << CM_TASK_ORDINAL,
             .wants_scaling = true,
             .explains_rows = true},
    .fit = fit,
    .predict = predict_rows,
    .explain = explain,
    .weights = weights,
    .write = write_state,
    .read = read_state,
};
