#include "ops/radiomics/chain.h"

#include <math.h>
#include <string.h>

#include "ops/measure/gather.h"

#define MOST_LEVELS 65535

/* A part of a grid: `size` voxels from index `first` on, which may lie outside. */
static void part_of(const CmGeometry *whole, const int64_t first[3], CmGeometry *part) {
  *part = *whole;
  for (int row = 0; row < 3; row++)
    for (int axis = 0; axis < 3; axis++)
      part->origin[row] += whole->direction[row * 3 + axis] * whole->spacing[axis] * (double)first[axis];
}

/* The label as 1, the rest as 0, with two voxels around where the map has them. */
static CmImage *mask_of(CmContext *ctx, const CmImage *labels, const CmLabelBox *box, CmError **err) {
  const CmGrid grid = cm__grid(labels);
  const int64_t n[3] = {grid.nx, grid.ny, grid.nz};
  int64_t first[3], dims[4] = {0, 0, 0, 1};
  CmGeometry geometry;
  for (int k = 0; k < 3; k++) {
    const int64_t last = box->box_max[k] + 2 < n[k] ? box->box_max[k] + 2 : n[k] - 1;
    first[k] = box->box_min[k] > 2 ? box->box_min[k] - 2 : 0;
    dims[k] = last - first[k] + 1;
  }
  CmImage *mask = cm_image_create(ctx, CM_F32, 3, dims, 1, err);
  double *line = mask ? cm_alloc_array(ctx, (size_t)dims[0], sizeof(*line), err) : NULL;
  part_of(cm_image_geometry(labels), first, &geometry);
  if (!line || !cm_image_set_geometry(mask, &geometry, err)) {
    cm_free(line);
    cm_image_unref(&mask);
    return NULL;
  }
  float *to = cm_image_data_mut(mask);
  for (int64_t z = 0; z < dims[2]; z++)
    for (int64_t y = 0; y < dims[1]; y++, to += dims[0]) {
      const char *from = cm__row(labels, &grid, (box->t * grid.nz + first[2] + z) * grid.ny + first[1] + y);
      cm__line_to_f64(cm_image_type(labels), from + (size_t)first[0] * grid.size, dims[0], line);
      for (int64_t x = 0; x < dims[0]; x++) to[x] = line[x] == (double)box->value;
    }
  cm_free(line);
  return mask;
}

/* The box of the new grid that holds the label and what its features look at. */
static void choose_box(const CmRoi *roi, const CmGeometry *old, const CmGeometry *new, const CmLabelBox *label,
                       int64_t first[3], int64_t size[3]) {
  double map[12];
  cm__grid_map(old, new, map);
  for (int k = 0; k < 3; k++) {
    double low = map[4 * k + 3], high = low;
    for (int c = 0; c < 3; c++) {
      const double a = map[4 * k + c] * ((double)label->box_min[c] - 0.5),
                   b = map[4 * k + c] * ((double)label->box_max[c] + 0.5);
      low += fmin(a, b);
      high += fmax(a, b);
    }
    const int64_t margin = (int64_t)ceil(CM__PEAK_RADIUS / roi->spacing[k]) + 1;
    first[k] = (int64_t)floor(low) - margin;
    size[k] = (int64_t)ceil(high) + margin - first[k] + 1;
  }
}

