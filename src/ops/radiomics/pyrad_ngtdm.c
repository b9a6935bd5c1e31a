/* Neighbourhood tone differences by PyRadiomics' definitions (docs, «Neighbouring Gray Tone Difference Matrix»): voxels
 * without a neighbour count, with a difference of 0. */
#include <math.h>

#include "ops/radiomics/pyrad.h"
#include "ops/simd.h"

typedef struct Tones {
  const CmPyradView *view;
  CmPyradAngles angles;
  double *share;  /* p: of the voxels at a level */
  double *apart;  /* s: sum of the distances from the mean of the neighbours */
  double *number; /* of each level, 0 as well: the grey level, plus `one` where it is not 0 */
  double one;     /* above all sums of grey levels: one addition counts neighbours and adds up their levels */
  int64_t reach;  /* planes that neighbours lie away */
  double *ring;   /* the numbers of so many planes before and behind */
  double *row;    /* sums of the neighbours, of a row */
} Tones;

static double *plane_of(const Tones *t, int64_t z) {
  return t->ring + z % (2 * t->reach + 1) * t->view->roi.step[2];
}

static void load_plane(const Tones *t, int64_t z) {
  const int64_t size = t->view->roi.step[2];
  const uint16_t *level = t->view->roi.level + z * size;
  double *to = plane_of(t, z);
  for (int64_t k = 0; k < size; k++) to[k] = t->number[level[k]];
}

CM_SIMD static void add_rows(const double *one, const double *other, double *sum, int64_t n) {
  for (int64_t x = 0; x < n; x++) sum[x] += one[x] + other[x];
}

/* Distances from the mean in place of the sums. */
CM_SIMD static void take_distance(const double *own, double one, double *sum, int64_t n) {
  for (int64_t x = 0; x < n; x++) {
    const double count = floor(sum[x] / one), levels = sum[x] - count * one;
    sum[x] = count > 0.0 ? fabs(own[x] - one - levels / count) : 0.0;
  }
}

static void collect_row(const Tones *t, int64_t y, int64_t z) {
  const CmRoi *roi = &t->view->roi;
  const CmSpan span = cm__pyrad_span(t->view, y, z);
  const int64_t n = span.end - span.begin, at = y * roi->step[1] + span.begin;
  const uint16_t *level = roi->level + z * roi->step[2] + at;
  double *sum = t->row;
  for (int64_t x = 0; x < n; x++) sum[x] = 0.0;
  for (int a = 0; a < t->angles.count; a++) {
    const int *step = t->angles.step[a];
    const int64_t flat = step[0] + step[1] * roi->step[1];
    add_rows(plane_of(t, z + step[2]) + at + flat, plane_of(t, z - step[2]) + at - flat, sum, n);
  }
  take_distance(plane_of(t, z) + at, t->one, sum, n);
  for (int64_t x = 0; x < n; x++)
    if (level[x]) {
      t->share[level[x] - 1] += 1.0;
      t->apart[level[x] - 1] += sum[x];
    }
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
  for (int a = 0; a < t->angles.count; a++)
    if (t->angles.step[a][2] > t->reach) t->reach = t->angles.step[a][2];
  const double neighbours = 2.0 * t->angles.count + 1.0;
  for (t->one = 1.0; t->one <= view->highest * neighbours;) t->one *= 2.0;
  if (t->one * neighbours > 4503599627370496.0) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%d grey levels and %g neighbours; choose wider bins or smaller distances",
                 view->highest, neighbours - 1.0);
    return false;
  }
  if (!(t->share = cm_calloc(view->roi.ctx, 3 * n + 1, sizeof(double), err)) ||
      !(t->row = cm_alloc_array(view->roi.ctx, row, sizeof(double), err)) ||
      !(t->ring = cm_alloc_array(view->roi.ctx, (size_t)((2 * t->reach + 1) * view->roi.step[2]), sizeof(double), err)))
    return false;
  t->apart = t->share + n;
  t->number = t->apart + n;
  for (size_t i = 0; i < n; i++) t->number[i + 1] = view->level_value[i] + t->one;
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

bool cm__pyrad_ngtdm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  Tones t = {.view = view};
  const bool ok = cm__pyrad_angles(view, &view->p->distances, &t.angles, err) && make_room(&t, err);
  if (ok) {
    collect(&t);
    const double voxels = (double)view->roi.voxels;
    for (int i = 0; i < view->present; i++) t.share[i] /= voxels;
    cm__pyrad_describe_tones(view->present, t.share, t.apart, view->level_value, voxels, out);
  }
  cm_free(t.share);
  cm_free(t.row);
  cm_free(t.ring);
  cm_free(t.angles.step);
  return ok;
}
