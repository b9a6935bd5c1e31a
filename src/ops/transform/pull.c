#include "ops/transform/pull.h"

#include <math.h>
#include <string.h>

bool cm__interpolation(const CmValue *image, int32_t choice, CmInterpolation *interpolation, CmError **err) {
  const CmType type = cm_image_type(image->image);
  const bool integer = cm_type_is_integer(type);
  const bool labels = integer && (image->kind == CM_KIND_LABELS || cm_image_label_count(image->image) > 0);
  *interpolation = choice > 0 ? (CmInterpolation)(choice - 1) : labels ? CM_INTERPOLATE_NEAREST : CM_INTERPOLATE_LINEAR;
  if (*interpolation != CM_INTERPOLATE_LABEL || integer) return true;
  cm_error_set(err, CM_ERR_PARAMETER,
               "interpolation=label needs a label map, but the image is %s; convert it to an integer type",
               cm_type_name(type));
  return false;
}

void cm__affine_about(const double matrix[9], const double centre[3], const double translation[3], CmAffine *affine) {
  memcpy(affine->matrix, matrix, sizeof affine->matrix);
  for (int row = 0; row < 3; row++) {
    affine->shift[row] = centre[row] + translation[row];
    for (int k = 0; k < 3; k++) affine->shift[row] -= matrix[row * 3 + k] * centre[k];
  }
}

/* Cofactor of the element (row, column), with its sign. */
static double cofactor(const double m[9], int row, int column) {
  const int r1 = (row + 1) % 3, r2 = (row + 2) % 3, c1 = (column + 1) % 3, c2 = (column + 2) % 3;
  return m[r1 * 3 + c1] * m[r2 * 3 + c2] - m[r1 * 3 + c2] * m[r2 * 3 + c1];
}

bool cm__affine_invert(const CmAffine *affine, CmAffine *inverse, CmError **err) {
  const double *m = affine->matrix;
  double largest = 0.0, determinant = 0.0;
  for (int k = 0; k < 9; k++) largest = fabs(m[k]) > largest ? fabs(m[k]) : largest;
  for (int k = 0; k < 3; k++) determinant += m[k] * cofactor(m, 0, k);
  if (!(fabs(determinant) > 1e-12 * largest * largest * largest)) {
    cm_error_set(err, CM_ERR_PARAMETER, "the matrix cannot be inverted (determinant %g); give one that keeps all axes",
                 determinant);
    return false;
  }
  for (int row = 0; row < 3; row++) {
    inverse->shift[row] = 0.0;
    for (int k = 0; k < 3; k++) {
      inverse->matrix[row * 3 + k] = cofactor(m, k, row) / determinant;
      inverse->shift[row] -= inverse->matrix[row * 3 + k] * affine->shift[k];
    }
  }
  return true;
}

void cm__matrix_multiply(const double a[9], const double b[9], double product[9]) {
  double result[9];
  for (int row = 0; row < 3; row++)
    for (int column = 0; column < 3; column++) {
      double sum = 0.0;
      for (int k = 0; k < 3; k++) sum += a[row * 3 + k] * b[k * 3 + column];
      result[row * 3 + column] = sum;
    }
  memcpy(product, result, sizeof result);
}

/* Exact at multiples of 90 degrees, so that voxels then fall on voxels. */
static void turn(double degrees, double *sine, double *cosine) {
  const double quarter = degrees / 90.0, whole = rint(quarter);
  if (quarter == whole) {
    const int at = (int)(fmod(fmod(whole, 4.0) + 4.0, 4.0));
    *sine = (double[]){0, 1, 0, -1}[at];
    *cosine = (double[]){1, 0, -1, 0}[at];
    return;
  }
  const double radians = degrees * (3.14159265358979323846 / 180.0);
  *sine = sin(radians);
  *cosine = cos(radians);
}

void cm__rotation(const double degrees[3], double matrix[9]) {
  static const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  memcpy(matrix, identity, sizeof identity);
  for (int axis = 0; axis < 3; axis++) {
    const int a = (axis + 1) % 3, b = (axis + 2) % 3;
    double step[9], sine, cosine;
    memcpy(step, identity, sizeof identity);
    turn(degrees[axis], &sine, &cosine);
    step[a * 3 + a] = step[b * 3 + b] = cosine;
    step[a * 3 + b] = -sine;
    step[b * 3 + a] = sine;
    cm__matrix_multiply(step, matrix, matrix);
  }
}

static void apply(const CmAffine *affine, const double x[3], double y[3]) {
  for (int row = 0; row < 3; row++) {
    y[row] = affine->shift[row];
    for (int k = 0; k < 3; k++) y[row] += affine->matrix[row * 3 + k] * x[k];
  }
}

/* index of the result -> LPS -> pull -> index of the image */
static void index_map(const CmGeometry *out, const CmAffine *pull, const CmGeometry *image, double map[12]) {
  double columns[4][3];
  for (int k = 0; k < 4; k++) {
    double index[3] = {0, 0, 0}, lps[3], there[3];
    if (k < 3) index[k] = 1.0;
    cm_geometry_to_physical(out, index, lps);
    apply(pull, lps, there);
    cm_geometry_to_index(image, there, columns[k]);
  }
  for (int row = 0; row < 3; row++) {
    for (int k = 0; k < 3; k++) map[row * 4 + k] = columns[k][row] - columns[3][row];
    map[row * 4 + 3] = columns[3][row];
  }
}

CmImage *cm__pull(CmContext *ctx, const CmImage *image, const CmGeometry *geometry, const int64_t size[3],
                  const CmAffine *pull, CmInterpolation interpolation, double outside, CmType type, CmError **err) {
  CmWarp warp = {.what = "transform", .image = image, .interpolation = interpolation, .outside = outside};
  index_map(geometry, pull, cm_image_geometry(image), warp.map);
  warp.out = cm__image_on_grid(ctx, image, geometry, size, type, err);
  if (warp.out && !cm__warp(ctx, &warp, err)) cm_image_unref(&warp.out);
  return warp.out;
}
