/* The region of one label as PyRadiomics handles it: found, checked, re-segmented. */
#include <math.h>
#include <string.h>

#include "ops/radiomics/pyrad.h"

void cm__pyrad_roi_free(CmPyradRoi *roi) {
  cm_free(roi->inside);
  roi->inside = NULL;
}

bool cm__pyrad_roi_copy(const CmPyradRoi *from, CmPyradRoi *to, CmError **err) {
  const size_t count = (size_t)(from->size[0] * from->size[1] * from->size[2]);
  *to = *from;
  to->inside = cm_alloc(from->ctx, count, err);
  if (to->inside) memcpy(to->inside, from->inside, count);
  return to->inside != NULL;
}

/* Counts the voxels and makes the box as small as they allow. */
static bool tighten(CmPyradRoi *roi, CmError **err) {
  int64_t lo[3] = {roi->size[0], roi->size[1], roi->size[2]}, hi[3] = {-1, -1, -1}, size[3];
  const uint8_t *from = roi->inside;
  roi->voxels = 0;
  for (int64_t z = 0; z < roi->size[2]; z++)
    for (int64_t y = 0; y < roi->size[1]; y++)
      for (int64_t x = 0; x < roi->size[0]; x++) {
        const int64_t at[3] = {x, y, z};
        if (!*from++) continue;
        roi->voxels++;
        for (int k = 0; k < 3; k++) {
          if (at[k] < lo[k]) lo[k] = at[k];
          if (at[k] > hi[k]) hi[k] = at[k];
        }
      }
  if (roi->voxels == 0) {
    cm_error_set(err, CM_ERR_DATA, "no voxel of label %lld is left", (long long)roi->label);
    return false;
  }
  for (int k = 0; k < 3; k++) size[k] = hi[k] - lo[k] + 1;
  uint8_t *to = roi->inside;
  for (int64_t z = 0; z < size[2]; z++)
    for (int64_t y = 0; y < size[1]; y++, to += size[0])
      memmove(to, roi->inside + ((lo[2] + z) * roi->size[1] + lo[1] + y) * roi->size[0] + lo[0], (size_t)size[0]);
  for (int k = 0; k < 3; k++) {
    roi->lo[k] += lo[k];
    roi->size[k] = size[k];
  }
  return true;
}

bool cm__pyrad_values(CmContext *ctx, const CmImage *image, const int64_t lo[3], const int64_t size[3], double *to,
                      CmError **err) {
  (void)ctx;
  (void)err;
  const CmGrid grid = cm__grid(image);
  for (int64_t z = 0; z < size[2]; z++)
    for (int64_t y = 0; y < size[1]; y++, to += size[0]) {
      const char *row = cm__row(image, &grid, (lo[2] + z) * grid.ny + lo[1] + y);
      cm__line_to_f64(cm_image_type(image), row + (size_t)lo[0] * grid.size, size[0], to);
    }
  return true;
}

bool cm__pyrad_roi_make(CmContext *ctx, const CmImage *labels, int64_t label, const int64_t lo[3], const int64_t hi[3],
                        CmPyradRoi *roi, CmError **err) {
  *roi = (CmPyradRoi){.ctx = ctx, .label = label};
  for (int k = 0; k < 3; k++) {
    roi->lo[k] = lo[k];
    roi->size[k] = hi[k] - lo[k] + 1;
  }
  const CmGrid grid = cm__grid(labels);
  const int64_t nx = roi->size[0], rows = roi->size[1] * roi->size[2];
  roi->inside = cm_alloc(ctx, (size_t)(nx * rows), err);
  double *line = roi->inside ? cm_alloc_array(ctx, (size_t)nx, sizeof(*line), err) : NULL;
  if (!line) return false;
  for (int64_t row = 0; row < rows; row++) {
    const char *from = cm__row(labels, &grid, (lo[2] + row / roi->size[1]) * grid.ny + lo[1] + row % roi->size[1]);
    cm__line_to_f64(cm_image_type(labels), from + (size_t)lo[0] * grid.size, nx, line);
    for (int64_t x = 0; x < nx; x++) roi->inside[row * nx + x] = line[x] == (double)label;
  }
  cm_free(line);
  return tighten(roi, err);
}

bool cm__pyrad_check(const CmPyradRoi *roi, const CmPyradParams *p, CmError **err) {
  int axes = 0;
  for (int k = 0; k < 3; k++) axes += roi->size[k] > 1;
  if (axes == 0)
    cm_error_set(err, CM_ERR_DATA, "label %lld is a single voxel; PyRadiomics' features need more of them",
                 (long long)roi->label);
  else if (axes < p->minimumROIDimensions)
    cm_error_set(err, CM_ERR_DATA,
                 "label %lld is longer than one voxel along %d of %lld axes; give a lower minimumROIDimensions",
                 (long long)roi->label, axes, (long long)p->minimumROIDimensions);
  else if (p->minimumROISize > 0 && roi->voxels <= p->minimumROISize)
    cm_error_set(err, CM_ERR_DATA, "label %lld has %lld voxels; minimumROISize asks for more than %lld",
                 (long long)roi->label, (long long)roi->voxels, (long long)p->minimumROISize);
  else
    return true;
  return false;
}

static void limits_of(const CmPyradRoi *roi, const double *value, const CmPyradParams *p, double limit[2]) {
  const int64_t count = roi->size[0] * roi->size[1] * roi->size[2];
  double sum = 0.0, square = 0.0, most = -INFINITY;
  const bool swap = p->resegmentRange.count == 2 && p->resegmentRange.value[0] > p->resegmentRange.value[1];
  limit[0] = p->resegmentRange.value[swap ? 1 : 0];
  limit[1] = p->resegmentRange.count == 2 ? p->resegmentRange.value[swap ? 0 : 1] : INFINITY;
  if (p->resegmentMode == CM__PYRAD_ABSOLUTE) return;
  for (int64_t k = 0; k < count; k++)
    if (roi->inside[k]) {
      sum += value[k];
      most = fmax(most, value[k]);
    }
  const double mean = sum / (double)roi->voxels;
  for (int64_t k = 0; k < count; k++) square += roi->inside[k] ? (value[k] - mean) * (value[k] - mean) : 0.0;
  const double deviation = sqrt(square / (double)roi->voxels);
  for (int k = 0; k < p->resegmentRange.count; k++)
    limit[k] = p->resegmentMode == CM__PYRAD_RELATIVE ? most * limit[k] : mean + deviation * limit[k];
}

bool cm__pyrad_resegment(const CmImage *image, const CmPyradParams *p, CmPyradRoi *roi, CmError **err) {
  const int64_t count = roi->size[0] * roi->size[1] * roi->size[2];
  int64_t kept = 0;
  double limit[2], *value = cm_alloc_array(roi->ctx, (size_t)count, sizeof(*value), err);
  if (!value || !cm__pyrad_values(roi->ctx, image, roi->lo, roi->size, value, err)) {
    cm_free(value);
    return false;
  }
  limits_of(roi, value, p, limit);
  for (int64_t k = 0; k < count; k++) {
    roi->inside[k] = roi->inside[k] && value[k] >= limit[0] && value[k] <= limit[1];
    kept += roi->inside[k];
  }
  cm_free(value);
  if (kept > 1) return tighten(roi, err);
  cm_error_set(err, CM_ERR_DATA, "resegmentRange leaves %lld voxel%s of label %lld; widen it", (long long)kept,
               kept == 1 ? "" : "s", (long long)roi->label);
  return false;
}
