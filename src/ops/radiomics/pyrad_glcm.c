/* Grey level co-occurrence by PyRadiomics' definitions (docs, «Gray Level Co-occurrence Matrix»): features of each
 * direction, averaged over the directions that have a pair; or of the weighted sum of all. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ops/exp.h"
#include "ops/radiomics/pyrad_glcm.h"
#include "ops/radiomics/pyrad_sizes.h"
#include "ops/simd.h"

/* Entries of a matrix that are not 0: those beside the diagonal, which stand for two where the matrix is symmetric, and
 * the others. */
typedef struct Entries {
  uint16_t (*at)[2]; /* i, j */
  double *share;
  int64_t doubled, count;
} Entries;

typedef struct Job {
  const CmPyradView *view;
  int n;            /* levels that occur */
  bool symmetric;   /* only j >= i is counted */
  int abreast;      /* directions of one walk */
  uint32_t *pairs;  /* direction, level of the voxel before (0: none), level: of one walk */
  uint32_t *places; /* of a row, for each direction */
  double *count;    /* n x n: of one direction, or weighted of all */
  Entries entries;
  double *matrix;     /* n rows: of MCC */
  double *px, *py;    /* n each */
  double *sum;        /* 2 highest + 1: by i + j */
  double *difference; /* highest: by |i - j| */
  double *scratch;    /* of the eigenvalues */
  double *block;
} Job;

static size_t table_of(const Job *job) {
  return (size_t)(job->n + 1) * (size_t)job->n;
}

/* Of a row of MCC's matrix. */
static int64_t stride_of(const Job *job) {
  return (job->n + CM__PYRAD_LANES - 1) / CM__PYRAD_LANES * CM__PYRAD_LANES;
}

CM_SIMD static void place_row(const uint16_t *own, const uint16_t *before, uint32_t start, uint32_t levels, int64_t n,
                              uint32_t *restrict to) {
  n = cm__pyrad_wide(n);
  for (int64_t x = 0; x < n; x++) to[x] = start + before[x] * levels + own[x];
}

/* Adds 1 to a place of the table for each direction of each voxel of a row that is inside. places: a row of `wide` of
 * each direction. */
static void count_row(const uint16_t *level, int64_t n, int64_t wide, const uint32_t *places, int directions,
                      uint32_t *table) {
  if (directions == CM__PYRAD_ABREAST) { /* the usual number, for the compiler to unroll */
    for (int64_t x = 0; x < n; x++)
      if (level[x])
        for (int d = 0; d < CM__PYRAD_ABREAST; d++) table[places[d * wide + x]]++;
    return;
  }
  for (int64_t x = 0; x < n; x++)
    if (level[x])
      for (int d = 0; d < directions; d++) table[places[d * wide + x]]++;
}

/* The pairs of directions first .. first + abreast. */
static void walk(const Job *job, const CmPyradAngles *angles, int first) {
  const CmRoi *roi = &job->view->roi;
  memset(job->pairs, 0, (size_t)job->abreast * table_of(job) * sizeof(*job->pairs));
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const CmSpan span = cm__pyrad_span(job->view, y, z);
      const int64_t n = span.end - span.begin, wide = cm__pyrad_wide(n);
      const uint16_t *row = roi->level + cm__roi_at(roi, span.begin, y, z);
      for (int d = 0; d < job->abreast; d++) {
        const int *step = angles->step[first + d < angles->count ? first + d : angles->count - 1];
        place_row(row, row - cm__roi_at(roi, step[0], step[1], step[2]), (uint32_t)((size_t)d * table_of(job) - 1),
                  (uint32_t)job->n, n, job->places + d * wide);
      }
      count_row(row, n, wide, job->places, job->abreast, job->pairs);
    }
}

/* Adds the pairs of one direction, both ways where the matrix is to be symmetric. */
static void add_pairs(const Job *job, const uint32_t *pairs, double weight) {
  const int64_t n = job->n;
  pairs += n;
  if (!job->symmetric) {
    for (int64_t k = 0; k < n * n; k++) job->count[k] += weight * (double)pairs[k];
    return;
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i; j < n; j++)
      job->count[i * n + j] += weight * ((double)pairs[i * n + j] + (double)pairs[j * n + i]);
}

