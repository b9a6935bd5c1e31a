#include "ops/filter/separable.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

enum { MOST_PAIRS = 4 };

/* Rows and planes do not lie powers of two apart: they would share sets of the cache. */
static int64_t band_pitch(int64_t n) {
  return n + 16 + (16 - n % 16) % 16;
}

static int64_t ring_pitch(int64_t rows, int64_t n) {
  return rows * n + 16;
}

/* How much of a row is filtered along y at a time: all its neighbours stay in the first-level cache. */
static int64_t part_of_row(int64_t radius) {
  const int64_t part = 6144 / (2 * radius + 1) / 64 * 64;
  return part < 256 ? 256 : part;
}

/* A kernel wider than the image: every row (or plane) is filtered once and kept, and one for what lies beyond. */
static bool kept_whole(int64_t radius, int64_t n) {
  return 2 * radius > n;
}

/* Rows of a plane that are kept while a tile is filtered along y, planes while it is filtered along z. */
static int64_t band_rows(const CmSeparable *job, const CmGrid *grid, int64_t rows) {
  const int64_t radius = job->taps[1].radius;
  if (radius == 0) return 0;
  return kept_whole(radius, grid->ny) ? grid->ny + 1 : rows + 2 * radius;
}

static int64_t ring_planes(const CmSeparable *job, const CmGrid *grid) {
  const int64_t radius = job->taps[2].radius;
  return kept_whole(radius, grid->nz) ? grid->nz + 1 : 2 * radius + 1;
}

#define R float
#define X(name) name##_f32
#define load_f32 cm__line_to_f32
#define unload_f32 cm__line_from_f32
#define Tile TileF32
#include "ops/filter/separable_tmpl.c"
#undef R
#undef X
#undef Tile
#define R double
#define X(name) name##_f64
#define load_f64 cm__line_to_f64
#define unload_f64 cm__line_from_f64
#define Tile TileF64
#include "ops/filter/separable_tmpl.c"
#undef R
#undef X
#undef Tile

typedef struct Plan {
  CmContext *ctx;
  const CmSeparable *job;
  CmGrid grid;
  int64_t tile_rows, strip, strips; /* rows of a tile, tiles that one worker does in turn, strips of a time point */
  bool wide;
} Plan;

bool cm__separable_wide(const CmSeparable *job) {
  return job->exact || !cm__type_fits_f32(cm_image_type(job->image)) || cm_image_type(job->out) == CM_F64;
}

static int64_t tile_values(const Plan *plan, int64_t rows) {
  const CmTaps *taps = plan->job->taps;
  const CmGrid *grid = &plan->grid;
  int64_t line = (grid->nx + 2 * taps[0].radius) * grid->components;
  int64_t band = band_rows(plan->job, grid, rows) * band_pitch(grid->row);
  return line + band + ring_planes(plan->job, grid) * ring_pitch(rows, grid->row) + grid->row;
}

/* Tiles that stay in the second-level cache, and that take at most a sixty-fourth of the image. */
static void plan_tiles(Plan *plan) {
  const CmGrid *grid = &plan->grid;
  const int64_t value = plan->wide ? 8 : 4, image = grid->rows * grid->row * (int64_t)grid->size;
  int64_t budget = image / 64, least = 2 * plan->job->taps[1].radius;
  budget = budget < 65536 ? 65536 : budget > 786432 ? 786432 : budget;
  least = least < 4 ? 4 : least > 16 ? 16 : least;
  plan->tile_rows = 64;
  while (plan->tile_rows > least && tile_values(plan, plan->tile_rows) * value > budget) plan->tile_rows--;
  if (plan->tile_rows > grid->ny) plan->tile_rows = grid->ny;
  plan->strip = grid->nz == 1 && plan->job->taps[2].radius == 0 ? 8 : 1; /* one plane: it is filtered once */
  plan->strips = cm_chunk_count(grid->ny, plan->tile_rows * plan->strip);
}

