/* What PyRadiomics does to image and mask before it measures: normalization, resampling, mask correction, cropping
 * (docs, «Image Processing»). */
#include <math.h>
#include <string.h>

#include "ops/radiomics/pyrad.h"
#include "ops/transform/warp.h"

CmImage *cm__pyrad_normalize(CmContext *ctx, const CmImage *image, const CmPyradParams *p, CmError **err) {
  const int64_t count = cm_image_values(image);
  double sum = 0.0, square = 0.0;
  CmImage *out = cm_image_convert(ctx, image, CM_F64, false, err);
  if (!out) return NULL;
  double *v = cm_image_data_mut(out);
  for (int64_t k = 0; k < count; k++) sum += v[k];
  const double mean = sum / (double)count;
  for (int64_t k = 0; k < count; k++) square += (v[k] - mean) * (v[k] - mean);
  if (!(square > 0.0)) {
    cm_error_set(err, CM_ERR_DATA,
                 "the image has one value only (or one that is not a number): it cannot be normalized");
    cm_image_unref(&out);
    return NULL;
  }
  const double scale = 1.0 / sqrt(square / (double)(count - 1)), most = p->removeOutliers;
  for (int64_t k = 0; k < count; k++) {
    v[k] = (v[k] - mean) * scale;
    if (most > 0.0) v[k] = v[k] > most ? most : v[k] < -most ? -most : v[k];
    v[k] *= p->normalizeScale;
  }
  return out;
}

bool cm__pyrad_same_grid(const CmImage *image, const CmImage *labels, double tolerance, CmError **err) {
  const CmGeometry *a = cm_image_geometry(image), *b = cm_image_geometry(labels);
  if (tolerance <= 0.0) return cm_image_same_grid(image, "the image", labels, "the label map", err);
  for (int k = 0; k < 3; k++)
    if (cm_image_dims(image)[k] != cm_image_dims(labels)[k]) {
      cm_error_set(err, CM_ERR_GEOMETRY,
                   "image and label map differ in size; correctMask=true puts the mask on its grid");
      return false;
    }
  double worst = 0.0;
  for (int k = 0; k < 3; k++) {
    worst = fmax(worst, fabs(a->origin[k] - b->origin[k]) / a->spacing[0]);
    worst = fmax(worst, fabs(a->spacing[k] - b->spacing[k]) / a->spacing[0]);
  }
  for (int k = 0; k < 9; k++) worst = fmax(worst, fabs(a->direction[k] - b->direction[k]));
  if (worst <= tolerance) return true;
  cm_error_set(err, CM_ERR_GEOMETRY, "the grids of image and label map differ by %g; geometryTolerance is %g", worst,
               tolerance);
  return false;
}

/* Does the label's box, with the halves of its voxels, lie in the image? */
static bool box_in_image(const CmImage *image, const CmImage *labels, const CmLabelBox *box, CmError **err) {
  for (int corner = 0; corner < 2; corner++) {
    double index[3], at[3];
    for (int k = 0; k < 3; k++) index[k] = corner ? (double)box->box_max[k] + 0.5 : (double)box->box_min[k] - 0.5;
    cm_geometry_to_physical(cm_image_geometry(labels), index, at);
    cm_geometry_to_index(cm_image_geometry(image), at, index);
    for (int k = 0; k < 3; k++)
      if (index[k] < -0.501 || index[k] > (double)cm_image_dims(image)[k] - 0.499) {
        cm_error_set(err, CM_ERR_GEOMETRY, "label %lld reaches out of the image", (long long)box->value);
        return false;
      }
  }
  return true;
}

CmImage *cm__pyrad_correct(CmContext *ctx, const CmImage *image, const CmImage *labels, const CmLabelBox *box,
                           CmError **err) {
  if (!box_in_image(image, labels, box, err)) return NULL;
  return cm__resample_to(ctx, labels, cm_image_geometry(image), cm_image_dims(image), CM_INTERPOLATE_NEAREST, 0.0,
                         cm_image_type(labels), err);
}

