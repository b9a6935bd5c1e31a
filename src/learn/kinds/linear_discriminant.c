/* Linear discriminant analysis: classes are normal with one covariance. */
#include <math.h>
#include <string.h>

#include "learn/dense.h"
#include "learn/linear.h"

enum { PRIOR_DATA, PRIOR_UNIFORM };
enum { COVARIANCE_SHRUNK, COVARIANCE_LEDOIT_WOLF };

typedef struct DiscriminantParams {
  int32_t covariance;
  double shrinkage;
  int32_t prior;
} DiscriminantParams;

static const CmParam params_table[] = {
    CM_PARAM_ENUM(DiscriminantParams, covariance, "shrunk|ledoit_wolf", "shrunk",
                  "shrunk by `shrinkage`, or by as much as Ledoit and Wolf estimate"),
    CM_PARAM_REAL(DiscriminantParams, shrinkage, 0, 0, 1, "1",
                  "from the covariance (0) to the mean variance on the diagonal (1)"),
    CM_PARAM_ENUM(DiscriminantParams, prior, "data|uniform", "data",
                  "how likely a class is before anything is measured: its share of the rows, or all the same"),
};

/* Sums over the classes: means, counts, and the covariance within. */
typedef struct Within {
  const CmTraining *training;
  const DiscriminantParams *params;
  double *mean, *count; /* classes x features; classes */
  double *scale;        /* features: deviation within a class's rows, for Ledoit and Wolf */
  double *row;          /* features */
  double *covariance;   /* features x features: mean over the classes by their priors */
  double *part;         /* of one class */
} Within;

static bool make_within(CmArena *scratch, const CmTraining *t, Within *w, CmError **err) {
  int64_t d = t->features;
  size_t cells;
  if (!cm_size_multiply((size_t)d, (size_t)d, &cells, err)) return false;
  w->mean = CM__NEW(scratch, double, t->classes *d, err);
  w->count = CM__NEW(scratch, double, t->classes, err);
  w->scale = CM__NEW(scratch, double, d, err);
  w->row = CM__NEW(scratch, double, d, err);
  w->covariance = CM__NEW(scratch, double, cells, err);
  w->part = CM__NEW(scratch, double, cells, err);
  if (!w->mean || !w->count || !w->scale || !w->row || !w->covariance || !w->part) return false;
  for (int64_t i = 0; i < t->rows; i++) {
    w->count[t->y[i]]++;
    for (int j = 0; j < d; j++) w->mean[t->y[i] * d + j] += t->x[i * d + j];
  }
  for (int c = 0; c < t->classes; c++)
    for (int j = 0; j < d; j++) w->mean[c * d + j] /= w->count[c];
  return true;
}

/* Covariance of one class, of the population; features divided by scale[]. The lower triangle is filled. */
static void class_covariance(Within *w, int c) {
  const CmTraining *t = w->training;
  int64_t d = t->features;
  memset(w->part, 0, sizeof(double) * (size_t)(d * d));
  for (int64_t i = 0; i < t->rows; i++) {
    if (t->y[i] != c) continue;
    for (int64_t j = 0; j < d; j++) {
      w->row[j] = (t->x[i * d + j] - w->mean[c * d + j]) / w->scale[j];
      for (int64_t k = 0; k <= j; k++) w->part[j * d + k] += w->row[j] * w->row[k];
    }
  }
  for (int64_t at = 0; at < d * d; at++) w->part[at] /= w->count[c];
}

/* Ledoit, Wolf: A well-conditioned estimator for large-dimensional covariance matrices, J. Multivar. Anal. 88, 2004:
 * shrinkage = min(spread of the products about their mean, distance to the target) / distance to the target. */
static double ledoit_wolf(const Within *w, int c) {
  const CmTraining *t = w->training;
  int64_t d = t->features;
  double mu = 0, squares = 0, fourth = 0, n = w->count[c];
  for (int64_t j = 0; j < d; j++) mu += w->part[j * d + j] / (double)d;
  for (int64_t j = 0; j < d; j++)
    for (int64_t k = 0; k <= j; k++) squares += (j == k ? 1 : 2) * w->part[j * d + k] * w->part[j * d + k];
  for (int64_t i = 0; i < t->rows; i++) {
    if (t->y[i] != c) continue;
    double length = 0;
    for (int64_t j = 0; j < d; j++) {
      double z = (t->x[i * d + j] - w->mean[c * d + j]) / w->scale[j];
      length += z * z;
    }
    fourth += length * length;
  }
  double beta = (fourth / n - squares) / (n * (double)d), delta = (squares - (double)d * mu * mu) / (double)d;
  return delta > 0 ? fmin(fmax(beta, 0), delta) / delta : 0;
}

