/* Run lengths by PyRadiomics' definitions (docs, «Gray Level Run Length Matrix»). One walk follows the runs of all
 * directions: a run goes on where the voxel before has the same level. */
#include <string.h>

#include "ops/radiomics/pyrad_sizes.h"
#include "ops/simd.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAS_X86 1
#else
#define HAS_X86 0
#endif

typedef struct Runs {
  const CmPyradView *view;
  int64_t levels, longest; /* most voxels of a run */
  int abreast;             /* directions of one walk */
  uint16_t *length;        /* direction, two planes: how long the run is at each voxel so far */
  uint16_t *longer;        /* of a plane: levels of the voxels that are not the first of a run, and their lengths */
  uint32_t *matrix;        /* direction, length, level: voxels that are the so manieth of a run */
  double *sum;             /* length, level: runs, weighted */
  int64_t reached;         /* longest run in the sums */
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
      if (roi->level[cm__roi_at(roi, at[0], at[1], at[2])]) return true;
    }
  }
  return false;
}

static bool any_line(const CmRoi *roi, const int step[3]) {
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++)
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++)
        if (roi->level[cm__roi_at(roi, x, y, z)] && line_has_more(roi, step, x, y, z)) return true;
  return false;
}

/* Along x: all ones where a run goes on. */
CM_SIMD static void find_runs(const uint16_t *level, uint16_t *restrict goes_on, int64_t n) {
  for (int64_t x = 0; x < n; x++) goes_on[x] = level[x] == level[x - 1] ? UINT16_MAX : 0;
}

static void follow_along(const uint16_t *level, uint16_t *now, int64_t n) {
  unsigned length = 0;
  find_runs(level, now, n);
  for (int64_t x = 0; x < n; x++) now[x] = (uint16_t)(length = (length & now[x]) + 1);
}

/* before: lengths at the voxels before. Whole blocks. */
CM_SIMD static void follow_across(const uint16_t *level, const uint16_t *other, const uint16_t *restrict before,
                                  uint16_t *restrict now, int64_t n) {
  n = cm__pyrad_wide(n);
  for (int64_t x = 0; x < n; x++) now[x] = (uint16_t)((level[x] == other[x] ? before[x] : 0) + 1);
}

/* The levels and lengths of voxels inside that go on with a run, one behind the other; how many. The lists have room
 * for a block more. */
static int64_t list_longer_plain(const uint16_t *level, const uint16_t *length, int64_t n, uint16_t *levels,
                                 uint16_t *lengths) {
  int64_t count = 0;
  for (int64_t x = 0; x < n; x++) {
    levels[count] = level[x];
    lengths[count] = length[x];
    count += (level[x] != 0) & (length[x] > 1);
  }
  return count;
}

#if HAS_X86
__attribute__((target("avx512f,avx512bw,avx512vbmi2,popcnt"))) static int64_t list_longer_wide(
    const uint16_t *level, const uint16_t *length, int64_t n, uint16_t *levels, uint16_t *lengths) {
  int64_t count = 0;
  for (int64_t x = 0; x < n; x += CM__PYRAD_WIDE) {
    const __mmask32 row = n - x < CM__PYRAD_WIDE ? (1u << (n - x)) - 1 : UINT32_MAX;
    const __m512i own = _mm512_loadu_si512(level + x), now = _mm512_loadu_si512(length + x);
    const __mmask32 inside = _mm512_mask_test_epi16_mask(row, own, own);
    const __mmask32 kept = _mm512_mask_cmpgt_epu16_mask(inside, now, _mm512_set1_epi16(1));
    _mm512_storeu_si512(levels + count, _mm512_maskz_compress_epi16(kept, own));
    _mm512_storeu_si512(lengths + count, _mm512_maskz_compress_epi16(kept, now));
    count += __builtin_popcount(kept);
  }
  return count;
}
#endif

static int64_t list_longer(const uint16_t *level, const uint16_t *length, int64_t n, uint16_t *levels,
                           uint16_t *lengths) {
#if HAS_X86
  if (__builtin_cpu_supports("avx512vbmi2")) return list_longer_wide(level, length, n, levels, lengths);
#endif
  return list_longer_plain(level, length, n, levels, lengths);
}

/* What does not go on with a run is the first of one. */
static void count_first(const Runs *runs, uint32_t *matrix) {
  const int64_t levels = runs->levels;
  for (int64_t i = 0; i < levels; i++) matrix[i] = (uint32_t)runs->view->level_count[i];
  for (int64_t j = 1; j < runs->longest; j++) {
    uint32_t any = 0;
    for (int64_t i = 0; i < levels; i++) {
      matrix[i] -= matrix[j * levels + i];
      any |= matrix[j * levels + i];
    }
    if (!any) break;
  }
}

/* One direction in one plane. */
static void walk_plane(const Runs *runs, const int step[3], int64_t z, uint16_t *planes, uint32_t *matrix) {
  const CmRoi *roi = &runs->view->roi;
  const int64_t plane = roi->step[2], room = plane + CM__PYRAD_WIDE;
  uint16_t *levels = runs->longer, *lengths = levels + room;
  int64_t count = 0;
  for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
    const CmSpan span = cm__pyrad_span(runs->view, y, z);
    const int64_t at = y * roi->step[1] + span.begin, n = span.end - span.begin;
    const uint16_t *level = roi->level + z * plane + at;
    uint16_t *now = planes + z % 2 * room + at;
    const uint16_t *before = planes + (z + step[2]) % 2 * room + at - step[0] - step[1] * roi->step[1];
    if (step[1] == 0 && step[2] == 0)
      follow_along(level, now, n);
    else
      follow_across(level, level - cm__roi_at(roi, step[0], step[1], step[2]), before, now, n);
    count += list_longer(level, now, n, levels + count, lengths + count);
  }
  for (int64_t k = 0; k < count; k++) matrix[(lengths[k] - 1) * runs->levels + levels[k] - 1]++;
}

