#include "ops/segment/mixture.h"

#include <math.h>
#include <string.h>

#include "ops/exp.h"
#include "ops/simd.h"

enum { B = CM_SAMPLE_BLOCK };

static const double log_two_pi = 1.8378770664093454836;

/* ---- what a class says about a block of samples ---------------------------------------------------------------- */

CM_SIMD static void centre_plane(const double *v, double mean, int64_t n, double *to) {
  for (int64_t i = 0; i < n; i++) to[i] = v[i] - mean;
}

CM_SIMD static void add_scaled(const double *v, double factor, int64_t n, double *to) {
  for (int64_t i = 0; i < n; i++) to[i] += v[i] * factor;
}

CM_SIMD static void subtract_half_square(const double *v, int64_t n, double *to) {
  for (int64_t i = 0; i < n; i++) to[i] -= 0.5 * v[i] * v[i];
}

static void fill(double *to, double value) {
  for (int64_t i = 0; i < B; i++) to[i] = value;
}

static void centre_block(const CmMixture *m, const CmSampleBlock *block, int64_t k, double *centred) {
  for (int64_t f = 0; f < m->features; f++)
    centre_plane(block->plane + f * B, m->mean[k * m->features + f], block->padded, centred + f * B);
}

static bool is_diagonal(const CmMixture *m) {
  return m->kind == CM_DIAG || m->kind == CM_SPHERICAL;
}

/* log of weight times density; centred: features blocks of room. */
static void log_density(const CmMixture *m, const CmSampleBlock *block, int64_t k, double *centred, double *to) {
  const int64_t d = m->features;
  const double *white = m->white + k * m->size;
  double axis[B];
  centre_block(m, block, k, centred);
  fill(to, m->peak[k]);
  for (int64_t f = 0; f < d; f++) {
    fill(axis, 0.0);
    if (is_diagonal(m))
      add_scaled(centred + f * B, white[f], block->padded, axis);
    else
      for (int64_t g = 0; g <= f; g++) add_scaled(centred + g * B, white[f * d + g], block->padded, axis);
    subtract_half_square(axis, block->padded, to);
  }
}

CM_SIMD static void keep_larger(const double *v, int64_t n, double number, double *largest, double *label) {
  for (int64_t i = 0; i < n; i++) {
    const bool better = v[i] > largest[i]; /* the first of equals */
    label[i] = better ? number : label[i];
    largest[i] = better ? v[i] : largest[i];
  }
}

CM_SIMD static void to_power(double *v, const double *largest, int64_t n, double *sum) {
  for (int64_t i = 0; i < n; i++) {
    v[i] = cm__exp(v[i] - largest[i]);
    sum[i] += v[i];
  }
}

CM_SIMD static void divide(double *v, const double *by, int64_t n) {
  for (int64_t i = 0; i < n; i++) v[i] /= by[i];
}

CM_SIMD static void add_logs(const double *sum, int64_t n, double *to) {
  for (int64_t i = 0; i < n; i++) to[i] += cm__log(sum[i]);
}

/* share[k * B + i]: probability of class k; label: the likeliest; log_sum: log of the density of the mixture. */
static void expect(const CmMixture *m, const CmSampleBlock *block, double *share, double *centred, double *label,
                   double *log_sum) {
  double sum[B];
  fill(log_sum, -INFINITY);
  fill(label, 0.0);
  fill(sum, 0.0);
  for (int64_t k = 0; k < m->classes; k++) {
    log_density(m, block, k, centred, share + k * B);
    keep_larger(share + k * B, block->padded, (double)k, log_sum, label);
  }
  for (int64_t k = 0; k < m->classes; k++) to_power(share + k * B, log_sum, block->padded, sum);
  for (int64_t k = 0; k < m->classes; k++) divide(share + k * B, sum, block->padded);
  add_logs(sum, block->padded, log_sum);
}

static int64_t scratch_size(const CmMixture *m) {
  return (m->classes + m->features + 2) * B;
}

/* ---- a step ---------------------------------------------------------------------------------------------------- */

typedef struct Step {
  const CmMixture *m;
  bool hard;     /* all to the likeliest class */
  bool counting; /* no moments but how many belong to each class */
} Step;

/* Of a class: share, then means and products of what is centred, the lower triangle by rows or the diagonal. */
static int64_t moments_size(const CmMixture *m) {
  const int64_t d = m->features;
  return 1 + d + (is_diagonal(m) ? d : d * (d + 1) / 2);
}

