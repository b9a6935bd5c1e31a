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
} Plan;

typedef struct Tile {
  const Plan *plan;
  int64_t x0, n, y0, rows, z0, planes;
  void *room, *loaded;
} Tile;

CM_SIMD static void add(const double *restrict from, double *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

/* line[i] += line[i + step]: what is read lies ahead. */
CM_SIMD static void fold(double *line, int64_t step, int64_t n) {
  CM_INDEPENDENT
  for (int64_t i = 0; i < n; i++) line[i] += line[i + step];
}

/* to[i] = line[i], then as fold(): n of the former, `more` of the latter. */
CM_SIMD static void begin(double *line, int64_t step, double *restrict to, int64_t n, int64_t more) {
  CM_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    to[i] = line[i];
    line[i] += line[i + step];
  }
  CM_INDEPENDENT
  for (int64_t i = n; i < more; i++) line[i] += line[i + step];
}

/* to[i] = sum of from[i + k step], k below width, which is odd; n values. from (n + (width - 1) step values) is used
 * up. */
static void sums(double *from, int64_t step, int64_t width, double *to, int64_t n) {
  int64_t done = 1;
  if (width == 1) memcpy(to, from, (size_t)n * sizeof(double));
  for (int64_t length = 2; length <= width; length *= 2) {
    if (length == 2)
      begin(from, step, to, n, n + (width - 2) * step);
    else
      fold(from, length / 2 * step, n + (width - length) * step);
    if (!(width & length)) continue;
    add(from + done * step, to, n);
    done += length;
  }
}

CM_SIMD static void take_origin(const double *restrict from, double origin, double *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = from[i] - origin;
}

/* Where a tile keeps what. */
typedef struct Room {
  double *centre;  /* values of the tile */
  double *rows[2]; /* values, and squares, of a plane with all that lies around */
  double *tall;    /* their sums along y */
} Room;

/* Plane k of those around the tile: sums along y and x, into plane[0] and, of the squares, plane[1]. */
static void sum_plane(const Tile *tile, int64_t k, const Room *room, double *const plane[2]) {
  const Plan *plan = tile->plan;
  const int64_t *r = plan->job->radius, n = tile->n, wide = n + 2 * r[0], tall = tile->rows + 2 * r[1];
  const CmBlocks blocks = {.image = plan->job->image,
                           .grid = plan->grid,
                           .border = plan->job->border,
                           .border_value = plan->job->border_value};
  CmBlock row = {.t = plan->t,
                 .component = plan->component,
                 .start = {tile->x0 - r[0], tile->y0 - r[1], tile->z0 - r[2] + k},
                 .size = {wide, 1, 1}};
  for (int64_t y = 0; y < tall; y++, row.start[1]++) {
    double *const line = room->rows[0] + y * wide, *const square = room->rows[1] + y * wide;
    cm__block_load_f64(&blocks, &row, (double *)tile->loaded + wide, tile->loaded);
    take_origin(tile->loaded, plan->job->origin, line, wide);
    const int64_t at = y - r[1], z = k - r[2];
    if (at >= 0 && at < tile->rows && z >= 0 && z < tile->planes)
      memcpy(room->centre + (z * tile->rows + at) * n, line + r[0], (size_t)n * sizeof(double));
    for (int64_t i = 0; plan->job->squares && i < wide; i++) square[i] = line[i] * line[i];
  }
  for (int s = 0; s < 1 + plan->job->squares; s++) {
    sums(room->rows[s], wide, 2 * r[1] + 1, room->tall, tile->rows * wide);
    for (int64_t y = 0; y < tile->rows; y++) sums(room->tall + y * wide, 1, 2 * r[0] + 1, plane[s] + y * n, n);
  }
}

static bool sum_tile(const Tile *tile, CmError **err) {
  const Plan *plan = tile->plan;
  const int64_t *r = plan->job->radius, n = tile->n, plane = tile->rows * n, wide = n + 2 * r[0],
                deep = (tile->planes + 2 * r[2]) * plane;
  const int sets = 1 + plan->job->squares;
  Room room = {.centre = tile->room};
  double *at = room.centre + tile->planes * plane, *planes[2], *sum[2];
  for (int s = 0; s < 2; s++) {
    room.rows[s] = at;
    planes[s] = room.rows[s] + (tile->rows + 2 * r[1]) * wide;
    sum[s] = planes[s] + (r[2] ? deep : 0); /* else those of the planes */
    at = s < sets - 1 ? sum[s] + tile->planes * plane : at;
  }
  room.tall = sum[1] + tile->planes * plane;
  for (int64_t k = 0; k < tile->planes + 2 * r[2]; k++) {
    if (cm_context_cancelled(plan->ctx, err)) return false; /* large boxes take long */
    sum_plane(tile, k, &room, (double *const[2]){planes[0] + k * plane, planes[1] + k * plane});
  }
  for (int s = 0; s < sets && r[2]; s++) sums(planes[s], plane, 2 * r[2] + 1, sum[s], tile->planes * plane);
  for (int64_t k = 0; k < tile->planes * tile->rows; k++) {
    CmBoxPiece piece = {
        .row = (plan->t * plan->grid.nz + tile->z0 + k / tile->rows) * plan->grid.ny + tile->y0 + k % tile->rows,
        .x = tile->x0,
        .n = n,
        .values = room.centre + k * n,
        .sum = sum[0] + k * n,
        .squares = plan->job->squares ? sum[1] + k * n : NULL};
    plan->job->piece(plan->job->arg, &piece);
  }
  return true;
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
  tile.room = cm_alloc_array(plan->ctx, (size_t)room, sizeof(double), err);
  tile.loaded = cm_alloc_array(plan->ctx, (size_t)(wide * (1 + grid->components)), sizeof(double), err);
  const bool ok = tile.room && tile.loaded && sum_tile(&tile, err);
  cm_free(tile.room);
  cm_free(tile.loaded);
  return ok;
}

bool cm__box(CmContext *ctx, const CmBox *job, int64_t t, int64_t component, CmError **err) {
  Plan plan = {.ctx = ctx, .job = job, .grid = cm__grid(job->image), .t = t, .component = component};
  if (!fits(job)) {
    cm_error_set(err, CM_ERR_PARAMETER, "a box of radius %lld x %lld x %lld voxels is too large; make it smaller",
                 (long long)job->radius[0], (long long)job->radius[1], (long long)job->radius[2]);
    return false;
  }
  plan_tiles(&plan);
  return cm_parallel_for(ctx, job->what, plan.count[0] * plan.count[1] * plan.count[2], 1, do_tile, &plan, err);
}
