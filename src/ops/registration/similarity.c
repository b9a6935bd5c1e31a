/* All three measures have a derivative of the form sum over samples of w(fixed, moving) * d moving / d parameter. The
 * first pass looks the moving image up and sums; from the sums each measure makes its w; the second pass adds up.
 * Mutual information after Mattes et al., IEEE Trans Med Imaging 22 (2003) 120, with a cubic B-spline window on the
 * moving axis. */
#include "ops/registration/similarity.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"

enum { CHUNK = 4096, SEEN = 5, SUMS = 6, MOTION = 6 };
enum { SUM_N, SUM_F, SUM_M, SUM_FF, SUM_MM, SUM_FM };

typedef struct Pass {
  CmSimilarityJob *job;
  const CmRigid *rigid;
  const double *sums;      /* of all samples */
  const double *log_ratio; /* MI: per joint bin log(p / p_moving) */
  double correlation, fixed_width, moving_width;
} Pass;

static int64_t partial_size(const CmSimilarityJob *job) {
  int64_t histogram = job->metric == CM_SIMILARITY_MUTUAL_INFORMATION ? (int64_t)job->bins * job->bins : 0;
  return SUMS + histogram > MOTION ? SUMS + histogram : MOTION;
}

static void find_range(const CmImage *image, float *low, float *high) {
  const float *values = cm_image_data(image);
  *low = FLT_MAX;
  *high = -FLT_MAX;
  for (int64_t i = 0, n = cm_image_voxels(image); i < n; i++) {
    if (values[i] < *low) *low = values[i];
    if (values[i] > *high) *high = values[i];
  }
}

static void index_map(const CmGeometry *g, double map[12]) {
  double zero[3], at[3];
  cm_geometry_to_index(g, (double[]){0, 0, 0}, zero);
  for (int k = 0; k < 3; k++) {
    double unit[3] = {0, 0, 0};
    unit[k] = 1;
    cm_geometry_to_index(g, unit, at);
    for (int row = 0; row < 3; row++) map[4 * row + k] = at[row] - zero[row];
    map[4 * k + 3] = zero[k];
  }
}

bool cm__similarity_open(CmSimilarityJob *job, CmContext *ctx, const CmSamples *samples, const CmImage *moving,
                         CmSimilarity metric, int bins, CmError **err) {
  *job = (CmSimilarityJob){.ctx = ctx, .metric = metric, .bins = bins, .samples = samples, .moving = moving};
  job->flat = cm_image_dims(moving)[2] == 1;
  find_range(moving, &job->low, &job->high);
  index_map(cm_image_geometry(moving), job->to_index);
  if (!(job->high > job->low) || !(samples->high > samples->low)) {
    cm_error_set(err, CM_ERR_DATA, "an image without contrast cannot be aligned");
    return false;
  }
  job->seen = cm_alloc_array(ctx, (size_t)samples->count * SEEN, sizeof *job->seen, err);
  if (job->seen)
    job->partial = cm_alloc_array(ctx, (size_t)(cm_chunk_count(samples->count, CHUNK) + 1) * (size_t)partial_size(job),
                                  sizeof *job->partial, err);
  if (job->partial) return true;
  cm__similarity_close(job);
  return false;
}

void cm__similarity_close(CmSimilarityJob *job) {
  cm_free(job->seen);
  cm_free(job->partial);
  job->seen = NULL;
  job->partial = NULL;
}

/* ---- looking up
 * --------------------------------------------------------------------------------------------------------- */

