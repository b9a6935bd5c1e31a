#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/block.h"
#include "ops/intensity/stats.h"
#include "ops/simd.h"

typedef struct TotalVariationParams {
  double weight;
  int32_t scale;
  double eps;
  int64_t iterations;
  int32_t per;
  int32_t type;
} TotalVariationParams;

static const CmParam params[] = {
    CM_PARAM_REAL(TotalVariationParams, weight, 0.1, 1e-12, 1e30, "",
                  "how much smoothness counts: more removes more, in the range of the values, or as scale says"),
    CM_PARAM_ENUM(TotalVariationParams, scale, "relative|absolute", "relative",
                  "what weight is given in: the range (largest - smallest value) of the component and time point, or "
                  "image units"),
    CM_PARAM_REAL(TotalVariationParams, eps, 2e-4, 0, 1, "1",
                  "stop when a step changes the energy by less than this share of the first energy; 0: never"),
    CM_PARAM_INT(TotalVariationParams, iterations, 200, 1, 100000, "1", "the most steps"),
    CM_PARAM_ENUM(TotalVariationParams, per, "voxel|mm", "voxel",
                  "whether slopes are per voxel, all axes alike, or per mm"),
    CM_TYPE_PARAM(TotalVariationParams),
};

#define WORK 262144 /* voxels of a slab, about */

/* Planes of rows; a 2D image is planes of one row each, so that there is something to share out. The dual field p has a
 * component an axis; lines of p have a 0 in front, lines of u the last value again behind. */
typedef struct Tv {
  CmContext *ctx;
  CmBlocks blocks;
  int64_t t, component;
  int64_t n[3]; /* voxels of a line, lines of a plane, planes */
  int64_t wide, slab, slabs;
  float slope[3];
  float *f, *p[3]; /* p[1] NULL where a plane is one line */
  float *edges;    /* u of the first plane of each slab, before the step */
  float tau, tau_weight;
  double *sums; /* for each line: of d^2, and of the slopes' magnitudes */
} Tv;

/* u = f - the divergence's adjoint of p: what p takes away at a voxel comes back at the next one. */
CM_SIMD static void primal(const float *f, const float *const p[3], const float *const before[3], const float slope[3],
                           float *restrict u, int64_t n) {
  const float *px = p[0], *py = p[1], *pz = p[2], *bx = before[0], *by = before[1], *bz = before[2];
  const float sx = slope[0], sy = slope[1], sz = slope[2];
  for (int64_t i = 0; i < n; i++) u[i] = f[i] + (((bx[i] - px[i]) * sx + (by[i] - py[i]) * sy) + (bz[i] - pz[i]) * sz);
}

/* p = (p - tau grad u) / (1 + tau / weight * |grad u|); gives |grad u| and (u - f)^2. */
CM_SIMD static void dual(const float *restrict u, const float *restrict uy, const float *restrict uz,
                         const float *restrict f, const float slope[3], float tau, float tau_weight, float *restrict px,
                         float *restrict py, float *restrict pz, float *restrict magnitude, float *restrict squared,
                         int64_t n) {
  const float sx = slope[0], sy = slope[1], sz = slope[2];
  for (int64_t i = 0; i < n; i++) {
    const float gx = (u[i + 1] - u[i]) * sx, gy = (uy[i] - u[i]) * sy, gz = (uz[i] - u[i]) * sz;
    const float g = sqrtf((gx * gx + gy * gy) + gz * gz), shrink = 1.0f / (1.0f + tau_weight * g), d = u[i] - f[i];
    px[i] = (px[i] - tau * gx) * shrink;
    py[i] = (py[i] - tau * gy) * shrink;
    pz[i] = (pz[i] - tau * gz) * shrink;
    magnitude[i] = g;
    squared[i] = d * d;
  }
}

#define LANES 16

