/* First-order statistics by PyRadiomics' definitions (docs, «First Order Features»), which leave the histogram's
 * logarithms safe by adding the distance of 1 to the next double. */
#include <float.h>
#include <math.h>

#include "ops/radiomics/pyrad.h"

void cm__pyrad_describe_order(const CmPyradView *view, const CmStatistics *s, const double *values, int64_t count,
                              double entropy, double uniformity, double out[CM__PYRAD_MOST]) {
  const CmRoi *roi = &view->roi;
  const double n = (double)count, shift = (double)view->p->voxelArrayShift;
  double energy = s->energy;
  if (shift != 0.0) energy = 0.0;
  for (int64_t k = 0; shift != 0.0 && k < count; k++) energy += (values[k] + shift) * (values[k] + shift);
  const double kurtosis = s->variance > 0.0 ? s->kurtosis + 3.0 : 0.0;
  const double volume = roi->spacing[0] * roi->spacing[1] * (view->flat_image ? 1.0 : roi->spacing[2]);
  const double list[] = {s->p10,     s->p90,           energy,      entropy,           s->iqr,          kurtosis,
                         s->most,    s->mad,           s->mean,     s->median,         s->least,        s->range,
                         s->rmad,    sqrt(energy / n), s->skewness, sqrt(s->variance), energy * volume, uniformity,
                         s->variance};
  for (int k = 0; k < CM_COUNT(list); k++) out[k] = list[k];
}

bool cm__pyrad_firstorder(const CmPyradView *view, double out[CM__PYRAD_MOST], CmError **err) {
  const int64_t voxels = view->roi.voxels;
  double entropy = 0.0, uniformity = 0.0;
  CmStatistics s;
  for (int i = 0; i < view->present; i++) {
    const double p = (double)view->level_count[i] / (double)voxels;
    entropy -= p * log2(p + DBL_EPSILON);
    uniformity += p * p;
  }
  if (!cm__statistics_of(view->roi.ctx, view->values, voxels, &s, err)) return false;
  cm__pyrad_describe_order(view, &s, view->values, voxels, entropy, uniformity, out);
  return true;
}
