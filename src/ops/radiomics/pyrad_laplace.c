/* The Laplacian of a Gaussian by recursive filters, normalized across scale, as ITK's
 * LaplacianRecursiveGaussianImageFilter calculates it. ITK smooths and derives along all axes once for each second
 * derivative and rounds to float in between. Here what they have in common is calculated once, in double: a slice is
 * smoothed and derived along y, both along x, and what comes of it along z. */
#include "ops/radiomics/pyrad_laplace.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/radiomics/pyrad_recursion.h"
#include "ops/simd.h"

/* Farther away than so many sigmas a voxel adds less than 3e-10 of its value: nothing that a float could show. */
#define REACH 16.0
#define BAND_BYTES (INT64_C(512) << 20) /* for what waits for the last axis: rows of the box go through in bands */

typedef struct Laplace {
  const CmPyradSource *source;
  CmRecursion recursion[3];
  int64_t lo[3]; /* of the window: the box and what the filter reaches around it */
  CmStretch stretch[3];
  int64_t wide, narrow;        /* values that a row of the window, of the box takes: whole lanes */
  int64_t first, rows, padded; /* the band: rows of the box, and how many with those that fill the lanes */
  double *parts[3];            /* [row][slice of the window][narrow]: smoothed; derived along x; along y */
  float *to;
} Laplace;

static int64_t whole_lanes(int64_t n) {
  return (n + CM__LANES - 1) / CM__LANES * CM__LANES;
}

static int64_t all_of(const CmStretch *s) {
  return s->before + s->length + s->after;
}

static void set_axis(Laplace *job, int axis, double sigma) {
  const CmPyradSource *s = job->source;
  const double spacing = cm_image_geometry(s->image)->spacing[axis], far = ceil(REACH * sigma / spacing) + 8.0;
  const int64_t dim = cm_image_dims(s->image)[axis], end = s->lo[axis] + s->size[axis];
  const int64_t reach = far < (double)dim ? (int64_t)far : dim;
  job->lo[axis] = s->lo[axis] > reach ? s->lo[axis] - reach : 0;
  job->stretch[axis] = (CmStretch){s->lo[axis] - job->lo[axis], s->size[axis], (dim - end < reach ? dim - end : reach)};
  cm__recursion_make(sigma / spacing, sigma * sigma / (spacing * spacing), &job->recursion[axis]);
}

/* ---- turning: eight values of eight lines ---- */

typedef double Eight __attribute__((vector_size(CM__LANES * sizeof(double))));