CM_SIMD static double sum_line(const float *line, int64_t n) {
  float lane[LANES] = {0};
  double sum = 0.0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) lane[k] += line[i + k];
  for (; i < n; i++) sum += (double)line[i];
  for (int k = 0; k < LANES; k++) sum += (double)lane[k];
  return sum;
}

/* Where line (y, z) of a volume of p starts. */
static int64_t line_of(const Tv *job, int64_t y, int64_t z) {
  return (z * job->n[1] + y) * job->wide + 1;
}

/* Plane z of u. zeros: a line of them. */
static void primal_plane(const Tv *job, int64_t z, const float *zeros, float *u) {
  for (int64_t y = 0; y < job->n[1]; y++, u += job->wide) {
    const int64_t at = line_of(job, y, z);
    const float *p[3], *before[3];
    for (int axis = 0; axis < 3; axis++) p[axis] = job->p[axis] ? job->p[axis] + at : zeros;
    before[0] = p[0] - 1;
    before[1] = y > 0 ? job->p[1] + line_of(job, y - 1, z) : zeros;
    before[2] = z > 0 ? job->p[2] + line_of(job, y, z - 1) : zeros;
    primal(job->f + at, p, before, job->slope, u, job->n[0]);
    u[job->n[0]] = u[job->n[0] - 1];
  }
}

static bool do_edges(void *arg, CmRange range, CmError **err) {
  const Tv *job = arg;
  float *zeros = cm_calloc(job->ctx, (size_t)job->wide, sizeof(float), err);
  for (int64_t k = range.begin; zeros && k < range.end; k++)
    primal_plane(job, k * job->slab, zeros, job->edges + k * job->n[1] * job->wide);
  cm_free(zeros);
  return zeros != NULL;
}

/* One step for a slab. Its neighbours move p at the same time, so that u on its edges was calculated before. */
static bool do_slab(void *arg, CmRange range, CmError **err) {
  const Tv *job = arg;
  const int64_t plane = job->n[1] * job->wide, n = job->n[0], z0 = range.begin * job->slab;
  const int64_t z1 = z0 + job->slab < job->n[2] ? z0 + job->slab : job->n[2];
  float *room = cm_calloc(job->ctx, (size_t)(2 * plane + 4 * job->wide), sizeof(float), err);
  if (!room) return false;
  float *planes[2] = {room, room + plane}, *zeros = room + 2 * plane, *idle = zeros + job->wide,
        *magnitude = idle + job->wide, *squared = magnitude + job->wide;
  memcpy(planes[z0 % 2], job->edges + range.begin * plane, (size_t)plane * sizeof(float));
  for (int64_t z = z0; z < z1; z++) {
    const float *u = planes[z % 2];
    float *next = planes[(z + 1) % 2];
    if (z + 1 == job->n[2])
      memcpy(next, u, (size_t)plane * sizeof(float));
    else if (z + 1 == z1)
      memcpy(next, job->edges + (range.begin + 1) * plane, (size_t)plane * sizeof(float));
    else
      primal_plane(job, z + 1, zeros, next);
    for (int64_t y = 0; y < job->n[1]; y++) {
      const int64_t at = line_of(job, y, z), below = y + 1 < job->n[1] ? y + 1 : y;
      double *sums = job->sums + 2 * (z * job->n[1] + y);
      dual(u + y * job->wide, u + below * job->wide, next + y * job->wide, job->f + at, job->slope, job->tau,
           job->tau_weight, job->p[0] + at, job->p[1] ? job->p[1] + at : idle, job->p[2] + at, magnitude, squared, n);
      sums[0] = sum_line(squared, n);
      sums[1] = sum_line(magnitude, n);
    }
  }
  cm_free(room);
  return true;
}

typedef struct Transfer {
  const Tv *job;
  bool back;
} Transfer;

