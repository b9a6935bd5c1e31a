#include <math.h>
#include <string.h>

#include "ops/denoise/nlm.h"
#include "ops/simd.h"

#define SIDE_BY_SIDE 64 /* centres of blocks along x that are done at once */

/* One tile. Lines are split into step[0] phases, so that the voxels under a row of centres stand side by side. */
typedef struct Blocks {
  const CmNlm *job;
  const CmBlock *tile, *padded;
  const float *src, *val;     /* phases */
  int64_t phase;              /* length of a phase of a line */
  int64_t first[3], count[3]; /* centres that reach into the tile: first + k * step, in voxels of padded */
  int64_t voxels;             /* of a block */
  float *estimates;           /* voxels lines of SIDE_BY_SIDE: sum of weight * difference */
  float *sums;                /* of the tile: estimates of its voxels */
} Blocks;

CM_SIMD static void add_difference(const float *restrict a, const float *restrict b, float tap, bool absolute,
                                   float *restrict to, int64_t n) {
  if (absolute)
    for (int64_t i = 0; i < n; i++) to[i] += tap * fabsf(a[i] - b[i]);
  else
    for (int64_t i = 0; i < n; i++) to[i] += tap * ((a[i] - b[i]) * (a[i] - b[i]));
}

CM_SIMD static void add_weighted(const float *restrict weight, const float *restrict a, const float *restrict b,
                                 float *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += weight[i] * (b[i] - a[i]);
}