/* Trilinear value and its derivative per index at `at`; false outside of the outermost centres. */
static bool look_up(const CmImage *image, const double at[3], double *value, double slope[3]) {
  const int64_t *dims = cm_image_dims(image);
  const float *voxels = cm_image_data(image);
  int64_t base[3], step[3] = {1, dims[0], dims[0] * dims[1]};
  double t[3];
  for (int k = 0; k < 3; k++) {
    if (!(at[k] >= -1e-6 && at[k] <= (double)(dims[k] - 1) + 1e-6)) return false;
    int64_t last = dims[k] > 1 ? dims[k] - 2 : 0;
    base[k] = at[k] <= 0 ? 0 : (int64_t)at[k];
    if (base[k] > last) base[k] = last;
    t[k] = at[k] - (double)base[k];
    if (dims[k] == 1) step[k] = 0, t[k] = 0;
  }
  const float *v = voxels + (base[2] * dims[1] + base[1]) * dims[0] + base[0];
  double plane[2][2], line[2];
  for (int z = 0; z < 2; z++)
    for (int y = 0; y < 2; y++) {
      const float *p = v + y * step[1] + z * step[2];
      plane[z][y] = (1 - t[0]) * (double)p[0] + t[0] * (double)p[step[0]];
    }
  for (int z = 0; z < 2; z++) line[z] = (1 - t[1]) * plane[z][0] + t[1] * plane[z][1];
  *value = (1 - t[2]) * line[0] + t[2] * line[1];
  slope[2] = line[1] - line[0];
  slope[1] = (1 - t[2]) * (plane[0][1] - plane[0][0]) + t[2] * (plane[1][1] - plane[1][0]);
  slope[0] = 0;
  for (int z = 0; z < 2; z++)
    for (int y = 0; y < 2; y++) {
      const float *p = v + y * step[1] + z * step[2];
      slope[0] += (z ? t[2] : 1 - t[2]) * (y ? t[1] : 1 - t[1]) * ((double)p[step[0]] - (double)p[0]);
    }
  return isfinite(*value);
}

static void turn(const double r[9], const float *x, double y[3]) {
  for (int row = 0; row < 3; row++)
    y[row] = r[3 * row] * (double)x[0] + r[3 * row + 1] * (double)x[1] + r[3 * row + 2] * (double)x[2];
}

static void see(const Pass *pass, int64_t sample) {
  const CmSimilarityJob *job = pass->job;
  const CmRigid *rigid = pass->rigid;
  double y[3], at[3], value, slope[3];
  turn(rigid->rotation, job->samples->point + 3 * sample, y);
  for (int k = 0; k < 3; k++) y[k] += rigid->centre[k] + rigid->shift[k];
  const double *m = job->to_index;
  for (int row = 0; row < 3; row++)
    at[row] = m[4 * row] * y[0] + m[4 * row + 1] * y[1] + m[4 * row + 2] * y[2] + m[4 * row + 3];
  if (job->flat) at[2] = 0;
  float *seen = job->seen + SEEN * sample;
  seen[4] = 0;
  if (!look_up(job->moving, at, &value, slope)) return;
  seen[0] = (float)value;
  for (int k = 0; k < 3; k++) seen[1 + k] = (float)(m[k] * slope[0] + m[4 + k] * slope[1] + m[8 + k] * slope[2]);
  if (job->flat) seen[3] = 0;
  seen[4] = 1;
}

/* ---- histogram
 * ---------------------------------------------------------------------------------------------------------- */

static double spline(double x) {
  double a = fabs(x);
  if (a < 1) return (4 - 6 * a * a + 3 * a * a * a) / 6;
  return a < 2 ? (2 - a) * (2 - a) * (2 - a) / 6 : 0;
}

static double spline_slope(double x) {
  double a = fabs(x), s = x < 0 ? -1 : 1;
  if (a < 1) return s * (1.5 * a * a - 2 * a);
  return a < 2 ? -s * 0.5 * (2 - a) * (2 - a) : 0;
}

/* Position of a moving value on the axis of bins, two bins of room at each end for the window. */
static double moving_position(const Pass *pass, float value) {
  return 2 + ((double)value - (double)pass->job->low) / pass->moving_width;
}