CmImage *cm__pyrad_crop(CmContext *ctx, CmImage *image, CmPyradRoi *roi, int64_t pad, CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  int64_t lo[3], size[4] = {1, 1, 1, 1};
  CmGeometry geometry = *cm_image_geometry(image);
  double first[3];
  for (int k = 0; k < 3; k++) {
    const int64_t last = roi->lo[k] + roi->size[k] - 1 + pad;
    lo[k] = roi->lo[k] > pad ? roi->lo[k] - pad : 0;
    size[k] = (last < dims[k] ? last : dims[k] - 1) - lo[k] + 1;
    first[k] = (double)lo[k];
  }
  cm_geometry_to_physical(cm_image_geometry(image), first, geometry.origin);
  CmImage *out = cm_image_create(ctx, cm_image_type(image), cm_image_rank(image), size, 1, err);
  if (!out || !cm_image_set_geometry(out, &geometry, err)) {
    cm_image_unref(&out);
    return NULL;
  }
  const CmGrid from = cm__grid(image), to = cm__grid(out);
  for (int64_t z = 0; z < size[2]; z++)
    for (int64_t y = 0; y < size[1]; y++)
      memcpy(cm__row_mut(out, &to, z * size[1] + y),
             (const char *)cm__row(image, &from, (lo[2] + z) * from.ny + lo[1] + y) + (size_t)lo[0] * from.size,
             (size_t)size[0] * to.size);
  for (int k = 0; k < 3; k++) roi->lo[k] -= lo[k];
  return out;
}

/* The grid: aligned with the corner of the mask, over the region's box and padDistance, never beyond the mask. */
static bool choose_grid(const CmImage *labels, const CmLabelBox *box, const double spacing[3], int64_t pad,
                        CmGeometry *geometry, int64_t size[3], CmError **err) {
  double origin[3];
  *geometry = *cm_image_geometry(labels);
  for (int k = 0; k < 3; k++) {
    const double ratio = geometry->spacing[k] / spacing[k];
    const double most = ceil((double)cm_image_dims(labels)[k] * ratio) - 1.0;
    const double low = fmax(0.0, floor(((double)box->box_min[k] - 0.5) * ratio - (double)pad));
    const double high = fmin(most, ceil(((double)box->box_max[k] + 0.5) * ratio + (double)pad));
    if (!(high - low < (double)CM_MAX_DIM)) {
      cm_error_set(err, CM_ERR_PARAMETER, "resampledPixelSpacing %g makes more voxels than an image can have",
                   spacing[k]);
      return false;
    }
    size[k] = (int64_t)(high - low) + 1;
    origin[k] = 0.5 * (spacing[k] - geometry->spacing[k]) / geometry->spacing[k] + low / ratio;
  }
  cm_geometry_to_physical(cm_image_geometry(labels), origin, geometry->origin);
  memcpy(geometry->spacing, spacing, sizeof geometry->spacing);
  return true;
}

/* ITK stores what it has interpolated by a cast: cut, not rounded. A sum of weights that should be a whole number is
 * taken for one. */
static double cut(double v) {
  const double whole = rint(v);
  return fabs(v - whole) < 1e-6 ? whole : trunc(v);
}

static CmImage *cut_to_type(CmContext *ctx, CmImage *real, CmType type, CmError **err) {
  double *v = cm_image_data_mut(real);
  for (int64_t k = 0; cm_type_is_integer(type) && k < cm_image_values(real); k++) v[k] = cut(v[k]);
  return type == CM_F64 ? cm_image_ref(real) : cm_image_convert(ctx, real, type, true, err);
}

/* The region of a label map of the size of the grid. */
static bool roi_of_whole(CmContext *ctx, const CmImage *labels, int64_t label, CmPyradRoi *roi, CmError **err) {
  const int64_t *dims = cm_image_dims(labels);
  const int64_t lo[3] = {0, 0, 0}, hi[3] = {dims[0] - 1, dims[1] - 1, dims[2] - 1};
  return cm__pyrad_roi_make(ctx, labels, label, lo, hi, roi, err);
}

