/* Size and shape of the morphological mask. IBSI manual 3.1. */
#include <math.h>
#include <string.h>

#include "ops/measure/body.h"
#include "ops/radiomics/enclosing.h"
#include "ops/radiomics/region.h"

#define PI 3.14159265358979323846

typedef struct Job {
  const CmRoi *roi;
  CmMeasuredList *to;
  CmError **err;
  bool ok;
} Job;

static void give(Job *job, const char *name, double value) {
  job->ok = job->ok && cm__measured_add(job->to, name, "", value, job->err);
}

/* The region's box with one voxel of background around lies in the roi's box. */
static void load_plane(void *arg, int64_t z, uint8_t *plane) {
  const CmRoi *roi = arg;
  const int64_t nx = roi->hi[0] - roi->lo[0] + 2, ny = roi->hi[1] - roi->lo[1] + 2;
  for (int64_t y = 0; y < ny; y++)
    memcpy(plane + y * nx, roi->shape + cm__roi_at(roi, roi->lo[0] - 1, roi->lo[1] - 1 + y, roi->lo[2] - 1 + z),
           (size_t)nx);
}

/* Distance between the centre of the mask and that of the intensities, mm. row: room for one of the box. */
static double centre_shift(const CmRoi *roi, const CmBody *body, double *row) {
  double sum = 0.0, at[3] = {0}, square = 0.0;
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const uint8_t *inside = roi->inside + cm__roi_at(roi, 0, y, z);
      double in_row = 0.0;
      cm__roi_values(roi, y, z, row);
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        if (!inside[x]) continue;
        in_row += row[x];
        at[0] += row[x] * (double)(x - roi->lo[0] + 1);
      }
      sum += in_row;
      at[1] += in_row * (double)(y - roi->lo[1] + 1);
      at[2] += in_row * (double)(z - roi->lo[2] + 1);
    }
  if (sum == 0.0) return NAN;
  for (int k = 0; k < 3; k++) {
    const double d = (at[k] / sum - body->centre[k]) * roi->spacing[k];
    square += d * d;
  }
  return sqrt(square);
}

/* Surface of an ellipsoid with half axes a >= b >= c: a series of Legendre polynomials, to the 20th (manual 3.1.18). */
static double ellipsoid_area(double a, double b, double c) {
  if (b <= 0.0 || c <= 0.0) return NAN;
  const double alpha = sqrt(fmax(0.0, 1.0 - b * b / (a * a))), beta = sqrt(fmax(0.0, 1.0 - c * c / (a * a)));
  double sum = 0.0, power = 1.0, before = 1.0, legendre = 1.0;
  if (alpha * beta == 0.0) return 4.0 * PI * a * b * (alpha + beta == 0.0 ? 1.0 : 1.0 - beta * beta / 6.0);
  const double x = (alpha * alpha + beta * beta) / (2.0 * alpha * beta);
  for (int v = 0; v <= 20; v++) {
    if (v == 1) legendre = x;
    if (v > 1) {
      const double next = ((2 * v - 1) * x * legendre - (v - 1) * before) / v;
      before = legendre;
      legendre = next;
    }
    sum += power / (1.0 - 4.0 * v * v) * legendre;
    power *= alpha * beta;
  }
  return 4.0 * PI * a * b * sum;
}

static void sizes(Job *job, const CmBody *body, double diameter, double shift) {
  const CmRoi *roi = job->roi;
  const double v = body->volume, a = body->area, ball = cbrt(36.0 * PI * v * v);
  give(job, "morph_volume", v);
  give(job, "morph_vol_approx", (double)body->voxels * roi->spacing[0] * roi->spacing[1] * roi->spacing[2]);
  give(job, "morph_area_mesh", a);
  give(job, "morph_av", a / v);
  give(job, "morph_comp_1", v / (sqrt(PI) * pow(a, 1.5)));
  give(job, "morph_comp_2", 36.0 * PI * v * v / (a * a * a));
  give(job, "morph_sph_dispr", a / ball);
  give(job, "morph_sphericity", ball / a);
  give(job, "morph_asphericity", a / ball - 1.0);
  give(job, "morph_com", shift);
  give(job, "morph_diam", diameter);
}

static void axes(Job *job, const double half[3]) {
  give(job, "morph_pca_maj_axis", 2.0 * half[0]);
  give(job, "morph_pca_min_axis", 2.0 * half[1]);
  give(job, "morph_pca_least_axis", 2.0 * half[2]);
  give(job, "morph_pca_elongation", half[0] > 0.0 ? half[1] / half[0] : NAN);
  give(job, "morph_pca_flatness", half[0] > 0.0 ? half[2] / half[0] : NAN);
}

