#include <math.h>

#include "cormack/image.h"

void cm_geometry_default(CmGeometry *geometry) {
  *geometry = (CmGeometry){.spacing = {1, 1, 1}, .direction = {1, 0, 0, 0, 1, 0, 0, 0, 1}, .spacing_t = 1};
}

static double column_dot(const double *m, int a, int b) {
  double sum = 0;
  for (int row = 0; row < 3; row++) sum += m[3 * row + a] * m[3 * row + b];
  return sum;
}

static bool direction_good(const double *m) {
  const double tolerance = 1e-3;
  for (int a = 0; a < 3; a++)
    for (int b = a; b < 3; b++)
      if (!(fabs(column_dot(m, a, b) - (a == b ? 1.0 : 0.0)) <= tolerance)) return false;
  return true;
}

bool cm_geometry_check(const CmGeometry *g, CmError **err) {
  for (int i = 0; i < 3; i++) {
    if (!isfinite(g->spacing[i]) || !(g->spacing[i] > 0)) {
      cm_error_set(err, CM_ERR_GEOMETRY, "spacing along axis %c is %g mm; it must be above 0", "xyz"[i],
                   g -> spacing[i]);
      return false;
    }
    if (!isfinite(g->origin[i])) {
      cm_error_set(err, CM_ERR_GEOMETRY, "origin along %c is not a finite number", "xyz"[i]);
      return false;
    }
  }
  if (!isfinite(g->spacing_t) || !(g->spacing_t > 0)) {
    cm_error_set(err, CM_ERR_GEOMETRY, "time between volumes is %g s; it must be above 0", g->spacing_t);
    return false;
  }
  if (!direction_good(g->direction)) {
    cm_error_set(err, CM_ERR_GEOMETRY,
                 "the axes are not perpendicular unit vectors; resample the image onto a rectangular grid first");
    return false;
  }
  return true;
}

void cm_geometry_to_physical(const CmGeometry *g, const double index[3], double lps_mm[3]) {
  double result[3];
  for (int row = 0; row < 3; row++) {
    double sum = 0;
    for (int k = 0; k < 3; k++) sum += g->direction[3 * row + k] * (g->spacing[k] * index[k]);
    result[row] = g->origin[row] + sum;
  }
  for (int i = 0; i < 3; i++) lps_mm[i] = result[i];
}

/* Inverse of a 3x3 matrix by cofactors; directions are only nearly orthonormal, so the transpose would not do. */
static void invert(const double *m, double *inverse) {
  double c0 = m[4] * m[8] - m[5] * m[7], c1 = m[5] * m[6] - m[3] * m[8], c2 = m[3] * m[7] - m[4] * m[6];
  double det = m[0] * c0 + m[1] * c1 + m[2] * c2;
  const double cofactors[9] = {c0, m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                               c1, m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                               c2, m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
  for (int i = 0; i < 9; i++) inverse[i] = cofactors[i] / det;
}

void cm_geometry_to_index(const CmGeometry *g, const double lps_mm[3], double index[3]) {
  double inverse[9], result[3];
  invert(g->direction, inverse);
  for (int row = 0; row < 3; row++) {
    double sum = 0;
    for (int k = 0; k < 3; k++) sum += inverse[3 * row + k] * (lps_mm[k] - g->origin[k]);
    result[row] = sum / g->spacing[row];
  }
  for (int i = 0; i < 3; i++) index[i] = result[i];
}
