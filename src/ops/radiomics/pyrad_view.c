/* A region of one image with its grey levels by PyRadiomics' rule, and the directions of its neighbours. */
#include <math.h>
#include <string.h>

#include "ops/measure/gather.h"
#include "ops/radiomics/pyrad.h"

#define MOST_PRESENT 65535

static bool load(CmPyradView *view, const CmImage *image, const int64_t at[3], const CmPyradRoi *from, CmError **err) {
  CmRoi *roi = &view->roi;
  int64_t margin = 1, lo[3];
  for (int k = 0; k < view->p->distances.count; k++)
    if (view->p->distances.value[k] > margin) margin = view->p->distances.value[k];
  for (int k = 0; k < 3; k++) {
    const int64_t around = margin < from->size[k] ? margin : from->size[k];
    roi->lo[k] = around;
    roi->hi[k] = around + from->size[k];
    roi->n[k] = roi->hi[k] + around;
    roi->spacing[k] = cm_image_geometry(image)->spacing[k];
    lo[k] = from->lo[k] - at[k];
  }
  roi->step[0] = 1;
  roi->step[1] = roi->n[0];
  roi->step[2] = roi->n[0] * roi->n[1];
  const size_t count = (size_t)(roi->n[0] * roi->n[1] * roi->n[2]);
  const int64_t nx = from->size[0], rows = from->size[1] * from->size[2];
  if (!(roi->value = cm_alloc_array(roi->ctx, (size_t)(nx * rows), sizeof(double), err)) ||
      !(roi->inside = cm_calloc(roi->ctx, count, 1, err)) ||
      !(roi->level = cm_calloc(roi->ctx, count, sizeof(uint16_t), err)) ||
      !cm__pyrad_values(roi->ctx, image, lo, from->size, roi->value, err))
    return false;
  for (int64_t row = 0; row < rows; row++) {
    uint8_t *to =
        roi->inside + cm__roi_at(roi, roi->lo[0], roi->lo[1] + row % from->size[1], roi->lo[2] + row / from->size[1]);
    for (int64_t x = 0; x < nx; x++) {
      to[x] = from->inside[row * nx + x] && isfinite(roi->value[row * nx + x]);
      roi->voxels += to[x];
    }
  }
  roi->shape_voxels = from->voxels;
  return true;
}

static bool sort_values(CmRoi *roi, CmError **err) {
  const int64_t nx = roi->hi[0] - roi->lo[0], ny = roi->hi[1] - roi->lo[1], nz = roi->hi[2] - roi->lo[2];
  int64_t at = 0;
  roi->sorted = cm_alloc_array(roi->ctx, (size_t)roi->voxels + 1, sizeof(double), err);
  double *spare = roi->sorted ? cm_alloc_array(roi->ctx, (size_t)roi->voxels + 1, sizeof(double), err) : NULL;
  if (!spare) return false;
  for (int64_t row = 0; row < ny * nz; row++) {
    const uint8_t *inside = roi->inside + cm__roi_at(roi, roi->lo[0], roi->lo[1] + row % ny, roi->lo[2] + row / ny);
    for (int64_t x = 0; x < nx; x++)
      if (inside[x]) roi->sorted[at++] = roi->value[row * nx + x];
  }
  cm__sort_reals(roi->sorted, spare, roi->voxels);
  cm_free(spare);
  return true;
}

/* The lower edges of the bins: low + bin * step, calculated as NumPy does. */
typedef struct Bins {
  double low, step;
  double count; /* of fixed bins; 0: as many as it takes */
  bool single;  /* float edges */
} Bins;

static Bins choose_bins(const CmPyradParams *p, double least, double most, bool single) {
  Bins bins = {.single = single};
  if (p->binCount > 0) {
    bins.count = (double)p->binCount;
    bins.low = least == most ? least - 0.5 : least;
    bins.step = ((least == most ? most + 0.5 : most) - bins.low) / bins.count;
    return bins;
  }
  double rest = fmod(least, p->binWidth);
  if (rest < 0.0) rest += p->binWidth;
  bins.low = least - rest;
  bins.step = (bins.low + p->binWidth) - bins.low;
  bins.single = false;
  return bins;
}

static double edge_of(const Bins *bins, double bin) {
  const double edge = bins->low + bin * bins->step;
  return bins->single ? (double)(float)edge : edge;
}

/* 1 + the bin that holds v. */
static double bin_of(const Bins *bins, double v) {
  double bin = bins->step > 0.0 ? floor((v - bins->low) / bins->step) : 0.0;
  if (bin < 0.0) bin = 0.0;
  while (bin > 0.0 && v < edge_of(bins, bin) && bin - 1.0 < bin) bin -= 1.0;
  while (v >= edge_of(bins, bin + 1.0) && (bins->count == 0.0 || bin < bins->count - 1.0)) {
    if (edge_of(bins, bin + 1.0) <= edge_of(bins, bin)) break; /* the step is lost in the size of the values */
    bin += 1.0;
  }
  if (bins->count > 0.0 && bin > bins->count - 1.0) bin = bins->count - 1.0;
  return bin + 1.0;
}

