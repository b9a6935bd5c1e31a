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
  CmImage *mask = cm_image_create(ctx, CM_U8, 3, dims, 1, err);
  double *line = mask ? cm_alloc_array(ctx, (size_t)dims[0], sizeof(*line), err) : NULL;
  part_of(cm_image_geometry(labels), first, &geometry);
  if (!line || !cm_image_set_geometry(mask, &geometry, err)) {
    cm_free(line);
    cm_image_unref(&mask);
    return NULL;
  }
  uint8_t *to = cm_image_data_mut(mask);
  for (int64_t z = 0; z < dims[2]; z++)
    for (int64_t y = 0; y < dims[1]; y++, to += dims[0]) {
      const char *from = cm__row(labels, &grid, (box->t * grid.nz + first[2] + z) * grid.ny + first[1] + y);
      cm__line_to_f64(cm_image_type(labels), from + (size_t)first[0] * grid.size, dims[0], line);
      for (int64_t x = 0; x < dims[0]; x++) to[x] = line[x] == (double)box->value;
    }
  cm_free(line);
  return mask;
}

/* The box of the new grid that holds the label, which reaches `beyond` old voxels further than its outermost centres,
 * and what its features look at. */
static void choose_box(const CmRoi *roi, const CmGeometry *old, const CmGeometry *new, const CmLabelBox *label,
                       double beyond, int64_t first[3], int64_t size[3]) {
  double map[12];
  cm__grid_map(old, new, map);
  for (int k = 0; k < 3; k++) {
    double low = map[4 * k + 3], high = low;
    for (int c = 0; c < 3; c++) {
      const double a = map[4 * k + c] * ((double)label->box_min[c] - beyond),
                   b = map[4 * k + c] * ((double)label->box_max[c] + beyond);
      low += fmin(a, b);
      high += fmax(a, b);
    }
    const int64_t margin = (int64_t)ceil(CM__PEAK_RADIUS / roi->spacing[k]) + 1;
    first[k] = (int64_t)floor(low) - margin;
    size[k] = (int64_t)ceil(high) + margin - first[k] + 1;
  }
}

/* Which voxels of the box lie in the image: those no more than half a voxel beyond its outermost centres. */
static void find_seen(const CmImage *image, const CmGeometry *part, CmRoi *roi) {
  double map[12];
  cm__grid_map(part, cm_image_geometry(image), map);
  for (int k = 0; k < 3; k++) {
    const double last = (double)(cm_image_dims(image)[k] - 1) + 0.5 + 1e-6;
    int64_t at = 0;
    while (at < roi->n[k] && map[5 * k] * (double)at + map[4 * k + 3] < -0.5 - 1e-6) at++;
    roi->seen[0][k] = at;
    while (at < roi->n[k] && map[5 * k] * (double)at + map[4 * k + 3] <= last) at++;
    roi->seen[1][k] = at;
  }
}

void cm__roi_values(const CmRoi *roi, int64_t y, int64_t z, double *to) {
  const bool seen = y >= roi->seen[0][1] && y < roi->seen[1][1] && z >= roi->seen[0][2] && z < roi->seen[1][2];
  const int64_t first = roi->seen[0][0], end = seen ? roi->seen[1][0] : first;
  const char *row = (const char *)roi->grey + (size_t)cm__roi_at(roi, first, y, z) * cm_type_size(roi->grey_type);
  for (int64_t x = 0; x < first; x++) to[x] = NAN;
  for (int64_t x = end; x < roi->n[0]; x++) to[x] = NAN;
  if (end > first) cm__line_to_f64(roi->grey_type, row, end - first, to + first);
}

typedef void KeepFn(CmRoi *roi, const CmChain *chain, int64_t at, double *line);

/* Halves go to the even number, also those that the arithmetic of places has moved by a last digit. */
static void round_values(double *line, int64_t n) {
  for (int64_t x = 0; x < n; x++) line[x] = rint(rint(line[x] * 0x1p20) * 0x1p-20);
}

