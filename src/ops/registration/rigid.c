/* Rigid registration: coarse to fine, regular steps along the gradient that are halved where it turns back (as in ITK's
 * RegularStepGradientDescent). A radian is scaled by the samples' distance from the centre, so that one step moves
 * voxels by about its length. */
#include "ops/registration/rigid.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/filter/separable.h"
#include "ops/registration/similarity.h"
#include "ops/transform/warp.h"

void cm__rigid_point(const CmRigid *rigid, const double x[3], double y[3]) {
  double from[3];
  for (int k = 0; k < 3; k++) from[k] = x[k] - rigid->centre[k];
  for (int row = 0; row < 3; row++) {
    const double *r = rigid->rotation + 3 * row;
    y[row] = r[0] * from[0] + r[1] * from[1] + r[2] * from[2] + rigid->centre[row] + rigid->shift[row];
  }
}

void cm__rigid_matrix(const CmRigid *rigid, double matrix[16]) {
  double zero[3];
  cm__rigid_point(rigid, (double[]){0, 0, 0}, zero);
  for (int row = 0; row < 3; row++) {
    for (int k = 0; k < 3; k++) matrix[4 * row + k] = rigid->rotation[3 * row + k];
    matrix[4 * row + 3] = zero[row];
  }
  for (int k = 0; k < 4; k++) matrix[12 + k] = k == 3 ? 1 : 0;
}

/* rotation = exp([w]x) rotation, by Rodrigues' formula. */
static void rotate_by(double rotation[9], const double w[3]) {
  double angle = sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2]);
  if (angle < 1e-15) return;
  double u[3] = {w[0] / angle, w[1] / angle, w[2] / angle}, s = sin(angle), c = 1 - cos(angle), old[9];
  memcpy(old, rotation, sizeof old);
  const double k[9] = {0, -u[2], u[1], u[2], 0, -u[0], -u[1], u[0], 0};
  double step[9];
  for (int row = 0; row < 3; row++)
    for (int col = 0; col < 3; col++) {
      double kk = 0;
      for (int i = 0; i < 3; i++) kk += k[3 * row + i] * k[3 * i + col];
      step[3 * row + col] = (row == col ? 1 : 0) + s * k[3 * row + col] + c * kk;
    }
  for (int row = 0; row < 3; row++)
    for (int col = 0; col < 3; col++)
      rotation[3 * row + col] =
          step[3 * row] * old[col] + step[3 * row + 1] * old[3 + col] + step[3 * row + 2] * old[6 + col];
}

/* ---- pyramid and samples
 * ------------------------------------------------------------------------------------------------ */

/* Smoothed by half of the new spacing and put on a grid of about `spacing_mm`, as f32. */
static CmImage *coarser(CmContext *ctx, const CmImage *image, double spacing_mm, CmError **err) {
  const CmGeometry *g = cm_image_geometry(image);
  double sigma[3], spacing[3];
  bool same = true;
  for (int k = 0; k < 3; k++) {
    bool keep = g->spacing[k] >= spacing_mm * 0.75 || cm_image_dims(image)[k] < 8;
    spacing[k] = keep ? 0 : spacing_mm;
    sigma[k] = keep ? 0 : 0.5 * spacing_mm / g->spacing[k];
    same = same && keep;
  }
  if (same) return cm_image_convert(ctx, image, CM_F32, false, err);
  CmImage *smooth = cm__gaussian(ctx, image, sigma, CM_F32, err);
  if (!smooth) return NULL;
  CmGeometry grid;
  int64_t size[3];
  cm__grid_with_spacing(smooth, spacing, &grid, size);
  CmImage *small = cm__resample_to(ctx, smooth, &grid, size, CM_INTERPOLATE_LINEAR, 0, CM_F32, err);
  cm_image_unref(&smooth);
  return small;
}

static bool inside_mask(const CmImage *mask, const double lps[3]) {
  double index[3];
  if (!mask) return true;
  cm_geometry_to_index(cm_image_geometry(mask), lps, index);
  const int64_t *dims = cm_image_dims(mask);
  int64_t at[3];
  for (int k = 0; k < 3; k++) {
    at[k] = (int64_t)floor(index[k] + 0.5);
    if (at[k] < 0 || at[k] >= dims[k]) return false;
  }
  return cm_image_value(mask, (at[2] * dims[1] + at[1]) * dims[0] + at[0]) != 0;
}

