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

/* Counts the voxels; sums of their indices and of their products: xx, yy, zz, xy, xz, yz. Whole numbers: exact. */
static int64_t add_moments(const Voxels *voxels, int64_t z, const uint8_t *plane, double first[3], double second[6]) {
  int64_t count = 0;
  for (int64_t y = 0; y < voxels->n[1]; y++) {
    int64_t n = 0, x1 = 0, x2 = 0;
    for (int64_t x = 0; x < voxels->n[0]; x++) {
      const int64_t inside = plane[y * voxels->n[0] + x] != 0;
      n += inside;
      x1 += inside * x;
      x2 += inside * x * x;
    }
    count += n;
    first[0] += (double)x1;
    first[1] += (double)(n * y);
    first[2] += (double)(n * z);
    second[0] += (double)x2;
    second[1] += (double)(n * y * y);
    second[2] += (double)(n * z * z);
    second[3] += (double)(x1 * y);
    second[4] += (double)(x1 * z);
    second[5] += (double)(n * y * z);
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

/* What is measured beside the hull. */
typedef struct Sums {
  CmMeshCase cases[256];
  double first[3], second[6];
} Sums;

static void add_plane(const Voxels *voxels, int64_t z, Sums *sums, CmBody *out) {
  int64_t counts[256] = {0};
  out->voxels += add_moments(voxels, z + 1, voxels->plane[1], sums->first, sums->second);
  count_cases(voxels, counts);
  for (int k = 1; k < 255; k++) {
    out->area += (double)counts[k] * sums->cases[k].area;
    out->volume +=
        (double)counts[k] * (sums->cases[k].volume + (double)z * voxels->spacing[2] * sums->cases[k].along[2]);
  }
}

/* sums, out: NULL for the hull alone. */
static bool walk(CmContext *ctx, Voxels *voxels, CmPlaneFn *load, void *arg, CmHull *hull, Sums *sums, CmBody *out,
                 CmError **err) {
  const int64_t *n = voxels->n;
  const size_t plane = (size_t)(n[0] * n[1]);
  bool ok = false;
  uint8_t *planes = cm_alloc(ctx, 2 * plane, err);
  double(*xy)[2] = planes ? cm_alloc_array(ctx, (size_t)(4 * n[1]), sizeof(*xy), err) : NULL;
  if (!xy) goto done;
  voxels->plane[0] = planes;
  voxels->plane[1] = planes + plane;
  memset(planes, 0, plane);
  for (int64_t z = 0; z + 1 < n[2]; z++) {
    load(arg, z + 1, voxels->plane[1]);
    if (sums) add_plane(voxels, z, sums, out);
    if (!add_levels(voxels, z, xy, hull, err)) goto done;
    uint8_t *swap = voxels->plane[0];
    voxels->plane[0] = voxels->plane[1];
    voxels->plane[1] = swap;
  }
  ok = true;
done:
  cm_free(planes);
  cm_free(xy);
  return ok;
}

bool cm__body_measure(CmContext *ctx, const int64_t n[3], const double spacing[3], CmPlaneFn *load, void *arg,
                      CmHull *hull, CmBody *out, CmError **err) {
  Voxels voxels = {.n = n, .spacing = spacing};
  Sums sums = {.first = {0.0}};
  *out = (CmBody){0};
  cm__mesh_cases(spacing, CM_MESH_CLOSED, sums.cases);
  if (!walk(ctx, &voxels, load, arg, hull, &sums, out, err)) return false;
  take_moments(spacing, sums.first, sums.second, out);
  return true;
}

bool cm__body_hull(CmContext *ctx, const int64_t n[3], const double spacing[3], CmPlaneFn *load, void *arg,
                   CmHull *hull, CmError **err) {
  Voxels voxels = {.n = n, .spacing = spacing};
  return walk(ctx, &voxels, load, arg, hull, NULL, NULL, err);
}

void cm__body_axes(const CmBody *body, double ddof, double lambda[3]) {
  const double n = (double)body->voxels, scale = n > ddof ? n / (n - ddof) : 0.0;
  double covariance[6];
  for (int k = 0; k < 6; k++) covariance[k] = body->covariance[k] * scale;
  cm__eigen3(covariance, lambda);
  for (int k = 0; k < 3; k++) lambda[k] = lambda[k] > 0.0 ? lambda[k] : 0.0;
}
