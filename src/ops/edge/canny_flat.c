#include "ops/edge/canny_flat.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

enum {
  BAND = 64,
  PAD = 16, /* before and behind a row: keeps it aligned */
  LINES = 4,
  SQUARES = 3,
  PART = 32 /* of a row, looked through where something in it is strong enough */
};

typedef struct Walk {
  CmContext *ctx;
  const CmCannyFlat *job;
  CmGrid grid;
  int64_t bands; /* of a plane */
} Walk;

/* Lines y - 1 to y + 2 and squared magnitudes of y - 1 to y + 1, in rings; beyond the image the magnitude is 0. */
typedef struct Room {
  float *line[LINES], *square[SQUARES];
  uint8_t *some, *inside;
} Room;

static float *line_at(const Room *room, int64_t y) {
  return room->line[(y + LINES) % LINES];
}

static float *square_at(const Room *room, int64_t y) {
  return room->square[(y + SQUARES) % SQUARES];
}

static inline float slope_x(const float *up, const float *mid, const float *down, int64_t i, float factor) {
  const float right = up[i + 1] + 2.0f * mid[i + 1] + down[i + 1], left = up[i - 1] + 2.0f * mid[i - 1] + down[i - 1];
  return (right - left) * factor;
}

static inline float slope_y(const float *up, const float *down, int64_t i, float factor) {
  const float below = down[i - 1] + 2.0f * down[i] + down[i + 1], above = up[i - 1] + 2.0f * up[i] + up[i + 1];
  return (below - above) * factor;
}

/* The squared magnitude of Sobel's slopes. */
CM_SIMD static void squares(const float *restrict up, const float *restrict mid, const float *restrict down, float fx,
                            float fy, float *restrict square, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float x = slope_x(up, mid, down, i, fx), y = slope_y(up, down, i, fy);
    square[i] = x * x + y * y;
  }
}

/* Which parts of the row hold something from `least` on. */
CM_SIMD static void look(const float *restrict square, float least, uint8_t *restrict some, int64_t parts) {
  for (int64_t k = 0; k < parts; k++) {
    int32_t found = 0;
    for (int i = 0; i < PART; i++) found |= square[k * PART + i] >= least;
    some[k] = (uint8_t)found;
  }
}

/* Row y of a plane, which may lie beyond the border, with one voxel more on both sides. */
static void load_line(const Walk *walk, int64_t plane, int64_t y, float *to) {
  const CmCannyFlat *job = walk->job;
  const CmGrid *grid = &walk->grid;
  const float value = (float)job->border_value;
  const int64_t n = grid->nx, yy = cm__border_index(job->border, y, grid->ny),
                left = cm__border_index(job->border, -1, n), right = cm__border_index(job->border, n, n);
  if (yy < 0) {
    for (int64_t i = -1; i <= n; i++) to[i] = value;
    return;
  }
  cm__line_to_f32(cm_image_type(job->image), cm__row(job->image, grid, plane * grid->ny + yy), n, to);
  to[-1] = left < 0 ? value : to[left];
  to[n] = right < 0 ? value : to[right];
}

static float factor_of(const Walk *walk, int axis) {
  return (float)(0.125 * walk->job->factor[axis]);
}

/* Row y; its lines y - 1 and y stand in the ring already. */
static void square_row(const Walk *walk, const Room *room, int64_t plane, int64_t y) {
  const int64_t n = walk->grid.nx;
  float *square = square_at(room, y);
  load_line(walk, plane, y + 1, line_at(room, y + 1));
  if (y < 0 || y >= walk->grid.ny) {
    memset(square - 1, 0, (size_t)(n + 2) * sizeof(float));
    return;
  }
  squares(line_at(room, y - 1), line_at(room, y), line_at(room, y + 1), factor_of(walk, 0), factor_of(walk, 1), square,
          n);
  memset(square + n, 0, PART * sizeof(float));
  square[-1] = 0.0f;
}

