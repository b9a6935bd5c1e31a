#include "ops/transform/warp.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"
#include "ops/transform/corners.h"
#include "ops/transform/slant.h"
#include "ops/transform/stretch.h"
#include "ops/transform/support.h"

static inline void cubic_support(double c, int64_t n, int64_t at[4], double w[4]) {
  const int64_t first = (int64_t)floor(c);
  const double u = c - (double)first, v = 1.0 - u;
  for (int k = 0; k < 4; k++) at[k] = cm__border_index(CM_BORDER_MIRROR, first - 1 + k, n);
  w[0] = v * v * v / 6.0;
  w[1] = 2.0 / 3.0 - 0.5 * u * u * (2.0 - u);
  w[2] = 2.0 / 3.0 - 0.5 * v * v * (2.0 - v);
  w[3] = u * u * u / 6.0;
}

enum {
  CUBIC_TAPS = 4,
  LANCZOS_LOBES = 5,
  LANCZOS_TAPS = 2 * LANCZOS_LOBES,
  MOST_TAPS = LANCZOS_TAPS,
  BLOCK = 128 /* points at a time */
};

/* sinc(x) sinc(x / lobes), scaled so that constant areas stay constant; the outermost voxel beyond the border. */
static void lanczos_support(double c, int64_t n, int64_t at[LANCZOS_TAPS], double w[LANCZOS_TAPS]) {
  const double pi = 3.14159265358979323846;
  const int64_t first = (int64_t)floor(c) - LANCZOS_LOBES + 1;
  double sum = 0.0;
  for (int k = 0; k < LANCZOS_TAPS; k++) {
    const double x = pi * (c - (double)(first + k)), wide = x / LANCZOS_LOBES;
    at[k] = cm__border_index(CM_BORDER_REPLICATE, first + k, n);
    w[k] = fabs(x) < 1e-9 ? 1.0 : fabs(wide) >= pi ? 0.0 : sin(x) / x * (sin(wide) / wide);
    sum += w[k];
  }
  for (int k = 0; k < LANCZOS_TAPS; k++) w[k] /= sum;
}

static void support(int taps, double c, int64_t n, int64_t *at, double *w) {
  if (n == 1) {
    for (int k = 0; k < taps; k++) {
      at[k] = 0;
      w[k] = k == 0;
    }
    return;
  }
  if (taps == CUBIC_TAPS)
    cubic_support(c, n, at, w);
  else
    lanczos_support(c, n, at, w);
}

/* The ends themselves where the weight says so: the other one may be NaN, and a + (b - a) may miss b. Of integers
 * neither is true. */
static inline double mix_real(double a, double b, double w) {
  const double between = a + w * (b - a);
  return w == 0.0 ? a : w == 1.0 ? b : between;
}

static inline double mix_integer(double a, double b, double w) {
  return a + w * (b - a);
}

typedef struct Points {
  CmGrid grid;
  double outside;
  int taps; /* of weighted sums */
} Points;

/* Some points at a time. Number of the first value that each takes, and for linear ones the weights of the far
 * neighbours along each axis, which stand one voxel further: the outermost pair of voxels serves the border too. */
typedef struct Places {
  int64_t first[BLOCK];
  double weight[3][BLOCK];
  uint8_t inside[BLOCK];
} Places;

static void axes_of(const CmGrid *grid, int64_t size[3], int64_t stride[3]) {
  const int64_t sizes[3] = {grid->nx, grid->ny, grid->nz},
                strides[3] = {grid->components, grid->row, grid->row * grid->ny};
  memcpy(size, sizes, sizeof sizes);
  memcpy(stride, strides, sizeof strides);
}

CM_SIMD static void find_inside(const double *at, int64_t n, double last, uint8_t *inside) {
  for (int64_t i = 0; i < n; i++)
    inside[i] = (uint8_t)(inside[i] & (at[i] >= -0.5 - 1e-6) & (at[i] <= last + 0.5 + 1e-6));
}