static void keep_values(CmRoi *roi, const CmChain *chain, int64_t at, double *line) {
  if (chain->round && chain->resampled) round_values(line, roi->n[0]);
  cm__line_from_f64(roi->grey_type, line, roi->n[0], (char *)roi->grey + (size_t)at * cm_type_size(roi->grey_type));
}

static void keep_shape(CmRoi *roi, const CmChain *chain, int64_t at, double *line) {
  for (int64_t x = 0; x < roi->n[0]; x++) roi->shape[at + x] = line[x] >= chain->mask_threshold - 1e-6;
}

enum { SLAB = 16 };

/* Carries an image into the box, some slices at a time; a spline of the whole image in one go. */
static bool carry(CmRoi *roi, const CmChain *chain, const CmImage *from, const CmGeometry *part, CmInterpolation by,
                  double outside, KeepFn *keep, CmError **err) {
  const CmInterpolation kind = chain->resampled ? by : CM_INTERPOLATE_NEAREST;
  const int64_t depth = kind == CM_INTERPOLATE_CUBIC ? roi->n[2] : SLAB, rows = roi->n[1];
  for (int64_t z = 0; z < roi->n[2]; z += depth) {
    const int64_t first[3] = {0, 0, z}, size[3] = {roi->n[0], rows, z + depth < roi->n[2] ? depth : roi->n[2] - z};
    CmGeometry slab;
    part_of(part, first, &slab);
    CmImage *made = cm__resample_to(roi->ctx, from, &slab, size, kind, outside, CM_F64, err);
    if (!made) return false;
    double *line = cm_image_data_mut(made);
    for (int64_t row = 0; row < rows * size[2]; row++, line += roi->n[0])
      keep(roi, chain, (z * rows + row) * roi->n[0], line);
    cm_image_unref(&made);
  }
  return true;
}

/* The image's own type holds what is not resampled, and what is rounded without overshooting. */
static CmType type_for(const CmImage *image, const CmChain *chain) {
  const CmType type = cm_image_type(image);
  const bool whole = chain->round && cm_type_is_integer(type) && chain->interpolation != CM_INTERPOLATE_CUBIC;
  return !chain->resampled || whole ? type : CM_F64;
}

static bool load(CmRoi *roi, const CmImage *image, const CmImage *labels, const CmLabelBox *box, const CmChain *chain,
                 CmError **err) {
  CmGeometry whole, part;
  int64_t unused[3], first[3];
  cm__grid_with_spacing(image, chain->spacing, &whole, unused);
  memcpy(roi->spacing, whole.spacing, sizeof roi->spacing);
  choose_box(roi, cm_image_geometry(image), &whole, box, chain->resampled && chain->mask_threshold < 0.5 ? 1.0 : 0.5,
             first, roi->n);
  part_of(&whole, first, &part);
  find_seen(image, &part, roi);
  const size_t count = (size_t)(roi->n[0] * roi->n[1] * roi->n[2]);
  roi->grey_type = type_for(image, chain);
  roi->step[0] = 1;
  roi->step[1] = roi->n[0];
  roi->step[2] = roi->n[0] * roi->n[1];
  roi->shape = cm_alloc(roi->ctx, count, err);
  CmImage *mask = roi->shape ? mask_of(roi->ctx, labels, box, err) : NULL;
  const bool ok = mask && carry(roi, chain, mask, &part, chain->mask_interpolation, 0.0, keep_shape, err);
  cm_image_unref(&mask);
  roi->grey = ok ? cm_alloc_array(roi->ctx, count, cm_type_size(roi->grey_type), err) : NULL;
  return roi->grey && carry(roi, chain, image, &part, chain->interpolation, NAN, keep_values, err);
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

/* Features look a voxel beyond the region: it may not reach the end of its box, as one that is cut where interpolated
 * masks only ring does. */
static bool check_margin(const CmRoi *roi, const CmChain *chain, CmError **err) {
  bool inner = true;
  for (int k = 0; k < 3; k++) inner = inner && roi->lo[k] > 0 && roi->hi[k] < roi->n[k];
  if (inner || roi->shape_voxels == 0) return true;
  cm_error_set(err, CM_ERR_PARAMETER,
               "mask_threshold %g takes in what lies more than a voxel beyond the label; give more, such as 0.5",
               chain->mask_threshold);
  return false;
}

/* Calls fn with each row of the box in turn. */
typedef void RowFn(CmRoi *roi, int64_t at, const double *row, void *arg);

static void each_row(CmRoi *roi, double *line, RowFn *fn, void *arg) {
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      cm__roi_values(roi, y, z, line);
      fn(roi, cm__roi_at(roi, 0, y, z), line, arg);
    }
}

