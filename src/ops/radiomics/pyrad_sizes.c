/* Run lengths, size zones and dependences by PyRadiomics' definitions (docs, «Gray Level Run Length Matrix», «Gray
 * Level Size Zone Matrix», «Gray Level Dependence Matrix»). Their features are those that `emphasis.h` knows. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ops/radiomics/emphasis.h"
#include "ops/radiomics/pyrad.h"

/* All features of the entries; entropy with eps as PyRadiomics has it. */
static void describe(CmEntries *entries, double voxels, double out[CM__EMPHASES]) {
  double total = 0.0, entropy = 0.0;
  cm__emphases(entries, voxels, out);
  for (int64_t k = 0; k < entries->count; k++) total += entries->item[k].count;
  for (int64_t k = 0; k < entries->count; k++) {
    const double p = entries->item[k].count / total;
    entropy -= p * log2(p + DBL_EPSILON);
  }
  if (entries->count > 0) out[CM__ENTROPY] = entropy;
}

static bool take(CmEntries *entries, const CmPyradView *view, const double *matrix, int64_t sizes, CmError **err) {
  entries->count = 0;
  for (int i = 0; i < view->present; i++)
    for (int64_t j = 0; j < sizes; j++)
      if (matrix[i * sizes + j] > 0.0 &&
          !cm__entries_add(entries, view->level_value[i], j + 1, matrix[i * sizes + j], err))
        return false;
  return true;
}

/* ---- runs ---- */

typedef struct Runs {
  const CmPyradView *view;
  int64_t longest;
  double *matrix; /* levels that occur x longest */
} Runs;

/* Is there a second voxel of the region anywhere on the line of this one? Where no line has two, the direction does not
 * count. */
static bool line_has_more(const CmRoi *roi, const int step[3], int64_t x, int64_t y, int64_t z) {
  for (int side = -1; side <= 1; side += 2) {
    int64_t at[3] = {x, y, z};
    for (;;) {
      bool out = false;
      for (int k = 0; k < 3; k++) {
        at[k] += side * step[k];
        out = out || at[k] < roi->lo[k] || at[k] >= roi->hi[k];
      }
      if (out) break;
      if (roi->inside[cm__roi_at(roi, at[0], at[1], at[2])]) return true;
    }
  }
  return false;
}

static bool any_line(const CmRoi *roi, const int step[3]) {
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++)
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++)
        if (roi->inside[cm__roi_at(roi, x, y, z)] && line_has_more(roi, step, x, y, z)) return true;
  return false;
}

static void find_runs(const Runs *runs, const int step[3], double weight) {
  const CmRoi *roi = &runs->view->roi;
  const int64_t next = cm__roi_at(roi, step[0], step[1], step[2]);
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const uint16_t *row = roi->level + cm__roi_at(roi, 0, y, z);
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const uint16_t level = row[x];
        if (level == 0 || row[x - next] == level) continue;
        int64_t length = 1;
        while (row[x + length * next] == level) length++;
        runs->matrix[(level - 1) * runs->longest + length - 1] += weight;
      }
    }
}

static double weighted_voxels(const CmEntries *entries) {
  double sum = 0.0;
  for (int64_t k = 0; k < entries->count; k++) sum += entries->item[k].count * (double)entries->item[k].size;
  return sum;
}

static bool by_angle(const Runs *runs, const CmPyradAngles *angles, CmFeatureMean *mean, CmError **err) {
  const size_t bytes = (size_t)runs->view->present * (size_t)runs->longest * sizeof(double);
  const int32_t norm = runs->view->p->weightingNorm;
  CmEntries entries = {.ctx = runs->view->roi.ctx};
  double out[CM__EMPHASES];
  bool ok = true;
  memset(runs->matrix, 0, bytes);
  for (int a = 0; ok && a < angles->count; a++) {
    const bool together = norm != CM__PYRAD_NONE;
    const double length =
        norm == CM__PYRAD_NONE || norm == CM__PYRAD_NO_WEIGHTING ? 1.0 : cm__pyrad_length(runs->view, angles->step[a]);
    if (any_line(&runs->view->roi, angles->step[a])) find_runs(runs, angles->step[a], length);
    if (together && a + 1 < angles->count) continue;
    ok = take(&entries, runs->view, runs->matrix, runs->longest, err);
    if (ok && entries.count > 0) {
      describe(&entries, weighted_voxels(&entries), out);
      cm__feature_mean_add(mean, out, CM__EMPHASES);
    }
    memset(runs->matrix, 0, bytes);
  }
  cm__entries_free(&entries);
  return ok;
}

