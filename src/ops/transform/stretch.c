#include "ops/transform/stretch.h"

#include <float.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"
#include "ops/transform/support.h"

enum { KEPT = 4, PART = 256, BLOCK = 16 };

/* Where the voxels of the result lie along one axis of the image. */
typedef struct Axis {
  int64_t begin, end; /* those of the result that the image reaches */
  int64_t *low;       /* nearest: the voxel; linear: the first of two */
  double *weight;     /* of the second */
} Axis;

typedef struct Stretch {
  CmContext *ctx;
  const CmWarp *warp;
  CmGrid grid, out_grid;
  Axis axis[3];
  int64_t n;    /* values of a row of the result that the image reaches */
  int32_t *at;  /* the first of the two along x for each, counted in values */
  void *weight; /* of the second: float, or double where wide */
  /* Where BLOCK values of the result find both in 2 * BLOCK values of the row: how far from the first's; else NULL. A
   * value that takes only one has it twice, at halves: what it does not take may be NaN. */
  int32_t *place[2];
} Stretch;

#define CM_TEMPLATE "ops/transform/stretch_tmpl.c"
#include "ops/each_type.h"

static void (*const fetch_pairs[CM_TYPE_COUNT])(const void *, const int32_t *, int64_t, int64_t,
                                                void *) = CM_TYPE_TABLE(fetch_pairs);
static void (*const mix_pairs_f32[CM_TYPE_COUNT])(const void *, const float *, int64_t,
                                                  float *) = CM_TYPE_TABLE(mix_pairs_f32);
static void (*const mix_pairs_f64[CM_TYPE_COUNT])(const void *, const double *, int64_t,
                                                  double *) = CM_TYPE_TABLE(mix_pairs_f64);

static bool is_within(const Stretch *job, int64_t row) {
  const CmGrid *out = &job->out_grid;
  const int64_t y = row % out->ny, z = row / out->ny % out->nz;
  return y >= job->axis[1].begin && y < job->axis[1].end && z >= job->axis[2].begin && z < job->axis[2].end;
}

/* Those at `place` of 2 * BLOCK values, out of registers where the compiler can; weighted. */
CM_SIMD static void mix_blocks(const Stretch *job, const float *row, float *to) {
  typedef float Values __attribute__((vector_size(4 * BLOCK)));
  typedef int32_t Places __attribute__((vector_size(4 * BLOCK)));
  const float *weight = job->weight;
  for (int64_t i = 0; i < job->n; i += BLOCK) {
    Values low, high, w, a, b;
    Places first, second;
    memcpy(&low, row + job->at[i], sizeof low);
    memcpy(&high, row + job->at[i] + BLOCK, sizeof high);
    memcpy(&w, weight + i, sizeof w);
    memcpy(&first, job->place[0] + i, sizeof first);
    memcpy(&second, job->place[1] + i, sizeof second);
#if defined(__GNUC__) && !defined(__clang__)
    a = __builtin_shuffle(low, high, first);
    b = __builtin_shuffle(low, high, second);
#else
    for (int k = 0; k < BLOCK; k++) {
      a[k] = row[job->at[i] + first[k]];
      b[k] = row[job->at[i] + second[k]];
    }
#endif
    a = (1 - w) * a + w * b;
    memcpy(to + i, &a, sizeof a);
  }
}

#define R float
#define X(name) name##_f32
#define R_BLOCKS 1
#define unload_f32 cm__line_from_f32
#include "ops/transform/stretch_rows_tmpl.c"
#undef R
#undef X
#undef R_BLOCKS
#define R double
#define X(name) name##_f64
#define R_BLOCKS 0
#define unload_f64 cm__line_from_f64
#include "ops/transform/stretch_rows_tmpl.c"
#undef R
#undef X
#undef R_BLOCKS