/* The image to f, or u to the result; line by line of the image. */
static bool transfer(void *arg, CmRange range, CmError **err) {
  const Transfer *transfer = arg;
  const Tv *job = transfer->job;
  const CmGrid *grid = &job->blocks.grid;
  float *plane = cm_calloc(job->ctx, (size_t)((job->n[1] + 1) * job->wide), sizeof(float), err);
  double *scratch = cm_alloc_array(job->ctx, (size_t)cm__block_store_scratch(&job->blocks), sizeof(double), err);
  const bool ok = plane && scratch;
  for (int64_t z = range.begin; ok && z < range.end; z++) {
    if (transfer->back) primal_plane(job, z, plane + job->n[1] * job->wide, plane);
    for (int64_t y = 0; y < job->n[1]; y++) {
      const int64_t row = z * job->n[1] + y;
      const CmBlock block = {.t = job->t,
                             .component = job->component,
                             .start = {0, row % grid->ny, row / grid->ny},
                             .size = {grid->nx, 1, 1}};
      if (transfer->back)
        cm__block_store_line(&job->blocks, job->t * grid->ny * grid->nz + row, 0, job->component, plane + y * job->wide,
                             grid->nx, scratch);
      else
        cm__block_load(&job->blocks, &block, (float *)scratch, job->f + line_of(job, y, z));
    }
  }
  cm_free(plane);
  cm_free(scratch);
  return ok;
}

/* How much weight is in image units. */
static bool find_weight(const Tv *job, const TotalVariationParams *p, double *weight, CmError **err) {
  const CmGrid *grid = &job->blocks.grid;
  const int64_t rows = grid->ny * grid->nz;
  const CmPart part = {.image = job->blocks.image,
                       .row_begin = job->t * rows,
                       .row_end = (job->t + 1) * rows,
                       .component = job->component};
  CmMoments moments;
  *weight = p->weight;
  if (p->scale == 1) return true;
  if (!cm__part_ends(job->ctx, &part, &moments, err)) return false;
  const double span = moments.max - moments.min;
  *weight *= span > 0.0 && span < 1e37 ? span : 1.0;
  return true;
}

static bool minimize(Tv *job, const TotalVariationParams *p, CmError **err) {
  Transfer move = {.job = job};
  const int64_t lines = job->n[1] * job->n[2], planes_chunk = cm_chunk_count(job->slab, 4);
  double weight, first = 0.0, last = 0.0;
  if (!find_weight(job, p, &weight, err)) return false;
  for (int axis = 0; axis < 3; axis++)
    if (job->p[axis]) memset(job->p[axis], 0, (size_t)(lines * job->wide + 1) * sizeof(float));
  if (!cm_parallel_for(job->ctx, NULL, job->n[2], planes_chunk, transfer, &move, err)) return false;
  job->tau_weight = (float)((double)job->tau / weight);
  /* the last step would move p, and u is calculated from p afterwards */
  for (int64_t k = 0; k + 1 < p->iterations; k++) {
    double squares = 0.0, slopes = 0.0;
    if (!cm_parallel_for(job->ctx, NULL, job->slabs, 1, do_edges, job, err)) return false;
    if (!cm_parallel_for(job->ctx, "total variation", job->slabs, 1, do_slab, job, err)) return false;
    for (int64_t line = 0; line < lines; line++) {
      squares += job->sums[2 * line];
      slopes += job->sums[2 * line + 1];
    }
    const double energy = squares + weight * slopes;
    if (k == 0) first = energy;
    if (k > 0 && fabs(last - energy) < p->eps * first) break;
    last = energy;
  }
  move.back = true;
  return cm_parallel_for(job->ctx, NULL, job->n[2], planes_chunk, transfer, &move, err);
}

