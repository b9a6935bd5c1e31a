#include "ops/denoise/diffusion.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/block.h"
#include "ops/exp.h"
#include "ops/simd.h"

#define BAND 32      /* rows that are done together, so that what flows along y is calculated once */
#define PLANES 64    /* planes of a piece of work, likewise along z */
#define LEAST 1e-10f /* under the root of the curvature equation, so that flat places have a direction */

typedef struct Diffusion {
  CmContext *ctx;
  const CmDiffusion *p;
  CmBlocks blocks;
  int64_t t, component;
  int64_t wide; /* a line with a voxel of border on each side */
  float *from, *to;
  float slope[3]; /* 1 / spacing */
  float inverse;  /* of K^2, times log2(e) where an exp is meant */
  float time_step;
  int64_t bands, pieces; /* of rows, of planes */
  double *sums;          /* of squared slopes, one a row; and how many were counted */
} Diffusion;

static float *line_at(const Diffusion *job, float *volume, int64_t y, int64_t z) {
  const CmGrid *grid = &job->blocks.grid;
  y = cm__border_index(CM_BORDER_REPLICATE, y, grid->ny);
  z = cm__border_index(CM_BORDER_REPLICATE, z, grid->nz);
  return volume + (z * grid->ny + y) * job->wide + 1;
}

/* A line of faces: from p to q, and what gives the slopes along the other two axes: (a - b) + (c - d). */
typedef struct Faces {
  const float *p, *q;
  const float *side[2][4];
  float across, along[2]; /* factors of the differences, the latter squared */
} Faces;

/* g^2 and d at face i. */
static inline float squared_slope(const Faces *f, int64_t i, float d) {
  const float s = (f->side[0][0][i] - f->side[0][1][i]) + (f->side[0][2][i] - f->side[0][3][i]);
  const float t = (f->side[1][0][i] - f->side[1][1][i]) + (f->side[1][2][i] - f->side[1][3][i]);
  return d * d + (f->along[0] * (s * s) + f->along[1] * (t * t));
}

CM_SIMD static void flow_exp(const Faces *faces, float inverse, float *restrict flow, int64_t n) {
  const Faces f = *faces;
  for (int64_t i = 0; i < n; i++) {
    const float d = (f.q[i] - f.p[i]) * f.across;
    flow[i] = d * cm__exp2_minus(squared_slope(&f, i, d) * inverse);
  }
}

CM_SIMD static void flow_quadratic(const Faces *faces, float inverse, float *restrict flow, int64_t n) {
  const Faces f = *faces;
  for (int64_t i = 0; i < n; i++) {
    const float d = (f.q[i] - f.p[i]) * f.across;
    flow[i] = d / (1.0f + squared_slope(&f, i, d) * inverse);
  }
}

CM_SIMD static void flow_curvature(const Faces *faces, float inverse, float *restrict flow, int64_t n) {
  const Faces f = *faces;
  for (int64_t i = 0; i < n; i++) {
    const float d = (f.q[i] - f.p[i]) * f.across, g = squared_slope(&f, i, d);
    flow[i] = d / sqrtf(g + LEAST) * cm__exp2_minus(g * inverse);
  }
}

/* What flows through the faces between line (y, z) and its neighbours along `axis`, from x on. */
static void flow(const Diffusion *job, int axis, int64_t y, int64_t z, int64_t x, float *to, int64_t n) {
  const int64_t dx = axis == 0, dy = axis == 1, dz = axis == 2;
  Faces f = {.p = line_at(job, job->from, y, z) + x,
             .q = line_at(job, job->from, y + dy, z + dz) + x + dx,
             .across = job->slope[axis]};
  for (int side = 0; side < 2; side++) {
    const int other = (axis + 1 + side) % 3;
    const int64_t ox = other == 0, oy = other == 1, oz = other == 2;
    f.side[side][0] = line_at(job, job->from, y + oy, z + oz) + x + ox;
    f.side[side][1] = line_at(job, job->from, y - oy, z - oz) + x - ox;
    f.side[side][2] = line_at(job, job->from, y + dy + oy, z + dz + oz) + x + dx + ox;
    f.side[side][3] = line_at(job, job->from, y + dy - oy, z + dz - oz) + x + dx - ox;
    f.along[side] = job->slope[other] * job->slope[other] / 16.0f;
    for (int k = 0; k < 4 && job->p->face; k++) f.side[side][k] = f.p; /* no slope */
  }
  if (job->p->curvature)
    flow_curvature(&f, job->inverse, to, n);
  else if (job->p->quadratic)
    flow_quadratic(&f, job->inverse, to, n);
  else
    flow_exp(&f, job->inverse, to, n);
}

