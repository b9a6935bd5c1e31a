#include <string.h>

#include "ops/denoise/nlm.h"
#include "ops/simd.h"

/* One tile on its way through the offsets. Coordinates are the tile's own; src and val point to its voxel (0, 0, 0).
 * Patches p and p + offset have the same distance both ways: each pair is measured once and serves both. */
typedef struct Pairs {
  const CmNlm *job;
  const float *src, *val;
  int64_t row, plane; /* strides of src and val */
  const int64_t *size;
  float *sums, *weights; /* of the tile, so far: weight * difference, weight */
  int64_t offset[3];
  int64_t low[3], high[3];                          /* where p lies: in the tile, or p + offset does */
  int64_t wide;                                     /* room of a line */
  float *difference, *distance, *weight, *weighted; /* lines */
  float *lines;                                     /* ring of 2 * patch y + 1 lines, summed along x */
  float *planes;                                    /* ring of 2 * patch z + 1 planes, summed along x and y */
  int64_t plane_rows;
} Pairs;

/* Sum of k lines, each with its weight, or all alike. */
CM_SIMD static void add_lines(const float *const *line, const float *taps, int64_t k, float *restrict to, int64_t n) {
  const float *a = line[0], *b = line[k > 1 ? 1 : 0], *c = line[k > 2 ? 2 : 0];
  if (taps) {
    for (int64_t i = 0; i < n; i++) to[i] = taps[0] * a[i];
    for (int64_t at = 1; at < k; at++) {
      const float *from = line[at], tap = taps[at];
      for (int64_t i = 0; i < n; i++) to[i] += tap * from[i];
    }
    return;
  }
  if (k == 1) {
    memcpy(to, a, (size_t)n * sizeof(float));
  } else if (k == 7) {
    const float *d = line[3], *e = line[4], *f = line[5], *g = line[6];
    for (int64_t i = 0; i < n; i++) to[i] = ((a[i] + b[i]) + (c[i] + d[i])) + ((e[i] + f[i]) + g[i]);
  } else {
    for (int64_t i = 0; i < n; i++) to[i] = (a[i] + b[i]) + c[i];
    for (int64_t at = 3; at + 1 < k; at += 2) {
      const float *d = line[at], *e = line[at + 1];
      for (int64_t i = 0; i < n; i++) to[i] += d[i] + e[i];
    }
  }
}

CM_SIMD static void weigh(const float *restrict weight, const float *restrict p, const float *restrict q,
                          float *restrict weighted, int64_t n) {
  for (int64_t i = 0; i < n; i++) weighted[i] = weight[i] * (q[i] - p[i]);
}

CM_SIMD static void add(const float *restrict weighted, const float *restrict weight, float *restrict sums,
                        float *restrict weights, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    sums[i] += weighted[i];
    weights[i] += weight[i];
  }
}

CM_SIMD static void subtract(const float *restrict weighted, const float *restrict weight, float *restrict sums,
                             float *restrict weights, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    sums[i] -= weighted[i];
    weights[i] += weight[i];
  }
}

static bool in_tile(const Pairs *pairs, int64_t y, int64_t z) {
  return y >= 0 && y < pairs->size[1] && z >= 0 && z < pairs->size[2];
}

/* Line (y, z) of distances has come: both ends of each pair take their part. */
static void gather(const Pairs *pairs, const float *distance, int64_t y, int64_t z) {
  const int64_t *o = pairs->offset, n = pairs->high[0] - pairs->low[0], x = -pairs->low[0];
  const bool p_in = in_tile(pairs, y, z), q_in = in_tile(pairs, y + o[1], z + o[2]);
  if (!p_in && !q_in) return;
  const float *p = pairs->val + z * pairs->plane + y * pairs->row + pairs->low[0];
  cm__nlm_weights(pairs->job, distance, pairs->weight, n);
  weigh(pairs->weight, p, p + o[2] * pairs->plane + o[1] * pairs->row + o[0], pairs->weighted, n);
  const int64_t nx = pairs->size[0], at = (z * pairs->size[1] + y) * nx,
                to = ((z + o[2]) * pairs->size[1] + y + o[1]) * nx;
  if (p_in) add(pairs->weighted + x, pairs->weight + x, pairs->sums + at, pairs->weights + at, nx);
  if (q_in) subtract(pairs->weighted + x - o[0], pairs->weight + x - o[0], pairs->sums + to, pairs->weights + to, nx);
}

/* Differences of line (y, z), summed along x. */
static void sum_along_x(const Pairs *pairs, int64_t y, int64_t z, float *to) {
  const CmNlm *job = pairs->job;
  const int64_t *o = pairs->offset, r = job->patch[0], n = pairs->high[0] - pairs->low[0];
  const float *p = pairs->src + z * pairs->plane + y * pairs->row + pairs->low[0] - r;
  const float *q = p + o[2] * pairs->plane + o[1] * pairs->row + o[0];
  if (r == 0) {
    cm__nlm_differences(p, q, job->absolute, to, n);
    return;
  }
  const float *shifted[CM_LIST_MAX];
  cm__nlm_differences(p, q, job->absolute, pairs->difference, n + 2 * r);
  for (int64_t k = 0; k <= 2 * r; k++) shifted[k] = pairs->difference + k;
  add_lines(shifted, job->taps[0], 2 * r + 1, to, n);
}