CM_SIMD static void find_corners(const Points *points, const double *const at[3], int64_t n, Places *places) {
  int64_t size[3], stride[3];
  axes_of(&points->grid, size, stride);
  for (int64_t i = 0; i < n; i++) {
    places->first[i] = 0;
    places->inside[i] = 1;
  }
  for (int axis = 0; axis < 3; axis++) {
    const double last = (double)(size[axis] - 1), furthest = size[axis] > 1 ? last - 1.0 : 0.0;
    find_inside(at[axis], n, last, places->inside);
    if (size[axis] == 1) {
      memset(places->weight[axis], 0, (size_t)n * sizeof(double));
      continue;
    }
    for (int64_t i = 0; i < n; i++) {
      const double c = at[axis][i];
      const double near = c > 0.0 ? c < last ? c : last : 0.0; /* NaN: 0 */
      const int64_t low = (int64_t)(near < furthest ? near : furthest);
      places->first[i] += low * stride[axis];
      places->weight[axis][i] = near - (double)low;
    }
  }
}

/* What float holds of places. */
CM_SIMD static void narrow_places(const Places *places, int64_t n, CmCorners *corners) {
  for (int64_t i = 0; i < n; i++) corners->first[i] = (int32_t)places->first[i];
  for (int axis = 0; axis < 3; axis++)
    for (int64_t i = 0; i < n; i++) corners->weight[axis][i] = (float)places->weight[axis][i];
}

CM_SIMD static void find_nearest(const Points *points, const double *const at[3], int64_t n, Places *places) {
  int64_t size[3], stride[3];
  axes_of(&points->grid, size, stride);
  for (int64_t i = 0; i < n; i++) {
    places->first[i] = 0;
    places->inside[i] = 1;
  }
  for (int axis = 0; axis < 3; axis++) {
    const double last = (double)(size[axis] - 1);
    find_inside(at[axis], n, last, places->inside);
    for (int64_t i = 0; i < n && size[axis] > 1; i++) {
      const double up = at[axis][i] + 0.5 + 1e-9;
      const double near = up > 0.0 ? up < last ? up : last : 0.0; /* NaN: 0 */
      places->first[i] += (int64_t)near * stride[axis];
    }
  }
}

/* Where the voxels of the result lie along one axis of the image: taps and weights of each. */
typedef struct Axis {
  int64_t *at;
  double *weight;
  uint8_t *inside;
} Axis;

typedef struct Aligned {
  CmContext *ctx;
  const CmWarp *warp;
  CmGrid grid, out_grid;
  const void *source; /* the image, or the coefficients */
  CmType source_type;
  Axis axis[3];
  int taps;
} Aligned;

typedef struct Spline {
  CmContext *ctx;
  CmGrid grid;
  int axis;
  void *coefficients;
} Spline;

enum { CORNERS = 4 }; /* pairs along x */

#define CM_TEMPLATE "ops/transform/warp_tmpl.c"
#include "ops/each_type.h"

#define load_f32 cm__line_to_f32
#define load_f64 cm__line_to_f64
#define unload_f32 cm__line_from_f32
#define unload_f64 cm__line_from_f64
#define R float
#define X(name) name##_f32
#include "ops/transform/aligned_tmpl.c"
#undef R
#undef X
#define R double
#define X(name) name##_f64
#include "ops/transform/aligned_tmpl.c"
#undef R
#undef X

typedef void (*PointsFn)(const Points *, const void *, const double *const *, int64_t, double *);
static const PointsFn points_nearest[CM_TYPE_COUNT] = CM_TYPE_TABLE(points_nearest);
static const PointsFn points_linear[CM_TYPE_COUNT] = CM_TYPE_TABLE(points_linear);
static const PointsFn points_label[CM_TYPE_COUNT] = CM_TYPE_TABLE(points_label);
static const PointsFn points_taps[CM_TYPE_COUNT] = CM_TYPE_TABLE(points_taps);

