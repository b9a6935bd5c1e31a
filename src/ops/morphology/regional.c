/* What has no larger neighbour is an extremum, unless its plateau goes on to a voxel that has one: those that touch
 * such a voxel are taken out, and what they touch in turn. */
#include "ops/morphology/regional.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

enum { MOST_ROWS = 9 };

typedef struct Regional {
  CmContext *ctx;
  const CmImage *image;
  CmImage *out;
  CmGrid grid;
  CmConnect connect;
  bool minima, borders;
} Regional;

/* Voxels whose neighbours are to be looked at. */
typedef struct Wave {
  int64_t *items;
  int64_t count, room;
} Wave;

static bool wave_add(CmContext *ctx, Wave *wave, int64_t at, CmError **err) {
  if (wave->count == wave->room) {
    const int64_t room = wave->room ? 2 * wave->room : 4096;
    int64_t *items = cm_realloc(ctx, wave->items, (size_t)room * sizeof(int64_t), err);
    if (!items) return false;
    wave->items = items;
    wave->room = room;
  }
  wave->items[wave->count++] = at;
  return true;
}

/* The row itself and those that touch it, first those whose corners count (*corners of them). */
static int64_t near_rows(const Regional *job, int64_t row, const void **near, int64_t *corners) {
  const CmGrid *grid = &job->grid;
  const int64_t y = row % grid->ny, z = row / grid->ny % grid->nz;
  int64_t count = 0;
  near[count++] = cm__row(job->image, grid, row);
  for (int reach = 1; reach >= 0; reach--) {
    for (const CmRowNeighbour *k = cm__row_neighbours[job->connect]; k->dy != 0 || k->dz != 0; k++)
      for (int sign = -1; sign <= 1 && k->reach == reach; sign += 2) {
        const int64_t dy = sign * k->dy, dz = sign * k->dz;
        if (y + dy >= 0 && y + dy < grid->ny && z + dz >= 0 && z + dz < grid->nz)
          near[count++] = cm__row(job->image, grid, row + dy + dz * grid->ny);
      }
    if (reach == 1) *corners = count;
  }
  return count;
}

/* The voxels that touch one. */
static int near_voxels(const Regional *job, int64_t at, int64_t near[26]) {
  const CmGrid *grid = &job->grid;
  const int64_t x = at % grid->nx, row = at / grid->nx, y = row % grid->ny, z = row / grid->ny % grid->nz;
  int count = 0;
  if (x > 0) near[count++] = at - 1;
  if (x + 1 < grid->nx) near[count++] = at + 1;
  for (const CmRowNeighbour *k = cm__row_neighbours[job->connect]; k->dy != 0 || k->dz != 0; k++)
    for (int sign = -1; sign <= 1; sign += 2) {
      const int64_t dy = sign * k->dy, dz = sign * k->dz;
      if (y + dy < 0 || y + dy >= grid->ny || z + dz < 0 || z + dz >= grid->nz) continue;
      const int64_t other = at + (dy + dz * grid->ny) * grid->nx;
      near[count++] = other;
      if (k->reach && x > 0) near[count++] = other - 1;
      if (k->reach && x + 1 < grid->nx) near[count++] = other + 1;
    }
  return count;
}

#define CM_TEMPLATE "ops/morphology/regional_tmpl.c"
#include "ops/each_type.h"

static void (*const candidates[CM_TYPE_COUNT])(const Regional *, int64_t, void *,
                                               uint8_t *) = CM_TYPE_TABLE(candidates);
static bool (*const spread[CM_TYPE_COUNT])(const Regional *, int64_t, Wave *, CmError **) = CM_TYPE_TABLE(spread);
static bool (*const is_refuted[CM_TYPE_COUNT])(const Regional *, int64_t) = CM_TYPE_TABLE(is_refuted);

static bool candidate_rows(void *arg, CmRange range, CmError **err) {
  const Regional *job = arg;
  const CmGrid *grid = &job->grid;
  void *scratch = cm_alloc_array(job->ctx, (size_t)(2 * grid->nx + 2), grid->size, err);
  for (int64_t row = range.begin; scratch && row < range.end; row++) {
    const int64_t y = row % grid->ny, z = row / grid->ny % grid->nz;
    uint8_t *to = (uint8_t *)cm_image_data_mut(job->out) + row * grid->nx;
    candidates[cm_image_type(job->image)](job, row, scratch, to);
    if (job->borders) continue;
    if ((grid->ny > 1 && (y == 0 || y == grid->ny - 1)) || (grid->nz > 1 && (z == 0 || z == grid->nz - 1)))
      memset(to, 0, (size_t)grid->nx);
    if (grid->nx > 1) to[0] = to[grid->nx - 1] = 0;
  }
  cm_free(scratch);
  return scratch != NULL;
}

/* Takes out the plateaus that go on to a voxel that is none. What is left does not depend on the order. */
static bool refute(const Regional *job, CmError **err) {
  const CmType type = cm_image_type(job->image);
  const int64_t voxels = job->grid.rows * job->grid.nx;
  uint8_t *out = cm_image_data_mut(job->out), *end = out + voxels, *next = out;
  Wave wave = {.items = NULL};
  bool ok = true;
  for (int64_t seen = 0; ok && next < end && (next = memchr(next, 1, (size_t)(end - next))) != NULL; next++) {
    if (seen++ % 65536 == 0 && cm_context_cancelled(job->ctx, err)) ok = false;
    if (!ok || !is_refuted[type](job, next - out)) continue;
    *next = 0;
    ok = wave_add(job->ctx, &wave, next - out, err);
    while (ok && wave.count > 0) ok = spread[type](job, wave.items[--wave.count], &wave, err);
  }
  cm_free(wave.items);
  return ok;
}

bool cm__regional(CmContext *ctx, const CmImage *image, CmConnect connect, bool minima, bool borders, CmImage *out,
                  CmError **err) {
  Regional job = {.ctx = ctx,
                  .image = image,
                  .out = out,
                  .grid = cm__grid(image),
                  .connect = connect,
                  .minima = minima,
                  .borders = borders};
  return cm_parallel_for(ctx, "extrema", job.grid.rows, cm__row_chunk(&job.grid), candidate_rows, &job, err) &&
         refute(&job, err);
}