/* Adds the entries of row i from column `first` to before `end`. */
static double list_row(Job *job, int i, int first, int end) {
  const double *row = job->count + (int64_t)i * job->n;
  Entries *to = &job->entries;
  double sum = 0.0;
  for (int j = first; j < end; j++) {
    to->at[to->count][0] = (uint16_t)i;
    to->at[to->count][1] = (uint16_t)j;
    to->share[to->count] = row[j];
    to->count += row[j] != 0.0;
    sum += row[j];
  }
  return sum;
}

/* The entries as shares; false: there are none. */
static bool list_entries(Job *job) {
  Entries *e = &job->entries;
  double total = 0.0;
  e->count = e->doubled = 0;
  for (int i = 0; job->symmetric && i < job->n; i++) total += 2.0 * list_row(job, i, i + 1, job->n);
  e->doubled = e->count;
  for (int i = 0; i < job->n; i++) total += list_row(job, i, job->symmetric ? i : 0, job->symmetric ? i + 1 : job->n);
  for (int64_t k = 0; k < e->count; k++) e->share[k] /= total;
  return total > 0.0;
}

static double bits(double p) {
  return p > 0.0 ? -p * (cm__log(p) * CM_LOG2_E) - CM__EPS_BITS : 0.0;
}

/* What depends on single entries, and all the sums. */
static void collect(Job *job, double *out) {
  const int n = job->n, *level = job->view->level_value;
  const int64_t highest = job->view->highest;
  const Entries *e = &job->entries;
  memset(job->px, 0, (size_t)n * sizeof(double));
  memset(job->py, 0, (size_t)n * sizeof(double));
  memset(job->sum, 0, (size_t)(2 * highest + 1) * sizeof(double));
  memset(job->difference, 0, (size_t)highest * sizeof(double));
  for (int64_t k = 0; k < e->count; k++) {
    const double share = e->share[k], p = k < e->doubled ? 2.0 * share : share;
    const int i = e->at[k][0], j = e->at[k][1], a = level[i], b = level[j];
    job->px[i] += share;
    job->py[j] += share;
    job->sum[a + b] += p;
    job->difference[a > b ? a - b : b - a] += p;
    out[AUTOCORRELATION] += p * ((double)a * b);
    out[JOINT_ENERGY] += p * share;
    out[MAXIMUM_PROBABILITY] = share > out[MAXIMUM_PROBABILITY] ? share : out[MAXIMUM_PROBABILITY];
  }
  for (int64_t k = 0; k < e->doubled; k++) {
    job->px[e->at[k][1]] += e->share[k];
    job->py[e->at[k][0]] += e->share[k];
  }
  out[JOINT_ENTROPY] =
      2.0 * cm__pyrad_entropy(e->share, e->doubled) + cm__pyrad_entropy(e->share + e->doubled, e->count - e->doubled);
}

static void from_differences(const Job *job, double *out) {
  const int64_t highest = job->view->highest;
  const double ng = (double)highest;
  for (int64_t k = 0; k < highest; k++) {
    const double p = job->difference[k], d = (double)k;
    if (p == 0.0) continue;
    out[CONTRAST] += p * d * d;
    out[DIFFERENCE_AVERAGE] += d * p;
    out[DIFFERENCE_ENTROPY] += bits(p);
    out[ID] += p / (1.0 + d);
    out[IDM] += p / (1.0 + d * d);
    out[IDMN] += p / (1.0 + d * d / (ng * ng));
    out[IDN] += p / (1.0 + d / ng);
    if (k > 0) out[INVERSE_VARIANCE] += p / (d * d);
  }
  for (int64_t k = 0; k < highest; k++) {
    const double d = (double)k - out[DIFFERENCE_AVERAGE];
    out[DIFFERENCE_VARIANCE] += job->difference[k] * d * d;
  }
}

static void from_sums(const Job *job, double ux, double uy, double *out) {
  for (int64_t k = 2; k <= 2 * (int64_t)job->view->highest; k++) {
    const double p = job->sum[k], d = (double)k - ux - uy, dd = d * d;
    if (p == 0.0) continue;
    out[SUM_AVERAGE] += (double)k * p;
    out[SUM_ENTROPY] += bits(p);
    out[CLUSTER_TENDENCY] += dd * p;
    out[CLUSTER_SHADE] += dd * d * p;
    out[CLUSTER_PROMINENCE] += dd * dd * p;
  }
}

typedef struct Margins {
  double ux, uy, sx, sy; /* means and variances */
  double hx, hy;         /* entropies with eps */
  double bits_x, bits_y; /* without */
  int nx, ny;            /* levels that occur */
} Margins;