static void add_class(const CmMixture *m, const CmSampleBlock *block, int64_t k, const double *own, double *centred,
                      double *sum) {
  const int64_t d = m->features, n = block->padded;
  double weighted[B], ones[B], *product = sum + 1 + d;
  fill(ones, 1.0);
  centre_block(m, block, k, centred);
  sum[0] += cm__sample_dot(own, ones, n);
  for (int64_t f = 0; f < d; f++) {
    for (int64_t i = 0; i < n; i++) weighted[i] = own[i] * centred[f * B + i];
    sum[1 + f] += cm__sample_dot(weighted, ones, n);
    for (int64_t g = is_diagonal(m) ? f : 0; g <= f; g++) *product++ += cm__sample_dot(weighted, centred + g * B, n);
  }
}

CM_SIMD static void take_class(const double *label, double number, int64_t n, double *own) {
  for (int64_t i = 0; i < n; i++) own[i] = label[i] == number ? 1.0 : 0.0;
}

/* sum[0]: log-likelihood; then the classes' moments or counts. */
static void step_block(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  const Step *step = arg;
  const CmMixture *m = step->m;
  double *share = scratch, *centred = share + m->classes * B, *label = centred + m->features * B, *log_sum = label + B;
  expect(m, block, share, centred, label, log_sum);
  sum[0] += cm__sample_dot(log_sum, block->weight, block->padded);
  for (int64_t k = 0; k < m->classes; k++) {
    double *own = share + k * B;
    if (step->hard || step->counting) take_class(label, (double)k, block->padded, own);
    if (step->counting) {
      sum[1 + k] += cm__sample_dot(own, block->weight, block->padded);
      continue;
    }
    for (int64_t i = 0; i < block->padded; i++) own[i] *= block->weight[i];
    add_class(m, block, k, own, centred, sum + 1 + k * moments_size(m));
  }
}

/* Covariance around the new mean from moments around the old one, which moves. */
static void update_class(const CmSamples *s, CmMixture *m, int64_t k, double floor_share, const double *moment) {
  const int64_t d = m->features;
  const double n = moment[0] + 10.0 * 2.220446049250313e-16; /* no class is quite empty */
  double *mean = m->mean + k * d, *covariance = m->covariance + k * m->size;
  const double *product = moment + 1 + d;
  m->weight[k] = n;
  for (int64_t f = 0; f < d; f++)
    for (int64_t g = is_diagonal(m) ? f : 0; g <= f; g++) {
      double value = *product++ / n - moment[1 + f] / n * (moment[1 + g] / n);
      if (f == g) value += floor_share * (s->variance[f] > 0.0 ? s->variance[f] : 1.0);
      if (is_diagonal(m))
        covariance[f] = value;
      else
        covariance[f * d + g] = covariance[g * d + f] = value;
    }
  for (int64_t f = 0; f < d; f++) mean[f] += moment[1 + f] / n;
}

/* One for all directions, or for all classes. */
static void share_covariances(CmMixture *m) {
  double total = 0.0;
  for (int64_t k = 0; k < m->classes; k++) total += m->weight[k];
  for (int64_t k = 0; m->kind == CM_SPHERICAL && k < m->classes; k++) {
    double mean = 0.0;
    for (int64_t f = 0; f < m->size; f++) mean += m->covariance[k * m->size + f] / (double)m->size;
    for (int64_t f = 0; f < m->size; f++) m->covariance[k * m->size + f] = mean;
  }
  for (int64_t i = 0; m->kind == CM_TIED && i < m->size; i++) {
    double mean = 0.0;
    for (int64_t k = 0; k < m->classes; k++) mean += m->weight[k] / total * m->covariance[k * m->size + i];
    for (int64_t k = 0; k < m->classes; k++) m->covariance[k * m->size + i] = mean;
  }
  for (int64_t k = 0; k < m->classes; k++) m->weight[k] /= total;
}

