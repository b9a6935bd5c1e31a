/* Shape by PyRadiomics' definitions (docs, «Shape Features (3D)» and «(2D)»): mesh, diameters between its corners, axes
 * of the voxels' covariance divided by n. */
#include <math.h>
#include <string.h>

#include "ops/eigen.h"
#include "ops/measure/body.h"
#include "ops/radiomics/pyrad.h"

#define PI 3.14159265358979323846

/* The region's box with a voxel of background around, its axes in the order x, y, z of `order`. */
typedef struct Turned {
  const CmPyradRoi *roi;
  int order[3];
  int64_t n[3];
} Turned;

static Turned turn(const CmPyradRoi *roi, int x, int y, int z) {
  return (Turned){.roi = roi, .order = {x, y, z}, .n = {roi->size[x] + 2, roi->size[y] + 2, roi->size[z] + 2}};
}

static void load_plane(void *arg, int64_t z, uint8_t *plane) {
  const Turned *t = arg;
  const int64_t step[3] = {1, t->roi->size[0], t->roi->size[0] * t->roi->size[1]};
  memset(plane, 0, (size_t)(t->n[0] * t->n[1]));
  if (z == 0 || z == t->n[2] - 1) return;
  for (int64_t y = 1; y < t->n[1] - 1; y++) {
    const uint8_t *from = t->roi->inside + (z - 1) * step[t->order[2]] + (y - 1) * step[t->order[1]];
    for (int64_t x = 1; x < t->n[0] - 1; x++) plane[y * t->n[0] + x] = from[(x - 1) * step[t->order[0]]];
  }
}

/* Largest distance in planes across the last axis of `t`, and of all. */
static bool diameters(const Turned *t, const double spacing[3], double *in_plane, double *whole, CmBody *body,
                      CmError **err) {
  const double turned[3] = {spacing[t->order[0]], spacing[t->order[1]], spacing[t->order[2]]};
  CmHull hull = {.ctx = t->roi->ctx};
  const bool ok = cm__body_measure(t->roi->ctx, t->n, turned, load_plane, (void *)t, &hull, body, err);
  if (ok) *whole = cm__hull_diameter(&hull, in_plane);
  cm__hull_free(&hull);
  return ok;
}

/* Largest distance in planes across the last axis of `t`. */
static bool diameter_across(const Turned *t, const double spacing[3], double *in_plane, CmError **err) {
  const double turned[3] = {spacing[t->order[0]], spacing[t->order[1]], spacing[t->order[2]]};
  CmHull hull = {.ctx = t->roi->ctx};
  const bool ok = cm__body_hull(t->roi->ctx, t->n, turned, load_plane, (void *)t, &hull, err);
  if (ok) *in_plane = cm__hull_level_diameter(&hull);
  cm__hull_free(&hull);
  return ok;
}

/* What the cubes of one case add up to. */
typedef struct Tally {
  int64_t cubes, at[3];
} Tally;

/* Area and volume of the surface, which is open at ambiguous faces: its volume depends on where the origin is, the
 * corner of the padded box. */
static bool measure_mesh(const CmPyradRoi *roi, const double spacing[3], double *area, double *volume, CmError **err) {
  Turned t = turn(roi, 0, 1, 2);
  Tally tally[256] = {{0}};
  CmMeshCase cases[256];
  const int64_t nx = t.n[0], plane_size = t.n[0] * t.n[1];
  uint8_t *planes = cm_alloc(roi->ctx, (size_t)(2 * plane_size), err);
  if (!planes) return false;
  cm__mesh_cases(spacing, CM_MESH_PYRADIOMICS, cases);
  load_plane(&t, 0, planes);
  for (int64_t z = 0; z + 1 < t.n[2]; z++) {
    const uint8_t *low = planes + (z % 2) * plane_size, *high = planes + ((z + 1) % 2) * plane_size;
    load_plane(&t, z + 1, planes + ((z + 1) % 2) * plane_size);
    for (int64_t y = 0; y + 1 < t.n[1]; y++)
      for (int64_t x = 0; x + 1 < nx; x++) {
        const uint8_t *a = low + y * nx + x, *b = high + y * nx + x;
        Tally *to = &tally[a[0] | a[1] << 1 | a[nx] << 2 | a[nx + 1] << 3 | b[0] << 4 | b[1] << 5 | b[nx] << 6 |
                           b[nx + 1] << 7];
        to->cubes++;
        to->at[0] += x;
        to->at[1] += y;
        to->at[2] += z;
      }
  }
  cm_free(planes);
  *area = *volume = 0.0;
  for (int k = 1; k < 255; k++) {
    *area += (double)tally[k].cubes * cases[k].area;
    *volume += (double)tally[k].cubes * cases[k].cone;
    for (int axis = 0; axis < 3; axis++)
      *volume += (double)tally[k].at[axis] * spacing[axis] * cases[k].along[axis] / 3.0;
  }
  return true;
}