/* The first place in the sorted values from `from` on whose bin is above `bin`. */
static int64_t end_of_bin(const CmRoi *roi, const Bins *bins, int64_t from, double bin) {
  int64_t low = from, high = roi->voxels;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (bin_of(bins, roi->sorted[middle]) <= bin)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The bins that occur, by walking through the sorted values. starts: their first values. */
static bool find_levels(CmPyradView *view, const Bins *bins, double **starts, CmError **err) {
  const CmRoi *roi = &view->roi;
  int64_t count = 0;
  for (int64_t at = 0; at < roi->voxels; count++) at = end_of_bin(roi, bins, at, bin_of(bins, roi->sorted[at]));
  if (count > MOST_PRESENT || bin_of(bins, roi->sorted[roi->voxels - 1]) > 1e7) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "intensities from %g to %g give too many grey levels (at most %d); choose a wider bin", roi->sorted[0],
                 roi->sorted[roi->voxels - 1], MOST_PRESENT);
    return false;
  }
  view->level_value = cm_alloc_array(roi->ctx, (size_t)count, sizeof(int), err);
  *starts = view->level_value ? cm_alloc_array(roi->ctx, (size_t)count, sizeof(double), err) : NULL;
  if (!*starts) return false;
  int64_t at = 0;
  for (view->present = 0; at < roi->voxels; view->present++) {
    const double bin = bin_of(bins, roi->sorted[at]);
    view->level_value[view->present] = (int)bin;
    (*starts)[view->present] = roi->sorted[at];
    at = end_of_bin(roi, bins, at, bin);
  }
  return true;
}

static uint16_t index_of(const double *starts, int count, double v) {
  int low = 0, high = count;
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    if (starts[middle] <= v)
      low = middle;
    else
      high = middle;
  }
  return (uint16_t)(low + 1);
}

static bool discretise(CmPyradView *view, bool single, CmError **err) {
  CmRoi *roi = &view->roi;
  double *starts = NULL;
  const Bins bins = choose_bins(view->p, roi->sorted[0], roi->sorted[roi->voxels - 1], single);
  if (!find_levels(view, &bins, &starts, err)) {
    cm_free(starts);
    return false;
  }
  const int64_t nx = roi->hi[0] - roi->lo[0], ny = roi->hi[1] - roi->lo[1], nz = roi->hi[2] - roi->lo[2];
  for (int64_t row = 0; row < ny * nz; row++) {
    const int64_t at = cm__roi_at(roi, roi->lo[0], roi->lo[1] + row % ny, roi->lo[2] + row / ny);
    for (int64_t x = 0; x < nx; x++)
      if (roi->inside[at + x]) roi->level[at + x] = index_of(starts, view->present, roi->value[row * nx + x]);
  }
  cm_free(starts);
  roi->levels = view->present;
  view->highest = view->level_value[view->present - 1];
  return true;
}

bool cm__pyrad_view_make(CmContext *ctx, const CmImage *image, const int64_t at[3], const CmPyradRoi *from,
                         const CmPyradParams *p, CmPyradView *view, CmError **err) {
  *view = (CmPyradView){.roi = {.ctx = ctx}, .p = p, .flat_image = cm_image_rank(image) < 3};
  if (!load(view, image, at, from, err)) return false;
  if (view->roi.voxels == 0) {
    cm_error_set(err, CM_ERR_DATA, "no voxel of label %lld has a finite intensity", (long long)from->label);
    return false;
  }
  return sort_values(&view->roi, err) && discretise(view, cm_image_type(image) == CM_F32, err);
}

void cm__pyrad_view_free(CmPyradView *view) {
  cm_free(view->roi.value);
  cm_free(view->roi.inside);
  cm_free(view->roi.level);
  cm_free(view->roi.sorted);
  cm_free(view->level_value);
}

/* ---- directions ---- */

static bool is_wanted(const CmPyradView *view, const CmInts *distances, const int step[3]) {
  int64_t largest = 0;
  for (int k = 0; k < 3; k++) {
    const int64_t reach = step[k] < 0 ? -step[k] : step[k];
    if (reach >= view->roi.hi[k] - view->roi.lo[k] && reach > 0) return false;
    if (view->p->force2D && k == 2 - (int)view->p->force2Ddimension && reach > 0) return false;
    if (reach > largest) largest = reach;
  }
  for (int k = 0; k < distances->count; k++)
    if (distances->value[k] == largest) return largest > 0;
  return false;
}

bool cm__pyrad_angles(const CmPyradView *view, const CmInts *distances, CmPyradAngles *angles, CmError **err) {
  int most = 1;
  *angles = (CmPyradAngles){0};
  for (int k = 0; k < distances->count; k++)
    if (distances->value[k] > most) most = (int)distances->value[k];
  for (int fill = 0; fill < 2; fill++) {
    int count = 0;
    for (int z = most; z >= 0; z--)
      for (int y = most; y >= -most; y--)
        for (int x = most; x >= -most; x--) {
          const int step[3] = {x, y, z};
          const bool first_half = z > 0 || (z == 0 && (y > 0 || (y == 0 && x > 0)));
          if (!first_half || !is_wanted(view, distances, step)) continue;
          if (fill) memcpy(angles->step[count], step, sizeof step);
          count++;
        }
    if (fill) break;
    angles->step = cm_alloc_array(view->roi.ctx, (size_t)count + 1, sizeof(*angles->step), err);
    if (!angles->step) return false;
    angles->count = count;
  }
  return true;
}

double cm__pyrad_length(const CmPyradView *view, const int step[3]) {
  const double *spacing = view->roi.spacing;
  const double x = fabs(step[0] * spacing[0]), y = fabs(step[1] * spacing[1]), z = fabs(step[2] * spacing[2]);
  switch ((CmPyradNorm)view->p->weightingNorm) {
    case CM__PYRAD_INFINITY:
      return fmax(x, fmax(y, z));
    case CM__PYRAD_EUCLIDEAN:
      return sqrt(x * x + y * y + z * z);
    case CM__PYRAD_MANHATTAN:
      return x + y + z;
    default:
      return 0.0;
  }
}
