/* Zones: connected voxels of one level, by their size (GLSZM) and by their distance to the edge of the region (GLDZM).
 * IBSI manual 3.8 and 3.9; Thibault G et al. Texture indexes and gray level size zone matrix. PRIP 2009; Advanced
 * statistical matrices for texture characterization. IEEE Trans Biomed Eng 61(3), 2014. */
#include <string.h>

#include "ops/radiomics/emphasis.h"
#include "ops/radiomics/region.h"

enum { FEATURES = CM__ENERGY }; /* the standard has no energy of zones */
static const char *const size_names[FEATURES] = {
    "szm_sze",  "szm_lze",       "szm_lgze", "szm_hgze",      "szm_szlge",  "szm_szhge",  "szm_lzlge",  "szm_lzhge",
    "szm_glnu", "szm_glnu_norm", "szm_zsnu", "szm_zsnu_norm", "szm_z_perc", "szm_gl_var", "szm_zs_var", "szm_zs_entr",
};
static const char *const distance_names[FEATURES] = {
    "dzm_sde",  "dzm_lde",       "dzm_lgze", "dzm_hgze",      "dzm_sdlge",  "dzm_sdhge",  "dzm_ldlge",  "dzm_ldhge",
    "dzm_glnu", "dzm_glnu_norm", "dzm_zdnu", "dzm_zdnu_norm", "dzm_z_perc", "dzm_gl_var", "dzm_zd_var", "dzm_zd_entr",
};

typedef struct Job {
  const CmRoi *roi;
  int64_t near[26]; /* steps to the neighbours */
  int near_count;   /* 8 in a slice, 26 in the volume */
  int32_t *edge;    /* city block distance of each voxel to the outside of the morphological mask */
  uint8_t *seen;
  int64_t *stack;
  CmEntries sizes, distances;
} Job;

static void set_neighbours(Job *job, bool volume) {
  job->near_count = 0;
  for (int d = 0; d < (volume ? 13 : 4); d++) {
    const int64_t step = cm__roi_at(job->roi, cm__directions[d][0], cm__directions[d][1], cm__directions[d][2]);
    job->near[job->near_count++] = step;
    job->near[job->near_count++] = -step;
  }
}

static int32_t nearer(int32_t a, int32_t b) {
  return a < b ? a : b;
}

/* Forth and back through the voxels: exact for this distance. What lies outside the box is outside the mask. */
static void measure_edges(const Job *job, bool volume) {
  const CmRoi *roi = job->roi;
  int32_t *edge = job->edge;
  const int64_t count = roi->n[0] * roi->n[1] * roi->n[2], y = roi->step[1], z = roi->step[2];
  memset(edge, 0, (size_t)count * sizeof(*edge));
  for (int64_t k = z; k < count - z; k++)
    if (roi->shape[k]) {
      const int32_t least = nearer(edge[k - 1], edge[k - y]);
      edge[k] = 1 + (volume ? nearer(least, edge[k - z]) : least);
    }
  for (int64_t k = count - z - 1; k >= z; k--)
    if (roi->shape[k]) {
      const int32_t least = nearer(edge[k + 1], edge[k + y]);
      edge[k] = nearer(edge[k], 1 + (volume ? nearer(least, edge[k + z]) : least));
    }
}

/* The zone of voxel `start`: its size, and its least distance. */
static int64_t fill_zone(const Job *job, int64_t start, int32_t *distance) {
  const uint16_t *level = job->roi->level, own = level[start];
  int64_t size = 0, top = 0;
  job->stack[top++] = start;
  job->seen[start] = 1;
  *distance = job->edge[start];
  while (top > 0) {
    const int64_t at = job->stack[--top];
    size++;
    *distance = nearer(*distance, job->edge[at]);
    for (int k = 0; k < job->near_count; k++) {
      const int64_t other = at + job->near[k];
      if (level[other] != own || job->seen[other]) continue;
      job->seen[other] = 1;
      job->stack[top++] = other;
    }
  }
  return size;
}

