/* The body of a set of voxels: surface, moments, hull. */
#include "ops/measure/body.h"

#include <math.h>
#include <string.h>

#include "ops/eigen.h"

typedef struct Voxels {
  const int64_t *n; /* with the background around */
  const double *spacing;
  uint8_t *plane[2]; /* z and z + 1 */
} Voxels;

/* Counts the voxels; sums of their indices and of their products: xx, yy, zz, xy, xz, yz. */
static int64_t add_moments(const Voxels *voxels, int64_t z, const uint8_t *plane, double first[3], double second[6]) {
  int64_t count = 0;
  for (int64_t y = 0; y < voxels->n[1]; y++)
    for (int64_t x = 0; x < voxels->n[0]; x++)
      if (plane[y * voxels->n[0] + x]) {
        const double p[3] = {(double)x, (double)y, (double)z};
        count++;
        for (int k = 0; k < 3; k++) {
          first[k] += p[k];
          second[k] += p[k] * p[k];
        }
        second[3] += p[0] * p[1];
        second[4] += p[0] * p[2];
        second[5] += p[1] * p[2];
      }
  return count;
}

static void count_cases(const Voxels *voxels, int64_t counts[256]) {
  const uint8_t *low = voxels->plane[0], *high = voxels->plane[1];
  const int64_t nx = voxels->n[0];
  for (int64_t y = 0; y + 1 < voxels->n[1]; y++) {
    const uint8_t *a = low + y * nx, *b = a + nx, *c = high + y * nx, *d = c + nx;
    for (int64_t x = 0; x + 1 < nx; x++)
      counts[a[x] | a[x + 1] << 1 | b[x] << 2 | b[x + 1] << 3 | c[x] << 4 | c[x + 1] << 5 | d[x] << 6 |
             d[x + 1] << 7]++;
  }
}

/* Adds the ends of a row of surface points, in mm; first and last in half voxels. */
static void add_ends(const double spacing[3], double first, double last, double y, double (*xy)[2], int64_t *n) {
  xy[*n][0] = first * spacing[0];
  xy[(*n)++][1] = y * spacing[1];
  if (last > first) {
    xy[*n][0] = last * spacing[0];
    xy[(*n)++][1] = y * spacing[1];
  }
}

/* First and last x where two rows differ; false: nowhere. */
static bool differ(const uint8_t *a, const uint8_t *b, int64_t nx, double *first, double *last) {
  bool found = false;
  for (int64_t x = 0; x < nx; x++)
    if (a[x] != b[x]) {
      *first = found ? *first : (double)x;
      *last = (double)x;
      found = true;
    }
  return found;
}

/* The surface's points in a plane of voxels (halfway along x or y), then those halfway to the next plane. */
static bool add_levels(const Voxels *voxels, int64_t z, double (*xy)[2], CmHull *hull, CmError **err) {
  const int64_t nx = voxels->n[0];
  int64_t n = 0;
  double first, last;
  for (int64_t y = 0; y < voxels->n[1]; y++) {
    const uint8_t *row = voxels->plane[0] + y * nx;
    if (differ(row, row + 1, nx - 1, &first, &last))
      add_ends(voxels->spacing, first + 0.5, last + 0.5, (double)y, xy, &n);
    if (y + 1 < voxels->n[1] && differ(row, row + nx, nx, &first, &last))
      add_ends(voxels->spacing, first, last, (double)y + 0.5, xy, &n);
  }
  if (!cm__hull_add_level(hull, (const double(*)[2])xy, n, (double)z * voxels->spacing[2], err)) return false;
  n = 0;
  for (int64_t y = 0; y < voxels->n[1]; y++)
    if (differ(voxels->plane[0] + y * nx, voxels->plane[1] + y * nx, nx, &first, &last))
      add_ends(voxels->spacing, first, last, (double)y, xy, &n);
  return cm__hull_add_level(hull, (const double(*)[2])xy, n, ((double)z + 0.5) * voxels->spacing[2], err);
}

static void take_moments(const double spacing[3], const double first[3], const double second[6], CmBody *out) {
  static const int pair[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  const double n = (double)out->voxels;
  for (int k = 0; k < 3; k++) out->centre[k] = first[k] / n;
  for (int k = 0; k < 6; k++) {
    const int i = pair[k][0], j = pair[k][1];
    out->covariance[k] = (second[k] / n - first[i] / n * (first[j] / n)) * spacing[i] * spacing[j];
  }
}

bool cm__body_measure(CmContext *ctx, const int64_t n[3], const double spacing[3], CmPlaneFn *load, void *arg,
                      CmHull *hull, CmBody *out, CmError **err) {
  const size_t plane = (size_t)(n[0] * n[1]);
  Voxels voxels = {.n = n, .spacing = spacing};
  CmMeshCase cases[256];
  double first[3] = {0}, second[6] = {0};
  bool ok = false;
  *out = (CmBody){0};
  uint8_t *planes = cm_alloc(ctx, 2 * plane, err);
  double(*xy)[2] = cm_alloc_array(ctx, (size_t)(4 * n[1]), sizeof(*xy), err);
  if (!planes || !xy) goto done;
  cm__mesh_cases(spacing, CM_MESH_CLOSED, cases);
  voxels.plane[0] = planes;
  voxels.plane[1] = planes + plane;
  memset(planes, 0, plane);
  for (int64_t z = 0; z + 1 < n[2]; z++) {
    int64_t counts[256] = {0};
    load(arg, z + 1, voxels.plane[1]);
    out->voxels += add_moments(&voxels, z + 1, voxels.plane[1], first, second);
    count_cases(&voxels, counts);
    for (int k = 1; k < 255; k++) {
      out->area += (double)counts[k] * cases[k].area;
      out->volume += (double)counts[k] * (cases[k].volume + (double)z * spacing[2] * cases[k].along[2]);
    }
    if (!add_levels(&voxels, z, xy, hull, err)) goto done;
    uint8_t *swap = voxels.plane[0];
    voxels.plane[0] = voxels.plane[1];
    voxels.plane[1] = swap;
  }
  take_moments(spacing, first, second, out);
  ok = true;
done:
  cm_free(planes);
  cm_free(xy);
  return ok;
}

void cm__body_axes(const CmBody *body, double ddof, double lambda[3]) {
  const double n = (double)body->voxels, scale = n > ddof ? n / (n - ddof) : 0.0;
  double covariance[6];
  for (int k = 0; k < 6; k++) covariance[k] = body->covariance[k] * scale;
  cm__eigen3(covariance, lambda);
  for (int k = 0; k < 3; k++) lambda[k] = lambda[k] > 0.0 ? lambda[k] : 0.0;
}
