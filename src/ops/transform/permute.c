#include "ops/transform/permute.h"

#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"
#include "ops/transform/warp.h"

enum { TILE = 32 }; /* voxels of a square that is turned while it is in the cache */

typedef struct Permute {
  const CmImage *image;
  CmImage *out;
  CmGrid grid;       /* of the result */
  int64_t stride[3]; /* in the image, for one step along each axis of the result; voxels */
  int64_t first;     /* of the image: where the result begins */
  int64_t volume;    /* voxels of a time point */
  int slow;          /* axis of the result, 1 or 2, that runs along x of the image; 0: x itself does */
} Permute;

#define COPY_VOXELS(type)                                 \
  do {                                                    \
    const type *v = (const type *)(const void *)from;     \
    type *w = (type *)(void *)to;                         \
    for (int64_t i = 0; i < n; i++) w[i] = v[i * stride]; \
  } while (0)

#define REVERSE_VOXELS(name, type)                                                             \
  CM_SIMD static void reverse_##name(const type *restrict end, int64_t n, type *restrict to) { \
    const type *from = end - (n - 1); /* read forwards, as processors fetch ahead */           \
    type *last = to + n - 1;                                                                   \
    for (int64_t i = 0; i < n; i++) last[-i] = from[i];                                        \
  }
REVERSE_VOXELS(8, uint8_t)
REVERSE_VOXELS(16, uint16_t)
REVERSE_VOXELS(32, uint32_t)
REVERSE_VOXELS(64, uint64_t)

/* n voxels of `size` bytes before and at `from`, the last first. */
static bool copy_backwards(const char *from, char *to, int64_t n, size_t size) {
  if (size == 1)
    reverse_8((const uint8_t *)from, n, (uint8_t *)to);
  else if (size == 2)
    reverse_16((const uint16_t *)(const void *)from, n, (uint16_t *)(void *)to);
  else if (size == 4)
    reverse_32((const uint32_t *)(const void *)from, n, (uint32_t *)(void *)to);
  else if (size == 8)
    reverse_64((const uint64_t *)(const void *)from, n, (uint64_t *)(void *)to);
  else
    return false;
  return true;
}

/* n voxels of `size` bytes that stand `stride` voxels apart. */
static void copy_voxels(const char *from, char *to, int64_t n, int64_t stride, size_t size) {
  if (stride == 1)
    memcpy(to, from, (size_t)n * size);
  else if (stride == -1 && copy_backwards(from, to, n, size))
    return;
  else if (size == 1)
    COPY_VOXELS(uint8_t);
  else if (size == 2)
    COPY_VOXELS(uint16_t);
  else if (size == 4)
    COPY_VOXELS(uint32_t);
  else if (size == 8)
    COPY_VOXELS(uint64_t);
  else
    for (int64_t i = 0; i < n; i++) memcpy(to + (size_t)i * size, from + i * stride * (int64_t)size, size);
}

/* Part x0 .. x0 + n - 1 of row (y, z) of time point t of the result. */
static void copy_part(const Permute *job, int64_t t, int64_t z, int64_t y, int64_t x0, int64_t n) {
  const CmGrid *grid = &job->grid;
  const size_t size = grid->size * (size_t)grid->components;
  const int64_t at = t * job->volume + job->first + x0 * job->stride[0] + y * job->stride[1] + z * job->stride[2];
  char *to = (char *)cm__row_mut(job->out, grid, (t * grid->nz + z) * grid->ny + y) + (size_t)x0 * size;
  copy_voxels((const char *)cm_image_data(job->image) + at * (int64_t)size, to, n, job->stride[0], size);
}

/* Item: a plane of the result across its axis `slow`'s partner, in tiles. */
static bool permute_planes(void *arg, CmRange range, CmError **err) {
  const Permute *job = arg;
  const CmGrid *grid = &job->grid;
  const bool by_y = job->slow == 2; /* planes of constant y are turned, else those of constant z */
  const int64_t others = by_y ? grid->ny : grid->nz, slow = by_y ? grid->nz : grid->ny;
  (void)err;
  for (int64_t item = range.begin; item < range.end; item++) {
    const int64_t t = item / others, other = item % others;
    for (int64_t s0 = 0; s0 < slow; s0 += TILE)
      for (int64_t x0 = 0; x0 < grid->nx; x0 += TILE) {
        const int64_t n = grid->nx - x0 < TILE ? grid->nx - x0 : TILE;
        for (int64_t s = s0; s < s0 + TILE && s < slow; s++)
          copy_part(job, t, by_y ? s : other, by_y ? other : s, x0, n);
      }
  }
  return true;
}

/* Item: a row of the result, where x stays x. */
static bool permute_rows(void *arg, CmRange range, CmError **err) {
  const Permute *job = arg;
  const CmGrid *grid = &job->grid;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    copy_part(job, row / (grid->ny * grid->nz), row / grid->ny % grid->nz, row % grid->ny, 0, grid->nx);
  return true;
}

static void permuted_geometry(const CmImage *image, const CmAxes *axes, CmGeometry *geometry) {
  const CmGeometry *old = cm_image_geometry(image);
  double first[3] = {0, 0, 0};
  *geometry = *old;
  for (int axis = 0; axis < 3; axis++) {
    const int from = axes->from[axis];
    geometry->spacing[axis] = old->spacing[from];
    for (int row = 0; row < 3; row++)
      geometry->direction[row * 3 + axis] = (axes->back[axis] ? -1.0 : 1.0) * old->direction[row * 3 + from];
    if (axes->back[axis]) first[from] = (double)(cm_image_dims(image)[from] - 1);
  }
  cm_geometry_to_physical(old, first, geometry->origin);
}

CmImage *cm__permute(CmContext *ctx, const CmImage *image, const CmAxes *axes, CmError **err) {
  const int64_t *dims = cm_image_dims(image), strides[3] = {1, dims[0], dims[0] * dims[1]};
  Permute job = {.image = image, .volume = dims[0] * dims[1] * dims[2]};
  CmGeometry geometry;
  int64_t size[3];
  for (int axis = 0; axis < 3; axis++) {
    const int from = axes->from[axis];
    size[axis] = dims[from];
    job.stride[axis] = axes->back[axis] ? -strides[from] : strides[from];
    if (axes->back[axis]) job.first += (dims[from] - 1) * strides[from];
    if (from == 0) job.slow = axis;
  }
  permuted_geometry(image, axes, &geometry);
  job.out = cm__image_on_grid(ctx, image, &geometry, size, cm_image_type(image), err);
  if (!job.out) return NULL;
  job.grid = cm__grid(job.out);
  const int64_t planes = job.grid.nt * (job.slow == 2 ? job.grid.ny : job.grid.nz);
  const bool ok =
      job.slow ? cm_parallel_for(ctx, "permute", planes, 1, permute_planes, &job, err)
               : cm_parallel_for(ctx, "permute", job.grid.rows, cm__row_chunk(&job.grid), permute_rows, &job, err);
  if (!ok) cm_image_unref(&job.out);
  return job.out;
}