static bool fill_axis(Stretch *job, int k, CmError **err) {
  Axis *axis = &job->axis[k];
  const double *map = job->warp->map + 4 * k;
  const int64_t n = cm_image_dims(job->warp->out)[k], size = cm_image_dims(job->warp->image)[k];
  axis->low = cm_alloc_array(job->ctx, (size_t)n, sizeof(int64_t), err);
  axis->weight = cm_alloc_array(job->ctx, (size_t)n, sizeof(double), err);
  if (!axis->low || !axis->weight) return false;
  axis->begin = n;
  for (int64_t i = 0; i < n; i++) {
    const double c = map[k] * (double)i + map[3];
    axis->low[i] = 0;
    axis->weight[i] = 0.0;
    if (!is_inside(c, size)) continue;
    axis->begin = i < axis->begin ? i : axis->begin;
    axis->end = i + 1;
    if (job->warp->interpolation == CM_INTERPOLATE_NEAREST)
      axis->low[i] = nearest_index(c, size);
    else
      axis->low[i] = linear_pair(c, size, &axis->weight[i]);
  }
  if (axis->begin == n) axis->begin = axis->end = 0;
  return true;
}

/* Where the values of a row of the result are, up to the next whole block. false: further apart than blocks can be. */
static bool fill_blocks(Stretch *job, int64_t most) {
  const int64_t step = job->grid.nx > 1 ? job->grid.components : 0;
  float *weight = job->weight;
  for (int64_t i = 0; i < most; i++) {
    const int64_t low = job->at[i] - job->at[i / BLOCK * BLOCK];
    if (low < 0 || low + step >= 2 * BLOCK) return false;
    job->place[0][i] = (int32_t)(weight[i] == 1 ? low + step : low);
    job->place[1][i] = (int32_t)(weight[i] == 0 ? low : low + step);
  }
  for (int64_t i = 0; i < most; i++) weight[i] = weight[i] == 0 || weight[i] == 1 ? 0.5f : weight[i];
  return true;
}

static bool fill_row(Stretch *job, bool wide, CmError **err) {
  const Axis *axis = &job->axis[0];
  const int64_t c = job->out_grid.components, most = (job->n + BLOCK - 1) / BLOCK * BLOCK;
  job->at = cm_alloc_array(job->ctx, (size_t)most, sizeof(int32_t), err);
  job->weight = cm_alloc_array(job->ctx, (size_t)most, sizeof(double), err);
  job->place[0] = cm_alloc_array(job->ctx, (size_t)most, 2 * sizeof(int32_t), err);
  if (!job->at || !job->weight || !job->place[0]) return false;
  job->place[1] = job->place[0] + most;
  for (int64_t i = 0; i < most; i++) {
    const int64_t from = i < job->n ? i : job->n - 1, x = axis->begin + from / c;
    job->at[i] = (int32_t)(axis->low[x] * c + from % c);
    if (wide)
      ((double *)job->weight)[i] = axis->weight[x];
    else
      ((float *)job->weight)[i] = (float)axis->weight[x];
  }
  if (!wide && fill_blocks(job, most)) return true;
  cm_free(job->place[0]);
  job->place[0] = NULL;
  return true;
}

/* Whole voxels of one row to their places, eight together. Their components may be smaller, and lie anywhere. */
typedef uint16_t Two __attribute__((aligned(1), may_alias));
typedef uint32_t Four __attribute__((aligned(1), may_alias));
#define PICK(name, E)                                                                               \
  static void name(const E *restrict from, const int64_t *restrict at, int64_t n, E *restrict to) { \
    int64_t i = 0;                                                                                  \
    for (; i + 8 <= n; i += 8)                                                                      \
      for (int k = 0; k < 8; k++) to[i + k] = from[at[i + k]];                                      \
    for (; i < n; i++) to[i] = from[at[i]];                                                         \
  }
PICK(pick_8, uint8_t)
PICK(pick_16, Two)
PICK(pick_32, Four)
#undef PICK

static void pick_voxels(const void *from, const int64_t *at, int64_t n, size_t bytes, void *to) {
  if (bytes == 1)
    pick_8(from, at, n, to);
  else if (bytes == 2)
    pick_16(from, at, n, to);
  else if (bytes == 4)
    pick_32(from, at, n, to);
  else
    for (int64_t i = 0; i < n; i++)
      memcpy((char *)to + (size_t)i * bytes, (const char *)from + (size_t)at[i] * bytes, bytes);
}

typedef struct Span {
  int64_t begin, end;
} Span;

/* The part of a row that lies in the image. */
static Span span_of(const Stretch *job, int64_t row) {
  return is_within(job, row) ? (Span){job->axis[0].begin, job->axis[0].end} : (Span){0, 0};
}

