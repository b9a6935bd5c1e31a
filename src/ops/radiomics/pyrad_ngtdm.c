/* Neighbourhood tone differences by PyRadiomics' definitions (docs, «Neighbouring Gray Tone Difference Matrix»): voxels
 * without a neighbour count, with a difference of 0. */
#include <math.h>

#include "ops/radiomics/pyrad.h"
#include "ops/simd.h"

/* One addition adds up levels and counts them: a level stands in the low bits, and ONE above them. */
#define ONE_BIT 40
#define ONE (UINT64_C(1) << ONE_BIT)

typedef struct Tones {
  const CmPyradView *view;
  CmPyradAngles angles;
  bool cube;        /* the neighbours are the 26 around */
  int64_t reach;    /* planes that neighbours lie away */
  int64_t most;     /* neighbours of a voxel, and 1 */
  uint64_t *number; /* of each level, 0 as well: the grey level, plus ONE where it is not 0 */
  uint64_t *ring;   /* the numbers of so many planes before and behind */
  uint64_t *sums;   /* of a cube: sums over 3 x 3 of three planes, and a plane over 3 along x */
  uint64_t *row;    /* sums of the neighbours of a row, then how many they are */
  uint64_t *apart;  /* level, neighbours: sum of the distances from their mean, times their number */
} Tones;

static uint64_t *plane_of(const Tones *t, int64_t z) {
  return t->ring + z % (2 * t->reach + 1) * t->view->roi.step[2];
}

static uint64_t *sums_of(const Tones *t, int64_t z) {
  return t->sums + z % 3 * t->view->roi.step[2];
}

CM_SIMD static void add_three(const uint64_t *from, int64_t step, uint64_t *restrict to, int64_t n) {
  for (int64_t k = 0; k < n; k++) to[k] = from[k - step] + from[k] + from[k + step];
}

static void load_plane(const Tones *t, int64_t z) {
  const CmRoi *roi = &t->view->roi;
  const int64_t size = roi->step[2], row = roi->step[1];
  const uint16_t *level = roi->level + z * size;
  uint64_t *to = plane_of(t, z);
  for (int64_t k = 0; k < size; k++) to[k] = t->number[level[k]];
  if (!t->cube) return;
  uint64_t *along = t->sums + 3 * size;
  add_three(to + 1, 1, along + 1, size - 2);
  add_three(along + row, row, sums_of(t, z) + row, size - 2 * row);
}

CM_SIMD static void add_rows(const uint64_t *one, const uint64_t *other, uint64_t *sum, int64_t n) {
  for (int64_t x = 0; x < n; x++) sum[x] += one[x] + other[x];
}

CM_SIMD static void add_planes(const uint64_t *a, const uint64_t *b, const uint64_t *c, const uint64_t *own,
                               uint64_t *restrict sum, int64_t n) {
  for (int64_t x = 0; x < n; x++) sum[x] = a[x] + b[x] + c[x] - own[x];
}

/* Distances from the mean, times the number of neighbours, in place of the sums. */
CM_SIMD static void take_distance(const uint64_t *own, uint64_t *restrict sum, uint64_t *restrict count, int64_t n) {
  for (int64_t x = 0; x < n; x++) {
    const uint64_t c = sum[x] >> ONE_BIT, levels = sum[x] & (ONE - 1), here = (own[x] & (ONE - 1)) * c;
    sum[x] = here > levels ? here - levels : levels - here;
    count[x] = c;
  }
}

static void add_neighbours(const Tones *t, int64_t at, int64_t z, int64_t n) {
  uint64_t *sum = t->row;
  if (t->cube) {
    add_planes(sums_of(t, z - 1) + at, sums_of(t, z) + at, sums_of(t, z + 1) + at, plane_of(t, z) + at, sum, n);
    return;
  }
  for (int64_t x = 0; x < n; x++) sum[x] = 0;
  for (int a = 0; a < t->angles.count; a++) {
    const int *step = t->angles.step[a];
    const int64_t flat = step[0] + step[1] * t->view->roi.step[1];
    add_rows(plane_of(t, z + step[2]) + at + flat, plane_of(t, z - step[2]) + at - flat, sum, n);
  }
}

static void collect_row(const Tones *t, int64_t y, int64_t z) {
  const CmRoi *roi = &t->view->roi;
  const CmSpan span = cm__pyrad_span(t->view, y, z);
  const int64_t n = span.end - span.begin, at = y * roi->step[1] + span.begin;
  const uint16_t *level = roi->level + z * roi->step[2] + at;
  uint64_t *sum = t->row, *count = sum + (roi->hi[0] - roi->lo[0]);
  add_neighbours(t, at, z, n);
  take_distance(plane_of(t, z) + at, sum, count, n);
  for (int64_t x = 0; x < n; x++)
    if (level[x]) t->apart[(level[x] - 1) * t->most + (int64_t)count[x]] += sum[x];
}

