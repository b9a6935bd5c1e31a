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

enum { SMALL = 64 /* sizes and distances below this are counted in tables */ };

/* Voxels of a zone that stand in a row, whose neighbours have not been looked at. */
typedef struct Piece {
  int64_t begin, end;
} Piece;

typedef struct Job {
  const CmRoi *roi;
  int64_t near[8]; /* steps to the rows beside a row */
  int near_count;  /* 2 in a slice, 8 in the volume */
  uint16_t *edge;  /* city block distance of each voxel to the outside of the morphological mask */
  uint8_t *seen;
  Piece *stack;
  int64_t top, room;
  int64_t *small[2]; /* of sizes and of distances: levels x SMALL */
  CmEntries sizes, distances;
} Job;

static void set_neighbours(Job *job, bool volume) {
  job->near_count = 0;
  for (int64_t z = volume ? -1 : 0; z <= (volume ? 1 : 0); z++)
    for (int64_t y = -1; y <= 1; y++)
      if (y != 0 || z != 0) job->near[job->near_count++] = cm__roi_at(job->roi, 0, y, z);
}

static int nearer(int a, int b) {
  return a < b ? a : b;
}

/* Forth and back through the voxels: exact for this distance. What lies outside the box is outside the mask. 16 bits
 * are enough: a voxel so far from the outside has a cube of 2^50 around itself, or in a slice a square of 2^34. */
static void measure_edges(const Job *job, bool volume) {
  const CmRoi *roi = job->roi;
  uint16_t *edge = job->edge;
  const int64_t count = roi->n[0] * roi->n[1] * roi->n[2], y = roi->step[1], z = roi->step[2];
  memset(edge, 0, (size_t)count * sizeof(*edge));
  for (int64_t k = z; k < count - z; k++)
    if (roi->shape[k]) {
      const int least = nearer(edge[k - 1], edge[k - y]);
      edge[k] = (uint16_t)nearer(UINT16_MAX, 1 + (volume ? nearer(least, edge[k - z]) : least));
    }
  for (int64_t k = count - z - 1; k >= z; k--)
    if (roi->shape[k]) {
      const int least = nearer(edge[k + 1], edge[k + y]);
      edge[k] = (uint16_t)nearer(edge[k], 1 + (volume ? nearer(least, edge[k + z]) : least));
    }
}

/* The whole piece of the zone around voxel `at`, which becomes seen and waits. */
static bool push(Job *job, int64_t at, Piece *piece, CmError **err) {
  const uint16_t *level = job->roi->level;
  *piece = (Piece){at, at + 1};
  while (level[piece->begin - 1] == level[at]) piece->begin--;
  while (level[piece->end] == level[at]) piece->end++;
  memset(job->seen + piece->begin, 1, (size_t)(piece->end - piece->begin));
  if (job->top == job->room) {
    const int64_t room = job->room + job->room / 2 + 1024;
    Piece *grown = cm_realloc(job->roi->ctx, job->stack, (size_t)room * sizeof(*grown), err);
    if (!grown) return false;
    job->stack = grown;
    job->room = room;
  }
  job->stack[job->top++] = *piece;
  return true;
}

/* The zone of voxel `start`: its size, and its least distance. */
static bool fill_zone(Job *job, int64_t start, int64_t *size, int *distance, CmError **err) {
  const uint16_t *level = job->roi->level, own = level[start];
  Piece piece, next;
  *size = 0;
  *distance = UINT16_MAX;
  if (!push(job, start, &piece, err)) return false;
  while (job->top > 0) {
    piece = job->stack[--job->top];
    *size += piece.end - piece.begin;
    for (int64_t k = piece.begin; k < piece.end; k++) *distance = nearer(*distance, job->edge[k]);
    for (int d = 0; d < job->near_count; d++)
      for (int64_t k = piece.begin - 1 + job->near[d]; k <= piece.end + job->near[d]; k++) {
        if (level[k] != own || job->seen[k]) continue;
        if (!push(job, k, &next, err)) return false;
        k = next.end;
      }
  }
  return true;
}

static bool count_zone(Job *job, int which, int level, int64_t size, CmError **err) {
  CmEntries *entries = which == 0 ? &job->sizes : &job->distances;
  if (size >= SMALL) return cm__entries_add(entries, level, size, 1, err);
  job->small[which][(level - 1) * SMALL + size]++;
  return true;
}

/* The zones that were counted, as entries. */
static bool take_counts(Job *job, CmError **err) {
  CmEntries *to[2] = {&job->sizes, &job->distances};
  for (int which = 0; which < 2; which++) {
    int64_t *count = job->small[which];
    for (int64_t k = 0; k < (int64_t)job->roi->levels * SMALL; k++)
      if (count[k] > 0 && !cm__entries_add(to[which], k / SMALL + 1, k % SMALL, (double)count[k], err)) return false;
    memset(count, 0, (size_t)job->roi->levels * SMALL * sizeof(*count));
    cm__entries_merge(to[which]);
  }
  return true;
}

/* Adds the zones of the slices; returns how many voxels they have, -1 on failure. */
static int64_t find_zones(Job *job, int64_t z_first, int64_t z_end, CmError **err) {
  const CmRoi *roi = job->roi;
  int64_t voxels = 0, size;
  int distance;
  for (int64_t k = z_first * roi->step[2]; k < z_end * roi->step[2]; k++) {
    if (roi->level[k] == 0 || job->seen[k]) continue;
    if (!fill_zone(job, k, &size, &distance, err) || !count_zone(job, 0, roi->level[k], size, err) ||
        !count_zone(job, 1, roi->level[k], distance, err))
      return -1;
    voxels += size;
  }
  return take_counts(job, err) ? voxels : -1;
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
  job.small[0] = job.seen ? cm_calloc(roi->ctx, (size_t)roi->levels + 1, 2 * SMALL * sizeof(int64_t), err) : NULL;
  job.small[1] = job.small[0] ? job.small[0] + (int64_t)roi->levels * SMALL : NULL;
  const bool ok = job.small[0] && (!(ways & CM__BY_SLICE) || by_slice(&job, to, err)) &&
                  (!(ways & CM__BY_VOLUME) || by_volume(&job, to, err));
  cm_free(job.edge);
  cm_free(job.seen);
  cm_free(job.stack);
  cm_free(job.small[0]);
  cm__entries_free(&job.sizes);
  cm__entries_free(&job.distances);
  return ok;
}