/* Spreads the voxel numbers, so that samples do not lie on lines of the grid (Weyl sequence by the golden ratio). */
static int64_t scatter(int64_t sample, int64_t step) {
  return (int64_t)(((uint64_t)sample * 0x9E3779B97F4A7C15u >> 20) % (uint64_t)step);
}

static bool take_samples(CmContext *ctx, const CmImage *fixed, const CmRigidOptions *options, const double centre[3],
                         CmSamples *samples, CmError **err) {
  const int64_t *dims = cm_image_dims(fixed), voxels = dims[0] * dims[1] * dims[2];
  const float *values = cm_image_data(fixed);
  int64_t step = (voxels - 1) / options->samples + 1, most = (voxels - 1) / step + 1;
  *samples = (CmSamples){.low = FLT_MAX, .high = -FLT_MAX};
  samples->point = cm_alloc_array(ctx, (size_t)most * 3, sizeof(float), err);
  if (samples->point) samples->value = cm_alloc_array(ctx, (size_t)most, sizeof(float), err);
  if (!samples->value) return false;
  double square = 0;
  for (int64_t i = 0; i < most; i++) {
    int64_t at = i * step + scatter(i, step);
    if (at >= voxels || !isfinite((double)values[at])) continue;
    double lps[3],
        index[3] = {(double)(at % dims[0]), (double)(at / dims[0] % dims[1]), (double)(at / dims[0] / dims[1])};
    cm_geometry_to_physical(cm_image_geometry(fixed), index, lps);
    if (!inside_mask(options->fixed_mask, lps)) continue;
    for (int k = 0; k < 3; k++) {
      samples->point[3 * samples->count + k] = (float)(lps[k] - centre[k]);
      square += (lps[k] - centre[k]) * (lps[k] - centre[k]);
    }
    samples->low = fminf(samples->low, values[at]);
    samples->high = fmaxf(samples->high, values[at]);
    samples->value[samples->count++] = values[at];
  }
  if (samples->count < 16) {
    cm_error_set(err, CM_ERR_DATA, "%lld voxels are too few to align by; widen the mask", (long long)samples->count);
    return false;
  }
  samples->radius_mm = sqrt(square / (double)samples->count);
  return true;
}

/* ---- start
 * -------------------------------------------------------------------------------------------------------------- */

static void middle_of(const CmImage *image, double lps[3]) {
  const int64_t *dims = cm_image_dims(image);
  cm_geometry_to_physical(cm_image_geometry(image),
                          (double[]){(double)(dims[0] - 1) / 2, (double)(dims[1] - 1) / 2, (double)(dims[2] - 1) / 2},
                          lps);
}

/* Centre of the intensities above the lowest one. */
static void mass_of(const CmImage *image, double lps[3]) {
  const int64_t *dims = cm_image_dims(image);
  const float *values = cm_image_data(image);
  float low = FLT_MAX;
  int64_t voxels = dims[0] * dims[1] * dims[2];
  for (int64_t i = 0; i < voxels; i++) low = fminf(low, values[i]);
  double mass = 0, sum[3] = {0, 0, 0};
  for (int64_t i = 0; i < voxels; i++) {
    double m = isfinite((double)values[i]) ? (double)values[i] - (double)low : 0;
    mass += m;
    sum[0] += m * (double)(i % dims[0]);
    sum[1] += m * (double)(i / dims[0] % dims[1]);
    sum[2] += m * (double)(i / dims[0] / dims[1]);
  }
  if (!(mass > 0)) {
    middle_of(image, lps);
    return;
  }
  cm_geometry_to_physical(cm_image_geometry(image), (double[]){sum[0] / mass, sum[1] / mass, sum[2] / mass}, lps);
}