/* Inverse of the lower Cholesky factor, and half the logarithm of the determinant; false: not positive definite. */
static bool whiten(const double *covariance, int64_t d, double *white, double *half_log) {
  memset(white, 0, (size_t)(d * d) * sizeof(double));
  *half_log = 0.0;
  for (int64_t f = 0; f < d; f++)
    for (int64_t g = 0; g <= f; g++) {
      double value = covariance[f * d + g];
      for (int64_t h = 0; h < g; h++) value -= white[f * d + h] * white[g * d + h];
      if (f != g) {
        white[f * d + g] = value / white[g * d + g];
        continue;
      }
      if (!(value > 1e-300) || !(value < 1e300)) return false;
      white[f * d + f] = sqrt(value);
      *half_log += 0.5 * cm__log(value);
    }
  for (int64_t g = 0; g < d; g++) { /* column by column, in place: what is read of the factor is not yet replaced */
    white[g * d + g] = 1.0 / white[g * d + g];
    for (int64_t f = g + 1; f < d; f++) {
      double value = 0.0;
      for (int64_t h = g; h < f; h++) value += white[f * d + h] * white[h * d + g];
      white[f * d + g] = -value / white[f * d + f];
    }
  }
  return true;
}

static bool prepare_class(CmMixture *m, int64_t k) {
  const int64_t d = m->features;
  const double *covariance = m->covariance + k * m->size;
  double *white = m->white + k * m->size, half_log = 0.0;
  if (!is_diagonal(m)) {
    if (!whiten(covariance, d, white, &half_log)) return false;
  } else {
    for (int64_t f = 0; f < d; f++) {
      if (!(covariance[f] > 1e-300) || !(covariance[f] < 1e300)) return false;
      white[f] = 1.0 / sqrt(covariance[f]);
      half_log += 0.5 * cm__log(covariance[f]);
    }
  }
  m->peak[k] = cm__log(m->weight[k] > 1e-300 ? m->weight[k] : 1e-300) - half_log - 0.5 * (double)d * log_two_pi;
  return true;
}

static bool prepare(CmMixture *m, CmError **err) {
  for (int64_t k = 0; k < m->classes; k++) {
    if (prepare_class(m, k)) continue;
    cm_error_set(err, CM_ERR_DATA,
                 "the covariance of class %lld has no inverse; raise regularization, take other covariances (diag), or "
                 "give fewer classes",
                 (long long)k + 1);
    return false;
  }
  return true;
}

/* Unit covariances of equal weight: the likeliest class is the nearest. */
static void start_from(const CmClusters *clusters, CmMixture *m) {
  const int64_t d = m->features;
  memcpy(m->mean, clusters->centre, (size_t)(m->classes * d) * sizeof(double));
  memset(m->white, 0, (size_t)(m->classes * m->size) * sizeof(double));
  for (int64_t k = 0; k < m->classes; k++) {
    m->peak[k] = 0.0;
    for (int64_t f = 0; f < d; f++) m->white[k * m->size + (is_diagonal(m) ? f : f * d + f)] = 1.0;
  }
}

static bool one_step(const CmSamples *s, const CmMixtureOptions *options, bool hard, CmMixture *m, double *sum,
                     CmError **err) {
  Step step = {.m = m, .hard = hard};
  const int64_t size = moments_size(m);
  if (!cm__samples_sum(s, "mixture", step_block, &step, scratch_size(m), 1 + m->classes * size, sum, err)) return false;
  for (int64_t k = 0; k < m->classes; k++) update_class(s, m, k, options->regularization, sum + 1 + k * size);
  share_covariances(m);
  m->log_likelihood = sum[0] / s->count;
  return prepare(m, err);
}