static int fixed_bin(const Pass *pass, float value) {
  int bin = (int)(((double)value - (double)pass->job->samples->low) / pass->fixed_width);
  return bin < 0 ? 0 : bin >= pass->job->bins ? pass->job->bins - 1 : bin;
}

static void count_sample(const Pass *pass, int64_t sample, double *histogram) {
  const CmSimilarityJob *job = pass->job;
  double position = moving_position(pass, job->seen[SEEN * sample]);
  int first = (int)position - 1;
  double *row = histogram + (int64_t)fixed_bin(pass, job->samples->value[sample]) * job->bins;
  for (int j = first; j < first + 4; j++)
    if (j >= 0 && j < job->bins) row[j] += spline(j - position);
}

static bool first_pass(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Pass *pass = arg;
  const CmSimilarityJob *job = pass->job;
  double *partial = job->partial + range.chunk * partial_size(job);
  memset(partial, 0, (size_t)partial_size(job) * sizeof *partial);
  for (int64_t i = range.begin; i < range.end; i++) {
    see(pass, i);
    if (job->seen[SEEN * i + 4] == 0) continue;
    double f = (double)job->samples->value[i], m = (double)job->seen[SEEN * i];
    partial[SUM_N] += 1;
    partial[SUM_F] += f;
    partial[SUM_M] += m;
    partial[SUM_FF] += f * f;
    partial[SUM_MM] += m * m;
    partial[SUM_FM] += f * m;
    if (job->metric == CM_SIMILARITY_MUTUAL_INFORMATION) count_sample(pass, i, partial + SUMS);
  }
  return true;
}

/* ---- derivative
 * --------------------------------------------------------------------------------------------------------- */

/* d measure / d moving value of a sample. */
static double weight(const Pass *pass, int64_t sample) {
  const CmSimilarityJob *job = pass->job;
  const double *s = pass->sums, n = s[SUM_N];
  double f = (double)job->samples->value[sample], m = (double)job->seen[SEEN * sample];
  if (job->metric == CM_SIMILARITY_MEAN_SQUARES) return -2 * (m - f) / n;
  if (job->metric == CM_SIMILARITY_CORRELATION) {
    double ff = s[SUM_FF] - s[SUM_F] * s[SUM_F] / n, mm = s[SUM_MM] - s[SUM_M] * s[SUM_M] / n;
    return (f - s[SUM_F] / n) / sqrt(ff * mm) - pass->correlation * (m - s[SUM_M] / n) / mm;
  }
  double position = moving_position(pass, job->seen[SEEN * sample]), sum = 0;
  int first = (int)position - 1;
  const double *row = pass->log_ratio + (int64_t)fixed_bin(pass, job->samples->value[sample]) * job->bins;
  for (int j = first; j < first + 4; j++)
    if (j >= 0 && j < job->bins) sum -= spline_slope(j - position) * row[j];
  return sum / (n * pass->moving_width);
}

static bool second_pass(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Pass *pass = arg;
  const CmSimilarityJob *job = pass->job;
  double motion[MOTION] = {0};
  for (int64_t i = range.begin; i < range.end; i++) {
    const float *seen = job->seen + SEEN * i;
    if (seen[4] == 0) continue;
    double w = weight(pass, i), r[3], g[3] = {(double)seen[1], (double)seen[2], (double)seen[3]};
    turn(pass->rigid->rotation, job->samples->point + 3 * i, r);
    for (int k = 0; k < 3; k++) motion[k] += w * g[k];
    for (int k = 0; k < 3; k++)
      motion[3 + k] += w * (r[(k + 1) % 3] * g[(k + 2) % 3] - r[(k + 2) % 3] * g[(k + 1) % 3]);
  }
  memcpy(job->partial + range.chunk * partial_size(job), motion, sizeof motion);
  return true;
}

