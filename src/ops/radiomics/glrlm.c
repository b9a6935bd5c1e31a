/* Grey level run lengths: how many voxels of one level follow each other. IBSI manual 3.7; Galloway MM. Texture
 * analysis using gray level run lengths. Comput Graph Image Process 4(2), 1975. */
#include <string.h>

#include "ops/radiomics/emphasis.h"
#include "ops/radiomics/region.h"

enum { FEATURES = CM__ENERGY }; /* the standard has no energy of run lengths */
static const char *const names[FEATURES] = {
    "rlm_sre",  "rlm_lre",       "rlm_lgre", "rlm_hgre",      "rlm_srlge",  "rlm_srhge",  "rlm_lrlge",  "rlm_lrhge",
    "rlm_glnu", "rlm_glnu_norm", "rlm_rlnu", "rlm_rlnu_norm", "rlm_r_perc", "rlm_gl_var", "rlm_rl_var", "rlm_rl_entr",
};

typedef struct Job {
  const CmRoi *roi;
  int64_t longest;
  int64_t *matrix; /* levels x longest */
} Job;

/* The runs that start in the slices, as entries. */
static bool find_runs(const Job *job, const int direction[3], int64_t z_first, int64_t z_end, CmEntries *to,
                      CmError **err) {
  const CmRoi *roi = job->roi;
  const int64_t next = cm__roi_at(roi, direction[0], direction[1], direction[2]);
  memset(job->matrix, 0, (size_t)(roi->levels * job->longest) * sizeof(int64_t));
  for (int64_t z = z_first; z < z_end; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const uint16_t *row = roi->level + cm__roi_at(roi, 0, y, z);
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const uint16_t level = row[x];
        if (level == 0 || row[x - next] == level) continue;
        int64_t length = 1;
        while (row[x + length * next] == level) length++;
        job->matrix[(level - 1) * job->longest + length - 1]++;
      }
    }
  to->count = 0;
  if (!cm__entries_from(to, job->matrix, roi->levels, job->longest, err)) return false;
  return true;
}

static int64_t voxels_of(const CmRoi *roi, int64_t z_first, int64_t z_end) {
  int64_t voxels = 0;
  for (int64_t k = z_first * roi->step[2]; k < z_end * roi->step[2]; k++) voxels += roi->inside[k];
  return voxels;
}

/* Features of the runs along each direction, averaged; then of all of them together. */
static bool average_and_merge(const Job *job, int directions, int64_t z_first, int64_t z_end, CmFeatureMean *average,
                              CmFeatureMean *combined, CmError **err) {
  CmEntries one = {.ctx = job->roi->ctx}, all = {.ctx = job->roi->ctx};
  const double voxels = (double)voxels_of(job->roi, z_first, z_end);
  double out[CM__EMPHASES];
  bool ok = true;
  for (int d = 0; ok && d < directions; d++) {
    ok = find_runs(job, cm__directions[d], z_first, z_end, &one, err) && cm__entries_append(&all, &one, err);
    if (!ok) break;
    cm__emphases(&one, voxels, out);
    cm__feature_mean_add(average, out, FEATURES);
  }
  if (ok) {
    cm__entries_merge(&all);
    cm__emphases(&all, voxels * directions, out);
    cm__feature_mean_add(combined, out, FEATURES);
  }
  cm__entries_free(&one);
  cm__entries_free(&all);
  return ok;
}

static bool add_mean(CmMeasuredList *to, const char *suffix, const CmFeatureMean *mean, CmError **err) {
  double out[FEATURES];
  cm__feature_mean_take(mean, out, FEATURES);
  return cm__measured_add_all(to, names, suffix, out, FEATURES, err);
}

static bool by_slice(const Job *job, CmMeasuredList *to, CmError **err) {
  const CmRoi *roi = job->roi;
  CmFeatureMean average = {0}, combined = {0}, average_25 = {0}, combined_25 = {0};
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    if (!average_and_merge(job, 4, z, z + 1, &average, &combined, err)) return false;
  return average_and_merge(job, 4, roi->lo[2], roi->hi[2], &average_25, &combined_25, err) &&
         add_mean(to, "_2D_avg", &average, err) && add_mean(to, "_2D_comb", &combined, err) &&
         add_mean(to, "_2_5D_avg", &average_25, err) && add_mean(to, "_2_5D_comb", &combined_25, err);
}

static bool by_volume(const Job *job, CmMeasuredList *to, CmError **err) {
  CmFeatureMean average = {0}, combined = {0};
  return average_and_merge(job, 13, job->roi->lo[2], job->roi->hi[2], &average, &combined, err) &&
         add_mean(to, "_3D_avg", &average, err) && add_mean(to, "_3D_comb", &combined, err);
}

bool cm__radiomics_glrlm(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  Job job = {.roi = roi, .longest = 1};
  for (int k = 0; k < 3; k++)
    if (roi->hi[k] - roi->lo[k] > job.longest) job.longest = roi->hi[k] - roi->lo[k];
  job.matrix = cm_alloc_array(roi->ctx, (size_t)roi->levels * (size_t)job.longest, sizeof(int64_t), err);
  const bool ok = job.matrix && (!(ways & CM__BY_SLICE) || by_slice(&job, to, err)) &&
                  (!(ways & CM__BY_VOLUME) || by_volume(&job, to, err));
  cm_free(job.matrix);
  return ok;
}
