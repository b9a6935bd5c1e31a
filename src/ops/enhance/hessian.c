#include "ops/enhance/hessian.h"

#include <math.h>

#include "cormack/parallel.h"
#include "ops/block.h"
#include "ops/eigen.h"
#include "ops/filter/terms.h"
#include "ops/simd.h"

enum { LANES = 32, SEGMENT = 256 }; /* values that kernels do at once, at least; voxels of a tile along x */

typedef struct Plan {
  CmContext *ctx;
  const CmHessian *job;
  CmGrid grid;
  int64_t t, component;
  bool wide;
  double origin; /* taken from all values, which changes no slope: a value of the image */
  int64_t radius[3], most;
  bool is_long[3];     /* axes longer than one voxel */
  double *half[3][3];  /* of each axis the taps of order 0, 1, 2 */
  double factor[6];    /* of xx, yy, zz, xy, xz, yz; 0: there is none */
  int plane[3];        /* in 2D: which of the six are xx, yy, xy */
  int64_t rows, depth; /* of a tile */
  /* Kernels wider than the image: tiles hold each of its rows, or planes, once, and one of border_value behind them. */
  bool all_rows, all_planes;
  int64_t segments, bands;
} Plan;

typedef struct Tile {
  const Plan *plan;
  int64_t x0, n, y0, rows, z0, z1;
  int64_t core, stride; /* n in whole lanes, and with what lies beside */
  int64_t tall, slot;   /* rows of a plane in memory, and its values */
  int64_t planes;       /* in memory */
  void *values;
  void *near;
  double *m[6];
} Tile;

/* The eigenvalues of a row. */
static void finish(const Tile *tile, int64_t y, int64_t z) {
  const Plan *plan = tile->plan;
  const CmGrid *grid = &plan->grid;
  CmHessianPiece piece = {.row = (plan->t * grid->nz + z) * grid->ny + y, .x = tile->x0, .n = tile->n};
  if (plan->is_long[0] && plan->is_long[1] && plan->is_long[2]) {
    const double *const m[6] = {tile->m[0], tile->m[1], tile->m[2], tile->m[3], tile->m[4], tile->m[5]};
    piece.axes = 3;
    for (int k = 0; k < 3; k++) piece.e[k] = tile->m[k];
    cm__eigen3_line(m, tile->n, piece.e);
  } else {
    const double *const m[3] = {tile->m[plan->plane[0]], tile->m[plan->plane[1]], tile->m[plan->plane[2]]};
    piece.axes = 2;
    for (int k = 0; k < 2; k++) piece.e[k] = tile->m[plan->plane[k]];
    cm__eigen2_line(m, tile->n, piece.e);
  }
  plan->job->piece(plan->job->arg, &piece);
}

/* Where row y, or plane z, which may lie beyond the border, stands in memory. */
static int64_t row_slot(const Tile *tile, int64_t y) {
  const Plan *plan = tile->plan;
  if (!plan->all_rows) return y - tile->y0 + plan->radius[1];
  return cm__border_slot(plan->job->border, y, plan->grid.ny);
}

static int64_t plane_slot(const Tile *tile, int64_t z) {
  const Plan *plan = tile->plan;
  if (!plan->all_planes) return (z - tile->z0 + plan->radius[2]) % tile->planes;
  return cm__border_slot(plan->job->border, z, plan->grid.nz);
}

#define R float
#define X(name) name##_f32
#define load_f32 cm__block_load
#include "ops/enhance/hessian_tmpl.c"
#undef R
#undef X
#define R double
#define X(name) name##_f64
#define load_f64 cm__block_load_f64
#include "ops/enhance/hessian_tmpl.c"
#undef R
#undef X

static int64_t whole_lanes(int64_t n) {
  return (n + LANES - 1) / LANES * LANES;
}

static bool do_tile(void *arg, CmRange range, CmError **err) {
  const Plan *plan = arg;
  const CmGrid *grid = &plan->grid;
  const int64_t at = range.begin;
  Tile tile = {.plan = plan,
               .x0 = at % plan->segments * SEGMENT,
               .y0 = at / plan->segments % plan->bands * plan->rows,
               .z0 = at / plan->segments / plan->bands * plan->depth};
  tile.n = grid->nx - tile.x0 < SEGMENT ? grid->nx - tile.x0 : SEGMENT;
  tile.rows = grid->ny - tile.y0 < plan->rows ? grid->ny - tile.y0 : plan->rows;
  tile.z1 = grid->nz - tile.z0 < plan->depth ? grid->nz : tile.z0 + plan->depth;
  tile.core = whole_lanes(tile.n);
  tile.stride = whole_lanes(tile.core + 2 * plan->radius[0]);
  tile.tall = plan->all_rows ? grid->ny + 1 : tile.rows + 2 * plan->radius[1];
  tile.planes = plan->all_planes ? grid->nz + 1 : 2 * plan->radius[2] + 1;
  tile.slot = tile.tall * tile.stride;
  const int64_t values = (tile.planes + 3) * tile.slot + (7 + grid->components) * tile.stride + 9 * (plan->most + 1);
  tile.values = cm_calloc(plan->ctx, (size_t)values, plan->wide ? sizeof(double) : sizeof(float), err);
  tile.near = cm_alloc_array(plan->ctx, (size_t)(2 * plan->most + 1), sizeof(void *), err);
  double *lines = cm_calloc(plan->ctx, (size_t)(6 * tile.n), sizeof(double), err);
  bool ok = tile.values && tile.near && lines;
  for (int k = 0; ok && k < 6; k++) tile.m[k] = lines + k * tile.n;
  ok = ok && (plan->wide ? tile_f64 : tile_f32)(&tile, err);
  cm_free(tile.values);
  cm_free(tile.near);
  cm_free(lines);
  return ok;
}

