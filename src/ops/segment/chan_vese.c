#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/measure/gather.h"
#include "ops/simd.h"

enum { CHECKERBOARD, DISK, SMALL_DISK };

typedef struct ChanVeseParams {
  double mu, lambda1, lambda2, tol;
  int64_t iterations;
  double dt;
  int32_t init;
} ChanVeseParams;

static const CmParam params[] = {
    CM_PARAM_REAL(ChanVeseParams, mu, 0.25, 0, 1e6, "1", "weight of the contour's length: the larger, the rounder"),
    CM_PARAM_REAL(ChanVeseParams, lambda1, 1, 0, 1e6, "1", "weight of the spread inside"),
    CM_PARAM_REAL(ChanVeseParams, lambda2, 1, 0, 1e6, "1", "weight of the spread outside"),
    CM_PARAM_REAL(ChanVeseParams, tol, 0.001, 0, 1e6, "1",
                  "steps end when the level set changes by less (root of the mean squared change)"),
    CM_PARAM_INT(ChanVeseParams, iterations, 500, 0, 1000000, "1", "most steps"),
    CM_PARAM_REAL(ChanVeseParams, dt, 0.5, 1e-6, 1e6, "1", "length of a step"),
    CM_PARAM_ENUM(ChanVeseParams, init, "checkerboard|disk|small_disk", "checkerboard",
                  "level set to begin with, unless `start` is given"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is segmented"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
    {.name = "start",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .help = "level set to begin with, > 0 inside; of a label map what is not 0 is 1 and the rest -1"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 1 where the level set is > 0"},
    {.name = "level_set", .kind = CM_KIND_IMAGE, .optional = true, .help = "f32: the level set at the end"},
};

typedef struct Level {
  CmContext *ctx;
  const CmImage *image, *start;
  const CmMask *mask;
  CmImage *labels, *level;
  CmGrid grid;
  int64_t t;
  bool first, finite; /* first: only the sums are taken */
  void *from, *to;
  double mu, dt, lambda1, lambda2, low, scale;
  double weight[3];
  int32_t init;
  double *part, *mean; /* per chunk: change, count, sums; per component: inside, outside */
} Level;

static double start_value(const Level *job, const int64_t at[3]) {
  const double pi = 3.14159265358979323846;
  const int64_t n[3] = {job->grid.nx, job->grid.ny, job->grid.nz};
  double squares = 1.0, far = 0.0, radius = INFINITY;
  for (int axis = 0; axis < 3; axis++) {
    if (n[axis] == 1) continue;
    const int64_t middle = (n[axis] - 1) / 2;
    squares *= sin((double)at[axis] * (pi / 5.0));
    far += (double)((at[axis] - middle) * (at[axis] - middle));
    radius = (double)middle < radius ? (double)middle : radius;
  }
  if (job->init == CHECKERBOARD) return squares;
  radius = isfinite(radius) && radius >= 1.0 ? radius : 1.0;
  return job->init == DISK ? (radius - sqrt(far)) / radius : (radius / 2.0 - sqrt(far)) / (radius * 1.5);
}

#define R float
#define X(name) name##_f32
#define root_f32 sqrtf
#define line_to_f32 cm__line_to_f32
#include "ops/segment/chan_vese_tmpl.c"
#undef R
#undef X
#define R double
#define X(name) name##_f64
#define root_f64 sqrt
#define line_to_f64 cm__line_to_f64
#include "ops/segment/chan_vese_tmpl.c"
#undef R
#undef X

/* The parts of the chunks, added in order: sums[0] change, [1] count, [2 + c]. */
static bool gather(Level *job, int64_t chunk, CmRangeFn fn, double *sums, CmError **err) {
  const int64_t rows = job->grid.ny * job->grid.nz, n = 2 + job->grid.components;
  if (!cm_parallel_for(job->ctx, NULL, rows, chunk, fn, job, err)) return false;
  for (int64_t c = 0; c < n; c++) sums[c] = 0.0;
  for (int64_t k = 0; k < cm_chunk_count(rows, chunk); k++)
    for (int64_t c = 0; c < n; c++) sums[c] += job->part[k * n + c];
  return true;
}

/* Values go from 0 to 1 inside the mask. */
static bool take_range(Level *job, CmError **err) {
  const int64_t rows = job->grid.ny * job->grid.nz;
  const CmPart part = {.image = job->image,
                       .mask = job->mask,
                       .row_begin = job->t * rows,
                       .row_end = (job->t + 1) * rows,
                       .component = -1};
  CmMoments moments;
  if (!cm__part_moments(job->ctx, &part, &moments, err)) return false;
  if (moments.count > 0 && !isfinite(moments.max - moments.min)) {
    cm_error_set(err, CM_ERR_DATA, "the image has infinite values; clip it first");
    return false;
  }
  job->low = moments.count ? moments.min : 0.0;
  job->scale = moments.count && moments.max > moments.min ? 1.0 / (moments.max - moments.min) : 1.0;
  return true;
}

static bool evolve(Level *job, const ChanVeseParams *p, int64_t chunk, double *sums, CmError **err) {
  const bool wide = !cm__type_fits_f32(cm_image_type(job->image));
  const int64_t components = job->grid.components;
  double *all = sums + 2 + components;
  double change = INFINITY;
  job->first = true;
  if (!take_range(job, err) ||
      !cm_parallel_for(job->ctx, NULL, job->grid.ny * job->grid.nz, chunk, wide ? start_rows_f64 : start_rows_f32, job,
                       err) ||
      !gather(job, chunk, wide ? all_rows_f64 : all_rows_f32, all, err) ||
      !gather(job, chunk, wide ? rows_f64 : rows_f32, sums, err))
    return false;
  job->first = false;
  for (int64_t k = 0; k < p->iterations && change > p->tol; k++) {
    for (int64_t c = 0; c < components; c++) {
      const double count = sums[1], rest = all[1] - count;
      job->mean[2 * c] = count > 0.0 ? sums[2 + c] / count : 0.0;
      job->mean[2 * c + 1] = rest > 0.0 ? (all[2 + c] - sums[2 + c]) / rest : 0.0;
    }
    cm_progress(job->ctx, "chan_vese", job->t * p->iterations + k, job->grid.nt * p->iterations);
    if (!gather(job, chunk, wide ? rows_f64 : rows_f32, sums, err)) return false;
    void *swap = job->from;
    job->from = job->to;
    job->to = swap;
    change = sqrt(sums[0] / (double)(job->grid.nx * job->grid.ny * job->grid.nz));
  }
  cm_progress(job->ctx, "chan_vese", job->t + 1, job->grid.nt);
  return cm_parallel_for(job->ctx, NULL, job->grid.ny * job->grid.nz, chunk, wide ? end_rows_f64 : end_rows_f32, job,
                         err);
}

static void set_weights(Level *job) {
  const double *spacing = cm_image_geometry(job->image)->spacing;
  const int64_t n[3] = {job->grid.nx, job->grid.ny, job->grid.nz};
  double finest = INFINITY;
  for (int axis = 0; axis < 3; axis++)
    if (n[axis] > 1 && spacing[axis] < finest) finest = spacing[axis];
  for (int axis = 0; axis < 3; axis++)
    job->weight[axis] = n[axis] > 1 ? finest / spacing[axis] * (finest / spacing[axis]) : 0.0;
}

static bool run(const CmCall *call, CmError **err) {
  const ChanVeseParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const bool wide = !cm__type_fits_f32(cm_image_type(image));
  CmMask mask;
  double *sums = NULL;
  bool ok = false;
  Level job = {.ctx = call->ctx,
               .image = image,
               .mask = &mask,
               .start = call->in[2].kind == CM_KIND_NONE ? NULL : call->in[2].image,
               .grid = cm__grid(image),
               .finite = cm_type_is_integer(cm_image_type(image)),
               .mu = p->mu,
               .dt = p->dt,
               .lambda1 = p->lambda1,
               .lambda2 = p->lambda2,
               .init = p->init};
  const int64_t rows = job.grid.ny * job.grid.nz, components = job.grid.components;
  const int64_t chunk = job.grid.row < 16384 ? 16384 / job.grid.row : 1;
  const size_t plane = (size_t)rows * (size_t)(job.grid.nx + 2);
  set_weights(&job);
  if (!cm__mask_open(&mask, &call->in[1], image, err) || (job.start && !cm__check_times(image, job.start, err)))
    goto done;
  job.labels = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!job.labels || !cm_image_set_unit(job.labels, "1", err)) goto done;
  if (call->wanted && call->wanted[1]) {
    job.level = cm_image_create_like(call->ctx, image, CM_F32, 1, err);
    if (!job.level || !cm_image_set_unit(job.level, "1", err)) goto done;
  }
  job.from = cm_alloc_array(call->ctx, plane, wide ? sizeof(double) : sizeof(float), err);
  job.to = job.from ? cm_alloc_array(call->ctx, plane, wide ? sizeof(double) : sizeof(float), err) : NULL;
  job.part =
      job.to ? cm_alloc_array(call->ctx, (size_t)(cm_chunk_count(rows, chunk) * (2 + components)), sizeof(double), err)
             : NULL;
  sums = job.part ? cm_alloc_array(call->ctx, (size_t)(4 + 4 * components), sizeof(double), err) : NULL;
  if (!sums) goto done;
  job.mean = sums + 4 + 2 * components;
  for (job.t = 0; job.t < job.grid.nt; job.t++)
    if (!evolve(&job, p, chunk, sums, err)) goto done;
  call->out[0] = cm_value_labels(cm_image_ref(job.labels));
  if (job.level) call->out[1] = cm_value_image(cm_image_ref(job.level));
  ok = true;
done:
  cm_free(job.from);
  cm_free(job.to);
  cm_free(job.part);
  cm_free(sums);
  cm_image_unref(&job.labels);
  cm_image_unref(&job.level);
  return ok;
}

CM_OP(chan_vese) = {
    .name = "chan_vese",
    .family = "segment",
    .since = "0.1",
    .summary = "Part an image into two regions of different means, by a level set.",
    .details =
        "Minimizes mu length + lambda1 sum inside (v - m1)^2 + lambda2 sum outside (v - m2)^2 over the contour and the "
        "means; v is the image scaled to 0..1 inside the mask, of several components the mean of the sums is taken. "
        "Steps are those of Getreuer, equation 22, all voxels at a time, in 3D with three axes; 1e-16 is added under "
        "the roots, the delta function is 1 / (1 + phi^2). Lengths count in units of the finest spacing. "
        "Beyond the border: the nearest voxel. checkerboard: the product of sin(pi i / 5) over the axes; disk: "
        "(r - d) / r with d the distance in voxels from voxel (n - 1) / 2 and r that of the shortest axis; small_disk: "
        "(r / 2 - d) / (1.5 r). Mask: outside, and where a value is NaN, no data pull, nothing is taken into the "
        "means, and the label is 0. Time points stay apart. u8 to i16 and f32 are calculated in f32, the others in "
        "f64; two such level sets are allocated beside the result.",
    CM_OP_PARAMS(ChanVeseParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite =
        "Chan TF, Vese LA. Active contours without edges. IEEE Trans Image Process 10(2), 2001; Getreuer P. "
        "Chan-Vese segmentation. Image Processing On Line 2, 2012",
    .examples =
        "cormack chan_vese ct.nii.gz regions.nii.gz --mu 0.1\n"
        "cormack chan_vese mr.nii.gz lesion.nii.gz --start seed.nii.gz --lambda2 2 --level_set phi.nii.gz",
    .run = run,
};