static void pick(const double *from, const int *which, int count, double *out) {
  for (int k = 0; k < count; k++) out[k] = from[which[k]];
}

bool cm__pyrad_glrlm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  static const int order[] = {CM__LEVEL_NON_UNIFORMITY,
                              CM__LEVEL_NON_UNIFORMITY_NORMALISED,
                              CM__LEVEL_VARIANCE,
                              CM__HIGH_LEVEL,
                              CM__LONG,
                              CM__LONG_HIGH,
                              CM__LONG_LOW,
                              CM__LOW_LEVEL,
                              CM__ENTROPY,
                              CM__SIZE_NON_UNIFORMITY,
                              CM__SIZE_NON_UNIFORMITY_NORMALISED,
                              CM__PERCENTAGE,
                              CM__SIZE_VARIANCE,
                              CM__SHORT,
                              CM__SHORT_HIGH,
                              CM__SHORT_LOW};
  const CmInts near = {.count = 1, .value = {1}};
  Runs runs = {.view = view, .longest = 1};
  CmPyradAngles angles = {0};
  CmFeatureMean mean = {0};
  double all[CM__EMPHASES];
  for (int k = 0; k < 3; k++)
    if (view->roi.hi[k] - view->roi.lo[k] > runs.longest) runs.longest = view->roi.hi[k] - view->roi.lo[k];
  runs.matrix = cm_alloc_array(view->roi.ctx, (size_t)view->present * (size_t)runs.longest, sizeof(*runs.matrix), err);
  const bool ok = runs.matrix && cm__pyrad_angles(view, &near, &angles, err) && by_angle(&runs, &angles, &mean, err);
  if (ok) {
    cm__feature_mean_take(&mean, all, CM__EMPHASES);
    pick(all, order, CM_COUNT(order), out);
  }
  cm_free(runs.matrix);
  cm_free(angles.step);
  return ok;
}

/* ---- zones ---- */

static int64_t fill_zone(const CmRoi *roi, const int64_t *near, int near_count, int64_t start, uint8_t *seen,
                         int64_t *stack) {
  const uint16_t own = roi->level[start];
  int64_t size = 0, top = 0;
  stack[top++] = start;
  seen[start] = 1;
  while (top > 0) {
    const int64_t at = stack[--top];
    size++;
    for (int k = 0; k < near_count; k++)
      for (int64_t side = -1; side <= 1; side += 2) {
        const int64_t other = at + side * near[k];
        if (roi->level[other] != own || seen[other]) continue;
        seen[other] = 1;
        stack[top++] = other;
      }
  }
  return size;
}

static bool find_zones(const CmPyradView *view, const CmPyradAngles *angles, uint8_t *seen, int64_t *stack,
                       CmEntries *to, CmError **err) {
  const CmRoi *roi = &view->roi;
  int64_t near[13];
  for (int a = 0; a < angles->count; a++)
    near[a] = cm__roi_at(roi, angles->step[a][0], angles->step[a][1], angles->step[a][2]);
  for (int64_t k = roi->lo[2] * roi->step[2]; k < roi->hi[2] * roi->step[2]; k++) {
    if (roi->level[k] == 0 || seen[k]) continue;
    const int64_t size = fill_zone(roi, near, angles->count, k, seen, stack);
    if (!cm__entries_add(to, view->level_value[roi->level[k] - 1], size, 1.0, err)) return false;
  }
  cm__entries_merge(to);
  return true;
}