bool cm__pyrad_shape(const CmPyradRoi *roi, const double spacing[3], double out[CM__PYRAD_MOST], CmError **err) {
  double slice, column, row, diameter, area, volume, lambda[3];
  CmBody body;
  Turned t = turn(roi, 1, 2, 0);
  if (!diameter_across(&t, spacing, &row, err)) return false;
  t = turn(roi, 0, 2, 1);
  if (!diameter_across(&t, spacing, &column, err)) return false;
  t = turn(roi, 0, 1, 2);
  if (!diameters(&t, spacing, &slice, &diameter, &body, err) || !measure_mesh(roi, spacing, &area, &volume, err))
    return false;
  cm__body_axes(&body, 0.0, lambda);
  const double ball = cbrt(36.0 * PI * volume * volume);
  const double list[] = {volume / (pow(area, 1.5) * sqrt(PI)),
                         36.0 * PI * volume * volume / (area * area * area),
                         sqrt(lambda[1] / lambda[0]),
                         sqrt(lambda[2] / lambda[0]),
                         4.0 * sqrt(lambda[2]),
                         4.0 * sqrt(lambda[0]),
                         column,
                         row,
                         slice,
                         diameter,
                         volume,
                         4.0 * sqrt(lambda[1]),
                         area / ball,
                         ball / area,
                         area,
                         area / volume,
                         (double)roi->voxels * spacing[0] * spacing[1] * spacing[2]};
  memcpy(out, list, sizeof list);
  return true;
}

/* ---- one slice ---- */

typedef struct Contour {
  double perimeter, surface;
} Contour;

/* Lines halfway between the centres of neighbours; of a square with two opposite corners inside, around each of them.
 */
static void add_square(int corners, double dx, double dy, Contour *to) {
  const double cut = 0.5 * sqrt(dx * dx + dy * dy), quarter = dx * dy;
  const int inside = (corners & 1) + (corners >> 1 & 1) + (corners >> 2 & 1) + (corners >> 3 & 1);
  const bool opposite = corners == 9 || corners == 6;
  if (inside == 1 || inside == 3) {
    to->perimeter += cut;
    to->surface += inside == 1 ? 0.125 * quarter : 0.875 * quarter;
  } else if (opposite) {
    to->perimeter += 2.0 * cut;
    to->surface += 0.25 * quarter;
  } else if (inside == 2) {
    to->perimeter += corners == 3 || corners == 12 ? dx : dy;
    to->surface += 0.5 * quarter;
  } else if (inside == 4) {
    to->surface += quarter;
  }
}

bool cm__pyrad_shape2d(const CmPyradRoi *roi, const double spacing[3], int axis, double out[CM__PYRAD_MOST],
                       CmError **err) {
  const int u = axis == 0 ? 1 : 0, v = axis == 2 ? 1 : 2;
  Turned t = turn(roi, u, v, axis);
  const double dx = spacing[u], dy = spacing[v];
  double diameter, whole;
  Contour contour = {0};
  CmBody body;
  if (!diameters(&t, spacing, &diameter, &whole, &body, err)) return false;
  uint8_t *plane = cm_alloc(roi->ctx, (size_t)(t.n[0] * t.n[1]), err);
  if (!plane) return false;
  load_plane(&t, 1, plane);
  for (int64_t y = 0; y + 1 < t.n[1]; y++)
    for (int64_t x = 0; x + 1 < t.n[0]; x++) {
      const uint8_t *a = plane + y * t.n[0] + x;
      add_square(a[0] | a[1] << 1 | a[t.n[0]] << 2 | a[t.n[0] + 1] << 3, dx, dy, &contour);
    }
  cm_free(plane);
  /* the covariance has no extent across the slice: its largest two eigenvalues are those of the slice */
  double lambda[3];
  cm__body_axes(&body, 0.0, lambda);
  const double list[] = {sqrt(lambda[1] / lambda[0]),
                         4.0 * sqrt(lambda[0]),
                         diameter,
                         contour.surface,
                         4.0 * sqrt(lambda[1]),
                         contour.perimeter,
                         contour.perimeter / contour.surface,
                         (double)roi->voxels * dx * dy,
                         contour.perimeter / (2.0 * sqrt(PI * contour.surface)),
                         2.0 * sqrt(PI * contour.surface) / contour.perimeter};
  memcpy(out, list, sizeof list);
  return true;
}
