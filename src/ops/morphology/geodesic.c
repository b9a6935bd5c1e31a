/* Vincent L. Morphological grayscale reconstruction in image analysis. IEEE Trans Image Process 2(2), 1993: raster and
 * anti-raster sweeps, then a queue. The sweeps go over slabs side by side; what crosses a seam is left to the queue.
 * The result is the only fixed point, so the order of the work does not matter. */
#include "ops/morphology/geodesic.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

enum {
  TOUCHING_ROWS = 9, /* a row, and those that touch it */
  MOST_ROUNDS = 6
};

typedef struct Geodesic {
  CmContext *ctx;
  CmImage *marker;
  const CmImage *limit;
  CmGrid grid;
  CmSegment touching[TOUCHING_ROWS];
  const CmSegment *from, *to; /* where a voxel takes values from, and what it hands them to: the same mirrored */
  int64_t segments;
  bool element; /* not the voxels that touch */
  bool erode;
  int64_t slab, shift; /* rows; the first slab is shorter by shift */
  int64_t *counts;     /* pending values per chunk of rows */
  int64_t *queue;
} Geodesic;

/* Voxels whose neighbours are to be looked at. */
typedef struct Wave {
  int64_t *items;
  int64_t count, room;
} Wave;

static bool wave_add(CmContext *ctx, Wave *wave, int64_t at, CmError **err) {
  if (wave->count == wave->room) {
    const int64_t room = wave->room ? 2 * wave->room : 4096;
    size_t size;
    if (!cm_size_multiply((size_t)room, sizeof(int64_t), &size, err)) return false;
    int64_t *items = cm_realloc(ctx, wave->items, size, err);
    if (!items) return false;
    wave->items = items;
    wave->room = room;
  }
  wave->items[wave->count++] = at;
  return true;
}

/* The row in [begin, end) that a segment around `row` lies in; -1 where there is none. */
static inline int64_t row_of(const Geodesic *job, int64_t row, const CmSegment *s, int64_t begin, int64_t end) {
  const CmGrid *grid = &job->grid;
  const int64_t y = row % grid->ny + s->dy, z = row / grid->ny % grid->nz + s->dz;
  const int64_t other = row + s->dy + s->dz * grid->ny;
  return y < 0 || y >= grid->ny || z < 0 || z >= grid->nz || other < begin || other >= end ? -1 : other;
}

static void set_segments(Geodesic *job, CmConnect connect, const CmElement *element) {
  job->from = job->to = job->touching;
  job->touching[job->segments++] = (CmSegment){.half = 1};
  for (const CmRowNeighbour *k = cm__row_neighbours[connect]; k->dy != 0 || k->dz != 0; k++)
    for (int sign = -1; sign <= 1; sign += 2)
      job->touching[job->segments++] = (CmSegment){.dy = sign * k->dy, .dz = sign * k->dz, .half = k->reach};
  if (!element) return;
  job->element = true;
  job->from = element->back;
  job->to = element->items;
  job->segments = element->count;
}

#define CM_TEMPLATE "ops/morphology/geodesic_tmpl.c"
#include "ops/each_type.h"

static void (*const start_row[CM_TYPE_COUNT])(const void *, void *, int64_t, bool) = CM_TYPE_TABLE(start_row);
static void (*const end_row[CM_TYPE_COUNT])(void *, int64_t) = CM_TYPE_TABLE(end_row);
static void (*const sweep_row[CM_TYPE_COUNT])(const Geodesic *, int64_t, int64_t, int64_t,
                                              bool) = CM_TYPE_TABLE(sweep_row);
static int64_t (*const pending_row[CM_TYPE_COUNT])(const Geodesic *, int64_t, void *,
                                                   uint8_t *) = CM_TYPE_TABLE(pending_row);
static bool (*const raise_near[CM_TYPE_COUNT])(const Geodesic *, int64_t, Wave *,
                                               CmError **) = CM_TYPE_TABLE(raise_near);

static bool start_rows(void *arg, CmRange range, CmError **err) {
  const Geodesic *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    start_row[cm_image_type(job->limit)](cm__row(job->limit, &job->grid, row),
                                         cm__row_mut(job->marker, &job->grid, row), job->grid.row, job->erode);
  return true;
}

static bool end_rows(void *arg, CmRange range, CmError **err) {
  const Geodesic *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    end_row[cm_image_type(job->limit)](cm__row_mut(job->marker, &job->grid, row), job->grid.row);
  return true;
}