static bool load(CmRoi *roi, const CmImage *image, const CmImage *labels, const CmLabelBox *box, const CmChain *chain,
                 CmError **err) {
  CmGeometry whole, part;
  int64_t unused[3], first[3];
  const bool resampled = chain->spacing[0] > 0.0 || chain->spacing[1] > 0.0 || chain->spacing[2] > 0.0;
  cm__grid_with_spacing(image, chain->spacing, &whole, unused);
  memcpy(roi->spacing, whole.spacing, sizeof roi->spacing);
  choose_box(roi, cm_image_geometry(image), &whole, box, first, roi->n);
  part_of(&whole, first, &part);
  CmImage *mask = mask_of(roi->ctx, labels, box, err), *values = NULL, *shape = NULL;
  if (mask)
    values = cm__resample_to(roi->ctx, image, &part, roi->n, resampled ? chain->interpolation : CM_INTERPOLATE_NEAREST,
                             NAN, CM_F64, err);
  if (values)
    shape = cm__resample_to(roi->ctx, mask, &part, roi->n,
                            resampled ? chain->mask_interpolation : CM_INTERPOLATE_NEAREST, 0.0, CM_F32, err);
  const size_t count = (size_t)(roi->n[0] * roi->n[1] * roi->n[2]);
  if (shape && (roi->value = cm_alloc_array(roi->ctx, count, sizeof(double), err)) &&
      (roi->shape = cm_alloc(roi->ctx, count, err))) {
    const float *share = cm_image_data(shape);
    memcpy(roi->value, cm_image_data(values), count * sizeof(double));
    if (chain->round && resampled)
      for (size_t k = 0; k < count; k++) roi->value[k] = rint(roi->value[k]);
    for (size_t k = 0; k < count; k++) roi->shape[k] = (double)share[k] >= chain->mask_threshold - 1e-6;
  }
  cm_image_unref(&mask);
  cm_image_unref(&values);
  cm_image_unref(&shape);
  return roi->shape != NULL;
}

static void find_extent(CmRoi *roi) {
  for (int k = 0; k < 3; k++) {
    roi->lo[k] = roi->n[k];
    roi->hi[k] = 0;
  }
  for (int64_t z = 0; z < roi->n[2]; z++)
    for (int64_t y = 0; y < roi->n[1]; y++)
      for (int64_t x = 0; x < roi->n[0]; x++) {
        if (!roi->shape[cm__roi_at(roi, x, y, z)]) continue;
        const int64_t at[3] = {x, y, z};
        for (int k = 0; k < 3; k++) {
          if (at[k] < roi->lo[k]) roi->lo[k] = at[k];
          if (at[k] >= roi->hi[k]) roi->hi[k] = at[k] + 1;
        }
        roi->shape_voxels++;
      }
}

static void leave_outliers(CmRoi *roi, const CmChain *chain, int64_t count) {
  double sum = 0.0, square = 0.0;
  for (int64_t k = 0; k < count; k++) sum += roi->inside[k] ? roi->value[k] : 0.0;
  const double mean = sum / (double)roi->voxels;
  for (int64_t k = 0; k < count; k++) square += roi->inside[k] ? (roi->value[k] - mean) * (roi->value[k] - mean) : 0.0;
  const double reach = chain->outliers * sqrt(square / (double)roi->voxels);
  for (int64_t k = 0; k < count; k++)
    if (roi->inside[k] && fabs(roi->value[k] - mean) > reach) {
      roi->inside[k] = 0;
      roi->voxels--;
    }
}

/* The intensity mask, and the intensities in rising order. */
static bool resegment(CmRoi *roi, const CmChain *chain, CmError **err) {
  const int64_t count = roi->n[0] * roi->n[1] * roi->n[2];
  roi->inside = cm_alloc(roi->ctx, (size_t)count, err);
  if (!roi->inside) return false;
  for (int64_t k = 0; k < count; k++) {
    const double v = roi->value[k];
    roi->inside[k] = roi->shape[k] && isfinite(v) && (!chain->ranged || (v >= chain->range[0] && v <= chain->range[1]));
    roi->voxels += roi->inside[k];
  }
  if (chain->outliers > 0.0 && roi->voxels > 0) leave_outliers(roi, chain, count);
  roi->sorted = cm_alloc_array(roi->ctx, (size_t)roi->voxels + 1, sizeof(double), err);
  double *spare = roi->sorted ? cm_alloc_array(roi->ctx, (size_t)roi->voxels + 1, sizeof(double), err) : NULL;
  if (!spare) return false;
  for (int64_t k = 0, at = 0; k < count; k++)
    if (roi->inside[k]) roi->sorted[at++] = roi->value[k];
  cm__sort_reals(roi->sorted, spare, roi->voxels);
  cm_free(spare);
  return true;
}