static bool fill_axis(CmContext *ctx, const CmWarp *warp, int axis, int taps, Axis *to, CmError **err) {
  const int64_t n = cm_image_dims(warp->out)[axis], size = cm_image_dims(warp->image)[axis];
  to->at = cm_alloc_array(ctx, (size_t)(n * taps), sizeof(int64_t), err);
  to->weight = cm_alloc_array(ctx, (size_t)(n * taps), sizeof(double), err);
  to->inside = cm_alloc(ctx, (size_t)n, err);
  if (!to->at || !to->weight || !to->inside) return false;
  for (int64_t i = 0; i < n; i++) {
    const double c = warp->map[axis * 4 + axis] * (double)i + warp->map[axis * 4 + 3];
    int64_t *at = to->at + i * taps;
    double *w = to->weight + i * taps;
    to->inside[i] = is_inside(c, size);
    if (!to->inside[i])
      for (int k = 0; k < taps; k++) {
        at[k] = 0;
        w[k] = 0.0;
      }
    else
      support(taps, c, size, at, w);
  }
  return true;
}

/* Coefficients of the cubic B-spline: reals of the image's size. */
static void *spline(CmContext *ctx, const CmImage *image, bool wide, CmError **err) {
  Spline job = {.ctx = ctx, .grid = cm__grid(image)};
  const CmGrid *grid = &job.grid;
  const int64_t parts[3] = {grid->rows, grid->nz * grid->nt, grid->ny * grid->nt},
                size[3] = {grid->nx, grid->ny, grid->nz};
  job.coefficients = cm_alloc_array(ctx, (size_t)cm_image_values(image), wide ? 8 : 4, err);
  if (!job.coefficients) return NULL;
  for (int64_t row = 0; row < grid->rows; row++) {
    if (wide)
      cm__line_to_f64(cm_image_type(image), cm__row(image, grid, row), grid->row,
                      (double *)job.coefficients + row * grid->row);
    else
      cm__line_to_f32(cm_image_type(image), cm__row(image, grid, row), grid->row,
                      (float *)job.coefficients + row * grid->row);
  }
  for (job.axis = 0; job.axis < 3; job.axis++) {
    int64_t chunk = job.axis == 0 ? cm__row_chunk(grid) : 1;
    if (size[job.axis] > 1 &&
        !cm_parallel_for(ctx, NULL, parts[job.axis], chunk, wide ? spline_part_f64 : spline_part_f32, &job, err)) {
      cm_free(job.coefficients);
      return NULL;
    }
  }
  return job.coefficients;
}

static int taps_of(CmInterpolation interpolation) {
  static const int taps[] = {[CM_INTERPOLATE_NEAREST] = 1,
                             [CM_INTERPOLATE_LINEAR] = 2,
                             [CM_INTERPOLATE_CUBIC] = CUBIC_TAPS,
                             [CM_INTERPOLATE_LABEL] = 2,
                             [CM_INTERPOLATE_LANCZOS] = LANCZOS_TAPS};
  return taps[interpolation];
}

static bool warp_aligned(CmContext *ctx, const CmWarp *warp, const void *source, CmType source_type, bool wide,
                         CmError **err) {
  Aligned job = {.ctx = ctx,
                 .warp = warp,
                 .grid = cm__grid(warp->image),
                 .out_grid = cm__grid(warp->out),
                 .source = source,
                 .source_type = source_type,
                 .taps = taps_of(warp->interpolation)};
  bool ok = true;
  for (int axis = 0; axis < 3 && ok; axis++) ok = fill_axis(ctx, warp, axis, job.taps, &job.axis[axis], err);
  int64_t chunk = 65536 / (job.out_grid.row + job.grid.row);
  ok = ok && cm_parallel_for(ctx, warp->what, job.out_grid.rows, chunk < 1 ? 1 : chunk,
                             wide ? aligned_rows_f64 : aligned_rows_f32, &job, err);
  for (int axis = 0; axis < 3; axis++) {
    cm_free(job.axis[axis].at);
    cm_free(job.axis[axis].weight);
    cm_free(job.axis[axis].inside);
  }
  return ok;
}

typedef struct Oblique {
  CmContext *ctx;
  const CmWarp *warp;
  CmGrid out_grid;
  Points points;
  PointsFn fn;
  const void *source;
  size_t volume_bytes; /* of a time point of source */
  CmType source_type;
  bool slants; /* what lies between voxels goes by slant */
  CmSlant slant;
  bool corners; /* linear in float */
} Oblique;

