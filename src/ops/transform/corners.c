#include "ops/transform/corners.h"

#include <float.h>
#include <string.h>

#include "ops/simd.h"

enum { BLOCK = CM_CORNERS_BLOCK, MOST_COMPONENTS = 8 };

#define CM_TEMPLATE "ops/transform/corners_tmpl.c"
#include "ops/each_type.h"

static void (*const fetch[CM_TYPE_COUNT])(const void *, size_t, const int32_t *, int64_t, int64_t,
                                          void *) = CM_TYPE_TABLE(fetch);
static void (*const mix_lines[CM_TYPE_COUNT])(const void *, const float *, const float *, int64_t,
                                              float *) = CM_TYPE_TABLE(mix_lines);
static void (*const mix_planes[CM_TYPE_COUNT])(const float *, const float *, int64_t,
                                               float *) = CM_TYPE_TABLE(mix_planes);

bool cm__corners_fit(const CmGrid *grid, CmType type) {
  return cm__type_fits_f32(type) && grid->components <= MOST_COMPONENTS && grid->row * grid->ny * grid->nz <= INT32_MAX;
}

int64_t cm__corners_part(const CmGrid *grid) {
  return BLOCK / grid->components;
}

/* One plane of one component. */
static void mix_plane(CmType type, const char *from, const CmGrid *grid, const CmCorners *corners, int64_t n,
                      float *to) {
  _Alignas(64) double four[2 * BLOCK]; /* values of at most four bytes */
  const int64_t dx = grid->nx > 1 ? grid->components : 0, dy = grid->ny > 1 ? grid->row : 0;
  fetch[type](from, (size_t)dy * grid->size, corners->first, dx, n, four);
  mix_lines[type](four, corners->weight[0], corners->weight[1], n, to);
}

void cm__corners_mix(CmType type, const void *volume, const CmGrid *grid, const CmCorners *corners, int64_t n,
                     float *to) {
  const size_t dz = grid->nz > 1 ? (size_t)(grid->row * grid->ny) * grid->size : 0;
  float line[BLOCK], far[BLOCK];
  for (int64_t c = 0; c < grid->components; c++) {
    const char *from = (const char *)volume + (size_t)c * grid->size;
    float *mixed = grid->components == 1 ? to : line;
    mix_plane(type, from, grid, corners, n, mixed);
    if (dz) {
      mix_plane(type, from + dz, grid, corners, n, far);
      mix_planes[type](far, corners->weight[2], n, mixed);
    }
    for (int64_t i = 0; i < n && mixed == line; i++) to[i * grid->components + c] = line[i];
  }
}
