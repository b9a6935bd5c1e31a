/* Which voxels of a line a point between them takes. */
#ifndef CM_OPS_TRANSFORM_SUPPORT_H
#define CM_OPS_TRANSFORM_SUPPORT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* The image reaches half a voxel beyond its outermost centres. */
static inline bool is_inside(double c, int64_t n) {
  return c >= -0.5 - 1e-6 && c <= (double)n - 0.5 + 1e-6;
}

static inline int64_t nearest_index(double c, int64_t n) {
  int64_t at = (int64_t)floor(c + 0.5 + 1e-9);
  return at < 0 ? 0 : at >= n ? n - 1 : at;
}

/* The voxel low, w of the way to the next; beyond the outermost centres the outermost voxel. low is at most n - 2 where
 * there are two. */
static inline int64_t linear_pair(double c, int64_t n, double *w) {
  const double at = c < 0.0 ? 0.0 : c > (double)(n - 1) ? (double)(n - 1) : c;
  const int64_t low = (int64_t)at < n - 1 ? (int64_t)at : n > 1 ? n - 2 : 0;
  *w = n > 1 ? at - (double)low : 0.0;
  return low;
}

#endif