/* The magnitude one step along the steepest way, which changes the steeper axis by one voxel: linear between two. */
static bool is_ridge(const Walk *walk, const Room *room, int64_t y, int64_t i, double here) {
  const float *up = line_at(room, y - 1), *mid = line_at(room, y), *down = line_at(room, y + 1);
  const double x_way = slope_x(up, mid, down, i, factor_of(walk, 0)) * walk->job->factor[0],
               y_way = slope_y(up, down, i, factor_of(walk, 1)) * walk->job->factor[1];
  const bool along_y = fabs(y_way) > fabs(x_way);
  const double main = along_y ? y_way : x_way, other = along_y ? x_way : y_way;
  if (main == 0.0) return false;
  const double share = fabs(other / main);
  const int main_step = main > 0.0 ? 1 : -1, other_step = other > 0.0 ? 1 : -1;
  for (int sign = -1; sign <= 1; sign += 2) {
    const int a = sign * main_step, b = sign * other_step;
    const float *row = square_at(room, y + (along_y ? a : 0)), *aside = square_at(room, y + (along_y ? a : b));
    double ahead = share == 1.0 ? 0.0 : (1.0 - share) * sqrtf(row[along_y ? i : i + a]);
    if (share != 0.0) ahead += share * sqrtf(aside[along_y ? i + b : i + a]);
    if (!(ahead <= here)) return false;
  }
  return true;
}

static void thin_row(const Walk *walk, const Room *room, int64_t y, uint8_t *to) {
  const float *square = square_at(room, y);
  const double lower = walk->job->lower;
  const int64_t n = walk->grid.nx, parts = (n + PART - 1) / PART;
  /* a little less than asked for, since the root rounds */
  const float least = lower > 0.0 ? (float)fmin(fmax(lower * lower * (1.0 - 1e-6), FLT_MIN), FLT_MAX) : FLT_MIN;
  look(square, least, room->some, parts);
  memset(to, 0, (size_t)n);
  for (int64_t k = 0; k < parts; k++) {
    const int64_t end = (k + 1) * PART < n ? (k + 1) * PART : n;
    for (int64_t i = k * PART; room->some[k] && i < end; i++) {
      if (!(square[i] >= least)) continue;
      const double here = sqrtf(square[i]);
      if (here >= lower && is_ridge(walk, room, y, i, here)) to[i] = here >= walk->job->upper ? 2 : 1;
    }
  }
}

static bool open_room(const Walk *walk, Room *room, float **block, CmError **err) {
  const int64_t n = walk->grid.nx, pitch = n + PAD + PART;
  *block = cm_alloc_array(walk->ctx, (size_t)((LINES + SQUARES) * pitch), sizeof(float), err);
  room->some = cm_alloc(walk->ctx, (size_t)(n / PART + 1 + n), err);
  if (!*block || !room->some) return false;
  room->inside = room->some + n / PART + 1;
  for (int k = 0; k < LINES; k++) room->line[k] = *block + k * pitch + PAD;
  for (int k = 0; k < SQUARES; k++) room->square[k] = *block + (LINES + k) * pitch + PAD;
  return true;
}

static bool do_band(void *arg, CmRange range, CmError **err) {
  const Walk *walk = arg;
  const CmCannyFlat *job = walk->job;
  const int64_t plane = range.begin / walk->bands, y0 = range.begin % walk->bands * BAND, ny = walk->grid.ny;
  const int64_t y1 = y0 + BAND < ny ? y0 + BAND : ny;
  Room room = {.some = NULL};
  float *block = NULL;
  const bool ok = open_room(walk, &room, &block, err);
  if (ok) {
    CmGrid bytes = walk->grid;
    bytes.size = 1;
    load_line(walk, plane, y0 - 2, line_at(&room, y0 - 2));
    load_line(walk, plane, y0 - 1, line_at(&room, y0 - 1));
    square_row(walk, &room, plane, y0 - 1);
    square_row(walk, &room, plane, y0);
    for (int64_t y = y0; y < y1; y++) {
      uint8_t *to = cm__row_mut(job->candidates, &bytes, plane * ny + y);
      square_row(walk, &room, plane, y + 1);
      thin_row(walk, &room, y, to);
      if (!job->mask->image) continue;
      cm__mask_row(job->mask, plane * ny + y, room.inside);
      for (int64_t x = 0; x < walk->grid.nx; x++) to[x] = room.inside[x] ? to[x] : 0;
    }
  }
  cm_free(block);
  cm_free(room.some);
  return ok;
}

bool cm__canny_flat(CmContext *ctx, const CmCannyFlat *job, CmError **err) {
  Walk walk = {.ctx = ctx, .job = job, .grid = cm__grid(job->image)};
  walk.bands = cm_chunk_count(walk.grid.ny, BAND);
  return cm_parallel_for(ctx, "canny: slopes and thinning", walk.bands * walk.grid.nz * walk.grid.nt, 1, do_band, &walk,
                         err);
}