static bool climb(const CmSamples *s, const CmMixtureOptions *options, CmMixture *m, double *sum, CmError **err) {
  double before = -INFINITY;
  if (!one_step(s, options, true, m, sum, err)) return false;
  for (m->iterations = 0; m->iterations < options->max_iterations;) {
    if (!one_step(s, options, false, m, sum, err)) return false;
    m->iterations++;
    const double change = m->log_likelihood - before;
    before = m->log_likelihood;
    if (fabs(change) < options->tolerance) break;
  }
  Step step = {.m = m, .counting = true};
  if (!cm__samples_sum(s, "mixture", step_block, &step, scratch_size(m), 1 + m->classes, sum, err)) return false;
  m->log_likelihood = sum[0] / s->count;
  for (int64_t f = 0; f < m->features; f++) m->log_likelihood += cm__log(s->scale[f]);
  memcpy(m->count, sum + 1, (size_t)m->classes * sizeof(double));
  return true;
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

static bool mixture_open(const CmSamples *s, const CmMixtureOptions *options, CmMixture *m, CmError **err) {
  const int64_t k = options->start.classes, d = s->features;
  *m = (CmMixture){.ctx = s->ctx, .classes = k, .features = d, .kind = options->covariance};
  m->size = is_diagonal(m) ? d : d * d;
  m->weight = cm_calloc(s->ctx, (size_t)(k * (3 + d + 2 * m->size)), sizeof(double), err);
  if (!m->weight) return false;
  m->mean = m->weight + k;
  m->covariance = m->mean + k * d;
  m->white = m->covariance + k * m->size;
  m->peak = m->white + k * m->size;
  m->count = m->peak + k;
  return true;
}

void cm__mixture_free(CmMixture *m) {
  cm_free(m->weight);
  *m = (CmMixture){.classes = 0};
}

static int compare_means(const CmMixture *m, int64_t a, int64_t b) {
  for (int64_t f = 0; f < m->features; f++) {
    const double u = m->mean[a * m->features + f], v = m->mean[b * m->features + f];
    if (u != v) return u < v ? -1 : 1;
  }
  return 0;
}

static void swap_numbers(double *all, int64_t a, int64_t b, int64_t size) {
  for (int64_t i = 0; i < size; i++) {
    const double keep = all[a * size + i];
    all[a * size + i] = all[b * size + i];
    all[b * size + i] = keep;
  }
}

static void sort_classes(CmMixture *m) {
  for (int64_t k = 1; k < m->classes; k++)
    for (int64_t at = k; at > 0 && compare_means(m, at - 1, at) > 0; at--) {
      swap_numbers(m->weight, at - 1, at, 1);
      swap_numbers(m->mean, at - 1, at, m->features);
      swap_numbers(m->covariance, at - 1, at, m->size);
      swap_numbers(m->white, at - 1, at, m->size);
      swap_numbers(m->peak, at - 1, at, 1);
      swap_numbers(m->count, at - 1, at, 1);
    }
}

static bool fit(const CmSamples *s, const CmMixtureOptions *options, int64_t number, CmMixture *m, double *sum,
                CmError **err) {
  CmKmeans start = options->start;
  CmClusters clusters = {.classes = 0};
  start.n_init = 1;
  start.seed += (uint64_t)number;
  bool ok = cm__kmeans(s, &start, &clusters, err);
  if (ok) start_from(&clusters, m);
  ok = ok && climb(s, options, m, sum, err);
  cm__clusters_free(&clusters);
  return ok;
}

bool cm__mixture(const CmSamples *s, const CmMixtureOptions *options, CmMixture *best, CmError **err) {
  CmMixture now = {.classes = 0};
  double *sum = NULL;
  bool ok = false;
  *best = now;
  if (!mixture_open(s, options, best, err) || !mixture_open(s, options, &now, err)) goto done;
  sum = cm_alloc_array(s->ctx, (size_t)(1 + best->classes * moments_size(best)), sizeof(double), err);
  if (!sum) goto done;
  for (int64_t k = 0; k < (options->start.initial ? 1 : options->start.n_init); k++) {
    if (!fit(s, options, k, &now, sum, err)) goto done;
    if (k > 0 && !(now.log_likelihood > best->log_likelihood)) continue;
    const CmMixture spare = *best;
    *best = now;
    now = spare;
  }
  sort_classes(best);
  ok = true;
done:
  cm_free(sum);
  cm__mixture_free(&now);
  if (!ok) cm__mixture_free(best);
  return ok;
}

double cm__mixture_freedom(const CmMixture *m) {
  const double d = (double)m->features, k = (double)m->classes;
  const double covariances = m->kind == CM_FULL   ? k * d * (d + 1.0) / 2.0
                             : m->kind == CM_TIED ? d * (d + 1.0) / 2.0
                             : m->kind == CM_DIAG ? k * d
                                                  : k;
  return covariances + k * d + k - 1.0;
}

static void paint_block(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  const CmMixture *m = arg;
  double log_sum[B], *share = scratch + B;
  (void)sum;
  expect(m, block, share, share + m->classes * B, scratch, log_sum);
  for (int64_t i = 0; i < block->n; i++) scratch[i] += 1.0;
}

bool cm__mixture_paint(const CmSamples *s, CmMixture *m, CmImage *labels, CmImage *maps, CmError **err) {
  return cm__samples_paint(s, "mixture", paint_block, m, m->classes, m->features * B, labels, maps, err);
}