/* Directions first .. first + abreast. */
static void walk(const Runs *runs, const CmPyradAngles *angles, int first) {
  const CmRoi *roi = &runs->view->roi;
  const int64_t table = runs->levels * runs->longest, room = roi->step[2] + CM__PYRAD_WIDE;
  memset(runs->matrix, 0, (size_t)(runs->abreast * table) * sizeof(*runs->matrix));
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int d = 0; d < runs->abreast && first + d < angles->count; d++)
      walk_plane(runs, angles->step[first + d], z, runs->length + 2 * d * room, runs->matrix + d * table);
  for (int d = 0; d < runs->abreast; d++) count_first(runs, runs->matrix + d * table);
}

/* Runs of each length: voxels that are their last. */
static void add_runs(Runs *runs, const uint32_t *matrix, double weight) {
  const int64_t levels = runs->levels;
  for (int64_t j = 0; j < runs->longest; j++) {
    const uint32_t *here = matrix + j * levels;
    bool any = false;
    for (int64_t i = 0; i < levels; i++) {
      const uint32_t longer = j + 1 < runs->longest ? here[levels + i] : 0;
      any = any || here[i] > 0;
      runs->sum[j * levels + i] += weight * (double)(here[i] - longer);
    }
    if (!any) break;
    if (j >= runs->reached) runs->reached = j + 1;
  }
}

/* The sums as entries; they are cleared. */
static bool take(Runs *runs, CmEntries *entries, double *voxels, CmError **err) {
  entries->count = 0;
  *voxels = 0.0;
  for (int64_t j = 0; j < runs->reached; j++)
    for (int64_t i = 0; i < runs->levels; i++) {
      const double count = runs->sum[j * runs->levels + i];
      if (count == 0.0) continue;
      if (!cm__entries_add(entries, runs->view->level_value[i], j + 1, count, err)) return false;
      *voxels += count * (double)(j + 1);
      runs->sum[j * runs->levels + i] = 0.0;
    }
  runs->reached = 0;
  return true;
}

static bool by_angle(Runs *runs, const CmPyradAngles *angles, CmFeatureMean *mean, CmError **err) {
  const int32_t norm = runs->view->p->weightingNorm;
  const bool together = norm != CM__PYRAD_NONE, alike = !together || norm == CM__PYRAD_NO_WEIGHTING;
  CmEntries entries = {.ctx = runs->view->roi.ctx};
  double out[CM__EMPHASES], voxels;
  bool ok = true;
  for (int a = 0; ok && a < angles->count; a++) {
    const int *step = angles->step[a];
    if (a % runs->abreast == 0) walk(runs, angles, a);
    if (any_line(&runs->view->roi, step))
      add_runs(runs, runs->matrix + a % runs->abreast * runs->levels * runs->longest,
               alike ? 1.0 : cm__pyrad_length(runs->view, step));
    if (together && a + 1 < angles->count) continue;
    ok = take(runs, &entries, &voxels, err);
    if (!ok || entries.count == 0) continue;
    cm__pyrad_describe(&entries, voxels, out);
    cm__feature_mean_add(mean, out, CM__EMPHASES);
  }
  cm__entries_free(&entries);
  return ok;
}

static bool make_room(Runs *runs, int directions, CmError **err) {
  const CmRoi *roi = &runs->view->roi;
  size_t table, all;
  if (runs->longest > UINT16_MAX) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "a region of %lld voxels along an axis; runs are followed over %d at most",
                 (long long)runs->longest, UINT16_MAX);
    return false;
  }
  if (!cm_size_multiply((size_t)runs->levels, (size_t)runs->longest, &table, err)) return false;
  runs->abreast = cm__pyrad_abreast(table, directions);
  return cm_size_multiply(table, (size_t)runs->abreast, &all, err) &&
         (runs->matrix = cm_alloc_array(roi->ctx, all, sizeof(*runs->matrix), err)) &&
         (runs->length = cm_calloc(roi->ctx, 2 * (size_t)(roi->step[2] + CM__PYRAD_WIDE) * (size_t)runs->abreast,
                                   sizeof(*runs->length), err)) &&
         (runs->longer =
              cm_alloc_array(roi->ctx, (size_t)(roi->step[2] + CM__PYRAD_WIDE), 2 * sizeof(*runs->longer), err)) &&
         (runs->sum = cm_calloc(roi->ctx, table, sizeof(*runs->sum), err));
}

bool cm__pyrad_glrlm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  const CmInts near = {.count = 1, .value = {1}};
  Runs runs = {.view = view, .levels = view->present, .longest = 1};
  CmPyradAngles angles = {0};
  CmFeatureMean mean = {0};
  double all[CM__EMPHASES];
  for (int k = 0; k < 3; k++)
    if (view->roi.hi[k] - view->roi.lo[k] > runs.longest) runs.longest = view->roi.hi[k] - view->roi.lo[k];
  const bool ok = cm__pyrad_angles(view, &near, &angles, err) && make_room(&runs, angles.count, err) &&
                  by_angle(&runs, &angles, &mean, err);
  if (ok) {
    cm__feature_mean_take(&mean, all, CM__EMPHASES);
    cm__pyrad_pick(all, cm__pyrad_glrlm_order, CM__PYRAD_GLRLM_COUNT, out);
  }
  cm_free(runs.matrix);
  cm_free(runs.length);
  cm_free(runs.longer);
  cm_free(runs.sum);
  cm_free(angles.step);
  return ok;
}