/* Flows through both faces of every voxel of a line, along x, y and z. */
typedef struct Flows {
  const float *in[3], *out[3];
} Flows;

CM_SIMD static void step(const Flows *flows, const float *restrict centre, float time_step, float *restrict to,
                         int64_t n) {
  const float *x0 = flows->in[0], *x1 = flows->out[0], *y0 = flows->in[1], *y1 = flows->out[1], *z0 = flows->in[2],
              *z1 = flows->out[2];
  for (int64_t i = 0; i < n; i++)
    to[i] = centre[i] + time_step * (((x1[i] - x0[i]) + (y1[i] - y0[i])) + (z1[i] - z0[i]));
}

static inline float square(float v) {
  return v * v;
}

/* The squared upwind slope along one axis for a front that moves up (speed > 0) or down. */
static inline float upwind(float forward, float backward, bool up) {
  const float f = up ? forward : -forward, b = up ? backward : -backward;
  return square(b < 0.0f ? b : 0.0f) + square(f > 0.0f ? f : 0.0f);
}

typedef struct Near {
  const float *below[3], *above[3]; /* the neighbours' lines along x, y and z */
} Near;

CM_SIMD static void step_curvature(const Flows *flows, const Near *near, const float slope[3],
                                   const float *restrict centre, float time_step, float *restrict to, int64_t n) {
  const float *x0 = flows->in[0], *x1 = flows->out[0], *y0 = flows->in[1], *y1 = flows->out[1], *z0 = flows->in[2],
              *z1 = flows->out[2];
  const float *xb = near->below[0], *xa = near->above[0], *yb = near->below[1], *ya = near->above[1],
              *zb = near->below[2], *za = near->above[2];
  const float sx = slope[0], sy = slope[1], sz = slope[2];
  for (int64_t i = 0; i < n; i++) {
    const float v = centre[i], speed = ((x1[i] - x0[i]) + (y1[i] - y0[i])) + (z1[i] - z0[i]);
    const bool up = speed > 0.0f;
    const float g = upwind((xa[i] - v) * sx, (v - xb[i]) * sx, up) + upwind((ya[i] - v) * sy, (v - yb[i]) * sy, up) +
                    upwind((za[i] - v) * sz, (v - zb[i]) * sz, up);
    to[i] = v + time_step * (sqrtf(g) * speed);
  }
}

static Near neighbours(const Diffusion *job, int64_t y, int64_t z) {
  const float *centre = line_at(job, job->from, y, z);
  return (Near){.below = {centre - 1, line_at(job, job->from, y - 1, z), line_at(job, job->from, y, z - 1)},
                .above = {centre + 1, line_at(job, job->from, y + 1, z), line_at(job, job->from, y, z + 1)}};
}

static void do_line(const Diffusion *job, const Flows *flows, int64_t y, int64_t z) {
  const int64_t n = job->blocks.grid.nx;
  const float *centre = line_at(job, job->from, y, z);
  float *to = line_at(job, job->to, y, z);
  if (job->p->curvature) {
    const Near near = neighbours(job, y, z);
    step_curvature(flows, &near, job->slope, centre, job->time_step, to, n);
  } else {
    step(flows, centre, job->time_step, to, n);
  }
  to[-1] = to[0];
  to[n] = to[n - 1];
}