/* Adds a class's shrunk covariance by its prior. Ledoit and Wolf's is estimated on standardised features. */
static void add_class(Within *w, int c, double prior) {
  const CmTraining *t = w->training;
  int64_t d = t->features;
  bool automatic = w->params->covariance == COVARIANCE_LEDOIT_WOLF;
  for (int64_t j = 0; j < d; j++) w->scale[j] = 1;
  if (automatic) {
    class_covariance(w, c);
    for (int64_t j = 0; j < d; j++) w->scale[j] = w->part[j * d + j] > 0 ? sqrt(w->part[j * d + j]) : 1;
  }
  class_covariance(w, c);
  double share = automatic ? ledoit_wolf(w, c) : w->params->shrinkage, mu = 0;
  for (int64_t j = 0; j < d; j++) mu += w->part[j * d + j] / (double)d;
  for (int64_t j = 0; j < d; j++) {
    for (int64_t k = 0; k <= j; k++) {
      double value = (1 - share) * w->part[j * d + k] + (j == k ? share * mu : 0);
      w->covariance[j * d + k] += prior * value * w->scale[j] * w->scale[k];
    }
  }
}

/* Scores: x' S^-1 m - m' S^-1 m / 2 + log prior, in a binary task their difference. */
static void score(const Within *w, CmLinear *linear, const double *prior, double *solved) {
  int64_t d = w->training->features;
  for (int c = 0; c < w->training->classes; c++) {
    const double *mean = w->mean + c * d;
    memcpy(solved, mean, sizeof *solved * (size_t)d);
    cm__cholesky_solve(w->covariance, (int)d, solved);
    int output = linear->outputs == 1 ? 0 : c;
    double sign = linear->outputs == 1 && c == 0 ? -1 : 1, half = 0;
    for (int64_t j = 0; j < d; j++) {
      linear->weight[output * d + j] += sign * solved[j];
      half += 0.5 * solved[j] * mean[j];
    }
    linear->intercept[output] += sign * (log(prior[c]) - half);
  }
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  const DiscriminantParams *p = params;
  int k = training->classes, d = training->features;
  Within w = {.training = training, .params = p};
  CmLinear *linear = cm__linear_create(hold, training, cm__outputs(training->task, k), err), *result = NULL;
  double *prior = CM__NEW(&scratch, double, k, err), *solved = CM__NEW(&scratch, double, d, err);
  if (!linear || !prior || !solved || !make_within(&scratch, training, &w, err)) goto done;
  for (int c = 0; c < k; c++) {
    prior[c] = p->prior == PRIOR_UNIFORM ? 1.0 / k : w.count[c] / (double)training->rows;
    add_class(&w, c, prior[c]);
  }
  if (!cm__cholesky(w.covariance, d)) {
    cm_error_set(err, CM_ERR_DATA,
                 "the covariance within the classes is singular: features are combinations of others, or rows are few; "
                 "use shrinkage, e.g. covariance=ledoit_wolf, or fewer features");
    goto done;
  }
  score(&w, linear, prior, solved);
  if (cm__linear_finite(linear, err)) result = linear;
done:
  cm__arena_free(&scratch);
  return result;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *probability,
                         CmError **err) {
  (void)ctx, (void)err;
  const CmLinear *linear = state;
  int k = linear->outputs == 1 ? 2 : linear->outputs;
  for (int64_t i = 0; i < rows; i++) {
    double *p = probability + i * k;
    for (int o = 0; o < linear->outputs; o++) p[o] = cm__linear_score(linear, x + i * linear->features, o);
    if (linear->outputs == 1) {
      double m = p[0];
      p[0] = cm__sigmoid(-m);
      p[1] = cm__sigmoid(m);
    } else {
      cm__softmax(p, k);
    }
  }
  return true;
}

CM_MODEL_KIND(linear_discriminant) = {
    .kind =
        {.about = {.name = "linear_discriminant",
                   .family = "model",
                   .since = "0.1",
                   .summary = "Linear discriminant analysis, with shrinkage.",
                   .details = "Classes are normal with one covariance: the mean over the classes, weighted by their "
                              "priors. Shrinkage moves it to a multiple of the identity, by how much one says or by "
                              "Ledoit and Wolf's estimate on standardised features.",
                   CM_OP_PARAMS(DiscriminantParams, params_table),
                   .cite = "Fisher 1936; Ledoit, Wolf: A well-conditioned estimator for large-dimensional covariance "
                           "matrices, J. Multivar. Anal. 88, 2004"},
         .tasks = CM_TASKS_CLASSES,
         .explains_rows = true},
    .fit = fit,
    .predict = predict_rows,
    .explain = cm__linear_explain,
    .weights = cm__linear_weights,
    .write = cm__linear_write,
    .read = cm__linear_read,
};