/* Where the voxels begin..end of a row of the result lie in the image. */
CM_SIMD static void row_points(const Oblique *job, int64_t row, CmSpan span, double *const at[3]) {
  const CmGrid *out = &job->out_grid;
  const double *map = job->warp->map;
  const double y = (double)(row % out->ny), z = (double)(row / out->ny % out->nz);
  for (int axis = 0; axis < 3; axis++) {
    const double first = map[axis * 4 + 1] * y + map[axis * 4 + 2] * z + map[axis * 4 + 3], step = map[axis * 4];
    double *to = at[axis];
    for (int64_t i = span.begin; i < span.end; i++) to[i - span.begin] = first + (double)i * step;
  }
}

CM_SIMD static void blank_outside(const Places *places, float outside, int64_t n, int64_t components, float *line) {
  for (int64_t c = 0; c < components; c++)
    for (int64_t i = 0; i < n; i++) {
      const float v = line[i * components + c];
      line[i * components + c] = places->inside[i] ? v : outside;
    }
}

/* Points at any place, linear in float. */
static void corner_points(const Oblique *job, const void *volume, const double *const at[3], int64_t n, char *to) {
  const CmGrid *grid = &job->points.grid;
  const int64_t c = grid->components, most = cm__corners_part(grid);
  const CmType type = cm_image_type(job->warp->out);
  Places places;
  CmCorners corners;
  float line[CM_CORNERS_BLOCK];
  for (int64_t begin = 0; begin < n; begin += most) {
    const int64_t count = n - begin < most ? n - begin : most;
    find_corners(&job->points, (const double *[3]){at[0] + begin, at[1] + begin, at[2] + begin}, count, &places);
    narrow_places(&places, count, &corners);
    cm__corners_mix(job->source_type, volume, grid, &corners, count, line);
    blank_outside(&places, (float)job->points.outside, count, c, line);
    cm__line_from_f32(type, line, count * c, to + (size_t)(begin * c) * job->out_grid.size);
  }
}

/* A part of a row, point by point. room: for the places and values of as many points. */
static void any_part(const Oblique *job, int64_t row, CmSpan span, double *room) {
  const CmGrid *out = &job->out_grid;
  const int64_t n = span.end - span.begin;
  const char *volume = (const char *)job->source + (size_t)(row / (out->ny * out->nz)) * job->volume_bytes;
  char *to = (char *)cm__row_mut(job->warp->out, out, row) + (size_t)(span.begin * out->components) * out->size;
  double *const at[3] = {room, room + n, room + 2 * n}, *line = room + 3 * n;
  if (n <= 0) return;
  row_points(job, row, span, at);
  if (job->warp->move) job->warp->move(job->warp->arg, row % (out->ny * out->nz), at);
  if (job->corners) {
    corner_points(job, volume, (const double *const *)at, n, to);
    return;
  }
  job->fn(&job->points, volume, (const double *const *)at, n, line);
  cm__line_from_f64(cm_image_type(job->warp->out), line, n * out->components, to);
}

static void outside_part(const Oblique *job, int64_t row, int64_t begin, int64_t end) {
  const CmGrid *out = &job->out_grid;
  char *to = cm__row_mut(job->warp->out, out, row);
  char value[sizeof(double)];
  cm__line_from_f64(cm_image_type(job->warp->out), &job->warp->outside, 1, value);
  for (int64_t i = begin * out->components; i < end * out->components; i++)
    memcpy(to + (size_t)i * out->size, value, out->size);
}

enum { TILE_ROWS = 16, TILE = 256 };

