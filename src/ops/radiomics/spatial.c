/* With all padded so that nothing wraps around, a sum over pairs is one over frequencies:
 *   sum over i, j of a_i b_j w(i - j) = 1/N sum over k of A(k)* B(k) W(k).
 * So nothing is transformed back, and frequencies are added up part by part: along z those at a time that leave the
 * same rest on division by `parts`, which come out of slices that are turned by exp(-2 pi i rest z / n) and folded;
 * then for each of them the transform of a padded slice. Memory is that of some slices, the result that of the whole.
 */
#include "ops/radiomics/spatial.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/fourier.h"
#include "ops/radiomics/counted.h"
#include "ops/simd.h"

#define LEAST_BYTES ((int64_t)64 << 20)  /* of the folded fields, or 4 a voxel of the region's box */
#define PLANE_BYTES ((int64_t)128 << 20) /* of the padded slices, where one worker's are not more */

/* Deviations from the mean, the mask, squared deviations, and 1 / distance. */
enum { VALUE, MASK, SQUARE, WEIGHT, FIELDS };

/* Of all ordered pairs: weights, weights times both deviations, weights times the square of one of them. */
typedef struct Sums {
  double weight, product, square;
} Sums;

typedef struct Job {
  const CmRoi *roi;
  double mean;
  int64_t n[3];      /* of the region */
  int64_t padded[3]; /* along z: parts * length */
  int64_t parts, length, rest;
  double *re[FIELDS], *im[FIELDS]; /* `length` slices of n[0] * n[1] */
  double *turn;                    /* cosines, then minus sines, of 2 pi rest z / n */
  double *line;                    /* of each worker: a row of the box and one of each field */
  int64_t line_size;
  double *planes; /* of each slot */
  int64_t slots;
  Sums *sums; /* of each frequency along z */
} Job;

/* Five padded slices: the weights, real and imaginary part of two fields. */
enum { PLANES = 5 };

CM_SIMD static void add_turned(const double *restrict from, int64_t n, double c, double s, double *restrict re,
                               double *restrict im) {
  for (int64_t x = 0; x < n; x++) {
    re[x] += c * from[x];
    im[x] += s * from[x];
  }
}

/* 1 / distance along a row, that squared distance away; half of it at z = 0, since the sum over z and -z takes each
 * twice. */
CM_SIMD static void fill_weights(double away, double spacing, double times, int64_t n, double *to) {
  for (int64_t x = 0; x < n; x++) {
    const double along = (double)x * spacing, square = away + along * along;
    to[x] = times / sqrt(square > 0.0 ? square : INFINITY);
  }
}

static void fill_values(const Job *job, int64_t y, int64_t z, double *values, double *const to[FIELDS]) {
  const CmRoi *roi = job->roi;
  const uint8_t *inside = roi->inside + cm__roi_at(roi, 0, roi->lo[1] + y, roi->lo[2] + z);
  cm__roi_values(roi, roi->lo[1] + y, roi->lo[2] + z, values);
  for (int64_t x = 0; x < job->n[0]; x++) {
    const bool in = inside[roi->lo[0] + x];
    const double v = in ? values[roi->lo[0] + x] - job->mean : 0.0;
    to[VALUE][x] = v;
    to[MASK][x] = in;
    to[SQUARE][x] = v * v;
  }
}

/* Rows y of all slices, of all fields. */
static bool fold_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const int64_t nx = job->n[0];
  const double *spacing = job->roi->spacing;
  double *values = job->line + range.worker * job->line_size, *row[FIELDS];
  (void)err;
  for (int f = 0; f < FIELDS; f++) row[f] = values + job->roi->n[0] + f * nx;
  for (int64_t y = range.begin; y < range.end; y++)
    for (int64_t z = 0; z < job->n[2]; z++) {
      const int64_t to = (z % job->length * job->n[1] + y) * nx;
      const double dy = (double)y * spacing[1], dz = (double)z * spacing[2];
      fill_values(job, y, z, values, row);
      fill_weights(dy * dy + dz * dz, spacing[0], z == 0 ? 0.5 : 1.0, nx, row[WEIGHT]);
      for (int f = 0; f < FIELDS; f++)
        add_turned(row[f], nx, job->turn[z], job->turn[job->n[2] + z], job->re[f] + to, job->im[f] + to);
    }
  return true;
}

static void set_turn(const Job *job) {
  const int64_t n = job->padded[2];
  for (int64_t z = 0; z < job->n[2]; z++) {
    const double angle = 2.0 * 3.14159265358979323846 * (double)(job->rest * z % n) / (double)n;
    job->turn[z] = cos(angle);
    job->turn[job->n[2] + z] = -sin(angle);
  }
}

