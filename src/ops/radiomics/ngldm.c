/* Neighbouring grey level dependence: how many neighbours have a voxel's own level. IBSI manual 3.11; Sun C, Wee WG.
 * Neighboring gray level dependence matrix for texture classification. Comput Vis Graph Image Process 23(3), 1983. */
#include <string.h>

#include "ops/radiomics/emphasis.h"
#include "ops/radiomics/region.h"

enum { FEATURES = CM__EMPHASES };
static const char *const names[FEATURES] = {
    "ngl_lde",     "ngl_hde",    "ngl_lgce",   "ngl_hgce",      "ngl_ldlge",     "ngl_ldhge",
    "ngl_hdlge",   "ngl_hdhge",  "ngl_glnu",   "ngl_glnu_norm", "ngl_dcnu",      "ngl_dcnu_norm",
    "ngl_dc_perc", "ngl_gl_var", "ngl_dc_var", "ngl_dc_entr",   "ngl_dc_energy",
};
enum { MOST = 27 }; /* dependence: the voxel itself and its neighbours of the same level */

static int64_t collect(const CmRoi *roi, bool volume, int64_t z_first, int64_t z_end, int64_t *matrix) {
  int64_t near[13], voxels = 0;
  const int half = volume ? 13 : 4;
  for (int d = 0; d < half; d++)
    near[d] = cm__roi_at(roi, cm__directions[d][0], cm__directions[d][1], cm__directions[d][2]);
  for (int64_t z = z_first; z < z_end; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const uint16_t *row = roi->level + cm__roi_at(roi, 0, y, z);
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const uint16_t level = row[x];
        if (level == 0) continue;
        int same = 0;
        for (int k = 0; k < half; k++) same += (row[x + near[k]] == level) + (row[x - near[k]] == level);
        matrix[(level - 1) * MOST + same]++;
        voxels++;
      }
    }
  return voxels;
}

static bool describe(const CmRoi *roi, bool volume, int64_t z_first, int64_t z_end, int64_t *matrix, double *out,
                     CmError **err) {
  CmEntries entries = {.ctx = roi->ctx};
  memset(matrix, 0, (size_t)roi->levels * MOST * sizeof(int64_t));
  const int64_t voxels = collect(roi, volume, z_first, z_end, matrix);
  const bool ok = cm__entries_from(&entries, matrix, roi->levels, MOST, err);
  if (ok) cm__emphases(&entries, (double)voxels, out);
  cm__entries_free(&entries);
  return ok;
}

static bool whole(const CmRoi *roi, bool volume, int64_t *matrix, const char *suffix, CmMeasuredList *to,
                  CmError **err) {
  double out[FEATURES];
  return describe(roi, volume, roi->lo[2], roi->hi[2], matrix, out, err) &&
         cm__measured_add_all(to, names, suffix, out, FEATURES, err);
}

static bool by_slice(const CmRoi *roi, int64_t *matrix, CmMeasuredList *to, CmError **err) {
  CmFeatureMean mean = {0};
  double out[FEATURES];
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++) {
    if (!describe(roi, false, z, z + 1, matrix, out, err)) return false;
    cm__feature_mean_add(&mean, out, FEATURES);
  }
  cm__feature_mean_take(&mean, out, FEATURES);
  return cm__measured_add_all(to, names, "_2D", out, FEATURES, err) && whole(roi, false, matrix, "_2_5D", to, err);
}

bool cm__radiomics_ngldm(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  int64_t *matrix = cm_alloc_array(roi->ctx, (size_t)roi->levels * MOST, sizeof(*matrix), err);
  const bool ok = matrix && (!(ways & CM__BY_SLICE) || by_slice(roi, matrix, to, err)) &&
                  (!(ways & CM__BY_VOLUME) || whole(roi, true, matrix, "_3D", to, err));
  cm_free(matrix);
  return ok;
}