static bool do_tile(void *arg, CmRange range, CmError **err) {
  const Plan *plan = arg;
  const CmSeparable *job = plan->job;
  const CmGrid *grid = &plan->grid;
  const int64_t begin = range.begin % plan->strips * plan->strip * plan->tile_rows;
  int64_t most = 0, end = begin + plan->strip * plan->tile_rows;
  if (end > grid->ny) end = grid->ny;
  for (int axis = 0; axis < 3; axis++) most = job->taps[axis].radius > most ? job->taps[axis].radius : most;
  const size_t value = plan->wide ? 8 : 4;
  bool ok = false;
  void *scratch = cm_alloc_array(plan->ctx, (size_t)tile_values(plan, plan->tile_rows), value, err);
  void *pointers = cm_alloc_array(plan->ctx, (size_t)(2 * most + 1), sizeof(void *), err);
  void *half = cm_alloc_array(plan->ctx, (size_t)(3 * (2 * most + 1)), value, err);
  uint8_t *inside = cm_alloc(plan->ctx, (size_t)grid->nx, err);
  double *restored =
      cm_alloc_array(plan->ctx, job->mask && job->mask->image ? (size_t)grid->row : 0, sizeof(double), err);
  if (!scratch || !pointers || !half || !inside || !restored) goto done;
  TileF32 narrow = {.ctx = plan->ctx,
                    .job = job,
                    .grid = *grid,
                    .t = range.begin / plan->strips,
                    .scratch = scratch,
                    .pointers = pointers,
                    .inside = inside,
                    .restored = restored};
  TileF64 wide = {.ctx = plan->ctx,
                  .job = job,
                  .grid = *grid,
                  .t = narrow.t,
                  .scratch = scratch,
                  .pointers = pointers,
                  .inside = inside,
                  .restored = restored};
  for (int axis = 0; axis < 3; axis++) {
    float *f32 = (float *)half + axis * (2 * most + 1);
    double *f64 = (double *)half + axis * (2 * most + 1);
    const int64_t radius = job->taps[axis].radius, count = job->taps[axis].parity == 0 ? 2 * radius + 1 : radius + 1;
    for (int64_t k = 0; radius && k < count; k++) {
      if (plan->wide)
        f64[k] = job->taps[axis].half[k];
      else
        f32[k] = (float)job->taps[axis].half[k];
    }
    narrow.half[axis] = f32;
    wide.half[axis] = f64;
  }
  ok = true;
  for (int64_t y = begin; y < end && ok; y += plan->tile_rows) {
    narrow.y0 = wide.y0 = y;
    narrow.y1 = wide.y1 = y + plan->tile_rows < end ? y + plan->tile_rows : end;
    narrow.carried = wide.carried = y > begin ? plan->tile_rows : 0;
    ok = plan->wide ? tile_f64(&wide, err) : tile_f32(&narrow, err);
  }
done:
  cm_free(scratch);
  cm_free(pointers);
  cm_free(half);
  cm_free(inside);
  cm_free(restored);
  return ok;
}

typedef struct Several {
  Plan plans[CM_SEPARABLE_MOST];
  int count;
} Several;

static bool do_tiles(void *arg, CmRange range, CmError **err) {
  const Several *several = arg;
  bool ok = true;
  for (int k = 0; k < several->count && ok; k++) ok = do_tile((void *)&several->plans[k], range, err);
  return ok;
}

bool cm__separable_several(CmContext *ctx, const CmSeparable *jobs, int count, CmError **err) {
  Several all = {.count = count};
  for (int k = 0; k < count; k++) {
    Plan *plan = &all.plans[k];
    *plan = (Plan){.ctx = ctx, .job = &jobs[k], .grid = cm__grid(jobs[k].image), .wide = cm__separable_wide(&jobs[k])};
    plan_tiles(plan);
    if (plan->tile_rows < all.plans[0].tile_rows) all.plans[0].tile_rows = plan->tile_rows;
    if (plan->strip < all.plans[0].strip) all.plans[0].strip = plan->strip;
  }
  if (count == 0) return true;
  for (int k = 0; k < count; k++) {
    Plan *plan = &all.plans[k];
    plan->tile_rows = all.plans[0].tile_rows;
    plan->strip = count > 1 && all.plans[0].strip > 2 ? 2 : all.plans[0].strip;
    plan->strips = cm_chunk_count(plan->grid.ny, plan->tile_rows * plan->strip);
  }
  const Plan *first = &all.plans[0];
  return cm_parallel_for(ctx, jobs->what, first->strips * first->grid.nt, 1, do_tiles, &all, err);
}

bool cm__separable(CmContext *ctx, const CmSeparable *job, CmError **err) {
  return cm__separable_several(ctx, job, 1, err);
}

bool cm__separable_call(const CmCall *call, CmSeparable *job, CmType type, CmError **err) {
  const CmImage *image = call->in[0].image;
  CmMask mask;
  CmImage *out = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) goto done;
  out = cm_image_create_like(call->ctx, image, type, cm_image_components(image), err);
  if (!out) goto done;
  job->image = image;
  job->mask = &mask;
  job->out = out;
  if (!cm__separable(call->ctx, job, err)) goto done;
  call->out[0] = cm_value_image(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&out);
  cm__separable_free(job);
  return ok;
}

void cm__separable_free(CmSeparable *job) {
  for (int axis = 0; axis < 3; axis++) {
    cm_free(job->taps[axis].half);
    job->taps[axis].half = NULL;
  }
}

/* Turns the weights of a Gaussian into those of its derivative: times the polynomial of that order that is orthogonal
 * to all lower ones under these weights (p[n+1] = k p[n] - |p[n]|^2 / |p[n-1]|^2 p[n-1]), scaled so that k^order gives
 * order!. */
