/* Neighbourhood grey tone differences: a voxel's level against the mean of its neighbours. IBSI manual 3.10; Amadasun
 * M, King R. Textural features corresponding to textural properties. IEEE Trans SMC 19(5), 1989. */
#include <math.h>
#include <string.h>

#include "ops/radiomics/region.h"

enum { COARSENESS, CONTRAST, BUSYNESS, COMPLEXITY, STRENGTH, FEATURES };
static const char *const names[FEATURES] = {"ngt_coarseness", "ngt_contrast", "ngt_busyness", "ngt_complexity",
                                            "ngt_strength"};
#define COARSEST 1e6 /* where no voxel differs from its neighbours */

/* Of each level: its voxels that have neighbours, and the sum of their differences. */
typedef struct Tones {
  int64_t *voxels;
  double *difference;
} Tones;

static void collect(const CmRoi *roi, bool volume, int64_t z_first, int64_t z_end, const Tones *to) {
  int64_t near[26];
  const int half = volume ? 13 : 4;
  for (int d = 0; d < half; d++) {
    near[2 * d] = cm__roi_at(roi, cm__directions[d][0], cm__directions[d][1], cm__directions[d][2]);
    near[2 * d + 1] = -near[2 * d];
  }
  for (int64_t z = z_first; z < z_end; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const uint16_t *row = roi->level + cm__roi_at(roi, 0, y, z);
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        if (row[x] == 0) continue;
        int sum = 0, count = 0;
        for (int k = 0; k < 2 * half; k++) {
          sum += row[x + near[k]];
          count += row[x + near[k]] > 0;
        }
        if (count == 0) continue;
        to->voxels[row[x] - 1]++;
        to->difference[row[x] - 1] += fabs((double)row[x] - (double)sum / count);
      }
    }
}

static void describe(const Tones *tones, int levels, double *out) {
  double total = 0.0, differences = 0.0, weighted = 0.0, present = 0.0;
  for (int i = 0; i < levels; i++) total += (double)tones->voxels[i];
  for (int k = 0; k < FEATURES; k++) out[k] = total > 0.0 ? 0.0 : NAN;
  if (total == 0.0) return;
  for (int i = 0; i < levels; i++) {
    differences += tones->difference[i];
    weighted += (double)tones->voxels[i] / total * tones->difference[i];
    present += tones->voxels[i] > 0;
  }
  double spread = 0.0, apart = 0.0;
  for (int i = 0; i < levels; i++) {
    const double p = (double)tones->voxels[i] / total;
    if (p == 0.0) continue;
    for (int j = 0; j < levels; j++) {
      const double q = (double)tones->voxels[j] / total, d = i - j;
      if (q == 0.0) continue;
      spread += p * q * d * d;
      apart += fabs((i + 1) * p - (j + 1) * q);
      out[COMPLEXITY] += fabs(d) * (p * tones->difference[i] + q * tones->difference[j]) / (p + q) / total;
      out[STRENGTH] += (p + q) * d * d;
    }
  }
  out[COARSENESS] = weighted > 0.0 ? fmin(1.0 / weighted, COARSEST) : COARSEST;
  out[CONTRAST] = present > 1.0 ? spread / (present * (present - 1.0)) * (differences / total) : 0.0;
  out[BUSYNESS] = present > 1.0 && apart > 0.0 ? weighted / apart : 0.0;
  out[STRENGTH] = differences > 0.0 ? out[STRENGTH] / differences : 0.0;
}

static void clear(const Tones *tones, int levels) {
  memset(tones->voxels, 0, (size_t)levels * sizeof(int64_t));
  memset(tones->difference, 0, (size_t)levels * sizeof(double));
}

static bool whole(const CmRoi *roi, bool volume, const Tones *tones, const char *suffix, CmMeasuredList *to,
                  CmError **err) {
  double out[FEATURES];
  clear(tones, roi->levels);
  collect(roi, volume, roi->lo[2], roi->hi[2], tones);
  describe(tones, roi->levels, out);
  return cm__measured_add_all(to, names, suffix, out, FEATURES, err);
}

static bool by_slice(const CmRoi *roi, const Tones *tones, CmMeasuredList *to, CmError **err) {
  CmFeatureMean mean = {0};
  double out[FEATURES];
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++) {
    clear(tones, roi->levels);
    collect(roi, false, z, z + 1, tones);
    describe(tones, roi->levels, out);
    cm__feature_mean_add(&mean, out, FEATURES);
  }
  cm__feature_mean_take(&mean, out, FEATURES);
  return cm__measured_add_all(to, names, "_2D", out, FEATURES, err) && whole(roi, false, tones, "_2_5D", to, err);
}

bool cm__radiomics_ngtdm(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  Tones tones = {.voxels = cm_alloc_array(roi->ctx, (size_t)roi->levels, sizeof(int64_t), err)};
  tones.difference = tones.voxels ? cm_alloc_array(roi->ctx, (size_t)roi->levels, sizeof(double), err) : NULL;
  const bool ok = tones.difference && (!(ways & CM__BY_SLICE) || by_slice(roi, &tones, to, err)) &&
                  (!(ways & CM__BY_VOLUME) || whole(roi, true, &tones, "_3D", to, err));
  cm_free(tones.voxels);
  cm_free(tones.difference);
  return ok;
}
