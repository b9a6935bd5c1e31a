/* Neighbourhood tone differences by PyRadiomics' definitions (docs, «Neighbouring Gray Tone Difference Matrix»): voxels
 * without a neighbour count, with a difference of 0. */
#include <math.h>

#include "ops/radiomics/pyrad.h"

typedef struct Tones {
  const CmPyradView *view;
  double *share; /* p: of the voxels at a level */
  double *apart; /* s: sum of the distances from the mean of the neighbours */
  double voxels;
} Tones;

static void collect(const Tones *tones, const CmPyradAngles *angles) {
  const CmRoi *roi = &tones->view->roi;
  const int *value = tones->view->level_value;
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++)
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const uint16_t *own = roi->level + cm__roi_at(roi, x, y, z);
        double sum = 0.0, count = 0.0;
        if (*own == 0) continue;
        for (int a = 0; a < angles->count; a++) {
          const int64_t next = cm__roi_at(roi, angles->step[a][0], angles->step[a][1], angles->step[a][2]);
          for (int64_t side = -1; side <= 1; side += 2)
            if (own[side * next]) {
              sum += value[own[side * next] - 1];
              count += 1.0;
            }
        }
        tones->share[*own - 1] += 1.0;
        if (count > 0.0) tones->apart[*own - 1] += fabs(value[*own - 1] - sum / count);
      }
}

bool cm__pyrad_ngtdm(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  const int n = view->present, *value = view->level_value;
  CmPyradAngles angles = {0};
  Tones t = {.view = view, .voxels = (double)view->roi.voxels};
  t.share = cm_calloc(view->roi.ctx, 2 * (size_t)n, sizeof(double), err);
  if (!t.share || !cm__pyrad_angles(view, &view->p->distances, &angles, err)) {
    cm_free(t.share);
    return false;
  }
  t.apart = t.share + n;
  collect(&t, &angles);
  double coarse = 0.0, all = 0.0, contrast = 0.0, busy = 0.0, complex_ = 0.0, strength = 0.0;
  for (int i = 0; i < n; i++) t.share[i] /= t.voxels;
  for (int i = 0; i < n; i++) {
    coarse += t.share[i] * t.apart[i];
    all += t.apart[i];
    for (int j = 0; j < n; j++) {
      const double pi = t.share[i], pj = t.share[j], d = (double)value[i] - value[j];
      contrast += pi * pj * d * d;
      busy += fabs(value[i] * pi - value[j] * pj);
      complex_ += fabs(d) * (pi * t.apart[i] + pj * t.apart[j]) / (pi + pj);
      strength += (pi + pj) * d * d;
    }
  }
  out[0] = busy != 0.0 ? coarse / busy : 0.0;
  out[1] = coarse != 0.0 ? 1.0 / coarse : 1e6;
  out[2] = complex_ / t.voxels;
  out[3] = n > 1 ? contrast * all / t.voxels / ((double)n * (n - 1)) : 0.0;
  out[4] = all != 0.0 ? strength / all : 0.0;
  cm_free(t.share);
  cm_free(angles.step);
  return true;
}
