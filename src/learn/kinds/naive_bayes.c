/* Gaussian naive Bayes. */
#include <math.h>

#include "learn/json.h"
#include "learn/linear.h"

typedef struct NaiveBayesParams {
  double smoothing;
  int32_t prior;
} NaiveBayesParams;

enum { PRIOR_DATA, PRIOR_UNIFORM };

static const CmParam params_table[] = {
    CM_PARAM_REAL(NaiveBayesParams, smoothing, 1e-9, 0, 1, "1",
                  "share of the largest variance of a feature that is added to all variances"),
    CM_PARAM_ENUM(NaiveBayesParams, prior, "data|uniform", "data",
                  "how likely a class is before anything is measured: its share of the rows, or all the same"),
};

typedef struct NaiveBayes {
  int classes, features;
  double *log_prior;       /* classes */
  double *mean, *variance; /* classes x features */
} NaiveBayes;

static NaiveBayes *make(CmArena *hold, int classes, int features, CmError **err) {
  NaiveBayes *bayes = CM__NEW(hold, NaiveBayes, 1, err);
  if (!bayes) return NULL;
  bayes->classes = classes;
  bayes->features = features;
  return bayes;
}

/* Largest population variance of a feature over all rows. */
static double largest_variance(const CmTraining *t) {
  double largest = 0, n = (double)t->rows;
  for (int j = 0; j < t->features; j++) {
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < t->rows; i++) mean += t->x[i * t->features + j] / n;
    for (int64_t i = 0; i < t->rows; i++) {
      double away = t->x[i * t->features + j] - mean;
      sum += away * away / n;
    }
    largest = fmax(largest, sum);
  }
  return largest;
}

static void estimate(NaiveBayes *bayes, const CmTraining *t, double *count, const NaiveBayesParams *p) {
  int d = t->features;
  for (int64_t i = 0; i < t->rows; i++) {
    count[t->y[i]]++;
    for (int j = 0; j < d; j++) bayes->mean[t->y[i] * d + j] += t->x[i * d + j];
  }
  for (int c = 0; c < t->classes; c++)
    for (int j = 0; j < d; j++) bayes->mean[c * d + j] /= count[c];
  for (int64_t i = 0; i < t->rows; i++) {
    for (int j = 0; j < d; j++) {
      double away = t->x[i * d + j] - bayes->mean[t->y[i] * d + j];
      bayes->variance[t->y[i] * d + j] += away * away;
    }
  }
  double added = p->smoothing * largest_variance(t);
  for (int c = 0; c < t->classes; c++) {
    for (int j = 0; j < d; j++) bayes->variance[c * d + j] = bayes->variance[c * d + j] / count[c] + added;
    bayes->log_prior[c] = p->prior == PRIOR_UNIFORM ? -log(t->classes) : log(count[c] / (double)t->rows);
  }
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  int k = training->classes, d = training->features;
  NaiveBayes *bayes = make(hold, k, d, err), *result = NULL;
  double *count = CM__NEW(&scratch, double, k, err);
  if (!bayes || !count) goto done;
  bayes->log_prior = CM__NEW(hold, double, k, err);
  bayes->mean = CM__NEW(hold, double, (int64_t)k *d, err);
  bayes->variance = CM__NEW(hold, double, (int64_t)k *d, err);
  if (!bayes->log_prior || !bayes->mean || !bayes->variance) goto done;
  estimate(bayes, training, count, params);
  for (int64_t i = 0; i < (int64_t)k * d; i++) {
    if (bayes->variance[i] > 0) continue;
    cm_error_set(err, CM_ERR_DATA, "a feature is constant within a class; use a larger smoothing, e.g. 1e-9");
    goto done;
  }
  result = bayes;
done:
  cm__arena_free(&scratch);
  return result;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *probability,
                         CmError **err) {
  (void)ctx, (void)err;
  const NaiveBayes *bayes = state;
  int k = bayes->classes, d = bayes->features;
  for (int64_t i = 0; i < rows; i++) {
    double *p = probability + i * k;
    for (int c = 0; c < k; c++) {
      const double *mean = bayes->mean + (int64_t)c * d, *variance = bayes->variance + (int64_t)c * d;
      p[c] = bayes->log_prior[c];
      for (int j = 0; j < d; j++) {
        double away = x[i * d + j] - mean[j];
        p[c] -= 0.5 * (log(2 * 3.14159265358979323846 * variance[j]) + away * away / variance[j]);
      }
    }
    cm__softmax(p, k);
  }
  return true;
}

static void write_state(const void *state, CmTextBuffer *json) {
  const NaiveBayes *bayes = state;
  cm__text_add(json, "{\"log_prior\":");
  cm__json_reals(json, bayes->log_prior, bayes->classes);
  cm__text_add(json, ",\"mean\":");
  cm__json_reals(json, bayes->mean, (int64_t)bayes->classes * bayes->features);
  cm__text_add(json, ",\"variance\":");
  cm__json_reals(json, bayes->variance, (int64_t)bayes->classes * bayes->features);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *log_prior, *mean, *variance;
  CmJsonMember members[] = {{"log_prior", &log_prior}, {"mean", &mean}, {"variance", &variance}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  NaiveBayes *bayes = make(hold, shape->classes, shape->features, err);
  int64_t cells = (int64_t)shape->classes * shape->features;
  if (!bayes) return NULL;
  bayes->log_prior = cm__json_read_reals(hold, log_prior, "predictor.log_prior", shape->classes, false, err);
  bayes->mean = bayes->log_prior ? cm__json_read_reals(hold, mean, "predictor.mean", cells, false, err) : NULL;
  bayes->variance = bayes->mean ? cm__json_read_reals(hold, variance, "predictor.variance", cells, false, err) : NULL;
  if (!bayes->variance) return NULL;
  for (int64_t i = 0; i < cells; i++)
    if (!(bayes->variance[i] > 0)) return cm__json_refuse(err, "predictor.variance"), NULL;
  return bayes;
}

CM_MODEL_KIND(naive_bayes) = {
    .kind = {.about = {.name = "naive_bayes",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Gaussian naive Bayes.",
                       .details = "Each feature is normal within each class, and the features do not depend on each "
                                  "other. Variances are of the population.",
                       CM_OP_PARAMS(NaiveBayesParams, params_table),
                       .cite = "Hand, Yu: Idiot's Bayes, not so stupid after all?, Int. Stat. Rev. 69, 2001"},
             .tasks = CM_TASKS_CLASSES},
    .fit = fit,
    .predict = predict_rows,
    .write = write_state,
    .read = read_state,
};