/* A row of nearest voxels in the image's type; `outside` is one voxel. */
static void nearest_row(const Stretch *job, int64_t row, const char *outside, char *to) {
  const CmGrid *grid = &job->grid, *out = &job->out_grid;
  const Axis *ax = &job->axis[0];
  const int64_t y = row % out->ny, z = row / out->ny % out->nz, t = row / (out->ny * out->nz);
  const Span span = span_of(job, row);
  const int64_t begin = span.begin, end = span.end;
  const size_t bytes = (size_t)grid->components * grid->size;
  for (int64_t i = 0; i < begin; i++) memcpy(to + (size_t)i * bytes, outside, bytes);
  for (int64_t i = end; i < out->nx; i++) memcpy(to + (size_t)i * bytes, outside, bytes);
  if (begin >= end) return;
  const int64_t from = (t * grid->nz + job->axis[2].low[z]) * grid->ny + job->axis[1].low[y];
  pick_voxels(cm__row(job->warp->image, grid, from), ax->low + begin, end - begin, bytes, to + (size_t)begin * bytes);
}

/* The outside once more, in double: the image's type may not hold it. */
static void blank_row(const Stretch *job, int64_t row, double *line) {
  const CmGrid *out = &job->out_grid;
  const Span span = span_of(job, row);
  for (int64_t i = 0; i < out->row; i++)
    if (i < span.begin * out->components || i >= span.end * out->components) line[i] = job->warp->outside;
}

/* Does the row take the same voxels as the one before? */
static bool repeats(const Stretch *job, int64_t row) {
  const Axis *ay = &job->axis[1];
  const int64_t y = row % job->out_grid.ny;
  return y > 0 && ay->low[y] == ay->low[y - 1] && is_within(job, row) == is_within(job, row - 1);
}

static bool nearest_rows(void *arg, CmRange range, CmError **err) {
  const Stretch *job = arg;
  const CmType from = cm_image_type(job->warp->image), type = cm_image_type(job->warp->out);
  const CmGrid *out = &job->out_grid;
  char outside[CM_MAX_COMPONENTS * sizeof(double)];
  double *line = cm_alloc_array(job->ctx, (size_t)out->row, 2 * sizeof(double), err);
  for (int64_t c = 0; c < out->components; c++)
    cm__line_from_f64(from, &job->warp->outside, 1, outside + (size_t)c * job->grid.size);
  for (int64_t row = range.begin; line && row < range.end; row++) {
    char *to = cm__row_mut(job->warp->out, out, row);
    if (row > range.begin && repeats(job, row))
      memcpy(to, to - (size_t)out->row * out->size, (size_t)out->row * out->size);
    else if (type == from)
      nearest_row(job, row, outside, to);
    else {
      nearest_row(job, row, outside, (char *)(line + out->row));
      cm__line_to_f64(from, line + out->row, out->row, line);
      blank_row(job, row, line);
      cm__line_from_f64(type, line, out->row, to);
    }
  }
  cm_free(line);
  return line != NULL;
}

bool cm__stretch(CmContext *ctx, const CmWarp *warp, bool wide, CmError **err) {
  Stretch job = {.ctx = ctx, .warp = warp, .grid = cm__grid(warp->image), .out_grid = cm__grid(warp->out)};
  const bool nearest = warp->interpolation == CM_INTERPOLATE_NEAREST;
  const CmRangeFn rows = nearest ? nearest_rows : wide ? stretch_rows_f64 : stretch_rows_f32;
  const int64_t chunk = 262144 / (job.out_grid.row + job.grid.row);
  bool ok = true;
  for (int k = 0; k < 3 && ok; k++) ok = fill_axis(&job, k, err);
  job.n = (job.axis[0].end - job.axis[0].begin) * job.out_grid.components;
  ok = ok && (nearest || fill_row(&job, wide, err)) &&
       cm_parallel_for(ctx, warp->what, job.out_grid.rows, chunk < 1 ? 1 : chunk, rows, &job, err);
  for (int k = 0; k < 3; k++) {
    cm_free(job.axis[k].low);
    cm_free(job.axis[k].weight);
  }
  cm_free(job.at);
  cm_free(job.weight);
  cm_free(job.place[0]);
  return ok;
}