static Margins measure_margins(const Job *job) {
  const int *level = job->view->level_value;
  Margins m = {0};
  for (int i = 0; i < job->n; i++) {
    m.ux += job->px[i] * level[i];
    m.uy += job->py[i] * level[i];
    m.bits_x -= job->px[i] > 0.0 ? job->px[i] * cm__log(job->px[i]) * CM_LOG2_E : 0.0;
    m.bits_y -= job->py[i] > 0.0 ? job->py[i] * cm__log(job->py[i]) * CM_LOG2_E : 0.0;
    m.nx += job->px[i] > 0.0;
    m.ny += job->py[i] > 0.0;
  }
  for (int i = 0; i < job->n; i++) {
    m.sx += job->px[i] * (level[i] - m.ux) * (level[i] - m.ux);
    m.sy += job->py[i] * (level[i] - m.uy) * (level[i] - m.uy);
  }
  m.hx = m.bits_x - m.nx * CM__EPS_BITS;
  m.hy = m.bits_y - m.ny * CM__EPS_BITS;
  return m;
}

/* q(i, j) = p(i, j) / root(px(i) py(j) + eps) of up to CM__PYRAD_LANES entries, and the sum of p / (px py), which needs
 * few digits: it is of what eps gives. */
CM_SIMD static double relate(const double *share, const double *margins, double *q) {
  double more[CM__PYRAD_LANES], sum = 0.0;
  for (int k = 0; k < CM__PYRAD_LANES; k++) {
    const double root = sqrt(margins[k] + DBL_EPSILON);
    q[k] = share[k] / root;
    more[k] = q[k] / root;
  }
  for (int k = 0; k < CM__PYRAD_LANES; k++) sum += more[k];
  return sum;
}

/* Fills the matrix with q; returns the sum. */
static double fill_matrix(const Job *job) {
  const Entries *e = &job->entries;
  const int64_t stride = stride_of(job);
  double sum = 0.0;
  memset(job->matrix, 0, (size_t)(job->n * stride) * sizeof(double));
  for (int64_t first = 0; first < e->count; first += CM__PYRAD_LANES) {
    const int64_t left = e->count - first, doubled = e->doubled - first;
    double share[CM__PYRAD_LANES] = {0.0}, margins[CM__PYRAD_LANES] = {0.0}, q[CM__PYRAD_LANES];
    for (int64_t k = 0; k < CM__PYRAD_LANES && k < left; k++) {
      share[k] = e->share[first + k] * (k < doubled ? 2.0 : 1.0);
      margins[k] = job->px[e->at[first + k][0]] * job->py[e->at[first + k][1]];
    }
    sum += relate(share, margins, q);
    for (int64_t k = 0; k < CM__PYRAD_LANES && k < left; k++) {
      const int64_t i = e->at[first + k][0], j = e->at[first + k][1];
      job->matrix[i * stride + j] = k < doubled ? 0.5 * q[k] : q[k];
      if (k < doubled) job->matrix[j * stride + i] = 0.5 * q[k];
    }
  }
  return sum;
}

/* HXY1 = -sum of p log2(px py + eps), which is the entropies of the margins less what eps gives; more: the sum of
 * p / (px py). */
static void information(const Job *job, const Margins *m, double more, double *out) {
  const double hxy = out[JOINT_ENTROPY], hxy1 = m->bits_x + m->bits_y - more * CM__EPS_BITS;
  const double hxy2 = m->bits_x + m->bits_y - (double)m->nx * m->ny * CM__EPS_BITS;
  const double most = fmax(m->hx, m->hy);
  out[IMC1] = job->n == 1 ? 0.0 : hxy - hxy1;
  if (most != 0.0) out[IMC1] /= most;
  out[IMC2] = hxy2 > hxy ? sqrt(1.0 - exp(-2.0 * (hxy2 - hxy))) : 0.0;
}

/* q q' in place of q, with the counts as scratch. */
static void make_square(const Job *job, double *q) {
  const int64_t n = job->n, stride = stride_of(job);
  for (int64_t i = 0; i < n; i++) memcpy(job->count + i * n, q + i * stride, (size_t)n * sizeof(double));
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) {
      double sum = 0.0;
      for (int64_t k = 0; k < n; k++) sum += job->count[i * n + k] * job->count[j * n + k];
      q[i * stride + j] = q[j * stride + i] = sum;
    }
}

