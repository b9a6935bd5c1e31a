/* Images at other points: the grid of the result is carried into the image by an affine map of indices. */
#ifndef CM_OPS_TRANSFORM_WARP_H
#define CM_OPS_TRANSFORM_WARP_H

#include "ops/lines.h"

typedef enum CmInterpolation {
  CM_INTERPOLATE_NEAREST, /* halves go up */
  CM_INTERPOLATE_LINEAR,
  CM_INTERPOLATE_CUBIC,   /* B-spline of third degree that goes through the voxels; mirrored beyond the border */
  CM_INTERPOLATE_LABEL,   /* the label with the largest sum of linear weights (equal ones: the smallest label) */
  CM_INTERPOLATE_LANCZOS, /* sinc under a Lanczos window of five lobes, weights that sum to 1 */
} CmInterpolation;

typedef struct CmWarp {
  const char *what; /* for progress; NULL: none */
  const CmImage *image;
  double map[12]; /* row-major 3x4: index in image = map * (index in out, 1) */
  CmInterpolation interpolation;
  double outside; /* value of voxels more than half a voxel beyond the outermost centres of image */
  CmImage *out;   /* any type and size; the components and time points of image */
  /* Moves the points of row number `row` of out's volume, given as x, y and z in voxels of image; NULL: none. */
  void (*move)(const void *arg, int64_t row, double *const at[3]);
  const void *arg;
} CmWarp;

/* Integer results are rounded to nearest and clamped. CUBIC allocates the coefficients: a real per value of image. */
bool cm__warp(CmContext *ctx, const CmWarp *warp, CmError **err);

/* The map from indices of grid `from` to indices of grid `to`, both placed in LPS by their geometry. */
void cm__grid_map(const CmGeometry *from, const CmGeometry *to, double map[12]);

/* New image on the grid (geometry, size x,y,z), voxels undefined: time points, components, unit, metadata and labels of
 * image. */
CM_NODISCARD CmImage *cm__image_on_grid(CmContext *ctx, const CmImage *image, const CmGeometry *geometry,
                                        const int64_t size[3], CmType type, CmError **err);
/* Image on the grid of (geometry, size x,y,z); time points, components, unit, metadata and labels of image. */
CM_NODISCARD CmImage *cm__resample_to(CmContext *ctx, const CmImage *image, const CmGeometry *geometry,
                                      const int64_t size[3], CmInterpolation interpolation, double outside, CmType type,
                                      CmError **err);
/* The grid with `spacing` (mm; 0: as it is) that covers the same box around the same centre: sizes are rounded up. */
void cm__grid_with_spacing(const CmImage *image, const double spacing[3], CmGeometry *geometry, int64_t size[3]);
/* The grid with that many voxels over exactly the same box. */
void cm__grid_with_size(const CmImage *image, const int64_t size[3], CmGeometry *geometry);

#endif