/* The fields at the frequencies rest, rest + parts, rest + 2 parts ... along z. */
static bool fold(const Job *job, CmError **err) {
  const int64_t slice = job->n[0] * job->n[1], n[3] = {job->n[0], job->n[1], job->length};
  CmContext *ctx = job->roi->ctx;
  set_turn(job);
  memset(job->re[0], 0, (size_t)(slice * job->length) * 2 * FIELDS * sizeof(double));
  if (!cm_parallel_for(ctx, NULL, job->n[1], 4, fold_rows, (void *)job, err)) return false;
  for (int f = 0; f < FIELDS; f++)
    if (!cm__fourier_axis(ctx, NULL, n, 2, job->re[f], job->im[f], false, err)) return false;
  return true;
}

/* Transforms a slice that fills the first n[1] rows of a padded one and is 0 beyond, or is even along y. */
static bool transform(const Job *job, double *re, double *im, bool even, CmError **err) {
  const int64_t nx = job->padded[0], ny = job->padded[1], rows[3] = {nx, job->n[1], 1}, all[3] = {nx, ny, 1};
  const size_t row = (size_t)nx * sizeof(double);
  CmContext *ctx = job->roi->ctx;
  if (!cm__fourier_axis(ctx, NULL, rows, 0, re, im, false, err)) return false;
  memset(re + job->n[1] * nx, 0, (size_t)(ny - job->n[1]) * row);
  memset(im + job->n[1] * nx, 0, (size_t)(ny - job->n[1]) * row);
  for (int64_t y = 1; even && y < job->n[1]; y++) {
    memcpy(re + (ny - y) * nx, re + y * nx, row);
    memcpy(im + (ny - y) * nx, im + y * nx, row);
  }
  return cm__fourier_axis(ctx, NULL, all, 1, re, im, false, err);
}

static bool transform_field(const Job *job, int field, int64_t at, double *re, double *im, CmError **err) {
  const int64_t nx = job->n[0], wide = job->padded[0];
  const double *from_re = job->re[field] + at * nx * job->n[1], *from_im = job->im[field] + at * nx * job->n[1];
  for (int64_t y = 0; y < job->n[1]; y++) {
    memset(re + y * wide, 0, (size_t)wide * sizeof(double));
    memset(im + y * wide, 0, (size_t)wide * sizeof(double));
    memcpy(re + y * wide, from_re + y * nx, (size_t)nx * sizeof(double));
    memcpy(im + y * wide, from_im + y * nx, (size_t)nx * sizeof(double));
  }
  return transform(job, re, im, false, err);
}

/* The weights are even along every axis: their transform is real, and what comes from z >= 0 gives its real part. */
static bool transform_weights(const Job *job, int64_t at, double *re, double *im, CmError **err) {
  const int64_t nx = job->n[0], wide = job->padded[0];
  const double *from = job->re[WEIGHT] + at * nx * job->n[1];
  for (int64_t y = 0; y < job->n[1]; y++, from += nx) {
    double *to = re + y * wide;
    memset(to, 0, (size_t)wide * sizeof(double));
    memset(im + y * wide, 0, (size_t)wide * sizeof(double));
    for (int64_t x = 0; x < nx; x++) to[x] = 2.0 * from[x];
    for (int64_t x = 1; x < nx; x++) to[wide - x] = to[x];
  }
  return transform(job, re, im, true, err);
}

enum { LANES = 8 };

/* Sum of w Re(a* b). */
CM_SIMD static double inner(const double *restrict w, const double *ar, const double *ai, const double *br,
                            const double *bi, int64_t n) {
  double part[LANES] = {0.0}, sum = 0.0;
  const int64_t whole = n / LANES * LANES;
  for (int64_t i = 0; i < whole; i += LANES)
    for (int k = 0; k < LANES; k++) part[k] += w[i + k] * (ar[i + k] * br[i + k] + ai[i + k] * bi[i + k]);
  for (int64_t i = whole; i < n; i++) part[i - whole] += w[i] * (ar[i] * br[i] + ai[i] * bi[i]);
  for (int k = 0; k < LANES; k++) sum += part[k];
  return sum;
}

