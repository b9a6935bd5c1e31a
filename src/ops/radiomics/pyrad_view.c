/* A region of one image with its grey levels by PyRadiomics' rule, and the directions of its neighbours. */
#include <math.h>
#include <string.h>

#include "ops/measure/ranks.h"
#include "ops/radiomics/pyrad.h"
#include "ops/simd.h"

#define MOST_PRESENT 65535
#define MOST_BINS 1e7

enum { FEW_BINS = 1024, COUNT_TABLES = 4 };

/* Where the region lies in the view and in the image. */
typedef struct Source {
  const CmImage *image;
  const CmPyradRoi *from;
  int64_t lo[3]; /* of the region in the image */
  int64_t rows;
  double *line; /* of a row */
} Source;

/* Row `row` of the region. */
static void read_row(const Source *s, int64_t row, double *to) {
  const CmGrid grid = cm__grid(s->image);
  const int64_t y = s->lo[1] + row % s->from->size[1], z = s->lo[2] + row / s->from->size[1];
  const char *from = cm__row(s->image, &grid, z * grid.ny + y);
  cm__line_to_f64(cm_image_type(s->image), from + (size_t)s->lo[0] * grid.size, s->from->size[0], to);
}

static bool place(CmPyradView *view, const CmImage *image, const int64_t at[3], const CmPyradRoi *from, Source *source,
                  CmError **err) {
  CmRoi *roi = &view->roi;
  int64_t margin = 1;
  *source = (Source){.image = image, .from = from, .rows = from->size[1] * from->size[2]};
  for (int k = 0; k < view->p->distances.count; k++)
    if (view->p->distances.value[k] > margin) margin = view->p->distances.value[k];
  for (int k = 0; k < 3; k++) {
    const int64_t around = margin < from->size[k] ? margin : from->size[k];
    roi->lo[k] = around;
    roi->hi[k] = around + from->size[k];
    roi->n[k] = roi->hi[k] + around;
    roi->spacing[k] = cm_image_geometry(image)->spacing[k];
    source->lo[k] = from->lo[k] - at[k];
  }
  roi->step[0] = 1;
  roi->step[1] = roi->n[0];
  roi->step[2] = roi->n[0] * roi->n[1];
  roi->shape_voxels = from->voxels;
  const size_t nx = (size_t)from->size[0];
  return (source->line = cm_alloc_array(roi->ctx, nx, sizeof(double), err));
}

static CmSpan find_span(const uint8_t *inside, int64_t n) {
  CmSpan span = {0, n};
  while (span.end > 0 && !inside[span.end - 1]) span.end--;
  while (span.begin < span.end && !inside[span.begin]) span.begin++;
  return span;
}

/* Are the voxels all inside, and their values all finite? */
CM_SIMD static bool is_whole(const uint8_t *inside, const double *v, int64_t n) {
  int64_t missing = 0;
  for (int64_t x = 0; x < n; x++) missing += inside[x] == 0;
  for (int64_t x = 0; x < n; x++) missing += v[x] - v[x] == 0.0 ? 0 : 1;
  return missing == 0;
}

/* Those of a row that are inside and finite; how many. */
static int64_t take_row(const uint8_t *inside, const double *v, int64_t n, double *to) {
  int64_t count = 0;
  if (is_whole(inside, v, n)) {
    memcpy(to, v, (size_t)n * sizeof(double));
    return n;
  }
  for (int64_t x = 0; x < n; x++) {
    to[count] = v[x];
    count += (inside[x] != 0) & (v[x] - v[x] == 0.0);
  }
  return count;
}