/* What is known of the intensities inside on the way. */
typedef struct Inside {
  const CmChain *chain;
  double mean, sum, square, least, most;
  bool whole; /* all are whole numbers */
  double *list;
  int64_t *count; /* of least, least + 1 ... */
  int64_t at;
} Inside;

static void choose_inside(CmRoi *roi, int64_t at, const double *row, void *arg) {
  Inside *of = arg;
  const CmChain *chain = of->chain;
  for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
    const double v = row[x];
    const bool in =
        roi->shape[at + x] && isfinite(v) && (!chain->ranged || (v >= chain->range[0] && v <= chain->range[1]));
    roi->inside[at + x] = in;
    roi->voxels += in;
    of->sum += in ? v : 0.0;
  }
}

static void add_squares(CmRoi *roi, int64_t at, const double *row, void *arg) {
  Inside *of = arg;
  for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++)
    of->square += roi->inside[at + x] ? (row[x] - of->mean) * (row[x] - of->mean) : 0.0;
}

static void leave_outliers(CmRoi *roi, int64_t at, const double *row, void *arg) {
  Inside *of = arg;
  const double reach = of->chain->outliers * sqrt(of->square);
  for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++)
    if (roi->inside[at + x] && fabs(row[x] - of->mean) > reach) {
      roi->inside[at + x] = 0;
      roi->voxels--;
    }
}

static void find_ends(CmRoi *roi, int64_t at, const double *row, void *arg) {
  Inside *of = arg;
  for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++)
    if (roi->inside[at + x]) {
      of->least = fmin(of->least, row[x]);
      of->most = fmax(of->most, row[x]);
      of->whole = of->whole && row[x] == rint(row[x]);
    }
}

static void take_row(CmRoi *roi, int64_t at, const double *row, void *arg) {
  Inside *of = arg;
  for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
    if (!roi->inside[at + x]) continue;
    if (of->count)
      of->count[(int64_t)(row[x] - of->least)]++;
    else
      of->list[of->at++] = row[x];
  }
}

enum { FEW = 1 << 16 }; /* whole numbers that are counted without a look at how many voxels there are */

/* The intensities inside, each once: whole numbers are counted, others sorted. */
static bool count_values(CmRoi *roi, double *line, Inside *of, CmError **err) {
  of->least = INFINITY;
  of->most = -INFINITY;
  of->whole = true;
  each_row(roi, line, find_ends, of);
  const double span = of->most - of->least + 1.0;
  if (roi->voxels > 0 && of->whole && (span <= FEW || span <= (double)roi->voxels)) {
    of->count = cm_calloc(roi->ctx, (size_t)span, sizeof(int64_t), err);
    if (!of->count) return false;
    each_row(roi, line, take_row, of);
    const bool ok = cm__counted_from(roi->ctx, of->least, of->count, (int64_t)span, &roi->counted, err);
    cm_free(of->count);
    return ok;
  }
  of->list = cm_alloc_array(roi->ctx, (size_t)roi->voxels + 1, sizeof(double), err);
  if (!of->list) return false;
  each_row(roi, line, take_row, of);
  return cm__counted_take(roi->ctx, of->list, roi->voxels, &roi->counted, err);
}