static void set_grid(Tv *job, int32_t per) {
  const CmGrid *grid = &job->blocks.grid;
  const double *spacing = cm_image_geometry(job->blocks.image)->spacing;
  const bool flat = grid->nz == 1;
  const int axis_of[3] = {0, 1, flat ? 1 : 2};
  double sum = 0.0;
  job->n[0] = grid->nx;
  job->n[1] = flat ? 1 : grid->ny;
  job->n[2] = flat ? grid->ny : grid->nz;
  job->wide = grid->nx + 1;
  job->slab = WORK / (job->n[1] * grid->nx);
  job->slab = job->slab < 4 ? 4 : job->slab > 64 ? 64 : job->slab;
  job->slabs = cm_chunk_count(job->n[2], job->slab);
  for (int k = 0; k < 3; k++) {
    job->slope[k] = job->n[k] == 1 ? 0.0f : per == 1 ? (float)(1.0 / spacing[axis_of[k]]) : 1.0f;
    sum += (double)job->slope[k] * (double)job->slope[k];
  }
  job->tau = (float)(sum > 0.0 ? 1.0 / (2.0 * sum) : 0.0);
}

static bool run(const CmCall *call, CmError **err) {
  const TotalVariationParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Tv job = {.ctx = call->ctx, .blocks = {.image = image, .grid = cm__grid(image), .mask = &mask}};
  const CmGrid *grid = &job.blocks.grid;
  bool ok = false;
  size_t count;
  set_grid(&job, p->per);
  if (!cm__mask_open(&mask, &call->in[1], image, err)) goto done;
  if (!cm_size_multiply((size_t)job.wide, (size_t)(job.n[1] * job.n[2]), &count, err)) goto done;
  job.blocks.out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)),
                                        cm_image_components(image), err);
  if (!job.blocks.out) goto done;
  float **const volumes[] = {&job.f, &job.p[0], &job.p[2], &job.p[1]};
  for (int k = 0; k < (job.n[1] > 1 ? 4 : 3); k++) {
    *volumes[k] = cm_alloc_array(call->ctx, count + 1, sizeof(float), err);
    if (!*volumes[k]) goto done;
  }
  job.edges = cm_alloc_array(call->ctx, (size_t)(job.slabs * job.n[1]), (size_t)job.wide * sizeof(float), err);
  job.sums = cm_alloc_array(call->ctx, (size_t)(job.n[1] * job.n[2]), 2 * sizeof(double), err);
  if (!job.edges || !job.sums) goto done;
  for (int64_t k = 0; k < grid->nt * grid->components; k++) {
    job.t = k / grid->components;
    job.component = k % grid->components;
    if (!minimize(&job, p, err)) goto done;
  }
  call->out[0] = cm_value_image(cm_image_ref(job.blocks.out));
  ok = true;
done:
  cm_image_unref(&job.blocks.out);
  cm_free(job.f);
  for (int axis = 0; axis < 3; axis++) cm_free(job.p[axis]);
  cm_free(job.edges);
  cm_free(job.sums);
  return ok;
}

CM_OP(total_variation) = {
    .name = "total_variation",
    .family = "denoise",
    .since = "0.2",
    .summary = "Smooth by total variation: the nearest image of little slope, with sharp edges.",
    .details =
        "The u that minimizes |u - image|^2 / (2 weight) + the sum of |grad u| (forward differences), by Chambolle's "
        "projection on the dual field p: p = (p - tau grad u) / (1 + tau / weight * |grad u|), u = image + div p, tau "
        "= 1 "
        "/ (2 * sum of 1 / spacing^2). It stops after `iterations`, or when the energy |u - image|^2 + weight * sum "
        "|grad u| changes by less than eps of its first value. Calculated in f32 for every type. Every time point and "
        "component is filtered by itself. Memory: 16 bytes per voxel of a time point (12 in 2D). Mask: voxels outside "
        "keep their value, but take part. NaN: spreads by a voxel in each step.",
    CM_OP_PARAMS(TotalVariationParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Chambolle A. An algorithm for total variation minimization and applications. J Math Imaging Vis 20, 2004, "
        "section 3",
    .examples =
        "cormack total_variation ct.nii.gz out.nii.gz --scale absolute --weight 40\n"
        "cormack total_variation xray.png out.png --weight 0.05",
    .run = run,
};
