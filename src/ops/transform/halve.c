#include "ops/transform/halve.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/filter/separable.h"
#include "ops/simd.h"

/* Half of the taps come in fours. SIDE: room beside a row for what mirrors it, so that the row itself is aligned. */
enum { FOUR = 4, MOST_RADIUS = 15, MOST_GROUPS = (MOST_RADIUS + FOUR) / FOUR, SIDE = 16, LEAST = 64 };

typedef struct Halve {
  CmContext *ctx;
  const CmImage *image;
  CmImage *out;
  CmGrid grid, out_grid;
  int64_t radius;                /* of the Gaussian; 2 radius + 2 taps in all */
  float tap[MOST_GROUPS * FOUR]; /* the first half; the second is the same backwards */
} Halve;

/* to (+)= sum of tap[k] (a[k] + b[k]) */
CM_SIMD static void fold(const float *const a[FOUR], const float *const b[FOUR], const float *tap, bool add, int64_t n,
                         float *restrict to) {
  const float t0 = tap[0], t1 = tap[1], t2 = tap[2], t3 = tap[3];
  const float *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
  for (int64_t i = 0; i < n; i++) {
    const float sum = t0 * (a0[i] + b0[i]) + t1 * (a1[i] + b1[i]) + (t2 * (a2[i] + b2[i]) + t3 * (a3[i] + b3[i]));
    to[i] = add ? to[i] + sum : sum;
  }
}

CM_SIMD static void split(const float *restrict v, int64_t n, float *restrict even, float *restrict odd) {
  for (int64_t i = 0; i < n; i++) {
    even[i] = v[2 * i];
    odd[i] = v[2 * i + 1];
  }
}

/* The rows of the window, in a ring; then the folded row, its even and its odd values, and the result. */
typedef struct Room {
  const float *row[2 * MOST_RADIUS + 2];
  float *own[2 * MOST_RADIUS + 2];
  const float *zeros; /* stands where a group of four has no tap */
  float *folded, *even, *odd, *result;
} Room;

/* A row of the image, or of those that mirror it beyond the border: where it lies, or converted. */
static const float *load(const Halve *job, int64_t row, float *own) {
  const char *from = cm__row(job->image, &job->grid, cm__border_index(CM_BORDER_REFLECT, row, job->grid.ny));
  if (cm_image_type(job->image) == CM_F32) return (const float *)(const void *)from;
  cm__line_to_f32(cm_image_type(job->image), from, job->grid.nx, own);
  return own;
}

static void fold_rows(const Halve *job, const Room *room, int64_t y) {
  const int64_t taps = 2 * job->radius + 2, half = job->radius + 1, n = job->grid.nx;
  for (int64_t group = 0; group < half; group += FOUR) {
    const float *a[FOUR], *b[FOUR];
    for (int64_t k = group; k < group + FOUR; k++) {
      a[k - group] = k < half ? room->row[(2 * y + k) % taps] : room->zeros;
      b[k - group] = k < half ? room->row[(2 * y + taps - 1 - k) % taps] : room->zeros;
    }
    fold(a, b, job->tap + group, group > 0, n, room->folded);
  }
  for (int64_t i = 0; i < job->radius; i++) {
    room->folded[-1 - i] = room->folded[i];
    room->folded[n + i] = room->folded[n - 1 - i];
  }
}

static void fold_columns(const Halve *job, const Room *room) {
  const int64_t taps = 2 * job->radius + 2, half = job->radius + 1, n = job->out_grid.nx;
  split(room->folded - job->radius, n + job->radius, room->even, room->odd);
  for (int64_t group = 0; group < half; group += FOUR) {
    const float *a[FOUR], *b[FOUR];
    for (int64_t k = group; k < group + FOUR; k++) {
      const int64_t other = taps - 1 - k;
      a[k - group] = k >= half ? room->zeros : (k % 2 ? room->odd : room->even) + k / 2;
      b[k - group] = k >= half ? room->zeros : (other % 2 ? room->odd : room->even) + other / 2;
    }
    fold(a, b, job->tap + group, group > 0, n, room->result);
  }
}

static bool halve_rows(void *arg, CmRange range, CmError **err) {
  const Halve *job = arg;
  const int64_t taps = 2 * job->radius + 2, width = job->grid.nx + 2 * SIDE;
  float *all = cm_calloc(job->ctx, (size_t)(taps + 5) * (size_t)width, sizeof(float), err);
  Room room = {.zeros = all};
  if (!all) return false;
  for (int k = 0; k < taps; k++) room.own[k] = all + (k + 1) * width;
  room.folded = all + (taps + 1) * width + SIDE;
  room.even = all + (taps + 2) * width;
  room.odd = room.even + width;
  room.result = room.odd + width;
  for (int64_t y = range.begin; y < range.end; y++) {
    /* row 2 y - radius + k waits at place (2 y + k) % taps */
    for (int64_t k = y == range.begin ? 0 : taps - 2; k < taps; k++) {
      const int64_t place = (2 * y + k) % taps;
      room.row[place] = load(job, 2 * y - job->radius + k, room.own[place]);
    }
    fold_rows(job, &room, y);
    fold_columns(job, &room);
    cm__line_from_f32(cm_image_type(job->out), room.result, job->out_grid.nx, cm__row_mut(job->out, &job->out_grid, y));
  }
  cm_free(all);
  return true;
}

bool cm__can_halve(const CmImage *image, double sigma) {
  const CmGrid grid = cm__grid(image);
  return grid.nz * grid.nt * grid.components == 1 && grid.nx % 2 == 0 && grid.ny % 2 == 0 && grid.nx >= LEAST &&
         grid.ny >= LEAST && cm__type_fits_f32(cm_image_type(image)) && 4.0 * sigma <= MOST_RADIUS;
}

bool cm__halve(CmContext *ctx, const CmImage *image, double sigma, CmImage *out, CmError **err) {
  Halve job = {.ctx = ctx, .image = image, .out = out, .grid = cm__grid(image), .out_grid = cm__grid(out)};
  CmTaps taps;
  if (!cm__gaussian_taps(ctx, sigma, 4.0, 0, &taps, err)) return false;
  job.radius = taps.radius;
  for (int64_t k = 0; k <= job.radius; k++) {
    const double far = k > 0 ? taps.half[job.radius - k + 1] : 0.0;
    job.tap[k] = (float)(0.5 * (taps.half[job.radius - k] + far));
  }
  cm_free(taps.half);
  return cm_parallel_for(ctx, "pyramid", job.out_grid.rows, 64, halve_rows, &job, err);
}