static void collect(const Tones *t) {
  const CmRoi *roi = &t->view->roi;
  for (int64_t z = roi->lo[2] - t->reach; z < roi->lo[2] + t->reach; z++) load_plane(t, z);
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++) {
    load_plane(t, z + t->reach);
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) collect_row(t, y, z);
  }
}

static bool make_room(Tones *t, CmError **err) {
  const CmPyradView *view = t->view;
  const size_t n = (size_t)view->present, row = (size_t)(view->roi.hi[0] - view->roi.lo[0]);
  const size_t plane = (size_t)view->roi.step[2];
  size_t table;
  CmContext *ctx = view->roi.ctx;
  t->most = 2 * (int64_t)t->angles.count + 1;
  t->cube = t->angles.count == 13;
  for (int a = 0; a < t->angles.count; a++) {
    if (t->angles.step[a][2] > t->reach) t->reach = t->angles.step[a][2];
    for (int k = 0; k < 3; k++) t->cube = t->cube && t->angles.step[a][k] >= -1 && t->angles.step[a][k] <= 1;
  }
  if (!cm_size_multiply(n, (size_t)t->most, &table, err) ||
      !(t->number = cm_calloc(ctx, n + 1, sizeof(*t->number), err)) ||
      !(t->apart = cm_calloc(ctx, table, sizeof(*t->apart), err)) ||
      !(t->row = cm_alloc_array(ctx, 2 * row, sizeof(*t->row), err)) ||
      !(t->ring = cm_alloc_array(ctx, (2 * (size_t)t->reach + 1) * plane, sizeof(*t->ring), err)) ||
      (t->cube && !(t->sums = cm_calloc(ctx, 4 * plane, sizeof(*t->sums), err))))
    return false;
  for (size_t i = 0; i < n; i++) t->number[i + 1] = (uint64_t)view->level_value[i] + ONE;
  return true;
}

void cm__pyrad_describe_tones(int n, const double *share, const double *apart, const int *value, double voxels,
                              double out[CM__PYRAD_MOST]) {
  double coarse = 0.0, all = 0.0, contrast = 0.0, busy = 0.0, complex_ = 0.0, strength = 0.0;
  for (int i = 0; i < n; i++) {
    coarse += share[i] * apart[i];
    all += apart[i];
    for (int j = 0; j < n; j++) {
      const double pi = share[i], pj = share[j], d = (double)value[i] - value[j];
      contrast += pi * pj * d * d;
      busy += fabs(value[i] * pi - value[j] * pj);
      complex_ += fabs(d) * (pi * apart[i] + pj * apart[j]) / (pi + pj);
      strength += (pi + pj) * d * d;
    }
  }
  out[0] = busy != 0.0 ? coarse / busy : 0.0;
  out[1] = coarse != 0.0 ? 1.0 / coarse : 1e6;
  out[2] = complex_ / voxels;
  out[3] = n > 1 ? contrast * all / voxels / ((double)n * (n - 1)) : 0.0;
  out[4] = all != 0.0 ? strength / all : 0.0;
}

/* Of each level: its share of the voxels, and the distances of its voxels from the mean of their neighbours. */
static void add_up(const Tones *t, double *share, double *apart) {
  for (int i = 0; i < t->view->present; i++) {
    share[i] = (double)t->view->level_count[i] / (double)t->view->roi.voxels;
    apart[i] = 0.0;
    for (int64_t c = 1; c < t->most; c++) apart[i] += (double)t->apart[i * t->most + c] / (double)c;
  }
}

bool cm__pyrad_ngtdm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  Tones t = {.view = view};
  double *share = cm_alloc_array(view->roi.ctx, 2 * (size_t)view->present, sizeof(double), err);
  const bool ok = share && cm__pyrad_angles(view, &view->p->distances, &t.angles, err) && make_room(&t, err);
  if (ok) {
    collect(&t);
    add_up(&t, share, share + view->present);
    cm__pyrad_describe_tones(view->present, share, share + view->present, view->level_value, (double)view->roi.voxels,
                             out);
  }
  cm_free(share);
  cm_free(t.number);
  cm_free(t.apart);
  cm_free(t.row);
  cm_free(t.ring);
  cm_free(t.sums);
  cm_free(t.angles.step);
  return ok;
}