/* A step for one band of rows through some planes. */
static bool do_piece(void *arg, CmRange range, CmError **err) {
  const Diffusion *job = arg;
  const CmGrid *grid = &job->blocks.grid;
  const int64_t n = grid->nx, y0 = range.begin % job->bands * BAND, z0 = range.begin / job->bands * PLANES;
  const int64_t y1 = y0 + BAND < grid->ny ? y0 + BAND : grid->ny;
  const int64_t z1 = z0 + PLANES < grid->nz ? z0 + PLANES : grid->nz;
  float *x_flow = cm_calloc(job->ctx, (size_t)(n + 1 + 3 * n + (y1 - y0) * n), sizeof(float), err);
  if (!x_flow) return false;
  float *y_flow[2] = {x_flow + n + 1, x_flow + n + 1 + n}, *z_next = y_flow[1] + n, *z_flow = z_next + n;
  for (int64_t y = y0; y < y1; y++) flow(job, 2, y, z0 - 1, 0, z_flow + (y - y0) * n, n);
  for (int64_t z = z0; z < z1; z++) {
    flow(job, 1, y0 - 1, z, 0, y_flow[0], n);
    for (int64_t y = y0; y < y1; y++) {
      float *in = y_flow[(y - y0) % 2], *out = y_flow[(y - y0 + 1) % 2], *z_in = z_flow + (y - y0) * n;
      if (n > 1) flow(job, 0, y, z, 0, x_flow + 1, n - 1);
      flow(job, 1, y, z, 0, out, n);
      flow(job, 2, y, z, 0, z_next, n);
      const Flows flows = {.in = {x_flow, in, z_in}, .out = {x_flow + 1, out, z_next}};
      do_line(job, &flows, y, z);
      memcpy(z_in, z_next, (size_t)n * sizeof(float));
    }
  }
  cm_free(x_flow);
  return true;
}

#define LANES 8

/* Adds up the squared slopes of n voxels by central differences, and how many there were. */
CM_SIMD static void add_slopes(const Near *near, const float slope[3], int64_t n, double *sums) {
  double sum[LANES] = {0}, count[LANES] = {0};
  const float *xb = near->below[0], *xa = near->above[0], *yb = near->below[1], *ya = near->above[1],
              *zb = near->below[2], *za = near->above[2];
  const float sx = slope[0], sy = slope[1], sz = slope[2];
  for (int64_t from = 0; from < n; from += LANES) {
    const int64_t lanes = n - from < LANES ? n - from : LANES;
    for (int64_t k = 0; k < lanes; k++) {
      const int64_t i = from + k;
      const float gx = (xa[i] - xb[i]) * sx, gy = (ya[i] - yb[i]) * sy, gz = (za[i] - zb[i]) * sz;
      const float g = 0.25f * ((gx * gx + gy * gy) + gz * gz);
      sum[k] += g <= 3e38f ? (double)g : 0.0;
      count[k] += g <= 3e38f ? 1.0 : 0.0;
    }
  }
  sums[0] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  sums[1] = ((count[0] + count[1]) + (count[2] + count[3])) + ((count[4] + count[5]) + (count[6] + count[7]));
}

static bool sum_slopes(void *arg, CmRange range, CmError **err) {
  const Diffusion *job = arg;
  const CmGrid *grid = &job->blocks.grid;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const Near near = neighbours(job, row % grid->ny, row / grid->ny);
    add_slopes(&near, job->slope, grid->nx, job->sums + 2 * row);
  }
  return true;
}

/* Sets the inverse of K^2; false in *flat's place where there is no slope at all. */
static bool look_at_slopes(Diffusion *job, bool *flat, CmError **err) {
  const CmDiffusion *p = job->p;
  const int64_t rows = job->blocks.grid.ny * job->blocks.grid.nz;
  double k2 = p->conductance * p->conductance;
  if (!p->absolute) {
    double sum = 0.0, count = 0.0;
    if (!cm_parallel_for(job->ctx, NULL, rows, cm__row_chunk(&job->blocks.grid), sum_slopes, job, err)) return false;
    for (int64_t row = 0; row < rows; row++) {
      sum += job->sums[2 * row];
      count += job->sums[2 * row + 1];
    }
    k2 *= 2.0 * (count > 0.0 ? sum / count : 0.0);
  }
  *flat = !(k2 > 0.0);
  const double inverse = (p->quadratic ? 1.0 : CM_LOG2_E) / k2;
  job->inverse = (float)(inverse < 1e37 ? inverse : 1e37);
  return true;
}

typedef struct Transfer {
  const Diffusion *job;
  bool back;
} Transfer;

static bool transfer_rows(void *arg, CmRange range, CmError **err) {
  const Transfer *transfer = arg;
  const Diffusion *job = transfer->job;
  const CmGrid *grid = &job->blocks.grid;
  double *scratch = cm_alloc_array(job->ctx, (size_t)cm__block_store_scratch(&job->blocks), sizeof(double), err);
  for (int64_t row = range.begin; scratch && row < range.end; row++) {
    const int64_t y = row % grid->ny, z = row / grid->ny;
    float *line = line_at(job, job->from, y, z);
    const CmBlock block = {.t = job->t, .component = job->component, .start = {-1, y, z}, .size = {grid->nx + 2, 1, 1}};
    if (transfer->back)
      cm__block_store_line(&job->blocks, (job->t * grid->nz + z) * grid->ny + y, 0, job->component, line, grid->nx,
                           scratch);
    else
      cm__block_load(&job->blocks, &block, (float *)scratch, line - 1);
  }
  cm_free(scratch);
  return scratch != NULL;
}