/* Root of the second largest eigenvalue of Q(i, j) = sum over k of p(i, k) p(j, k) / (px(i) py(k)), which has those of
 * q q': the squares of q's own where that is symmetric. Spoils the counts. */
static double correlation_coefficient(const Job *job) {
  if (job->n < 2) return 1.0;
  if (job->symmetric) return cm__pyrad_second_magnitude(job->matrix, job->n, job->scratch);
  make_square(job, job->matrix);
  return sqrt(cm__pyrad_second_magnitude(job->matrix, job->n, job->scratch));
}

/* false: no pair. */
static bool describe(Job *job, double out[FEATURES]) {
  if (!list_entries(job)) return false;
  memset(out, 0, FEATURES * sizeof(double));
  collect(job, out);
  const Margins m = measure_margins(job);
  from_differences(job, out);
  from_sums(job, m.ux, m.uy, out);
  const double spread = sqrt(m.sx) * sqrt(m.sy);
  out[CORRELATION] = spread > 0.0 ? (out[AUTOCORRELATION] - m.ux * m.uy) / (spread + DBL_EPSILON) : 1.0;
  out[JOINT_AVERAGE] = m.ux;
  out[SUM_SQUARES] = m.sx;
  information(job, &m, fill_matrix(job), out);
  out[MCC] = correlation_coefficient(job);
  return true;
}

static void by_angle(Job *job, const CmPyradAngles *angles, CmFeatureMean *mean) {
  const size_t bytes = (size_t)job->n * (size_t)job->n * sizeof(double);
  const bool together = job->view->p->weightingNorm != CM__PYRAD_NONE;
  double out[FEATURES];
  memset(job->count, 0, bytes);
  for (int a = 0; a < angles->count; a++) {
    const double length = cm__pyrad_length(job->view, angles->step[a]);
    if (a % job->abreast == 0) walk(job, angles, a);
    add_pairs(job, job->pairs + (size_t)(a % job->abreast) * table_of(job), exp(-length * length));
    if (together && a + 1 < angles->count) continue;
    if (describe(job, out)) cm__feature_mean_add(mean, out, FEATURES);
    memset(job->count, 0, bytes);
  }
}

static bool make_room(Job *job, int directions, CmError **err) {
  const size_t n = (size_t)job->n, highest = (size_t)job->view->highest;
  const CmRoi *roi = &job->view->roi;
  CmContext *ctx = roi->ctx;
  const size_t stride = (size_t)stride_of(job);
  size_t matrix;
  if (!cm_size_multiply(n + CM__PYRAD_LANES, stride, &matrix, err)) return false;
  const size_t entries = (job->symmetric ? n * (n + 1) / 2 : n * n) + 1;
  job->abreast = cm__pyrad_abreast(matrix, directions);
  if (!(job->pairs = cm_alloc_array(ctx, matrix * (size_t)job->abreast, sizeof(*job->pairs), err)) ||
      !(job->places = cm_alloc_array(ctx, (size_t)cm__pyrad_wide(roi->hi[0] - roi->lo[0]) * (size_t)job->abreast,
                                     sizeof(*job->places), err)) ||
      !(job->entries.at = cm_alloc_array(ctx, entries, sizeof(*job->entries.at), err)) ||
      !(job->block =
            cm_alloc_array(ctx, 2 * matrix + entries + 2 * n + 4 * stride + 3 * highest + 1, sizeof(double), err)))
    return false;
  job->matrix = job->block;
  job->scratch = job->matrix + n * stride;
  job->count = job->scratch + 4 * stride;
  job->entries.share = job->count + n * n;
  job->px = job->entries.share + entries;
  job->py = job->px + n;
  job->difference = job->py + n;
  job->sum = job->difference + highest;
  return true;
}

bool cm__pyrad_glcm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  Job job = {.view = view, .n = view->present, .symmetric = view->p->symmetricalGLCM};
  CmPyradAngles angles = {0};
  CmFeatureMean mean = {0};
  const bool ok = cm__pyrad_angles(view, &view->p->distances, &angles, err) && make_room(&job, angles.count, err);
  if (ok) {
    by_angle(&job, &angles, &mean);
    cm__feature_mean_take(&mean, out, FEATURES);
  }
  cm_free(job.pairs);
  cm_free(job.places);
  cm_free(job.entries.at);
  cm_free(job.block);
  cm_free(angles.step);
  return ok;
}
