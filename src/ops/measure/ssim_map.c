#include "ops/measure/ssim_map.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

/* Bands of rows walk along z. Of each plane the band's rows are filtered along x and y and wait in a ring for z. What
 * is filtered: a, b, a^2 + b^2, a b. */
enum { BAND = 16, KINDS = 4, BLOCK = 16 };

typedef struct Band {
  const CmSsim *job;
  CmGrid grid;
  int64_t t, component, y, rows; /* rows [y, y + rows) */
  double *padded;                /* KINDS lines of nx + 2 rx */
  double *across;                /* rows + 2 ry times KINDS lines, filtered along x */
  double *ring;                  /* 2 rz + 1 planes of rows times KINDS lines */
  double *line;                  /* KINDS lines: filtered along z; then nx results */
  double *values;                /* a row of the image */
  const double **from;           /* the lines that are mixed */
  uint8_t *inside;
} Band;

/* to = the sum of the lines from[0] .. from[2 radius], symmetric weights. */
CM_SIMD static void mix(const double *const *from, const CmTaps *taps, int64_t n, double *to) {
  const int64_t r = taps->radius;
  int64_t x = 0;
  if (r == 0) {
    memcpy(to, from[0], (size_t)n * sizeof(double));
    return;
  }
  for (; x + BLOCK <= n; x += BLOCK) {
    double sum[BLOCK];
    for (int i = 0; i < BLOCK; i++) sum[i] = taps->half[0] * from[r][x + i];
    for (int64_t k = 1; k <= r; k++) {
      const double w = taps->half[k], *low = from[r - k] + x, *high = from[r + k] + x;
      for (int i = 0; i < BLOCK; i++) sum[i] += w * (low[i] + high[i]);
    }
    for (int i = 0; i < BLOCK; i++) to[x + i] = sum[i];
  }
  for (; x < n; x++) {
    double sum = taps->half[0] * from[r][x];
    for (int64_t k = 1; k <= r; k++) sum += taps->half[k] * (from[r - k][x] + from[r + k][x]);
    to[x] = sum;
  }
}

/* One component of a row with what lies beyond its ends. */
static void load_row(const Band *band, const CmImage *image, double shift, int64_t row, double *to) {
  const CmGrid grid = cm__grid(image);
  const int64_t r = band->job->taps[0].radius, c = grid.components;
  cm__line_to_f64(cm_image_type(image), cm__row(image, &grid, row), grid.row, band->values);
  for (int64_t x = 0; x < grid.nx; x++) to[r + x] = band->values[x * c + band->component] - shift;
  for (int64_t k = 1; k <= r; k++) {
    to[r - k] = to[r + cm__border_index(band->job->border, -k, grid.nx)];
    to[r + grid.nx - 1 + k] = to[r + cm__border_index(band->job->border, grid.nx - 1 + k, grid.nx)];
  }
}

CM_SIMD static void products(double *lines, int64_t n) {
  const double *a = lines, *b = lines + n;
  double *squares = lines + 2 * n, *both = lines + 3 * n;
  for (int64_t x = 0; x < n; x++) {
    squares[x] = a[x] * a[x] + b[x] * b[x];
    both[x] = a[x] * b[x];
  }
}

static bool filter_plane(const Band *band, int64_t z, double *to, CmError **err) {
  const CmSsim *job = band->job;
  const int64_t nx = band->grid.nx, rx = job->taps[0].radius, ry = job->taps[1].radius, wide = nx + 2 * rx;
  for (int64_t i = 0; i < band->rows + 2 * ry; i++) {
    const int64_t y = cm__border_index(job->border, band->y - ry + i, band->grid.ny);
    const int64_t row = (band->t * band->grid.nz + z) * band->grid.ny + y;
    if (cm_context_cancelled(job->ctx, err)) return false; /* wide windows take long */
    load_row(band, job->pairs->image, job->shift[0], row, band->padded);
    load_row(band, job->pairs->reference, job->shift[1], row, band->padded + wide);
    products(band->padded, wide);
    for (int kind = 0; kind < KINDS; kind++) {
      for (int64_t k = 0; k <= 2 * rx; k++) band->from[k] = band->padded + kind * wide + k;
      mix(band->from, &job->taps[0], nx, band->across + (i * KINDS + kind) * nx);
    }
  }
  for (int64_t i = 0; i < band->rows; i++)
    for (int kind = 0; kind < KINDS; kind++) {
      for (int64_t k = 0; k <= 2 * ry; k++) band->from[k] = band->across + ((i + k) * KINDS + kind) * nx;
      mix(band->from, &job->taps[1], nx, to + (i * KINDS + kind) * nx);
    }
  return true;
}

CM_SIMD static void compare(const CmSsim *job, const double *lines, int64_t n, double *to) {
  const double *a = lines, *b = lines + n, *squares = lines + 2 * n, *both = lines + 3 * n;
  for (int64_t x = 0; x < n; x++) {
    const double variances = job->covariance * (squares[x] - (a[x] * a[x] + b[x] * b[x]));
    const double covariance = job->covariance * (both[x] - a[x] * b[x]);
    const double u = a[x] + job->shift[0], v = b[x] + job->shift[1], means = u * u + v * v, product = u * v;
    to[x] = (2.0 * product + job->c1) * (2.0 * covariance + job->c2) / ((means + job->c1) * (variances + job->c2));
  }
}