static void start_transform(const CmImage *fixed, const CmImage *moving, CmRigidStart start, CmRigid *rigid) {
  double to[3];
  *rigid = (CmRigid){.rotation = {1, 0, 0, 0, 1, 0, 0, 0, 1}};
  middle_of(fixed, rigid->centre);
  if (start == CM_START_IDENTITY) return;
  if (start == CM_START_MASS) {
    mass_of(fixed, rigid->centre);
    mass_of(moving, to);
  } else {
    middle_of(moving, to);
  }
  for (int k = 0; k < 3; k++) rigid->shift[k] = to[k] - rigid->centre[k];
}

/* ---- climbing
 * ----------------------------------------------------------------------------------------------------------- */

static bool climb(CmSimilarityJob *job, const CmRigidOptions *options, double spacing_mm, CmRigidResult *result,
                  CmError **err) {
  double step = 2 * spacing_mm, before[6] = {0}, radius = job->samples->radius_mm;
  CmSimilarityValue value;
  for (int64_t i = 0; i < options->iterations && step > 2e-3 * spacing_mm; i++) {
    if (!cm__similarity(job, &result->transform, &value, err)) return false;
    double direction[6], length = 0, back = 0;
    for (int k = 0; k < 3; k++) {
      direction[k] = value.shift[k];
      direction[3 + k] = options->rotate ? value.turn[k] / radius : 0;
    }
    for (int k = 0; k < 6; k++) length += direction[k] * direction[k];
    length = sqrt(length);
    if (!(length > 1e-14)) break;
    for (int k = 0; k < 6; k++) {
      direction[k] /= length;
      back += direction[k] * before[k];
    }
    if (back < 0) step /= 2;
    double w[3];
    for (int k = 0; k < 3; k++) {
      result->transform.shift[k] += step * direction[k];
      w[k] = step * direction[3 + k] / radius;
    }
    rotate_by(result->transform.rotation, w);
    memcpy(before, direction, sizeof before);
    result->iterations++;
  }
  if (!cm__similarity(job, &result->transform, &value, err)) return false;
  result->metric = options->metric == CM_SIMILARITY_MEAN_SQUARES ? -value.value : value.value;
  result->overlap = value.overlap;
  return true;
}

static bool run_level(CmContext *ctx, const CmImage *fixed, const CmImage *moving, const CmRigidOptions *options,
                      double spacing_mm, bool first, CmRigidResult *result, CmError **err) {
  bool good = false;
  CmSamples samples = {0};
  CmSimilarityJob job = {0};
  CmImage *small_fixed = coarser(ctx, fixed, spacing_mm, err),
          *small_moving = small_fixed ? coarser(ctx, moving, spacing_mm, err) : NULL;
  if (!small_moving) goto done;
  if (first) start_transform(small_fixed, small_moving, options->start, &result->transform);
  good = take_samples(ctx, small_fixed, options, result->transform.centre, &samples, err) &&
         cm__similarity_open(&job, ctx, &samples, small_moving, options->metric, (int)options->bins, err) &&
         climb(&job, options, spacing_mm, result, err);
done:
  cm__similarity_close(&job);
  cm_free(samples.point);
  cm_free(samples.value);
  cm_image_unref(&small_fixed);
  cm_image_unref(&small_moving);
  return good;
}

static double least_spacing(const CmImage *image) {
  const double *s = cm_image_geometry(image)->spacing;
  double least = fmin(s[0], s[1]);
  return cm_image_dims(image)[2] > 1 ? fmin(least, s[2]) : least;
}

bool cm__register_rigid(CmContext *ctx, const CmImage *fixed, const CmImage *moving, const CmRigidOptions *options,
                        CmRigidResult *result, CmError **err) {
  bool flat = cm_image_dims(fixed)[2] == 1;
  if (flat != (cm_image_dims(moving)[2] == 1)) {
    cm_error_set(err, CM_ERR_GEOMETRY, "one image is a single slice and the other a volume; align like with like");
    return false;
  }
  *result = (CmRigidResult){0};
  double finest = fmax(options->finest_mm, fmin(least_spacing(fixed), least_spacing(moving)));
  for (int64_t level = 0; level < options->levels; level++) {
    double spacing = finest * ldexp(1, (int)(options->levels - 1 - level));
    if (!run_level(ctx, fixed, moving, options, spacing, level == 0, result, err)) return false;
    cm_progress(ctx, "register", level + 1, options->levels);
  }
  return true;
}