/* All pairs of one offset. */
static void do_offset(const Pairs *pairs) {
  const CmNlm *job = pairs->job;
  const int64_t ry = job->patch[1], rz = job->patch[2], tall = 2 * ry + 1, depth = 2 * rz + 1;
  const int64_t *low = pairs->low, *high = pairs->high, n = high[0] - low[0];
  const float *lines[CM_LIST_MAX];
  for (int64_t z = low[2] - rz; z < high[2] + rz; z++) {
    float *plane = pairs->planes + (z - low[2] + rz) % depth * pairs->plane_rows * pairs->wide;
    for (int64_t y = low[1] - ry; y < high[1] + ry; y++) {
      sum_along_x(pairs, y, z, pairs->lines + (y - low[1] + ry) % tall * pairs->wide);
      if (y < low[1] + ry) continue;
      float *to = rz ? plane + (y - ry - low[1]) * pairs->wide : pairs->distance;
      for (int64_t k = 0; k < tall; k++) lines[k] = pairs->lines + (y - low[1] - ry + k) % tall * pairs->wide;
      add_lines(lines, job->taps[1], tall, to, n);
      if (rz == 0) gather(pairs, to, y - ry, z);
    }
    for (int64_t y = low[1]; rz && z >= low[2] + rz && y < high[1]; y++) {
      for (int64_t k = 0; k < depth; k++)
        lines[k] = pairs->planes + ((z - low[2] - rz + k) % depth * pairs->plane_rows + y - low[1]) * pairs->wide;
      add_lines(lines, job->taps[2], depth, pairs->distance, n);
      gather(pairs, pairs->distance, y, z - rz);
    }
  }
}

static bool do_offsets(Pairs *pairs, CmError **err) {
  const int64_t *s = pairs->job->search;
  for (int64_t dz = 0; dz <= s[2]; dz++)
    for (int64_t dy = dz ? -s[1] : 0; dy <= s[1]; dy++)
      for (int64_t dx = dz || dy ? -s[0] : 1; dx <= s[0]; dx++) {
        if (cm_context_cancelled(pairs->job->ctx, err)) return false; /* wide searches take long */
        const int64_t o[3] = {dx, dy, dz};
        for (int axis = 0; axis < 3; axis++) {
          pairs->offset[axis] = o[axis];
          pairs->low[axis] = o[axis] > 0 ? -o[axis] : 0;
          pairs->high[axis] = pairs->size[axis] + (o[axis] < 0 ? -o[axis] : 0);
        }
        do_offset(pairs);
      }
  return true;
}

bool cm__nlm_voxels(const CmNlm *job, const CmBlock *block, float *result, CmError **err) {
  int64_t halo[3];
  CmBlock padded;
  float *values, *squared = NULL;
  bool ok = false;
  for (int axis = 0; axis < 3; axis++) halo[axis] = job->search[axis] + job->patch[axis];
  Pairs pairs = {.job = job, .size = block->size};
  const int64_t *size = block->size, n = size[0] * size[1] * size[2];
  pairs.wide = (size[0] + job->search[0] + 2 * job->patch[0] + 15) / 16 * 16;
  pairs.plane_rows = size[1] + job->search[1];
  const int64_t tall = 2 * job->patch[1] + 1, planes = job->patch[2] ? (2 * job->patch[2] + 1) * pairs.plane_rows : 0;
  float *room = NULL, *sums = NULL;
  values = cm__nlm_load(job, block, halo, &padded, &squared, err);
  if (values) sums = cm_calloc(job->ctx, (size_t)(2 * n), sizeof(float), err);
  if (sums) room = cm_alloc_array(job->ctx, (size_t)((4 + tall + planes) * pairs.wide), sizeof(float), err);
  if (room) {
    pairs.row = padded.size[0];
    pairs.plane = padded.size[0] * padded.size[1];
    const int64_t first = halo[2] * pairs.plane + halo[1] * pairs.row + halo[0];
    pairs.src = values + first;
    pairs.val = squared + first;
    pairs.sums = sums;
    pairs.weights = sums + n;
    float **const lines[] = {&pairs.difference, &pairs.distance, &pairs.weight, &pairs.weighted, &pairs.lines};
    for (int k = 0; k < CM_COUNT(lines); k++) *lines[k] = room + k * pairs.wide;
    pairs.planes = pairs.lines + tall * pairs.wide;
    ok = do_offsets(&pairs, err);
    for (int64_t i = 0; i < n && ok; i++) {
      const int64_t x = i % size[0], y = i / size[0] % size[1], z = i / size[0] / size[1];
      result[i] = pairs.val[z * pairs.plane + y * pairs.row + x] + sums[i] / (1.0f + pairs.weights[i]);
    }
    if (ok) cm__nlm_finish(job, result, n);
  }
  cm_free(room);
  cm_free(sums);
  cm_free(values);
  return ok;
}