static bool differentiate(CmContext *ctx, int order, CmTaps *taps, CmError **err) {
  const int64_t radius = taps->radius;
  double *last = cm_alloc_array(ctx, (size_t)(2 * radius + 2), sizeof(double), err);
  double norm = 0.0, last_norm = 0.0, factorial = 1.0;
  if (!last) return false;
  double *next = last + radius + 1;
  for (int64_t k = 0; k <= radius; k++) {
    last[k] = 0.0;
    next[k] = 1.0;
  }
  for (int n = 0; n <= order; n++) {
    norm = 0.0;
    for (int64_t k = radius; k >= 0; k--) norm += (k ? 2.0 : 1.0) * taps->half[k] * next[k] * next[k];
    for (int64_t k = 0; k <= radius && n < order; k++) {
      const double p = (double)k * next[k] - (n ? norm / last_norm : 0.0) * last[k];
      last[k] = next[k];
      next[k] = p;
    }
    last_norm = norm;
    factorial *= n ? (double)n : 1.0;
  }
  for (int64_t k = 0; k <= radius; k++) taps->half[k] *= next[k] * factorial / norm;
  cm_free(last);
  return true;
}

static int64_t cut_at(double sigma, double truncate) {
  return sigma > 0.0 ? (int64_t)floor(fmin(truncate * sigma, 1e9) + 0.5) : 0;
}

/* The narrowest kernel that knows this derivative; its weights are the finite difference. */
static int64_t narrowest(int order) {
  return (order + 1) / 2;
}

bool cm__gaussian_reach(const CmReals *sigma, int32_t units, double truncate, int order, int32_t border,
                        const CmImage *image, int64_t reach[3]) {
  double voxels[3];
  cm__axis_sizes(sigma, units, image, voxels);
  for (int axis = 0; axis < 3; axis++) {
    const int64_t least = cm_image_dims(image)[axis] > 1 ? narrowest(order) : 0, wide = cut_at(voxels[axis], truncate);
    reach[axis] = wide < least ? least : wide;
  }
  return border != CM_BORDER_WRAP;
}

bool cm__gaussian_taps(CmContext *ctx, double sigma, double truncate, int order, CmTaps *taps, CmError **err) {
  const int64_t least = narrowest(order);
  int64_t radius = cut_at(sigma, truncate);
  const bool flat = radius < least || radius == 0;
  radius = radius < least ? least : radius;
  *taps = (CmTaps){.radius = radius, .parity = order & 1 ? -1 : 1};
  if (radius > 4096) {
    cm_error_set(
        err, CM_ERR_PARAMETER,
        "a Gaussian of %g voxels, cut at %g standard deviations, is too wide; the kernel may reach 4096 voxels", sigma,
        truncate);
    return false;
  }
  taps->half = cm_alloc_array(ctx, (size_t)radius + 1, sizeof(double), err);
  if (!taps->half) return false;
  double sum = 0.0;
  for (int64_t k = radius; k >= 0; k--) {
    taps->half[k] = flat ? 1.0 : exp(-0.5 * (double)(k * k) / (sigma * sigma));
    sum += k ? 2.0 * taps->half[k] : taps->half[k];
  }
  for (int64_t k = 0; k <= radius; k++) taps->half[k] /= sum;
  return order == 0 || differentiate(ctx, order, taps, err);
}

bool cm__separable_gaussian(CmContext *ctx, CmSeparable *job, const CmReals *sigma, int32_t units, double truncate,
                            const CmImage *image, CmError **err) {
  double voxels[3];
  cm__axis_sizes(sigma, units, image, voxels);
  for (int axis = 0; axis < 3; axis++)
    if (!cm__gaussian_taps(ctx, voxels[axis], truncate, 0, &job->taps[axis], err)) {
      cm__separable_free(job);
      return false;
    }
  return true;
}

bool cm__separable_box(CmContext *ctx, CmSeparable *job, const CmReals *radius, int32_t units, const CmImage *image,
                       double *count, CmError **err) {
  int64_t radii[3];
  if (!cm__axis_radii(radius, units, image, radii, err)) return false;
  *count = 1.0;
  for (int axis = 0; axis < 3; axis++) {
    job->taps[axis] = (CmTaps){.radius = radii[axis], .parity = 1};
    job->taps[axis].half = cm_alloc_array(ctx, (size_t)radii[axis] + 1, sizeof(double), err);
    if (!job->taps[axis].half) {
      cm__separable_free(job);
      return false;
    }
    for (int64_t k = 0; k <= radii[axis]; k++) job->taps[axis].half[k] = 1.0;
    *count *= (double)(2 * radii[axis] + 1);
  }
  return true;
}

CmImage *cm__gaussian(CmContext *ctx, const CmImage *image, const double sigma[3], CmType type, CmError **err) {
  CmSeparable job = {.what = "gaussian", .image = image};
  bool ok = true;
  job.out = cm_image_create_like(ctx, image, type, cm_image_components(image), err);
  for (int axis = 0; axis < 3 && ok; axis++)
    ok = cm__gaussian_taps(ctx, cm_image_dims(image)[axis] == 1 ? 0.0 : sigma[axis], 4.0, 0, &job.taps[axis], err);
  ok = ok && job.out && cm__separable(ctx, &job, err);
  cm__separable_free(&job);
  if (!ok) cm_image_unref(&job.out);
  return job.out;
}