/* One component of one time point. */
static bool diffuse(Diffusion *job, const char *what, CmError **err) {
  const CmGrid *grid = &job->blocks.grid;
  const int64_t rows = grid->ny * grid->nz, chunk = cm__row_chunk(grid);
  Transfer transfer = {.job = job};
  bool flat = false;
  if (!cm_parallel_for(job->ctx, NULL, rows, chunk, transfer_rows, &transfer, err)) return false;
  for (int64_t k = 0; k < job->p->iterations && !flat; k++) {
    if (k % job->p->interval == 0 && !look_at_slopes(job, &flat, err)) return false;
    if (flat) break;
    if (!cm_parallel_for(job->ctx, what, job->bands * job->pieces, 1, do_piece, job, err)) return false;
    float *swap = job->from;
    job->from = job->to;
    job->to = swap;
  }
  transfer.back = true;
  return cm_parallel_for(job->ctx, NULL, rows, chunk, transfer_rows, &transfer, err);
}

/* The step of time, checked: every voxel must remain a mean of itself and its neighbours. */
static bool set_steps(Diffusion *job, CmError **err) {
  const double *spacing = cm_image_geometry(job->blocks.image)->spacing;
  const int64_t *dims = cm_image_dims(job->blocks.image);
  double smallest = INFINITY, sum = 0.0;
  int axes = 0;
  for (int axis = 0; axis < 3; axis++) {
    const double h = job->p->per == 0 ? spacing[axis] : 1.0;
    job->slope[axis] = dims[axis] > 1 ? (float)(1.0 / h) : 0.0f;
    if (dims[axis] == 1) continue;
    axes++;
    sum += 1.0 / h;
    smallest = h < smallest ? h : smallest;
  }
  const double most = axes ? 1.0 / (2.0 * sum) : INFINITY;
  const double time_step = job->p->time_step > 0.0 ? job->p->time_step : axes ? ldexp(smallest, -axes - 1) : 0.0;
  job->time_step = (float)(time_step < most ? time_step : most);
  if (job->p->time_step <= most * (1.0 + 1e-9)) return true;
  cm_error_set(
      err, CM_ERR_PARAMETER,
      "time_step %g is not stable on this grid; at most %g (1 / (2 * sum of 1 / spacing)), or 0 for a safe one",
      job->p->time_step, most);
  return false;
}

bool cm__diffusion_call(const CmCall *call, const CmDiffusion *p, const char *what, CmError **err) {
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Diffusion job = {.ctx = call->ctx, .p = p, .blocks = {.image = image, .grid = cm__grid(image), .mask = &mask}};
  const CmGrid *grid = &job.blocks.grid;
  const int64_t rows = grid->ny * grid->nz;
  bool ok = false;
  size_t count;
  float *volumes = NULL;
  job.wide = grid->nx + 2;
  job.bands = cm_chunk_count(grid->ny, BAND);
  job.pieces = cm_chunk_count(grid->nz, PLANES);
  if (!cm__mask_open(&mask, &call->in[1], image, err) || !set_steps(&job, err)) goto done;
  if (!cm_size_multiply((size_t)job.wide, (size_t)rows, &count, err)) goto done;
  job.blocks.out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)),
                                        cm_image_components(image), err);
  job.sums = cm_alloc_array(call->ctx, (size_t)rows, 2 * sizeof(double), err);
  volumes = cm_alloc_array(call->ctx, count, 2 * sizeof(float), err);
  if (!job.blocks.out || !job.sums || !volumes) goto done;
  job.from = volumes;
  job.to = volumes + count;
  for (int64_t k = 0; k < grid->nt * grid->components; k++) {
    job.t = k / grid->components;
    job.component = k % grid->components;
    if (!diffuse(&job, what, err)) goto done;
  }
  call->out[0] = cm_value_image(cm_image_ref(job.blocks.out));
  ok = true;
done:
  cm_image_unref(&job.blocks.out);
  cm_free(job.sums);
  cm_free(volumes);
  return ok;
}