static bool resample_mask_alone(CmContext *ctx, CmImage *image, const CmImage *labels, const CmLabelBox *box,
                                const CmPyradParams *p, CmImage **resampled, CmPyradRoi *roi, CmError **err) {
  CmImage *mask = cm__pyrad_correct(ctx, image, labels, box, err);
  const bool ok = mask && roi_of_whole(ctx, mask, box->value, roi, err);
  cm_image_unref(&mask);
  return ok && (*resampled = cm__pyrad_crop(ctx, image, roi, p->padDistance, err)) != NULL;
}

static CmImage *interpolate(CmContext *ctx, const CmImage *image, const CmGeometry *geometry, const int64_t size[3],
                            int32_t interpolator, CmError **err) {
  static const CmInterpolation kinds[] = {CM_INTERPOLATE_LINEAR, CM_INTERPOLATE_NEAREST, CM_INTERPOLATE_LINEAR,
                                          CM_INTERPOLATE_CUBIC};
  if (interpolator > CM__PYRAD_BSPLINE) return cm__pyrad_interpolate(ctx, image, geometry, size, interpolator, err);
  return cm__resample_to(ctx, image, geometry, size, kinds[interpolator], 0.0, CM_F64, err);
}

bool cm__pyrad_check_spacing(const CmPyradParams *p, int rank, CmError **err) {
  const CmReals *asked = &p->resampledPixelSpacing;
  if (asked->count == 0 || asked->count == 3 || (asked->count == 2 && rank < 3)) return true;
  cm_error_set(err, CM_ERR_PARAMETER,
               "resampledPixelSpacing has %d number%s; as in PyRadiomics each axis of the image needs its own (x,y,z): "
               "give %g,%g,%g, or 0 for an axis that stays as it is",
               asked->count, asked->count == 1 ? "" : "s", asked->value[0], asked->value[asked->count > 1 ? 1 : 0],
               asked->count > 1 ? 0.0 : asked->value[0]);
  return false;
}

bool cm__pyrad_resample(CmContext *ctx, CmImage *image, const CmImage *labels, const CmLabelBox *box,
                        const CmPyradParams *p, CmImage **resampled, CmPyradRoi *roi, CmError **err) {
  const CmGeometry *old = cm_image_geometry(labels);
  CmGeometry geometry;
  double spacing[3];
  int64_t size[3];
  bool same = true;
  if (!cm__pyrad_check_spacing(p, cm_image_rank(image), err) || !box_in_image(image, labels, box, err)) return false;
  for (int k = 0; k < 3; k++) {
    const double asked = k < p->resampledPixelSpacing.count ? p->resampledPixelSpacing.value[k] : 0.0;
    spacing[k] = asked > 0.0 && box->box_max[k] > box->box_min[k] ? asked : old->spacing[k];
    const double image_spacing = cm_image_geometry(image)->spacing[k];
    same = same && fabs(image_spacing - spacing[k]) <= 1e-8 + 1e-5 * spacing[k];
  }
  if (same) return resample_mask_alone(ctx, image, labels, box, p, resampled, roi, err);
  if (!choose_grid(labels, box, spacing, p->padDistance, &geometry, size, err)) return false;
  CmImage *mask =
      cm__resample_to(ctx, labels, &geometry, size, CM_INTERPOLATE_NEAREST, 0.0, cm_image_type(labels), err);
  CmImage *real = mask ? interpolate(ctx, image, &geometry, size, p->interpolator, err) : NULL;
  if (real) *resampled = cut_to_type(ctx, real, cm_image_type(image), err);
  const bool ok = real && *resampled && roi_of_whole(ctx, mask, box->value, roi, err);
  cm_image_unref(&mask);
  cm_image_unref(&real);
  return ok;
}