static void density(Job *job, const CmBody *body, const char *volume_name, const char *area_name, double volume,
                    double area) {
  give(job, volume_name, volume > 0.0 ? body->volume / volume : NAN);
  give(job, area_name, area > 0.0 ? body->area / area : NAN);
}

static void box_density(Job *job, const CmBody *body, const char *volume_name, const char *area_name,
                        const double side[3]) {
  density(job, body, volume_name, area_name, side[0] * side[1] * side[2],
          2.0 * (side[0] * side[1] + side[1] * side[2] + side[2] * side[0]));
}

static void ellipsoid_density(Job *job, const CmBody *body, const char *volume_name, const char *area_name,
                              const double half[3]) {
  density(job, body, volume_name, area_name, 4.0 / 3.0 * PI * half[0] * half[1] * half[2],
          ellipsoid_area(half[0], half[1], half[2]));
}

/* The corners in whole steps of `scale`, levels in the order 0, 1/2, 1/4, 3/4, 1/8 ...: those on a face that is there
 * already add none of their own. */
static void spread_corners(const CmHull *corners, const double scale[3], int32_t (*to)[3]) {
  int64_t at = 0, stride = 1;
  while (stride < corners->levels) stride *= 2;
  for (int64_t first = 0; stride > 0; first = stride /= 2)
    for (int64_t level = first; level < corners->levels; level += first ? 2 * stride : stride)
      for (int64_t i = corners->level[level].begin; i < corners->level[level].end; i++, at++)
        for (int k = 0; k < 3; k++) to[at][k] = (int32_t)lround(corners->point[i][k] / scale[k]);
}

static bool densities(Job *job, const CmBody *body, const double half[3], const CmHull *corners) {
  const CmRoi *roi = job->roi;
  double side[3], scale[3], volume, area;
  for (int k = 0; k < 3; k++) side[k] = (double)(roi->hi[k] - roi->lo[k]) * roi->spacing[k];
  box_density(job, body, "morph_vol_dens_aabb", "morph_area_dens_aabb", side);
  CmHull3 hull = {.ctx = roi->ctx, .points = corners->count};
  hull.point = cm_alloc_array(roi->ctx, (size_t)corners->count, sizeof(*hull.point), job->err);
  if (!hull.point) return false;
  for (int k = 0; k < 3; k++) scale[k] = 0.5 * roi->spacing[k]; /* corners lie at half voxels */
  spread_corners(corners, scale, hull.point);
  double box[3], around[3];
  const bool ok = cm__hull3_make(&hull, job->err) && cm__smallest_box(&hull, scale, box, job->err) &&
                  cm__smallest_ellipsoid(&hull, scale, around, job->err);
  if (ok) {
    box_density(job, body, "morph_vol_dens_ombb", "morph_area_dens_ombb", box);
    ellipsoid_density(job, body, "morph_vol_dens_aee", "morph_area_dens_aee", half);
    ellipsoid_density(job, body, "morph_vol_dens_mvee", "morph_area_dens_mvee", around);
    cm__hull3_measure(&hull, scale, &volume, &area);
    density(job, body, "morph_vol_dens_conv_hull", "morph_area_dens_conv_hull", volume, area);
  }
  cm_free(hull.point);
  cm__hull3_free(&hull);
  return ok;
}

bool cm__radiomics_morphology(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  Job job = {roi, to, err, true};
  int64_t n[3];
  CmHull corners = {.ctx = roi->ctx};
  CmBody body;
  double half[3], in_slice;
  (void)ways;
  for (int k = 0; k < 3; k++) n[k] = roi->hi[k] - roi->lo[k] + 2;
  double *row = cm_alloc_array(roi->ctx, (size_t)roi->n[0], sizeof(double), err);
  bool ok = row && cm__body_measure(roi->ctx, n, roi->spacing, load_plane, (void *)roi, &corners, &body, err);
  if (ok) {
    cm__body_axes(&body, 1.0, half);
    for (int k = 0; k < 3; k++) half[k] = 2.0 * sqrt(half[k]);
    sizes(&job, &body, cm__hull_diameter(&corners, &in_slice), centre_shift(roi, &body, row));
    axes(&job, half);
    ok = densities(&job, &body, half, &corners);
  }
  if (ok) {
    const double mean = roi->voxels > 0 ? cm__counted_mean(&roi->counted) : NAN;
    give(&job, "morph_integ_int", mean * body.volume);
    give(&job, "morph_moran_i", roi->moran);
    give(&job, "morph_geary_c", roi->geary);
  }
  cm_free(row);
  cm__hull_free(&corners);
  return ok && job.ok;
}