CM_SIMD static void add_line(const float *restrict from, float *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

/* Where voxel (x, y, z) of `padded` stands, and those a step further behind it. */
static int64_t place(const Blocks *blocks, int64_t x, int64_t y, int64_t z) {
  const int64_t step = blocks->job->step[0];
  return ((z * blocks->padded->size[1] + y) * step + x % step) * blocks->phase + x / step;
}

static float tap_at(const CmNlm *job, const int64_t k[3]) {
  float tap = 1.0f;
  for (int axis = 0; axis < 3; axis++) tap *= job->taps[axis] ? job->taps[axis][k[axis] + job->patch[axis]] : 1.0f;
  return tap;
}

/* The next offset in a box of these radii, x fastest; false behind the last. */
static bool next_offset(const int64_t radius[3], int64_t o[3]) {
  for (int axis = 0; axis < 3; axis++) {
    if (++o[axis] <= radius[axis]) return true;
    o[axis] = -radius[axis];
  }
  return false;
}

/* One offset of the search for n blocks from centre (x, y, z) on. */
static void do_offset(const Blocks *blocks, const int64_t at[3], const int64_t o[3], int64_t n, float *total) {
  const CmNlm *job = blocks->job;
  float distance[SIDE_BY_SIDE] = {0}, weight[SIDE_BY_SIDE];
  int64_t k[3] = {-job->patch[0], -job->patch[1], -job->patch[2]}, index = 0;
  do {
    const float *a = blocks->src + place(blocks, at[0] + k[0], at[1] + k[1], at[2] + k[2]);
    const float *b = blocks->src + place(blocks, at[0] + k[0] + o[0], at[1] + k[1] + o[1], at[2] + k[2] + o[2]);
    add_difference(a, b, tap_at(job, k), job->absolute, distance, n);
  } while (next_offset(job->patch, k));
  cm__nlm_weights(job, distance, weight, n);
  add_line(weight, total, n);
  do {
    const float *a = blocks->val + place(blocks, at[0] + k[0], at[1] + k[1], at[2] + k[2]);
    const float *b = blocks->val + place(blocks, at[0] + k[0] + o[0], at[1] + k[1] + o[1], at[2] + k[2] + o[2]);
    add_weighted(weight, a, b, blocks->estimates + index++ * SIDE_BY_SIDE, n);
  } while (next_offset(job->patch, k));
}

/* The estimates of n blocks go to the voxels of the tile. */
static void scatter(const Blocks *blocks, const int64_t at[3], int64_t n, const float *total) {
  const CmNlm *job = blocks->job;
  const int64_t *size = blocks->tile->size;
  int64_t k[3] = {-job->patch[0], -job->patch[1], -job->patch[2]}, index = 0;
  do {
    int64_t v[3];
    const float *a = blocks->val + place(blocks, at[0] + k[0], at[1] + k[1], at[2] + k[2]);
    const float *estimate = blocks->estimates + index++ * SIDE_BY_SIDE;
    for (int axis = 0; axis < 3; axis++)
      v[axis] = at[axis] + k[axis] - (blocks->tile->start[axis] - blocks->padded->start[axis]);
    if (v[1] < 0 || v[1] >= size[1] || v[2] < 0 || v[2] >= size[2]) continue;
    float *to = blocks->sums + (v[2] * size[1] + v[1]) * size[0];
    for (int64_t i = 0; i < n; i++) {
      const int64_t x = v[0] + i * job->step[0];
      if (x >= 0 && x < size[0]) to[x] += a[i] + estimate[i] / (1.0f + total[i]);
    }
  } while (next_offset(job->patch, k));
}

/* Large blocks and wide searches take long: asked before each line of offsets, or each offset of a large block. */
static bool told_to_stop(const Blocks *blocks, const int64_t offset[3], CmError **err) {
  const bool due = blocks->voxels > 256 || offset[0] == -blocks->job->search[0];
  return due && cm_context_cancelled(blocks->job->ctx, err);
}

static bool do_row(const Blocks *blocks, int64_t y, int64_t z, CmError **err) {
  const CmNlm *job = blocks->job;
  for (int64_t from = 0; from < blocks->count[0]; from += SIDE_BY_SIDE) {
    const int64_t left = blocks->count[0] - from, n = left < SIDE_BY_SIDE ? left : SIDE_BY_SIDE;
    const int64_t at[3] = {blocks->first[0] + from * job->step[0], y, z};
    float total[SIDE_BY_SIDE] = {0};
    int64_t o[3] = {-job->search[0], -job->search[1], -job->search[2]};
    memset(blocks->estimates, 0, (size_t)blocks->voxels * SIDE_BY_SIDE * sizeof(float));
    do {
      if (told_to_stop(blocks, o, err)) return false;
      if (o[0] || o[1] || o[2]) do_offset(blocks, at, o, n, total);
    } while (next_offset(job->search, o));
    scatter(blocks, at, n, total);
  }
  return true;
}

static int64_t floor_div(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/* How many centres along an axis have voxel i in their block. */
static int64_t cover(const CmNlm *job, int axis, int64_t i) {
  const int64_t r = job->patch[axis], step = job->step[axis];
  return floor_div(i + r, step) - floor_div(i - r - 1, step);
}

static void split(const Blocks *blocks, const float *from, float *to) {
  const int64_t *size = blocks->padded->size;
  for (int64_t row = 0; row < size[1] * size[2]; row++)
    for (int64_t x = 0; x < size[0]; x++) to[place(blocks, x, row, 0)] = from[row * size[0] + x];
}

bool cm__nlm_blocks(const CmNlm *job, const CmBlock *block, float *result, CmError **err) {
  CmBlock padded;
  Blocks blocks = {.job = job, .tile = block, .padded = &padded, .voxels = 1, .sums = result};
  int64_t halo[3];
  float *squared = NULL, *phases = NULL;
  bool ok = false;
  for (int axis = 0; axis < 3; axis++) {
    halo[axis] = job->search[axis] + 2 * job->patch[axis];
    blocks.voxels *= 2 * job->patch[axis] + 1;
    const int64_t step = job->step[axis], low = block->start[axis] - job->patch[axis],
                  high = block->start[axis] + block->size[axis] - 1 + job->patch[axis];
    const int64_t first = -floor_div(-low, step);
    blocks.count[axis] = floor_div(high, step) - first + 1;
    blocks.first[axis] = first * step - (block->start[axis] - halo[axis]);
  }
  float *values = cm__nlm_load(job, block, halo, &padded, &squared, err);
  blocks.phase = (padded.size[0] + job->step[0] - 1) / job->step[0];
  const int64_t whole = padded.size[1] * padded.size[2] * job->step[0] * blocks.phase;
  if (values) phases = cm_alloc_array(job->ctx, (size_t)(2 * whole + blocks.voxels * SIDE_BY_SIDE), sizeof(float), err);
  if (phases) {
    const int64_t *size = block->size;
    split(&blocks, values, phases);
    split(&blocks, squared, phases + whole);
    blocks.src = phases;
    blocks.val = phases + whole;
    blocks.estimates = phases + 2 * whole;
    memset(result, 0, (size_t)(size[0] * size[1] * size[2]) * sizeof(float));
    ok = true;
    for (int64_t k = 0; k < blocks.count[2] * blocks.count[1] && ok; k++)
      ok = do_row(&blocks, blocks.first[1] + k % blocks.count[1] * job->step[1],
                  blocks.first[2] + k / blocks.count[1] * job->step[2], err);
    for (int64_t i = 0; i < size[0] * size[1] * size[2]; i++)
      result[i] /= (float)(cover(job, 0, block->start[0] + i % size[0]) *
                           cover(job, 1, block->start[1] + i / size[0] % size[1]) *
                           cover(job, 2, block->start[2] + i / size[0] / size[1]));
    cm__nlm_finish(job, result, size[0] * size[1] * size[2]);
  }
  cm_free(phases);
  cm_free(values);
  return ok;
}
