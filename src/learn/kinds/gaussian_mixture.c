/* Gaussian mixtures. */
#include <math.h>
#include <string.h>

#include "learn/dense.h"
#include "learn/json.h"
#include "learn/linear.h"
#include "learn/means.h"

enum { COVARIANCE_FULL, COVARIANCE_DIAGONAL };

typedef struct MixtureParams {
  int64_t clusters;
  int32_t covariance;
  double added, tolerance;
  int64_t rounds, starts, seed;
} MixtureParams;

static const CmParam params_table[] = {
    CM_PARAM_INT(MixtureParams, clusters, 3, 1, 1000, "", "how many"),
    CM_PARAM_ENUM(MixtureParams, covariance, "full|diagonal", "full", "each cluster's own: whole, or variances alone"),
    CM_PARAM_REAL(MixtureParams, added, 1e-6, 0, 1e12, "", "to each variance, so that none vanishes"),
    CM_PARAM_REAL(MixtureParams, tolerance, 1e-6, 0, 1, "", "ends where the mean log-likelihood grows by less"),
    CM_PARAM_INT(MixtureParams, rounds, 1000, 1, 1000000, "", "at most"),
    CM_PARAM_INT(MixtureParams, starts, 20, 1, 10000, "", "of the k-means that it begins from"),
    CM_PARAM_INT(MixtureParams, seed, 0, 0, 2147483647, "", "of that"),
};

typedef struct Mixture {
  int clusters, features;
  double *log_share; /* clusters */
  double *mean;      /* clusters x features */
  double *factor;    /* clusters x features x features: Cholesky's L of each covariance */
} Mixture;

static Mixture *make(CmArena *hold, int clusters, int features, CmError **err) {
  Mixture *m = CM__NEW(hold, Mixture, 1, err);
  if (!m) return NULL;
  m->clusters = clusters;
  m->features = features;
  return m;
}

/* Logarithm of share times density of each cluster; scratch: features. Returns that of the sum. */
static double log_parts(const Mixture *m, const double *x, double *scratch, double *part) {
  int d = m->features;
  double most = -INFINITY, total = 0;
  for (int c = 0; c < m->clusters; c++) {
    const double *factor = m->factor + (int64_t)c * d * d, *mean = m->mean + (int64_t)c * d;
    double sum = 0, half = 0;
    for (int j = 0; j < d; j++) scratch[j] = x[j] - mean[j];
    cm__cholesky_forward(factor, d, scratch);
    for (int j = 0; j < d; j++) {
      sum += scratch[j] * scratch[j];
      half += log(factor[(int64_t)j * d + j]);
    }
    part[c] = m->log_share[c] - 0.5 * (d * log(2 * 3.14159265358979323846) + sum) - half;
    most = fmax(most, part[c]);
  }
  for (int c = 0; c < m->clusters; c++) total += exp(part[c] - most);
  return most + log(total);
}

/* ---- expectation and maximisation -----------------------------------------------------------------------------------
 */

typedef struct Fitting {
  const CmTraining *t;
  const MixtureParams *p;
  Mixture *m;
  double *belongs; /* rows x clusters */
  double *scratch; /* features */
} Fitting;

/* Mean log-likelihood; who belongs where is kept. */
static double expect(Fitting *f) {
  const Mixture *m = f->m;
  double total = 0;
  for (int64_t i = 0; i < f->t->rows; i++) {
    double *part = f->belongs + i * m->clusters, sum = log_parts(m, f->t->x + i * m->features, f->scratch, part);
    for (int c = 0; c < m->clusters; c++) part[c] = exp(part[c] - sum);
    total += sum;
  }
  return total / (double)f->t->rows;
}

static void add_products(const Fitting *f, double weight, double *factor) {
  int d = f->m->features;
  for (int j = 0; j < d; j++)
    for (int k = f->p->covariance == COVARIANCE_FULL ? 0 : j; k <= j; k++)
      factor[(int64_t)j * d + k] += weight * f->scratch[j] * f->scratch[k];
}

static bool maximise_one(Fitting *f, int c, CmError **err) {
  Mixture *m = f->m;
  int d = m->features, k = m->clusters;
  double *mean = m->mean + (int64_t)c * d, *factor = m->factor + (int64_t)c * d * d;
  double count = 10 * 2.220446049250313e-16; /* as scikit-learn, so that an empty cluster divides by no zero */
  memset(mean, 0, sizeof *mean * (size_t)d);
  memset(factor, 0, sizeof *factor * (size_t)d * (size_t)d);
  for (int64_t i = 0; i < f->t->rows; i++) {
    double weight = f->belongs[i * k + c];
    count += weight;
    for (int j = 0; j < d; j++) mean[j] += weight * f->t->x[i * d + j];
  }
  for (int j = 0; j < d; j++) mean[j] /= count;
  for (int64_t i = 0; i < f->t->rows; i++) {
    for (int j = 0; j < d; j++) f->scratch[j] = f->t->x[i * d + j] - mean[j];
    add_products(f, f->belongs[i * k + c], factor);
  }
  for (int64_t at = 0; at < (int64_t)d * d; at++) factor[at] /= count;
  for (int j = 0; j < d; j++) factor[(int64_t)j * d + j] += f->p->added;
  m->log_share[c] = log(count / (double)f->t->rows);
  if (cm__cholesky(factor, d)) return true;
  cm_error_set(err, CM_ERR_DATA,
               "a cluster has no volume: it has too few rows, or features are combinations of others; use fewer "
               "clusters, covariance=diagonal, or a larger `added`");
  return false;
}