/* The taps of an axis, as long as its widest. */
static bool set_taps(Plan *plan, int axis, double sigma, CmError **err) {
  const int orders = plan->is_long[axis] ? 3 : 1;
  for (int order = orders - 1; order >= 0; order--) {
    CmTaps taps = {.half = NULL};
    if (!cm__gaussian_taps(plan->ctx, sigma, plan->job->truncate, order, &taps, err)) {
      cm_free(taps.half);
      return false;
    }
    if (taps.radius > plan->radius[axis]) plan->radius[axis] = taps.radius;
    plan->half[axis][order] = cm_calloc(plan->ctx, (size_t)plan->radius[axis] + 1, sizeof(double), err);
    for (int64_t k = 0; plan->half[axis][order] && k <= taps.radius; k++) plan->half[axis][order][k] = taps.half[k];
    cm_free(taps.half);
    if (!plan->half[axis][order]) return false;
  }
  return true;
}

static bool set_plan(Plan *plan, CmError **err) {
  static const int pair[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  const CmHessian *job = plan->job;
  const CmReals sigma = {.count = 1, .value = {job->sigma}};
  double voxels[3];
  cm__axis_sizes(&sigma, job->units, job->image, voxels);
  for (int axis = 0; axis < 3; axis++) {
    plan->is_long[axis] = cm_image_dims(job->image)[axis] > 1;
    if (!set_taps(plan, axis, voxels[axis], err)) return false;
    plan->most = plan->radius[axis] > plan->most ? plan->radius[axis] : plan->most;
  }
  for (int k = 0; k < 6; k++) {
    const int a = pair[k][0], b = pair[k][1], per = job->units == 0;
    if (plan->is_long[a] && plan->is_long[b])
      plan->factor[k] = cm__per_factor(per, job->image, a, 1) * cm__per_factor(per, job->image, b, 1);
  }
  const int missing = !plan->is_long[2] ? 2 : !plan->is_long[1] ? 1 : 0, a = missing == 0, b = missing == 2 ? 1 : 2;
  plan->plane[0] = a;
  plan->plane[1] = b;
  plan->plane[2] = a + b + 2; /* xy, xz, yz stand at 3, 4, 5 */
  const int64_t tall = 2 * plan->radius[1], deep = 2 * plan->radius[2];
  plan->rows = tall < 16 ? 16 : tall > 48 ? 48 : tall;
  plan->depth = deep < 16 ? 16 : deep;
  plan->all_rows = plan->rows + tall > plan->grid.ny;
  plan->all_planes = deep + 1 > plan->grid.nz;
  plan->segments = cm_chunk_count(plan->grid.nx, SEGMENT);
  plan->bands = cm_chunk_count(plan->grid.ny, plan->rows);
  return true;
}

/* The first voxel; where all are alike, slopes are then 0 to the last bit. */
static double origin_of(const Plan *plan) {
  const CmGrid *grid = &plan->grid;
  const char *from = cm__row(plan->job->image, grid, plan->t * grid->nz * grid->ny);
  double first;
  cm__line_to_f64(cm_image_type(plan->job->image), from + (size_t)plan->component * grid->size, 1, &first);
  return isfinite(first) && fabs(first) < 1e30 ? first : 0.0;
}

bool cm__hessian(CmContext *ctx, const CmHessian *job, int64_t t, int64_t component, CmError **err) {
  Plan plan = {.ctx = ctx, .job = job, .grid = cm__grid(job->image), .t = t, .component = component};
  plan.origin = job->anywhere ? 0.0 : origin_of(&plan);
  plan.wide = job->wide || job->anywhere;
  const bool ok = set_plan(&plan, err) &&
                  cm_parallel_for(ctx, job->what, plan.segments * plan.bands * cm_chunk_count(plan.grid.nz, plan.depth),
                                  1, do_tile, &plan, err);
  for (int axis = 0; axis < 3; axis++)
    for (int order = 0; order < 3; order++) cm_free(plan.half[axis][order]);
  return ok;
}
