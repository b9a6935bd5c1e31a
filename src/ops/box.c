#include "ops/box.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/block.h"
#include "ops/simd.h"

typedef struct Plan {
  CmContext *ctx;
  const CmBox *job;
  CmGrid grid;
  int64_t t, component;
  int64_t size[3], count[3]; /* of a tile, and how many */
  bool narrow;               /* int32_t holds the sums */
} Plan;

typedef struct Tile {
  const Plan *plan;
  int64_t x0, n, y0, rows, z0, planes;
  void *room, *loaded;
} Tile;

#define R int32_t
#define L float
#define X(name) name##_i32
#define load_i32 cm__block_load
static void slide_i32(int32_t *from, int64_t step, int64_t width, int32_t *to, int64_t n);
static void give_i32(const Tile *tile, int32_t *values, int32_t *sum, int32_t *squares, CmBoxPiece *piece);
#include "ops/box_tmpl.c"
#undef R
#undef L
#undef X
#define R double
#define L double
#define X(name) name##_f64
#define load_f64 cm__block_load_f64
#define slide_f64 sums_f64
static void give_f64(const Tile *tile, double *values, double *sum, double *squares, CmBoxPiece *piece);
#include "ops/box_tmpl.c"
#undef R
#undef L
#undef X

CM_SIMD static void step_i32(const int32_t *last, const int32_t *in, const int32_t *out, int32_t *restrict to,
                             int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = last[i] + (in[i] - out[i]);
}

/* As sums, for steps of whole lines: what comes in less what goes out. */
static void slide_i32(int32_t *from, int64_t step, int64_t width, int32_t *to, int64_t n) {
  memcpy(to, from, (size_t)step * sizeof(int32_t));
  for (int64_t k = 1; k < width; k++) add_i32(from + k * step, to, step);
  for (int64_t i = step; i < n; i += step)
    step_i32(to + i - step, from + i + (width - 1) * step, from + i - step, to + i, step);
}

static void give_i32(const Tile *tile, int32_t *values, int32_t *sum, int32_t *squares, CmBoxPiece *piece) {
  (void)tile;
  (void)squares;
  piece->whole = values;
  piece->whole_sum = sum;
}

static void give_f64(const Tile *tile, double *values, double *sum, double *squares, CmBoxPiece *piece) {
  piece->values = values;
  piece->sum = sum;
  if (tile->plan->job->squares) piece->squares = squares;
}

static bool holds(const CmBox *job) {
  const CmType type = cm_image_type(job->image);
  const int64_t *r = job->radius;
  const double count = (double)(2 * r[0] + 1) * (double)(2 * r[1] + 1) * (double)(2 * r[2] + 1);
  const double most = fmax(fabs(cm_type_min(type)), cm_type_max(type));
  const bool inside = job->border != CM_BORDER_CONSTANT ||
                      (job->border_value == rint(job->border_value) && fabs(job->border_value) <= most);
  return cm_type_is_integer(type) && cm__type_fits_f32(type) && !job->squares && job->origin == 0.0 && inside &&
         count * most <= 2147483647.0;
}

/* Tiles that are not much smaller than what lies around them, and that stay in the cache where boxes are small. */
static void plan_tiles(Plan *plan) {
  const int64_t dims[3] = {plan->grid.nx, plan->grid.ny, plan->grid.nz},
                least[3] = {512, plan->grid.nz == 1 ? 64 : 32, 16};
  for (int axis = 0; axis < 3; axis++) {
    const int64_t around = 2 * plan->job->radius[axis];
    plan->size[axis] = around > least[axis] ? around : least[axis];
    if (plan->size[axis] > 4 * least[axis]) plan->size[axis] = 4 * least[axis];
    if (plan->size[axis] > dims[axis]) plan->size[axis] = dims[axis];
    plan->count[axis] = cm_chunk_count(dims[axis], plan->size[axis]);
  }
}

static bool fits(const CmBox *job) {
  Plan plan = {.job = job, .grid = cm__grid(job->image)};
  double values = 1.0;
  plan_tiles(&plan);
  for (int axis = 0; axis < 3; axis++) values *= (double)(plan.size[axis] + 2 * job->radius[axis]);
  return values <= 33554432.0;
}

static bool do_tile(void *arg, CmRange range, CmError **err) {
  const Plan *plan = arg;
  const CmGrid *grid = &plan->grid;
  const int64_t *r = plan->job->radius, at = range.begin;
  Tile tile = {.plan = plan,
               .x0 = at % plan->count[0] * plan->size[0],
               .y0 = at / plan->count[0] % plan->count[1] * plan->size[1],
               .z0 = at / plan->count[0] / plan->count[1] * plan->size[2]};
  tile.n = grid->nx - tile.x0 < plan->size[0] ? grid->nx - tile.x0 : plan->size[0];
  tile.rows = grid->ny - tile.y0 < plan->size[1] ? grid->ny - tile.y0 : plan->size[1];
  tile.planes = grid->nz - tile.z0 < plan->size[2] ? grid->nz - tile.z0 : plan->size[2];
  const int64_t plane = tile.rows * tile.n, wide = tile.n + 2 * r[0], sets = 1 + plan->job->squares;
  const int64_t room = sets * ((tile.planes + 2 * r[2]) * plane + (tile.rows + 2 * r[1]) * wide + tile.planes * plane) +
                       tile.planes * plane + tile.rows * wide;
  tile.room = cm_alloc_array(plan->ctx, (size_t)room, plan->narrow ? sizeof(int32_t) : sizeof(double), err);
  tile.loaded = cm_alloc_array(plan->ctx, (size_t)(wide * (1 + grid->components)),
                               plan->narrow ? sizeof(float) : sizeof(double), err);
  const bool ok = tile.room && tile.loaded;
  if (ok && plan->narrow)
    tile_i32(&tile);
  else if (ok)
    tile_f64(&tile);
  cm_free(tile.room);
  cm_free(tile.loaded);
  return ok;
}

bool cm__box(CmContext *ctx, const CmBox *job, int64_t t, int64_t component, CmError **err) {
  Plan plan = {
      .ctx = ctx, .job = job, .grid = cm__grid(job->image), .t = t, .component = component, .narrow = holds(job)};
  if (!fits(job)) {
    cm_error_set(err, CM_ERR_PARAMETER, "a box of radius %lld x %lld x %lld voxels is too large; make it smaller",
                 (long long)job->radius[0], (long long)job->radius[1], (long long)job->radius[2]);
    return false;
  }
  plan_tiles(&plan);
  return cm_parallel_for(ctx, job->what, plan.count[0] * plan.count[1] * plan.count[2], 1, do_tile, &plan, err);
}