/* Adds the chunks in order into the place behind the last. */
static double *add_chunks(const CmSimilarityJob *job, int64_t size) {
  int64_t chunks = cm_chunk_count(job->samples->count, CHUNK);
  double *total = job->partial + chunks * partial_size(job);
  memset(total, 0, (size_t)size * sizeof *total);
  for (int64_t c = 0; c < chunks; c++)
    for (int64_t i = 0; i < size; i++) total[i] += job->partial[c * partial_size(job) + i];
  return total;
}

/* Mutual information in nats; turns the histogram into log(p / p_moving). */
static double information(const CmSimilarityJob *job, double *histogram) {
  int bins = job->bins;
  double total = 0, value = 0, moving[256];
  for (int64_t i = 0; i < (int64_t)bins * bins; i++) total += histogram[i];
  for (int j = 0; j < bins; j++) {
    moving[j] = 0;
    for (int i = 0; i < bins; i++) moving[j] += histogram[(int64_t)i * bins + j] / total;
  }
  for (int i = 0; i < bins; i++) {
    double fixed = 0;
    for (int j = 0; j < bins; j++) fixed += histogram[(int64_t)i * bins + j] / total;
    for (int j = 0; j < bins; j++) {
      double *cell = &histogram[(int64_t)i * bins + j], p = *cell / total;
      *cell = 0;
      if (!(p > 1e-16)) continue;
      *cell = log(p / moving[j]);
      value += p * (*cell - log(fixed));
    }
  }
  return value;
}

bool cm__similarity(CmSimilarityJob *job, const CmRigid *rigid, CmSimilarityValue *value, CmError **err) {
  const CmSamples *samples = job->samples;
  Pass pass = {.job = job, .rigid = rigid};
  pass.fixed_width = ((double)samples->high - (double)samples->low) / job->bins;
  pass.moving_width = ((double)job->high - (double)job->low) / (job->bins - 4);
  if (!cm_parallel_for(job->ctx, NULL, samples->count, CHUNK, first_pass, &pass, err)) return false;
  double sums[SUMS], *total = add_chunks(job, partial_size(job)), n = total[SUM_N];
  memcpy(sums, total, sizeof sums);
  pass.sums = sums;
  value->overlap = n / (double)samples->count;
  if (value->overlap < 0.05 || n < 16) {
    cm_error_set(err, CM_ERR_DATA, "the images overlap by %.0f %% only; start from centre or mass",
                 100 * value->overlap);
    return false;
  }
  if (job->metric == CM_SIMILARITY_MUTUAL_INFORMATION) {
    value->value = information(job, total + SUMS);
    /* the second pass overwrites its own chunks only, and the total stands behind the last of them */
    pass.log_ratio = total + SUMS;
  } else if (job->metric == CM_SIMILARITY_CORRELATION) {
    double ff = sums[SUM_FF] - sums[SUM_F] * sums[SUM_F] / n, mm = sums[SUM_MM] - sums[SUM_M] * sums[SUM_M] / n;
    value->value = pass.correlation =
        ff > 0 && mm > 0 ? (sums[SUM_FM] - sums[SUM_F] * sums[SUM_M] / n) / sqrt(ff * mm) : 0;
    if (!(ff > 0 && mm > 0)) {
      cm_error_set(err, CM_ERR_DATA, "the images have no contrast where they overlap");
      return false;
    }
  } else {
    value->value = -(sums[SUM_FF] - 2 * sums[SUM_FM] + sums[SUM_MM]) / n;
  }
  if (!cm_parallel_for(job->ctx, NULL, samples->count, CHUNK, second_pass, &pass, err)) return false;
  double motion[MOTION] = {0};
  for (int64_t c = 0; c < cm_chunk_count(samples->count, CHUNK); c++)
    for (int k = 0; k < MOTION; k++) motion[k] += job->partial[c * partial_size(job) + k];
  for (int k = 0; k < 3; k++) {
    value->shift[k] = job->flat && k == 2 ? 0 : motion[k];
    value->turn[k] = job->flat && k < 2 ? 0 : motion[3 + k];
  }
  return true;
}
