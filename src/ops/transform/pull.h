/* What the operations share that put an image on a grid by a map of points: interpolation, and affine maps in mm. */
#ifndef CM_OPS_TRANSFORM_PULL_H
#define CM_OPS_TRANSFORM_PULL_H

#include "ops/transform/warp.h"

/* Parameters interpolation, outside and type. */
#define CM_PULL_PARAMS(S)                                                                                        \
  CM_PARAM_ENUM(S, interpolation, "auto|nearest|linear|cubic|label|lanczos", "auto",                             \
                "auto: nearest for label maps, else linear; cubic: B-spline; label: the label with the largest " \
                "linear weight; lanczos: windowed sinc"),                                                        \
      CM_PARAM_REAL(S, outside, 0, -1e30, 1e30, "", "value of voxels that the image does not reach"), CM_TYPE_PARAM(S)
#define CM_PULL_DETAILS                                                                                           \
  " Interpolation, borders and NaN are those of `resample`: the image reaches half a voxel beyond its outermost " \
  "centres, further out is `outside`."

/* The choice of the parameter interpolation for an image. CM_ERR_PARAMETER for `label` on an image of reals. */
bool cm__interpolation(const CmValue *image, int32_t choice, CmInterpolation *interpolation, CmError **err);

/* A map of points in mm, LPS: y = matrix x + shift. */
typedef struct CmAffine {
  double matrix[9]; /* row-major */
  double shift[3];
} CmAffine;
/* matrix about a centre: y = matrix (x - centre) + centre + translation. */
void cm__affine_about(const double matrix[9], const double centre[3], const double translation[3], CmAffine *affine);
/* CM_ERR_PARAMETER where the matrix cannot be inverted. */
bool cm__affine_invert(const CmAffine *affine, CmAffine *inverse, CmError **err);
/* Rz Ry Rx; degrees about x, y and z. */
void cm__rotation(const double degrees[3], double matrix[9]);
/* product = a b, 3x3 */
void cm__matrix_multiply(const double a[9], const double b[9], double product[9]);

/* The image on the grid (geometry, size): each voxel takes the value at pull(its position). */
CM_NODISCARD CmImage *cm__pull(CmContext *ctx, const CmImage *image, const CmGeometry *geometry, const int64_t size[3],
                               const CmAffine *pull, CmInterpolation interpolation, double outside, CmType type,
                               CmError **err);

#endif