/* Some rows side by side, so that what they share of the image is still in the cache. */
static void slant_rows(const Oblique *job, CmRange range, double *room) {
  CmSlantRow rows[TILE_ROWS];
  const int64_t count = range.end - range.begin, nx = job->out_grid.nx;
  for (int64_t k = 0; k < count; k++) {
    const int64_t row = range.begin + k;
    cm__slant_row(&job->slant, row, &rows[k]);
    outside_part(job, row, 0, rows[k].reached.begin);
    any_part(job, row, (CmSpan){rows[k].reached.begin, rows[k].between.begin}, room);
    any_part(job, row, (CmSpan){rows[k].between.end, rows[k].reached.end}, room);
    outside_part(job, row, rows[k].reached.end, nx);
  }
  for (int64_t x = 0; x < nx; x += TILE)
    for (int64_t k = 0; k < count; k++) {
      const CmSpan *span = &rows[k].between;
      const int64_t begin = x > span->begin ? x : span->begin, end = x + TILE < span->end ? x + TILE : span->end;
      if (begin < end) cm__slant_part(&job->slant, &rows[k], begin, end);
    }
}

static bool oblique_rows(void *arg, CmRange range, CmError **err) {
  const Oblique *job = arg;
  const CmGrid *out = &job->out_grid;
  double *room = cm_alloc_array(job->ctx, (size_t)(out->row + 3 * out->nx), sizeof(double), err);
  if (room && job->slants) slant_rows(job, range, room);
  for (int64_t row = range.begin; room && !job->slants && row < range.end; row++)
    any_part(job, row, (CmSpan){0, out->nx}, room);
  cm_free(room);
  return room != NULL;
}

static bool warp_oblique(CmContext *ctx, const CmWarp *warp, const void *source, CmType source_type, bool wide,
                         CmError **err) {
  Oblique job = {
      .ctx = ctx, .warp = warp, .out_grid = cm__grid(warp->out), .source = source, .source_type = source_type};
  job.points = (Points){.grid = cm__grid(warp->image), .outside = warp->outside, .taps = taps_of(warp->interpolation)};
  const CmGrid *grid = &job.points.grid;
  job.volume_bytes = (size_t)(grid->row * grid->ny * grid->nz) * cm_type_size(source_type);
  switch (warp->interpolation) {
    case CM_INTERPOLATE_NEAREST:
      job.fn = points_nearest[source_type];
      break;
    case CM_INTERPOLATE_LINEAR:
      job.fn = points_linear[source_type];
      job.corners = !wide && cm__corners_fit(grid, source_type);
      job.slants = !wide && !warp->move && cm__slant_open(&job.slant, warp);
      break;
    case CM_INTERPOLATE_LABEL:
      job.fn = points_label[source_type];
      break;
    case CM_INTERPOLATE_CUBIC:
    case CM_INTERPOLATE_LANCZOS:
      job.fn = points_taps[source_type];
      break;
  }
  const int64_t chunk = job.slants ? TILE_ROWS : 8192 / job.out_grid.row;
  return cm_parallel_for(ctx, warp->what, job.out_grid.rows, chunk < 1 ? 1 : chunk, oblique_rows, &job, err);
}

/* No axis of the result runs through more than one axis of the image, and in its order. */
static bool is_aligned(const CmWarp *warp) {
  if (cm__grid(warp->image).row > INT32_MAX) return false; /* places in a row are 32 bits wide */
  for (int row = 0; row < 3; row++)
    for (int column = 0; column < 3; column++)
      if (row != column && fabs(warp->map[row * 4 + column]) * (double)(cm_image_dims(warp->out)[column] - 1) > 1e-9)
        return false;
  return true;
}

bool cm__warp(CmContext *ctx, const CmWarp *warp, CmError **err) {
  const CmType type = cm_image_type(warp->image);
  /* nearest must hand over every value as it is */
  const bool wide = !cm__type_fits_f32(type) || cm_image_type(warp->out) == CM_F64;
  const void *source = cm_image_data(warp->image);
  void *coefficients = NULL;
  CmType source_type = type;
  if (warp->interpolation == CM_INTERPOLATE_CUBIC) {
    source = coefficients = spline(ctx, warp->image, wide, err);
    source_type = wide ? CM_F64 : CM_F32;
    if (!source) return false;
  }
  const bool aligned = warp->interpolation != CM_INTERPOLATE_LABEL && !warp->move && is_aligned(warp);
  const bool pairs = warp->interpolation == CM_INTERPOLATE_LINEAR || warp->interpolation == CM_INTERPOLATE_NEAREST;
  bool ok = aligned && !pairs ? warp_aligned(ctx, warp, source, source_type, wide, err)
            : aligned         ? cm__stretch(ctx, warp, wide, err)
                              : warp_oblique(ctx, warp, source, source_type, wide, err);
  cm_free(coefficients);
  return ok;
}