/* Adds the zones of the slices; returns how many voxels they have, -1 on failure. */
static int64_t find_zones(Job *job, int64_t z_first, int64_t z_end, CmError **err) {
  const CmRoi *roi = job->roi;
  int64_t voxels = 0;
  for (int64_t k = z_first * roi->step[2]; k < z_end * roi->step[2]; k++) {
    if (roi->level[k] == 0 || job->seen[k]) continue;
    int32_t distance;
    const int64_t size = fill_zone(job, k, &distance);
    voxels += size;
    if (!cm__entries_add(&job->sizes, roi->level[k], size, 1, err) ||
        !cm__entries_add(&job->distances, roi->level[k], distance, 1, err))
      return -1;
  }
  cm__entries_merge(&job->sizes);
  cm__entries_merge(&job->distances);
  return voxels;
}

typedef struct Means {
  CmFeatureMean sizes, distances;
} Means;

static void add_features(Job *job, double voxels, Means *means) {
  double out[CM__EMPHASES];
  cm__emphases(&job->sizes, voxels, out);
  cm__feature_mean_add(&means->sizes, out, FEATURES);
  cm__emphases(&job->distances, voxels, out);
  cm__feature_mean_add(&means->distances, out, FEATURES);
}

static bool give(CmMeasuredList *to, const Means *means, const char *suffix, CmError **err) {
  double out[FEATURES];
  cm__feature_mean_take(&means->sizes, out, FEATURES);
  if (!cm__measured_add_all(to, size_names, suffix, out, FEATURES, err)) return false;
  cm__feature_mean_take(&means->distances, out, FEATURES);
  return cm__measured_add_all(to, distance_names, suffix, out, FEATURES, err);
}

static bool by_slice(Job *job, CmMeasuredList *to, CmError **err) {
  const CmRoi *roi = job->roi;
  CmEntries sizes = {.ctx = roi->ctx}, distances = {.ctx = roi->ctx};
  Means slices = {0}, together = {0};
  bool ok = true;
  set_neighbours(job, false);
  measure_edges(job, false);
  for (int64_t z = roi->lo[2]; ok && z < roi->hi[2]; z++) {
    job->sizes.count = job->distances.count = 0;
    const int64_t voxels = find_zones(job, z, z + 1, err);
    ok = voxels >= 0 && cm__entries_append(&sizes, &job->sizes, err) &&
         cm__entries_append(&distances, &job->distances, err);
    if (ok) add_features(job, (double)voxels, &slices);
  }
  if (ok) {
    cm__entries_free(&job->sizes);
    cm__entries_free(&job->distances);
    job->sizes = sizes;
    job->distances = distances;
    sizes = distances = (CmEntries){.ctx = roi->ctx};
    cm__entries_merge(&job->sizes);
    cm__entries_merge(&job->distances);
    add_features(job, (double)roi->voxels, &together);
  }
  cm__entries_free(&sizes);
  cm__entries_free(&distances);
  return ok && give(to, &slices, "_2D", err) && give(to, &together, "_2_5D", err);
}

static bool by_volume(Job *job, CmMeasuredList *to, CmError **err) {
  const CmRoi *roi = job->roi;
  Means means = {0};
  set_neighbours(job, true);
  measure_edges(job, true);
  memset(job->seen, 0, (size_t)(roi->n[0] * roi->n[1] * roi->n[2]));
  job->sizes.count = job->distances.count = 0;
  if (find_zones(job, roi->lo[2], roi->hi[2], err) < 0) return false;
  add_features(job, (double)roi->voxels, &means);
  return give(to, &means, "_3D", err);
}

bool cm__radiomics_zones(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  const size_t count = (size_t)(roi->n[0] * roi->n[1] * roi->n[2]);
  Job job = {.roi = roi, .sizes.ctx = roi->ctx, .distances.ctx = roi->ctx};
  job.edge = cm_alloc_array(roi->ctx, count, sizeof(*job.edge), err);
  job.seen = job.edge ? cm_calloc(roi->ctx, count, 1, err) : NULL;
  job.stack = job.seen ? cm_alloc_array(roi->ctx, (size_t)roi->voxels + 1, sizeof(*job.stack), err) : NULL;
  const bool ok = job.stack && (!(ways & CM__BY_SLICE) || by_slice(&job, to, err)) &&
                  (!(ways & CM__BY_VOLUME) || by_volume(&job, to, err));
  cm_free(job.edge);
  cm_free(job.seen);
  cm_free(job.stack);
  cm__entries_free(&job.sizes);
  cm__entries_free(&job.distances);
  return ok;
}