static bool maximise(Fitting *f, CmError **err) {
  for (int c = 0; c < f->m->clusters; c++)
    if (!maximise_one(f, c, err)) return false;
  return true;
}

static bool start(CmArena *scratch, Fitting *f, CmError **err) {
  const CmTraining *t = f->t;
  int k = f->m->clusters;
  int *label = CM__NEW(scratch, int, t->rows, err);
  double inertia;
  const CmMeans options = {k, f->p->starts, 300, f->p->seed, 1e-8};
  if (!label || !cm__means(scratch->ctx, t, &options, f->m->mean, label, &inertia, err)) return false;
  for (int64_t i = 0; i < t->rows; i++) f->belongs[i * k + label[i]] = 1;
  return maximise(f, err);
}

static bool climb(Fitting *f, CmContext *ctx, CmError **err) {
  double before = -INFINITY;
  for (int64_t round = 0; round < f->p->rounds; round++) {
    if (cm_context_cancelled(ctx, err)) return false;
    double now = expect(f);
    if (!maximise(f, err)) return false;
    if (fabs(now - before) < f->p->tolerance) return true;
    before = now;
  }
  cm_error_set(err, CM_ERR_DATA, "the mixture did not settle in %lld rounds; use more rounds, or a larger tolerance",
               (long long)f->p->rounds);
  return false;
}

static bool make_room(CmArena *hold, CmArena *scratch, Fitting *f, CmError **err) {
  Mixture *m = f->m;
  size_t cells, belongs;
  if (!cm_size_multiply((size_t)m->features * (size_t)m->features, (size_t)m->clusters, &cells, err) ||
      !cm_size_multiply((size_t)f->t->rows, (size_t)m->clusters, &belongs, err))
    return false;
  m->log_share = CM__NEW(hold, double, m->clusters, err);
  m->mean = CM__NEW(hold, double, (int64_t)m->clusters * m->features, err);
  m->factor = CM__NEW(hold, double, cells, err);
  f->belongs = CM__NEW(scratch, double, belongs, err);
  f->scratch = CM__NEW(scratch, double, m->features, err);
  return m->log_share && m->mean && m->factor && f->belongs && f->scratch;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  Fitting f = {.t = training, .p = params};
  f.m = make(hold, (int)f.p->clusters, training->features, err);
  bool ok = f.m && make_room(hold, &scratch, &f, err) && start(&scratch, &f, err) && climb(&f, hold->ctx, err);
  cm__arena_free(&scratch);
  return ok ? f.m : NULL;
}

/* ---- applying -------------------------------------------------------------------------------------------------------
 */

static int parts(const void *state) {
  return ((const Mixture *)state)->clusters;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  const Mixture *m = state;
  double *scratch = cm_alloc_array(ctx, (size_t)m->features, sizeof *scratch, err);
  if (!scratch) return false;
  for (int64_t i = 0; i < rows; i++) {
    double *part = to + i * m->clusters;
    log_parts(m, x + i * m->features, scratch, part);
    cm__softmax(part, m->clusters);
  }
  cm_free(scratch);
  return true;
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Mixture *m = state;
  cm__text_add(json, "{\"log_share\":");
  cm__json_reals(json, m->log_share, m->clusters);
  cm__text_add(json, ",\"mean\":");
  cm__json_reals(json, m->mean, (int64_t)m->clusters * m->features);
  cm__text_add(json, ",\"factor\":");
  cm__json_reals(json, m->factor, (int64_t)m->clusters * m->features * m->features);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *log_share, *mean, *factor;
  CmJsonMember members[] = {{"log_share", &log_share}, {"mean", &mean}, {"factor", &factor}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  Mixture *m = make(hold, shape->classes, shape->features, err);
  int64_t d = shape->features, k = shape->classes;
  if (!m) return NULL;
  if ((int64_t)json_array_size(factor) != k * d * d) return cm__json_refuse(err, "predictor.factor"), NULL;
  m->log_share = cm__json_read_reals(hold, log_share, "predictor.log_share", k, false, err);
  m->mean = m->log_share ? cm__json_read_reals(hold, mean, "predictor.mean", k * d, false, err) : NULL;
  m->factor = m->mean ? cm__json_read_reals(hold, factor, "predictor.factor", k * d * d, false, err) : NULL;
  if (!m->factor) return NULL;
  for (int64_t c = 0; c < k; c++)
    for (int64_t j = 0; j < d; j++)
      if (!(m->factor[(c * d + j) * d + j] > 0)) return cm__json_refuse(err, "predictor.factor"), NULL;
  return m;
}

CM_MODEL_KIND(gaussian_mixture) = {
    .kind = {.about = {.name = "gaussian_mixture",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Clusters as normal distributions, with probabilities.",
                       .details = "Expectation and maximisation from the clusters of k-means. Clusters are numbered by "
                                  "the first training row that k-means gives them.",
                       CM_OP_PARAMS(MixtureParams, params_table),
                       .cite =
                           "Dempster, Laird, Rubin: Maximum likelihood from incomplete data via the EM algorithm, J. "
                           "R. Stat. Soc. B 39, 1977"},
             .tasks = 1u << CM_TASK_CLUSTERING,
             .wants_scaling = true},
    .fit = fit,
    .predict = predict_rows,
    .parts = parts,
    .write = write_state,
    .read = read_state,
};