void cm__grid_map(const CmGeometry *from, const CmGeometry *to, double map[12]) {
  double zero[3] = {0, 0, 0}, lps[3], origin[3];
  cm_geometry_to_physical(from, zero, lps);
  cm_geometry_to_index(to, lps, origin);
  for (int axis = 0; axis < 3; axis++) {
    double unit[3] = {0, 0, 0}, index[3];
    unit[axis] = 1.0;
    cm_geometry_to_physical(from, unit, lps);
    cm_geometry_to_index(to, lps, index);
    for (int row = 0; row < 3; row++) map[row * 4 + axis] = index[row] - origin[row];
  }
  for (int row = 0; row < 3; row++) map[row * 4 + 3] = origin[row];
}

CmImage *cm__image_on_grid(CmContext *ctx, const CmImage *image, const CmGeometry *geometry, const int64_t size[3],
                           CmType type, CmError **err) {
  const int64_t dims[4] = {size[0], size[1], size[2], cm_image_dims(image)[3]};
  const int rank = cm_image_rank(image) == 2 && size[2] > 1 ? 3 : cm_image_rank(image);
  CmImage *out = cm_image_create(ctx, type, rank, dims, cm_image_components(image), err);
  if (out && (!cm_image_set_geometry(out, geometry, err) || !cm__copy_words(out, image, err))) cm_image_unref(&out);
  return out;
}

CmImage *cm__resample_to(CmContext *ctx, const CmImage *image, const CmGeometry *geometry, const int64_t size[3],
                         CmInterpolation interpolation, double outside, CmType type, CmError **err) {
  CmWarp warp = {.what = "resample", .image = image, .interpolation = interpolation, .outside = outside};
  cm__grid_map(geometry, cm_image_geometry(image), warp.map);
  warp.out = cm__image_on_grid(ctx, image, geometry, size, type, err);
  if (warp.out && !cm__warp(ctx, &warp, err)) cm_image_unref(&warp.out);
  return warp.out;
}

void cm__grid_with_spacing(const CmImage *image, const double spacing[3], CmGeometry *geometry, int64_t size[3]) {
  double shift[3];
  *geometry = *cm_image_geometry(image);
  for (int axis = 0; axis < 3; axis++) {
    const double old = geometry->spacing[axis], wanted = spacing[axis] > 0.0 ? spacing[axis] : old;
    const int64_t n = cm_image_dims(image)[axis];
    double count = ceil((double)n * old / wanted - 1e-6);
    size[axis] = count < 1.0 ? 1 : count > (double)CM_MAX_DIM ? CM_MAX_DIM : (int64_t)count;
    shift[axis] = 0.5 * ((double)(n - 1) * old - (double)(size[axis] - 1) * wanted);
    geometry->spacing[axis] = wanted;
  }
  for (int row = 0; row < 3; row++)
    for (int axis = 0; axis < 3; axis++) geometry->origin[row] += geometry->direction[row * 3 + axis] * shift[axis];
}

void cm__grid_with_size(const CmImage *image, const int64_t size[3], CmGeometry *geometry) {
  double shift[3];
  *geometry = *cm_image_geometry(image);
  for (int axis = 0; axis < 3; axis++) {
    const double old = geometry->spacing[axis];
    geometry->spacing[axis] = old * (double)cm_image_dims(image)[axis] / (double)size[axis];
    shift[axis] = 0.5 * (geometry->spacing[axis] - old);
  }
  for (int row = 0; row < 3; row++)
    for (int axis = 0; axis < 3; axis++) geometry->origin[row] += geometry->direction[row * 3 + axis] * shift[axis];
}