/* Adds what counts of a row to the slice's sums. */
static void sum_row(const Band *band, int64_t row, bool inside_yz, const double *value, double *sum, double *count) {
  const CmSsim *job = band->job;
  const int64_t rim = job->crop ? job->taps[0].radius : 0;
  if (!inside_yz) return;
  const bool masked = job->pairs->mask.image != NULL;
  if (masked) cm__mask_row(&job->pairs->mask, row, band->inside);
  for (int64_t x = rim; x < band->grid.nx - rim; x++)
    if ((!masked || band->inside[x]) && value[x] == value[x]) {
      *sum += value[x];
      *count += 1.0;
    }
}

static void finish_plane(const Band *band, int64_t z, double *sum, double *count) {
  const CmSsim *job = band->job;
  const int64_t nx = band->grid.nx, ry = job->taps[1].radius, rz = job->taps[2].radius, c = band->grid.components;
  const int64_t plane = band->rows * KINDS * nx;
  double *result = band->line + KINDS * nx;
  for (int64_t i = 0; i < band->rows; i++) {
    const int64_t y = band->y + i, row = (band->t * band->grid.nz + z) * band->grid.ny + y;
    const bool inside = !job->crop || (y >= ry && y < band->grid.ny - ry && z >= rz && z < band->grid.nz - rz);
    if (!inside && !job->map) continue;
    for (int kind = 0; kind < KINDS; kind++) {
      for (int64_t k = 0; k <= 2 * rz; k++)
        band->from[k] = band->ring + (z + k) % (2 * rz + 1) * plane + (i * KINDS + kind) * nx;
      mix(band->from, &job->taps[2], nx, band->line + kind * nx);
    }
    compare(job, band->line, nx, result);
    sum_row(band, row, inside, result, sum, count);
    if (!job->map) continue;
    float *to = (float *)cm_image_data_mut(job->map) + row * band->grid.row + band->component;
    for (int64_t x = 0; x < nx; x++) to[x * c] = (float)result[x];
  }
}

typedef struct Work {
  CmSsim *job;
  int64_t bands;
  double *partial; /* [(slice * components + c) * bands + band][2] */
} Work;

static bool walk(void *arg, CmRange range, CmError **err) {
  const Work *work = arg;
  const CmSsim *job = work->job;
  Band band = {.job = job, .grid = job->pairs->grid};
  const CmGrid *grid = &band.grid;
  const int64_t which = range.begin % work->bands, rz = job->taps[2].radius;
  band.component = range.begin / work->bands % grid->components;
  band.t = range.begin / work->bands / grid->components;
  band.y = which * BAND;
  band.rows = grid->ny - band.y < BAND ? grid->ny - band.y : BAND;
  const int64_t widest = job->taps[0].radius > job->taps[1].radius ? job->taps[0].radius : job->taps[1].radius;
  const int64_t lines = 2 * (widest > rz ? widest : rz) + 1, nx = grid->nx;
  const int64_t size[] = {KINDS * (nx + 2 * job->taps[0].radius), (band.rows + 2 * job->taps[1].radius) * KINDS * nx,
                          (2 * rz + 1) * band.rows * KINDS * nx, (KINDS + 1) * nx, grid->row};
  double **block[] = {&band.padded, &band.across, &band.ring, &band.line, &band.values};
  bool ok = true;
  for (int k = 0; k < CM_COUNT(size); k++)
    ok = ok && (*block[k] = cm_alloc_array(job->ctx, (size_t)size[k], sizeof(double), err)) != NULL;
  band.from = ok ? cm_alloc_array(job->ctx, (size_t)lines, sizeof(*band.from), err) : NULL;
  band.inside = band.from ? cm_alloc(job->ctx, (size_t)nx, err) : NULL;
  ok = band.inside != NULL;
  for (int64_t z = -2 * rz; ok && z < grid->nz; z++) { /* plane z + rz comes into the ring, plane z is finished */
    const int64_t plane = z + rz;
    ok = filter_plane(&band, cm__border_index(job->border, plane, grid->nz),
                      band.ring + (z + 2 * rz) % (2 * rz + 1) * band.rows * KINDS * nx, err);
    if (z < 0 || !ok) continue;
    double *to =
        work->partial + 2 * (((band.t * grid->nz + z) * grid->components + band.component) * work->bands + which);
    to[0] = to[1] = 0.0;
    finish_plane(&band, z, &to[0], &to[1]);
  }
  for (int k = 0; k < CM_COUNT(size); k++) cm_free(*block[k]);
  cm_free(band.from);
  cm_free(band.inside);
  return ok;
}

bool cm__ssim(CmSsim *job, CmError **err) {
  const CmGrid *grid = &job->pairs->grid;
  Work work = {.job = job, .bands = cm_chunk_count(grid->ny, BAND)};
  const int64_t slices = grid->nt * grid->nz * grid->components;
  work.partial = cm_alloc_array(job->ctx, (size_t)(slices * work.bands), 2 * sizeof(double), err);
  const bool ok =
      work.partial && cm_parallel_for(job->ctx, "ssim", work.bands * grid->components * grid->nt, 1, walk, &work, err);
  for (int64_t at = 0; ok && at < slices; at++) {
    job->sum[at] = job->count[at] = 0.0;
    for (int64_t k = 0; k < work.bands; k++) {
      job->sum[at] += work.partial[2 * (at * work.bands + k)];
      job->count[at] += work.partial[2 * (at * work.bands + k) + 1];
    }
  }
  cm_free(work.partial);
  return ok;
}
