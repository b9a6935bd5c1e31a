#include "ops/transform/slant.h"

#include <math.h>
#include <string.h>

#include "ops/simd.h"
#include "ops/transform/corners.h"

enum { BLOCK = CM_CORNERS_BLOCK, FRACTION = 40 };

bool cm__slant_open(CmSlant *slant, const CmWarp *warp) {
  const int64_t *dims = cm_image_dims(warp->out), *size = cm_image_dims(warp->image);
  *slant = (CmSlant){.warp = warp, .grid = cm__grid(warp->image), .out_grid = cm__grid(warp->out)};
  if (!cm__corners_fit(&slant->grid, cm_image_type(warp->image)) || cm_image_type(warp->out) == CM_F64 ||
      !cm__type_fits_f32(cm_image_type(warp->out)))
    return false;
  for (int axis = 0; axis < 3; axis++) {
    const double *map = warp->map + 4 * axis;
    double reach = fabs(map[3]) + (double)size[axis];
    for (int k = 0; k < 3; k++) reach += fabs(map[k]) * (double)dims[k];
    if (!(reach < 0x1p22)) return false; /* 62 bits with the fraction */
  }
  return true;
}

static int64_t divide_up(int64_t a, int64_t b) {
  return a / b + (a % b > 0);
}

/* Keeps what of the span lies from `least` on and below `limit`. */
static void narrow(int64_t first, int64_t step, int64_t least, int64_t limit, CmSpan *span) {
  const int64_t from = first - least, to = first - limit;
  int64_t begin = span->begin, end = span->end;
  if (step > 0) {
    begin = divide_up(-from, step);
    end = divide_up(-to, step);
  } else if (step < 0) {
    begin = divide_up(to + 1, -step);
    end = divide_up(from + 1, -step);
  } else if (from < 0 || to >= 0)
    end = begin;
  span->begin = begin > span->begin ? begin : span->begin;
  span->end = end < span->end ? end : span->end;
  if (span->end <= span->begin) *span = (CmSpan){0, 0}; /* its ends may lie anywhere */
}

static void find_spans(const CmSlant *slant, CmSlantRow *row) {
  const int64_t size[3] = {slant->grid.nx, slant->grid.ny, slant->grid.nz};
  const int64_t half = (int64_t)1 << (FRACTION - 1), margin = half + (half >> 10); /* more than there is */
  row->between = row->reached = (CmSpan){0, slant->out_grid.nx};
  for (int axis = 0; axis < 3; axis++) {
    const int64_t last = (size[axis] - 1) << FRACTION, first = row->first[axis], step = row->step[axis];
    narrow(first, step, -margin, last + margin, &row->reached);
    if (size[axis] > 1)
      narrow(first, step, 0, last, &row->between);
    else
      narrow(first, step, -half, half, &row->between); /* half a voxel beyond the only one */
  }
  if (row->between.begin == row->between.end) row->between = (CmSpan){row->reached.begin, row->reached.begin};
}

void cm__slant_row(const CmSlant *slant, int64_t row, CmSlantRow *about) {
  const CmWarp *warp = slant->warp;
  const CmGrid *out = &slant->out_grid, *grid = &slant->grid;
  const double y = (double)(row % out->ny), z = (double)(row / out->ny % out->nz);
  for (int axis = 0; axis < 3; axis++) {
    const double *map = warp->map + 4 * axis;
    about->first[axis] = llrint((map[1] * y + map[2] * z + map[3]) * 0x1p40);
    about->step[axis] = llrint(map[0] * 0x1p40);
  }
  about->volume = cm__row(warp->image, grid, row / (out->ny * out->nz) * grid->ny * grid->nz);
  about->to = cm__row_mut(warp->out, out, row);
  find_spans(slant, about);
}

/* first: the walk's at the first of n points. The number of the voxel is added to the places, times the stride. */
CM_SIMD static void add_axis(int64_t first, int64_t step, int32_t stride, int64_t n, int32_t *restrict place,
                             float *restrict weight) {
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = first + i * step;
    place[i] += (int32_t)(at >> FRACTION) * stride;
    weight[i] = (float)(int32_t)(at >> (FRACTION - 24) & 0xffffff) * 0x1p-24f;
  }
}

void cm__slant_part(const CmSlant *slant, const CmSlantRow *row, int64_t begin, int64_t end) {
  const CmGrid *grid = &slant->grid;
  const CmType type = cm_image_type(slant->warp->image), to_type = cm_image_type(slant->warp->out);
  const int64_t size[3] = {grid->nx, grid->ny, grid->nz};
  const int64_t stride[3] = {grid->components, grid->row, grid->row * grid->ny};
  const int64_t most = cm__corners_part(grid), c = grid->components;
  CmCorners corners = {.first = {0}};
  float line[BLOCK];
  for (int64_t at = begin; at < end; at += most) {
    const int64_t n = end - at < most ? end - at : most;
    memset(corners.first, 0, (size_t)n * sizeof(int32_t));
    for (int axis = 0; axis < 3; axis++)
      if (size[axis] > 1)
        add_axis(row->first[axis] + at * row->step[axis], row->step[axis], (int32_t)stride[axis], n, corners.first,
                 corners.weight[axis]);
    cm__corners_mix(type, row->volume, grid, &corners, n, line);
    cm__line_from_f32(to_type, line, n * c, row->to + (size_t)(at * c) * slant->out_grid.size);
  }
}