/* Value i of line k stands at k * step + i; to: at i * to_step + k. */
static inline __attribute__((always_inline)) void turn(const double *from, int64_t step, double *to, int64_t to_step) {
  Eight a[CM__LANES], b[CM__LANES];
  for (int k = 0; k < CM__LANES; k++) memcpy(&a[k], from + k * step, sizeof a[k]);
  for (int k = 0; k < CM__LANES; k += 2) {
    b[k] = __builtin_shufflevector(a[k], a[k + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    b[k + 1] = __builtin_shufflevector(a[k], a[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int k = 0; k < CM__LANES; k++) {
    if (k & 2) continue;
    a[k] = __builtin_shufflevector(b[k], b[k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    a[k + 2] = __builtin_shufflevector(b[k], b[k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int k = 0; k < CM__LANES / 2; k++) {
    b[k] = __builtin_shufflevector(a[k], a[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    b[k + 4] = __builtin_shufflevector(a[k], a[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int k = 0; k < CM__LANES; k++) memcpy(to + k * to_step, &b[k], sizeof b[k]);
}

/* Rows of n values (whole lanes) to lines side by side. */
CM_SIMD static void turn_rows(const double *from, int64_t step, int64_t n, double *to) {
  for (int64_t x = 0; x < n; x += CM__LANES) turn(from + x, step, to + x * CM__LANES, CM__LANES);
}

/* And back. */
CM_SIMD static void turn_lines(const double *from, int64_t n, double *to, int64_t step) {
  for (int64_t x = 0; x < n; x += CM__LANES) turn(from + x * CM__LANES, CM__LANES, to + x, step);
}

/* ---- a slice: along y and x ---- */

/* smooth, sharp: rows of the band, wide; turned: of both CM__LANES rows, wide; parts: the same, narrow. */
typedef struct Room {
  double *slice, *smooth, *sharp, *turned[2], *parts[3];
} Room;

static bool make_room(const Laplace *job, Room *room, CmError **err) {
  const int64_t slice = all_of(&job->stretch[1]) * job->wide, band = job->padded * job->wide;
  const int64_t turned = CM__LANES * job->wide, parts = CM__LANES * job->narrow;
  const size_t count = (size_t)(slice + 2 * band + 2 * turned + 3 * parts);
  room->slice = cm_calloc(job->source->ctx, count, sizeof(double), err);
  if (!room->slice) return false;
  room->smooth = room->slice + slice;
  room->sharp = room->smooth + band;
  room->turned[0] = room->sharp + band;
  room->turned[1] = room->turned[0] + turned;
  for (int k = 0; k < 3; k++) room->parts[k] = room->turned[1] + turned + k * parts;
  return true;
}

static void load_slice(const Laplace *job, int64_t z, double *to) {
  const CmImage *image = job->source->image;
  const CmGrid grid = cm__grid(image);
  for (int64_t y = 0; y < all_of(&job->stretch[1]); y++) {
    const char *from = cm__row(image, &grid, (job->lo[2] + z) * grid.ny + job->lo[1] + y);
    cm__line_to_f64(cm_image_type(image), from + (size_t)job->lo[0] * grid.size, all_of(&job->stretch[0]),
                    to + y * job->wide);
  }
}

static void along_y(const Laplace *job, const Room *room) {
  const CmStretch *all = &job->stretch[1];
  CmLines lines = {.stretch = {all->before + job->first, job->rows, all->length - job->first - job->rows + all->after},
                   .step = job->wide,
                   .to_step = job->wide};
  for (int64_t x = 0; x < job->wide; x += CM__LANES) {
    lines.from[0] = room->slice + x;
    lines.to[0] = room->smooth + x;
    lines.to[1] = room->sharp + x;
    cm__recursion_split(&job->recursion[1], &lines);
  }
}

static void along_x(const Laplace *job, int64_t z, const Room *room) {
  const int64_t slices = all_of(&job->stretch[2]), place = z * job->narrow, step = slices * job->narrow;
  const CmLines lines = {.stretch = job->stretch[0],
                         .from = {room->turned[0], room->turned[1]},
                         .to = {room->parts[0], room->parts[1], room->parts[2]},
                         .step = CM__LANES,
                         .to_step = CM__LANES};
  for (int64_t y = 0; y < job->padded; y += CM__LANES) {
    turn_rows(room->smooth + y * job->wide, job->wide, job->wide, room->turned[0]);
    turn_rows(room->sharp + y * job->wide, job->wide, job->wide, room->turned[1]);
    cm__recursion_cross(&job->recursion[0], &lines);
    for (int k = 0; k < 3; k++) turn_lines(room->parts[k], job->narrow, job->parts[k] + y * step + place, step);
  }
}

static bool filter_slices(void *arg, CmRange range, CmError **err) {
  const Laplace *job = arg;
  Room room;
  if (!make_room(job, &room, err)) return false;
  for (int64_t z = range.begin; z < range.end; z++) {
    load_slice(job, z, room.slice);
    along_y(job, &room);
    along_x(job, z, &room);
  }
  cm_free(room.slice);
  return true;
}

/* ---- along z ---- */

/* The three derivatives added up in ITK's order, which are floats there. */
static void put(const Laplace *job, const double *const parts[3], int64_t step, int64_t row, int64_t x) {
  const int64_t *n = job->source->size, count = n[0] - x < CM__LANES ? n[0] - x : CM__LANES;
  const bool flat = cm_image_rank(job->source->image) < 3;
  for (int64_t z = 0; z < n[2]; z++) {
    float *to = job->to + (z * n[1] + job->first + row) * n[0] + x;
    for (int64_t k = 0; k < count; k++) {
      const int64_t at = z * step + k;
      const float sum = (float)((double)(float)parts[1][at] + (double)(float)parts[2][at]);
      to[k] = flat ? sum : (float)((double)sum + (double)(float)parts[0][at]);
    }
  }
}

static bool filter_rows(void *arg, CmRange range, CmError **err) {
  const Laplace *job = arg;
  const bool flat = cm_image_rank(job->source->image) < 3;
  const int64_t slices = all_of(&job->stretch[2]), part = job->source->size[2] * CM__LANES;
  double *sum = cm_alloc_array(job->source->ctx, (size_t)(3 * part), sizeof(double), err);
  if (!sum) return false;
  CmLines lines = {
      .stretch = job->stretch[2], .to = {sum, sum + part, sum + 2 * part}, .step = job->narrow, .to_step = CM__LANES};
  for (int64_t row = range.begin; row < range.end; row++)
    for (int64_t x = 0; x < job->source->size[0]; x += CM__LANES) {
      for (int k = 0; k < 3; k++) lines.from[k] = job->parts[k] + row * slices * job->narrow + x;
      if (!flat) cm__recursion_last(&job->recursion[2], &lines);
      put(job, flat ? lines.from : (const double *const *)lines.to, CM__LANES, row, x);
    }
  cm_free(sum);
  return true;
}

/* ---- the whole ---- */

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* As many rows as may wait. */
static bool make_band(Laplace *job, CmError **err) {
  size_t row, count;
  if (!cm_size_multiply((size_t)all_of(&job->stretch[2]), (size_t)job->narrow, &row, err)) return false;
  const int64_t fit = BAND_BYTES / (3 * (int64_t)sizeof(double)) / (int64_t)row / CM__LANES * CM__LANES;
  job->padded = least(fit > CM__LANES ? fit : CM__LANES, whole_lanes(job->source->size[1]));
  if (!cm_size_multiply(row, (size_t)job->padded, &count, err)) return false;
  job->parts[0] = cm_alloc_array(job->source->ctx, count, 3 * sizeof(double), err);
  for (size_t k = 1; job->parts[0] && k < 3; k++) job->parts[k] = job->parts[0] + k * count;
  return job->parts[0] != NULL;
}

bool cm__pyrad_laplace(const CmPyradSource *source, double sigma, float *to, CmError **err) {
  Laplace job = {.source = source, .to = to};
  for (int axis = 0; axis < 3; axis++) set_axis(&job, axis, sigma);
  job.wide = whole_lanes(all_of(&job.stretch[0]));
  job.narrow = whole_lanes(source->size[0]);
  bool ok = make_band(&job, err);
  const int64_t slices = all_of(&job.stretch[2]), band = job.padded;
  for (; ok && job.first < source->size[1]; job.first += band) {
    job.rows = least(band, source->size[1] - job.first);
    job.padded = whole_lanes(job.rows);
    ok = cm_parallel_for(source->ctx, NULL, slices, 4 + slices / 32, filter_slices, &job, err) &&
         cm_parallel_for(source->ctx, NULL, job.rows, 1 + job.rows / 32, filter_rows, &job, err);
  }
  cm_free(job.parts[0]);
  return ok;
}