static bool add_frequency(const Job *job, int64_t at, double times, double *planes, Sums *to, CmError **err) {
  const int64_t size = job->padded[0] * job->padded[1];
  double *weight = planes, *ar = planes + size, *ai = ar + size, *br = ai + size, *bi = br + size;
  if (!transform_weights(job, at, weight, ai, err) || !transform_field(job, VALUE, at, ar, ai, err)) return false;
  to->product = times * inner(weight, ar, ai, ar, ai, size);
  if (!transform_field(job, MASK, at, ar, ai, err) || !transform_field(job, SQUARE, at, br, bi, err)) return false;
  to->weight = times * inner(weight, ar, ai, ar, ai, size);
  to->square = times * inner(weight, ar, ai, br, bi, size);
  return true;
}

/* Fields are real: frequency n - k gives what k gives, and is left out. */
static bool add_frequencies(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const int64_t n = job->padded[2], size = job->padded[0] * job->padded[1];
  for (int64_t slot = range.begin; slot < range.end; slot++)
    for (int64_t at = slot; at < job->length; at += job->slots) {
      const int64_t k = job->rest + at * job->parts, mirror = (n - k) % n;
      if (mirror % job->parts == job->rest && mirror < k) continue;
      if (!add_frequency(job, at, mirror == k ? 1.0 : 2.0, job->planes + slot * PLANES * size, &job->sums[k], err))
        return false;
    }
  return true;
}

static bool open_job(Job *job, CmError **err) {
  CmContext *ctx = job->roi->ctx;
  const int64_t threads = cm_context_threads(ctx);
  int64_t n[3];
  for (int k = 0; k < 3; k++) {
    job->n[k] = job->roi->hi[k] - job->roi->lo[k];
    n[k] = 2 * job->n[k] - 1;
    job->padded[k] = cm__fourier_size(n[k]);
  }
  const int64_t slice = job->n[0] * job->n[1], size = job->padded[0] * job->padded[1];
  const int64_t bytes = slice * 2 * FIELDS * (int64_t)sizeof(double), box = 4 * job->roi->step[2] * job->roi->n[2];
  const int64_t fit = (box > LEAST_BYTES ? box : LEAST_BYTES) / bytes + 1;
  job->parts = (job->padded[2] + fit - 1) / fit;
  job->length = cm__fourier_size((n[2] + job->parts - 1) / job->parts);
  job->padded[2] = job->parts * job->length;
  job->slots = PLANE_BYTES / (size * PLANES * (int64_t)sizeof(double));
  job->slots = job->slots < 1 ? 1 : job->slots > threads ? threads : job->slots;
  job->line_size = job->roi->n[0] + FIELDS * job->n[0];
  job->re[0] = cm_alloc_array(ctx, (size_t)(slice * job->length), 2 * FIELDS * sizeof(double), err);
  for (int f = 0; job->re[0] && f < FIELDS; f++) {
    job->re[f] = job->re[0] + 2 * f * slice * job->length;
    job->im[f] = job->re[f] + slice * job->length;
  }
  return job->re[0] && (job->turn = cm_alloc_array(ctx, (size_t)job->n[2], 2 * sizeof(double), err)) &&
         (job->line = cm_alloc_array(ctx, (size_t)(threads * job->line_size), sizeof(double), err)) &&
         (job->planes = cm_alloc_array(ctx, (size_t)(job->slots * size), PLANES * sizeof(double), err)) &&
         (job->sums = cm_calloc(ctx, (size_t)job->padded[2], sizeof(*job->sums), err));
}

bool cm__spatial(const CmRoi *roi, double *moran, double *geary, CmError **err) {
  const CmCounted *all = &roi->counted;
  Job job = {.roi = roi};
  Sums sums = {0};
  *moran = *geary = NAN;
  if (all->distinct < 2) return true;
  job.mean = cm__counted_mean(all);
  bool ok = open_job(&job, err);
  for (job.rest = 0; ok && 2 * job.rest <= job.parts; job.rest++)
    ok = fold(&job, err) && cm_parallel_for(roi->ctx, NULL, job.slots, 1, add_frequencies, &job, err);
  for (int64_t k = 0; ok && k < job.padded[2]; k++) {
    sums.weight += job.sums[k].weight;
    sums.product += job.sums[k].product;
    sums.square += job.sums[k].square;
  }
  if (ok) { /* 1/N cancels out */
    const double count = (double)all->total, variance = cm__counted_scatter(all, job.mean);
    *moran = count / sums.weight * sums.product / variance;
    *geary = (count - 1.0) / sums.weight * (sums.square - sums.product) / variance;
  }
  cm_free(job.re[0]);
  cm_free(job.turn);
  cm_free(job.line);
  cm_free(job.planes);
  cm_free(job.sums);
  return ok;
}
