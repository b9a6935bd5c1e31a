/* Lower envelopes of parabolas, axis after axis: Felzenszwalb PF, Huttenlocher DP. Distance transforms of sampled
 * functions. Theory of Computing 8, 2012. */
#include "ops/morphology/distance.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"

typedef struct Distance {
  CmContext *ctx;
  const CmMask *mask;
  CmImage *out;
  CmGrid grid;
  bool to_zero;
  int axis;      /* 1 or 2: of the envelopes */
  double weight; /* squared spacing along it */
} Distance;

/* Rows: steps to the nearest site, forwards then backwards. */
static bool distance_rows(void *arg, CmRange range, CmError **err) {
  const Distance *job = arg;
  const CmGrid *grid = &job->grid;
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  if (!inside) return false;
  for (int64_t row = range.begin; row < range.end; row++) {
    float *to = cm__row_mut(job->out, grid, row);
    cm__mask_row(job->mask, row, inside);
    int64_t site = -1;
    for (int64_t x = 0; x < grid->nx; x++) {
      site = (inside[x] != 0) != job->to_zero ? x : site;
      to[x] = site < 0 ? INFINITY : (float)(x - site);
    }
    site = -1;
    for (int64_t x = grid->nx - 1; x >= 0; x--) {
      site = (inside[x] != 0) != job->to_zero ? x : site;
      float steps = site < 0 ? INFINITY : (float)(site - x);
      float least = steps < to[x] ? steps : to[x];
      to[x] = (float)(job->weight * (double)least * (double)least);
    }
  }
  cm_free(inside);
  return true;
}

typedef struct Envelope {
  float *value; /* a column */
  double *from; /* where each parabola begins to be lowest */
  int64_t *vertex;
} Envelope;

/* column: n values, replaced by min over q of value[q] + weight * (p - q)^2. */
static void lower_envelope(const Envelope *e, int64_t n, double weight) {
  int64_t count = 0;
  for (int64_t q = 0; q < n; q++) {
    if (!(e->value[q] < INFINITY)) continue;
    double begin = -INFINITY;
    while (count > 0) {
      const int64_t v = e->vertex[count - 1];
      begin = (((double)e->value[q] - (double)e->value[v]) / weight + (double)(q * q - v * v)) / (double)(2 * (q - v));
      if (begin > e->from[count - 1]) break;
      count--;
    }
    e->vertex[count] = q;
    e->from[count] = count > 0 ? begin : -INFINITY;
    count++;
  }
  if (count == 0) return;
  /* values of the vertices are needed after their places are overwritten */
  float *old = e->value + n;
  memcpy(old, e->value, (size_t)n * sizeof(float));
  for (int64_t p = 0, k = 0; p < n; p++) {
    while (k + 1 < count && e->from[k + 1] < (double)p) k++;
    const double d = (double)(p - e->vertex[k]);
    e->value[p] = (float)((double)old[e->vertex[k]] + weight * d * d);
  }
}

enum { BLOCK = 16 }; /* columns at a time: a cache line of each row */

static bool distance_columns(void *arg, CmRange range, CmError **err) {
  const Distance *job = arg;
  const CmGrid *grid = &job->grid;
  const int64_t n = job->axis == 1 ? grid->ny : grid->nz, stride = job->axis == 1 ? grid->nx : grid->nx * grid->ny;
  float *block = cm_alloc_array(job->ctx, (size_t)(n * (BLOCK + 2)), sizeof(float), err);
  double *from = cm_alloc_array(job->ctx, (size_t)n, sizeof(double), err);
  int64_t *vertex = cm_alloc_array(job->ctx, (size_t)n, sizeof(int64_t), err);
  bool ok = block && from && vertex;
  Envelope envelope = {.value = block ? block + n * BLOCK : NULL, .from = from, .vertex = vertex};
  for (int64_t at = range.begin; ok && at < range.end; at++) {
    /* axis 1: at counts planes; axis 2: rows y of the time points */
    int64_t first = job->axis == 1 ? at * grid->ny : at / grid->ny * grid->nz * grid->ny + at % grid->ny;
    float *base = (float *)cm_image_data_mut(job->out) + first * grid->nx;
    for (int64_t x0 = 0; x0 < grid->nx; x0 += BLOCK) {
      const int64_t width = grid->nx - x0 < BLOCK ? grid->nx - x0 : BLOCK;
      for (int64_t p = 0; p < n; p++)
        for (int64_t i = 0; i < width; i++) block[i * n + p] = base[p * stride + x0 + i];
      for (int64_t i = 0; i < width; i++) {
        memcpy(envelope.value, block + i * n, (size_t)n * sizeof(float));
        lower_envelope(&envelope, n, job->weight);
        memcpy(block + i * n, envelope.value, (size_t)n * sizeof(float));
      }
      for (int64_t p = 0; p < n; p++)
        for (int64_t i = 0; i < width; i++) base[p * stride + x0 + i] = block[i * n + p];
    }
  }
  cm_free(block);
  cm_free(from);
  cm_free(vertex);
  return ok;
}

CmImage *cm__distance_squared(CmContext *ctx, const CmImage *image, bool to_zero, CmError **err) {
  CmMask mask = {.image = image, .grid = cm__grid(image)};
  const double *spacing = cm_image_geometry(image)->spacing;
  Distance job = {.ctx = ctx, .mask = &mask, .to_zero = to_zero, .weight = spacing[0] * spacing[0]};
  if (mask.grid.components != 1) {
    cm_error_set(err, CM_ERR_DATA, "the image has %lld components; give one with one", (long long)mask.grid.components);
    return NULL;
  }
  job.out = cm_image_create_like(ctx, image, CM_F32, 1, err);
  if (!job.out) return NULL;
  job.grid = cm__grid(job.out);
  const CmGrid *grid = &job.grid;
  bool ok = cm_parallel_for(ctx, "distance", grid->rows, cm__row_chunk(grid), distance_rows, &job, err);
  for (job.axis = 1; ok && job.axis < 3; job.axis++) {
    const int64_t parts = job.axis == 1 ? grid->nz * grid->nt : grid->ny * grid->nt;
    job.weight = spacing[job.axis] * spacing[job.axis];
    if ((job.axis == 1 ? grid->ny : grid->nz) > 1)
      ok = cm_parallel_for(ctx, "distance", parts, 1, distance_columns, &job, err);
  }
  if (!ok) cm_image_unref(&job.out);
  return job.out;
}