bool cm__pyrad_glszm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  static const int order[] = {CM__LEVEL_NON_UNIFORMITY,
                              CM__LEVEL_NON_UNIFORMITY_NORMALISED,
                              CM__LEVEL_VARIANCE,
                              CM__HIGH_LEVEL,
                              CM__LONG,
                              CM__LONG_HIGH,
                              CM__LONG_LOW,
                              CM__LOW_LEVEL,
                              CM__SIZE_NON_UNIFORMITY,
                              CM__SIZE_NON_UNIFORMITY_NORMALISED,
                              CM__SHORT,
                              CM__SHORT_HIGH,
                              CM__SHORT_LOW,
                              CM__ENTROPY,
                              CM__PERCENTAGE,
                              CM__SIZE_VARIANCE};
  const CmInts next = {.count = 1, .value = {1}};
  const size_t count = (size_t)(view->roi.n[0] * view->roi.n[1] * view->roi.n[2]);
  CmEntries zones = {.ctx = view->roi.ctx};
  CmPyradAngles angles = {0};
  double all[CM__EMPHASES];
  uint8_t *seen = cm_calloc(view->roi.ctx, count, 1, err);
  int64_t *stack = seen ? cm_alloc_array(view->roi.ctx, (size_t)view->roi.voxels, sizeof(*stack), err) : NULL;
  const bool ok =
      stack && cm__pyrad_angles(view, &next, &angles, err) && find_zones(view, &angles, seen, stack, &zones, err);
  if (ok) {
    describe(&zones, (double)view->roi.voxels, all);
    pick(all, order, CM_COUNT(order), out);
  }
  cm_free(seen);
  cm_free(stack);
  cm_free(angles.step);
  cm__entries_free(&zones);
  return ok;
}

/* ---- dependences ---- */

static void count_dependent(const CmPyradView *view, const CmPyradAngles *angles, int64_t most, double *matrix) {
  const CmRoi *roi = &view->roi;
  const int *value = view->level_value;
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++)
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const uint16_t *own = roi->level + cm__roi_at(roi, x, y, z);
        int64_t dependent = 0;
        if (*own == 0) continue;
        for (int a = 0; a < angles->count; a++) {
          const int64_t next = cm__roi_at(roi, angles->step[a][0], angles->step[a][1], angles->step[a][2]);
          for (int64_t side = -1; side <= 1; side += 2) {
            const uint16_t other = own[side * next];
            if (other == 0) continue;
            const int64_t apart = (int64_t)value[other - 1] - value[*own - 1];
            dependent += (apart < 0 ? -apart : apart) <= view->p->gldm_a;
          }
        }
        matrix[(*own - 1) * most + dependent] += 1.0;
      }
}

bool cm__pyrad_gldm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  static const int order[] = {CM__ENTROPY,
                              CM__SIZE_NON_UNIFORMITY,
                              CM__SIZE_NON_UNIFORMITY_NORMALISED,
                              CM__SIZE_VARIANCE,
                              CM__LEVEL_NON_UNIFORMITY,
                              CM__LEVEL_VARIANCE,
                              CM__HIGH_LEVEL,
                              CM__LONG,
                              CM__LONG_HIGH,
                              CM__LONG_LOW,
                              CM__LOW_LEVEL,
                              CM__SHORT,
                              CM__SHORT_HIGH,
                              CM__SHORT_LOW};
  CmEntries entries = {.ctx = view->roi.ctx};
  CmPyradAngles angles = {0};
  double all[CM__EMPHASES], *matrix = NULL;
  bool ok = cm__pyrad_angles(view, &view->p->distances, &angles, err);
  const int64_t most = 2 * (int64_t)angles.count + 1;
  ok = ok && (matrix = cm_calloc(view->roi.ctx, (size_t)view->present * (size_t)most, sizeof(*matrix), err));
  if (ok) count_dependent(view, &angles, most, matrix);
  if (ok && (ok = take(&entries, view, matrix, most, err))) {
    describe(&entries, (double)view->roi.voxels, all);
    pick(all, order, CM_COUNT(order), out);
  }
  cm_free(matrix);
  cm_free(angles.step);
  cm__entries_free(&entries);
  return ok;
}