static bool collect_values(CmPyradView *view, const Source *s, CmError **err) {
  CmRoi *roi = &view->roi;
  const int64_t nx = s->from->size[0];
  if (!(view->values = cm_alloc_array(roi->ctx, (size_t)s->from->voxels + 1, sizeof(double), err)) ||
      !(view->spans = cm_alloc_array(roi->ctx, (size_t)s->rows, sizeof(*view->spans), err)))
    return false;
  for (int64_t row = 0; row < s->rows; row++) {
    const uint8_t *inside = s->from->inside + row * nx;
    const CmSpan span = find_span(inside, nx);
    view->spans[row] = (CmSpan){roi->lo[0] + span.begin, roi->lo[0] + span.end};
    if (span.end == 0) continue;
    read_row(s, row, s->line);
    roi->voxels +=
        take_row(inside + span.begin, s->line + span.begin, span.end - span.begin, view->values + roi->voxels);
  }
  if (roi->voxels > 0) return true;
  cm_error_set(err, CM_ERR_DATA, "no voxel of label %lld has a finite intensity", (long long)s->from->label);
  return false;
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

/* Bins from 0 on, at most `top`, of values from `low` to little beyond it: what the quotient gives is off by one at
 * most. Written without what would keep the loop from being vectorised (floor, limits of reals). */
CM_SIMD static void bin_row(const Bins *bins, int32_t top, const double *v, int32_t *restrict bin, int64_t n) {
  const double low = bins->low, step = bins->step, part = 1.0 / step;
  for (int64_t x = 0; x < n; x++) {
    const int32_t quotient = (int32_t)((v[x] - low) * part), b = quotient < top ? quotient : top;
    const double here = low + (double)b * step, beyond = low + ((double)b + 1.0) * step;
    const int32_t moved = b + (v[x] >= beyond) - (v[x] < here), limited = moved < top ? moved : top;
    bin[x] = limited > 0 ? limited : 0;
  }
}

/* The same where edges are floats. */
CM_SIMD static void bin_row_single(const Bins *bins, int32_t top, const double *v, int32_t *restrict bin, int64_t n) {
  const double low = bins->low, step = bins->step, part = 1.0 / step;
  for (int64_t x = 0; x < n; x++) {
    const int32_t quotient = (int32_t)((v[x] - low) * part), b = quotient < top ? quotient : top;
    const double here = (double)(float)(low + (double)b * step),
                 beyond = (double)(float)(low + ((double)b + 1.0) * step);
    const int32_t moved = b + (v[x] >= beyond) - (v[x] < here), limited = moved < top ? moved : top;
    bin[x] = limited > 0 ? limited : 0;
  }
}

static bool refuse_levels(const CmPyradView *view, CmError **err) {
  double least, most;
  cm__ends(view->values, view->roi.voxels, &least, &most);
  cm_error_set(err, CM_ERR_PARAMETER,
               "intensities from %g to %g give too many grey levels (at most %d); choose a wider bin", least, most,
               MOST_PRESENT);
  return false;
}

/* The bin of each value, from 0 on. */
static void find_bins(const CmPyradView *view, const Bins *bins, double least, double most, int32_t *bin) {
  const double *v = view->values, reach = fmax(fabs(bins->low), fmax(fabs(least), fabs(most))) / bins->step;
  /* edges lie apart, and a step has an inverse */
  if (reach < (bins->single ? 1048576.0 : 1099511627776.0) && isfinite(1.0 / bins->step))
    (bins->single ? bin_row_single : bin_row)(bins, view->highest - 1, v, bin, view->roi.voxels);
  else
    for (int64_t k = 0; k < view->roi.voxels; k++) bin[k] = (int32_t)fmin(bin_of(bins, v[k]), view->highest) - 1;
}

/* Voxels of each bin. Neighbours often share a bin: so that one addition need not wait for another, they are counted in
 * turn in several tables, a power of two. */
static void count_bins(const int32_t *bin, int64_t n, int64_t bins, int tables, int64_t *count) {
  for (int64_t k = 0; k < n; k++) count[(k & (tables - 1)) * bins + bin[k]]++;
  for (int t = 1; t < tables; t++)
    for (int64_t i = 0; i < bins; i++) count[i] += count[t * bins + i];
}

/* The bins that occur; index: of each bin, what it becomes. */
static bool list_levels(CmPyradView *view, const int64_t *count, uint16_t *index, CmError **err) {
  int64_t present = 0;
  for (int i = 0; i < view->highest; i++) present += count[i] > 0;
  if (present > MOST_PRESENT) return refuse_levels(view, err);
  if (!(view->level_value = cm_alloc_array(view->roi.ctx, (size_t)present, sizeof(int), err)) ||
      !(view->level_count = cm_alloc_array(view->roi.ctx, (size_t)present, sizeof(int64_t), err)))
    return false;
  for (int i = 0; i < view->highest; i++) {
    if (count[i] == 0) continue;
    view->level_value[view->present] = i + 1;
    view->level_count[view->present] = count[i];
    index[i] = (uint16_t)++view->present;
  }
  view->roi.levels = view->present;
  return true;
}

/* Levels in the place of their voxels. */
static void put_levels(const CmPyradView *view, const Source *s, const int32_t *bin, const uint16_t *index) {
  const CmRoi *roi = &view->roi;
  const bool finite = roi->voxels == s->from->voxels;
  for (int64_t row = 0; row < s->rows; row++) {
    const int64_t y = row % s->from->size[1], z = row / s->from->size[1];
    const CmSpan span = view->spans[row];
    const uint8_t *inside = s->from->inside + row * s->from->size[0] - roi->lo[0];
    uint16_t *to = roi->level + cm__roi_at(roi, 0, roi->lo[1] + y, roi->lo[2] + z);
    if (!finite) read_row(s, row, s->line);
    for (int64_t x = span.begin; x < span.end; x++) {
      const bool in = inside[x] && (finite || isfinite(s->line[x - roi->lo[0]]));
      to[x] = in ? index[*bin] : 0;
      bin += in;
    }
  }
}

static bool discretise(CmPyradView *view, const Source *s, CmError **err) {
  CmRoi *roi = &view->roi;
  double least, most;
  cm__ends(view->values, roi->voxels, &least, &most);
  const Bins bins = choose_bins(view->p, least, most, cm_image_type(s->image) == CM_F32);
  const double highest = bin_of(&bins, most);
  if (highest > MOST_BINS) return refuse_levels(view, err);
  view->highest = (int)highest;
  const size_t levels = (size_t)view->highest, tables = levels <= FEW_BINS ? COUNT_TABLES : 1;
  int64_t *count = cm_calloc(roi->ctx, levels * tables, sizeof(*count), err);
  uint16_t *index = count ? cm_calloc(roi->ctx, levels, sizeof(*index), err) : NULL;
  int32_t *bin = index ? cm_alloc_array(roi->ctx, (size_t)roi->voxels + 1, sizeof(*bin), err) : NULL;
  bool ok = bin != NULL;
  if (ok) {
    find_bins(view, &bins, least, most, bin);
    bin[roi->voxels] = 0;
    count_bins(bin, roi->voxels, view->highest, (int)tables, count);
    ok = list_levels(view, count, index, err) &&
         (roi->level =
              cm_calloc(roi->ctx, (size_t)(roi->n[0] * roi->n[1] * roi->n[2]) + CM__PYRAD_WIDE, sizeof(uint16_t), err));
  }
  if (ok) put_levels(view, s, bin, index);
  cm_free(count);
  cm_free(index);
  cm_free(bin);
  return ok;
}

bool cm__pyrad_view_levels(CmContext *ctx, const CmImage *image, const int64_t at[3], const CmPyradRoi *from,
                           const CmPyradParams *p, CmPyradView *view, CmError **err) {
  Source source;
  *view = (CmPyradView){.roi = {.ctx = ctx}, .p = p, .flat_image = cm_image_rank(image) < 3};
  const bool ok = place(view, image, at, from, &source, err) && collect_values(view, &source, err) &&
                  discretise(view, &source, err);
  cm_free(source.line);
  return ok;
}

bool cm__pyrad_view_make(CmContext *ctx, const CmImage *image, const int64_t at[3], const CmPyradRoi *from,
                         const CmPyradParams *p, CmPyradView *view, CmError **err) {
  const int64_t lo[3] = {from->lo[0] - at[0], from->lo[1] - at[1], from->lo[2] - at[2]};
  if (!cm__pyrad_view_levels(ctx, image, at, from, p, view, err)) return false;
  const size_t count = (size_t)(from->size[0] * from->size[1] * from->size[2]);
  view->roi.value = cm_alloc_array(ctx, count, sizeof(double), err);
  return view->roi.value && cm__pyrad_values(ctx, image, lo, from->size, view->roi.value, err);
}

void cm__pyrad_view_free(CmPyradView *view) {
  cm_free(view->roi.value);
  cm_free(view->roi.level);
  cm_free(view->values);
  cm_free(view->level_value);
  cm_free(view->level_count);
  cm_free(view->spans);
}

/* ---- directions ---- */

static bool is_wanted(const CmPyradView *view, const CmInts *distances, const int step[3]) {
  int64_t largest = 0;
  const int across = cm__pyrad_across(view->p, view->flat_image);
  for (int k = 0; k < 3; k++) {
    const int64_t reach = step[k] < 0 ? -step[k] : step[k];
    if (reach >= view->roi.hi[k] - view->roi.lo[k] && reach > 0) return false;
    if (k == across && reach > 0) return false;
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