static bool sweep_slab(void *arg, CmRange range, CmError **err) {
  const Geodesic *job = arg;
  const CmType type = cm_image_type(job->limit);
  const int64_t begin = range.begin - job->shift < 0 ? 0 : range.begin - job->shift;
  const int64_t end = range.end - job->shift < job->grid.rows ? range.end - job->shift : job->grid.rows;
  (void)err;
  for (int64_t row = begin; row < end; row++) sweep_row[type](job, row, begin, end, true);
  for (int64_t row = end - 1; row >= begin; row--) sweep_row[type](job, row, begin, end, false);
  return true;
}

/* Counts what is pending, or writes it where the counts say. */
static bool pending_rows(void *arg, CmRange range, CmError **err) {
  const Geodesic *job = arg;
  const CmGrid *grid = &job->grid;
  uint8_t *pending = cm_alloc(job->ctx, (size_t)grid->row, err);
  void *scratch = cm_alloc_array(job->ctx, (size_t)grid->row, 2 * grid->size, err);
  const bool ok = pending && scratch;
  int64_t count = 0, *to = ok && job->queue ? job->queue + job->counts[range.chunk] : NULL;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const int64_t found = pending_row[cm_image_type(job->limit)](job, row, scratch, pending);
    count += found;
    for (int64_t i = 0; found && to && i < grid->row; i++)
      if (pending[i]) *to++ = row * grid->row + i;
  }
  if (ok && !job->queue) job->counts[range.chunk] = count;
  cm_free(pending);
  cm_free(scratch);
  return ok;
}

/* Sweeps until few voxels are left, which `wave` then lists. */
static bool sweep(Geodesic *job, Wave *wave, CmError **err) {
  const int64_t rows = job->grid.rows, chunk = cm__row_chunk(&job->grid), chunks = cm_chunk_count(rows, chunk);
  for (int round = 0; round < MOST_ROUNDS; round++) {
    job->shift = round % 2 ? job->slab / 2 : 0;
    if (!cm_parallel_for(job->ctx, "reconstruction", rows + job->shift, job->slab, sweep_slab, job, err) ||
        !cm_parallel_for(job->ctx, NULL, rows, chunk, pending_rows, job, err))
      return false;
    wave->count = 0;
    for (int64_t k = 0; k < chunks; k++) wave->count += job->counts[k];
    if (wave->count <= rows * job->grid.row / 256) break;
  }
  for (int64_t k = 0, sum = 0; k < chunks; k++) {
    const int64_t count = job->counts[k];
    job->counts[k] = sum;
    sum += count;
  }
  wave->room = wave->count;
  job->queue = wave->items = cm_alloc_array(job->ctx, (size_t)wave->room, sizeof(int64_t), err);
  return wave->items && cm_parallel_for(job->ctx, NULL, rows, chunk, pending_rows, job, err);
}

static bool spread(const Geodesic *job, Wave *now, CmError **err) {
  Wave next = {.count = 0};
  bool ok = true;
  for (int64_t wave = 0; now->count > 0 && ok; wave++) {
    for (int64_t k = 0; k < now->count && ok; k++) {
      if (k % 65536 == 65535) ok = !cm_context_cancelled(job->ctx, err);
      ok = ok && raise_near[cm_image_type(job->limit)](job, now->items[k], &next, err);
    }
    const Wave swap = *now;
    *now = next;
    next = swap;
    next.count = 0;
    if (ok && wave % 1024 == 1023) ok = !cm_context_cancelled(job->ctx, err);
  }
  cm_free(next.items);
  return ok;
}

bool cm__reconstruct(CmContext *ctx, CmImage *marker, const CmImage *limit, CmConnect connect, const CmElement *element,
                     bool erode, CmError **err) {
  Geodesic job = {.ctx = ctx, .marker = marker, .limit = limit, .grid = cm__grid(limit)};
  const CmGrid *grid = &job.grid;
  const int64_t chunk = cm__row_chunk(grid), plane = grid->nz * grid->nt > 1 ? grid->ny : 1;
  Wave wave = {.count = 0};
  job.erode = erode;
  set_segments(&job, connect, element);
  job.slab = plane * cm_chunk_count(grid->rows / plane, 16);
  job.counts = cm_alloc_array(ctx, (size_t)cm_chunk_count(grid->rows, chunk), sizeof(int64_t), err);
  const bool ok = job.counts && cm_parallel_for(ctx, NULL, grid->rows, chunk, start_rows, &job, err) &&
                  sweep(&job, &wave, err) && spread(&job, &wave, err) &&
                  (!erode || cm_parallel_for(ctx, NULL, grid->rows, chunk, end_rows, &job, err));
  cm_free(job.counts);
  cm_free(wave.items);
  return ok;
}