/* The intensity mask, and the intensities. */
static bool resegment(CmRoi *roi, const CmChain *chain, double *line, CmError **err) {
  Inside of = {.chain = chain};
  roi->inside = cm_calloc(roi->ctx, (size_t)(roi->n[0] * roi->n[1] * roi->n[2]), 1, err);
  if (!roi->inside) return false;
  each_row(roi, line, choose_inside, &of);
  if (chain->outliers > 0.0 && roi->voxels > 0) {
    of.mean = of.sum / (double)roi->voxels;
    each_row(roi, line, add_squares, &of);
    of.square /= (double)roi->voxels;
    each_row(roi, line, leave_outliers, &of);
  }
  return count_values(roi, line, &of, err);
}

static double level_of(const CmRoi *roi, const CmChain *chain, double v) {
  const double least = cm__counted_least(&roi->counted), most = cm__counted_most(&roi->counted),
               count = (double)chain->bin_count;
  if (chain->discretise == CM_DISCRETISE_WIDTH)
    return floor((v - (chain->ranged ? chain->range[0] : least)) / chain->bin_width) + 1.0;
  if (most == least) return 1.0;
  if (chain->discretise == CM_DISCRETISE_EQUAL)
    return floor(count * (double)cm__counted_below(&roi->counted, v) / (double)roi->voxels) + 1.0;
  return v >= most ? count : floor(count * (v - least) / (most - least)) + 1.0;
}

static void set_levels(CmRoi *roi, int64_t at, const double *row, void *arg) {
  const CmChain *chain = arg;
  for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++)
    if (roi->inside[at + x]) roi->level[at + x] = (uint16_t)level_of(roi, chain, row[x]);
}

static bool discretise(CmRoi *roi, const CmChain *chain, double *line, CmError **err) {
  roi->level = cm_calloc(roi->ctx, (size_t)(roi->n[0] * roi->n[1] * roi->n[2]), sizeof(uint16_t), err);
  if (!roi->level || roi->voxels == 0) return roi->level != NULL;
  const double least = cm__counted_least(&roi->counted), most = cm__counted_most(&roi->counted),
               highest = level_of(roi, chain, most);
  if (!isfinite((most - least) * MOST_LEVELS)) {
    cm_error_set(err, CM_ERR_DATA, "intensities from %g to %g are too far apart; give range=LOW,HIGH", least, most);
    return false;
  }
  if (highest > MOST_LEVELS) {
    cm_error_set(err, CM_ERR_PARAMETER, "bin_width %g makes %.0f grey levels of intensities from %g to %g; at most %d",
                 chain->bin_width, highest, least, most, MOST_LEVELS);
    return false;
  }
  each_row(roi, line, set_levels, (void *)chain);
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
  const double lowest = cm__counted_least(&roi->counted), highest = cm__counted_most(&roi->counted);
  const double least = chain->ranged && isfinite(chain->range[0]) ? chain->range[0] : lowest,
               most = chain->ranged && isfinite(chain->range[1]) ? chain->range[1] : highest;
  double levels = 0.0;
  bins->low = least;
  if (chain->volume_binning == CM_VOLUME_BY_COUNT) {
    levels = (double)chain->volume_count;
    bins->low = lowest;
    bins->width = (highest - lowest) / levels;
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
  *roi = (CmRoi){.ctx = ctx, .moran = NAN, .geary = NAN};
  if (!load(roi, image, labels, box, chain, err)) return false;
  find_extent(roi);
  if (!check_margin(roi, chain, err)) return false;
  double *line = cm_alloc_array(ctx, (size_t)roi->n[0], sizeof(double), err);
  const bool ok = line && resegment(roi, chain, line, err) && discretise(roi, chain, line, err);
  cm_free(line);
  return ok && bin_volume(roi, chain, err);
}

void cm__roi_free(CmRoi *roi) {
  cm_free(roi->grey);
  cm_free(roi->shape);
  cm_free(roi->inside);
  cm_free(roi->level);
  cm__counted_free(&roi->counted);
}
