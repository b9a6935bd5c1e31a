#include "ops/radiomics/pyrad_sizes.h"

#include "ops/exp.h"
#include "ops/simd.h"

#include <float.h>
#include <math.h>

const int cm__pyrad_glrlm_order[CM__PYRAD_GLRLM_COUNT] = {CM__LEVEL_NON_UNIFORMITY,
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
const int cm__pyrad_glszm_order[CM__PYRAD_GLSZM_COUNT] = {CM__LEVEL_NON_UNIFORMITY,
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
const int cm__pyrad_gldm_order[CM__PYRAD_GLDM_COUNT] = {CM__ENTROPY,
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

void cm__pyrad_pick(const double *from, const int *which, int count, double *out) {
  for (int k = 0; k < count; k++) out[k] = from[which[k]];
}

/* log2(p + eps) = log2(p) + eps / (p ln 2), as p is far above eps. */
void cm__pyrad_describe(CmEntries *entries, double voxels, double out[CM__EMPHASES]) {
  cm__emphases(entries, voxels, out);
  if (entries->count > 0) out[CM__ENTROPY] -= (double)entries->count * CM__EPS_BITS;
}

CM_SIMD double cm__pyrad_entropy(const double *shares, int64_t count) {
  double part[8] = {0.0}, sum = 0.0;
  const int64_t whole = count / 8 * 8;
  for (int64_t i = 0; i < whole; i += 8)
    for (int k = 0; k < 8; k++) part[k] += shares[i + k] * cm__log(shares[i + k]);
  for (int64_t i = whole; i < count; i++) part[i - whole] += shares[i] * cm__log(shares[i]);
  for (int k = 0; k < 8; k++) sum += part[k];
  return -sum * CM_LOG2_E - (double)count * CM__EPS_BITS;
}

int cm__pyrad_abreast(size_t table, int directions) {
  const size_t most = (size_t)1 << 24, fit = table < most ? most / (table + 1) : 1;
  const int room = fit < CM__PYRAD_ABREAST ? (int)fit : CM__PYRAD_ABREAST;
  return room < directions ? room : directions > 0 ? directions : 1;
}