/* How many of the sorted values lie below v. */
static int64_t rank_of(const CmRoi *roi, double v) {
  int64_t low = 0, high = roi->voxels;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (roi->sorted[middle] < v)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static double level_of(const CmRoi *roi, const CmChain *chain, double v) {
  const double least = roi->sorted[0], most = roi->sorted[roi->voxels - 1], count = (double)chain->bin_count;
  if (chain->discretise == CM_DISCRETISE_WIDTH)
    return floor((v - (chain->ranged ? chain->range[0] : least)) / chain->bin_width) + 1.0;
  if (most == least) return 1.0;
  if (chain->discretise == CM_DISCRETISE_EQUAL)
    return floor(count * (double)rank_of(roi, v) / (double)roi->voxels) + 1.0;
  return v >= most ? count : floor(count * (v - least) / (most - least)) + 1.0;
}

static bool discretise(CmRoi *roi, const CmChain *chain, CmError **err) {
  const int64_t count = roi->n[0] * roi->n[1] * roi->n[2];
  roi->level = cm_calloc(roi->ctx, (size_t)count, sizeof(uint16_t), err);
  if (!roi->level || roi->voxels == 0) return roi->level != NULL;
  const double highest = level_of(roi, chain, roi->sorted[roi->voxels - 1]);
  if (highest > MOST_LEVELS) {
    cm_error_set(err, CM_ERR_PARAMETER, "bin_width %g makes %.0f grey levels of intensities from %g to %g; at most %d",
                 chain->bin_width, highest, roi->sorted[0], roi->sorted[roi->voxels - 1], MOST_LEVELS);
    return false;
  }
  for (int64_t k = 0; k < count; k++)
    if (roi->inside[k]) roi->level[k] = (uint16_t)level_of(roi, chain, roi->value[k]);
  roi->levels = (int)highest;
  return true;
}

int64_t cm__volume_bin(const CmVolumeBins *bins, double value) {
  const double at = bins->width > 0.0 ? floor((value - bins->low) / bins->width) + 1.0 : 1.0;
  return at < 1.0 ? 1 : at > (double)bins->levels ? bins->levels : (int64_t)at;
}

static bool bin_volume(CmRoi *roi, const CmChain *chain, CmError **err) {
  CmVolumeBins *bins = &roi->volume_bins;
  if (roi->voxels == 0) return true;
  const double least = chain->ranged && isfinite(chain->range[0]) ? chain->range[0] : roi->sorted[0],
               most = chain->ranged && isfinite(chain->range[1]) ? chain->range[1] : roi->sorted[roi->voxels - 1];
  double levels = 0.0;
  bins->low = least;
  if (chain->volume_binning == CM_VOLUME_BY_COUNT) {
    levels = (double)chain->volume_count;
    bins->low = roi->sorted[0];
    bins->width = (roi->sorted[roi->voxels - 1] - bins->low) / levels;
    bins->first = bins->step = 1.0;
  } else if (chain->volume_binning == CM_VOLUME_BY_WIDTH) {
    bins->width = bins->step = chain->volume_width;
    bins->first = least + 0.5 * bins->width;
    levels = ceil((most - least) / bins->width);
  } else {
    bins->width = bins->step = 1.0;
    bins->first = least;
    levels = floor(most - least) + 1.0;
  }
  if (levels > 1e8) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "the intensity-volume histogram would have %.3g levels from %g to %g; use "
                 "volume_bins=count",
                 levels, least, most);
    return false;
  }
  bins->levels = levels < 1.0 ? 1 : (int64_t)levels;
  return true;
}

bool cm__roi_make(CmContext *ctx, const CmImage *image, const CmImage *labels, const CmLabelBox *box,
                  const CmChain *chain, CmRoi *roi, CmError **err) {
  *roi = (CmRoi){.ctx = ctx};
  if (!load(roi, image, labels, box, chain, err)) return false;
  roi->step[0] = 1;
  roi->step[1] = roi->n[0];
  roi->step[2] = roi->n[0] * roi->n[1];
  find_extent(roi);
  return resegment(roi, chain, err) && discretise(roi, chain, err) && bin_volume(roi, chain, err);
}

void cm__roi_free(CmRoi *roi) {
  cm_free(roi->value);
  cm_free(roi->shape);
  cm_free(roi->inside);
  cm_free(roi->level);
  cm_free(roi->sorted);
}
