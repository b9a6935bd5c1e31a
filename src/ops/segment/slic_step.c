#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/segment/slic.h"
#include "ops/simd.h"

enum { PLACE_SUMS = 4 }; /* voxels, x, y, z; then the features */

/* A centre as the rows see it: the voxels [low, high) of each axis. */
typedef struct Seen {
  int32_t low[3], high[3];
  float place[3], weight;
  const float *mean;
} Seen;

/* Pieces of the image: boxes of whole rows, with the centres that see them. */
typedef struct Step {
  CmSlic *slic;
  bool by_place;
  int64_t chunk[3], chunks[3]; /* size, and how many, along y and z */
  Seen *seen;                  /* [count] */
  int64_t *begin;              /* centres of piece c: who[begin[c] .. begin[c + 1]) */
  int32_t *who;
  double *sum; /* of each of them */
} Step;

/* ---- one row ---- */

static inline __attribute__((always_inline)) void see_one(const float *restrict value, const Seen *seen, float rest,
                                                          float axis, float spatial, int32_t slot, float *restrict best,
                                                          int32_t *restrict who) {
  const float x0 = seen->place[0], mean = seen->mean[0], weight = seen->weight;
  for (int32_t x = seen->low[0]; x < seen->high[0]; x++) {
    const float dx = (float)x - x0, dv = value[x] - mean;
    const float d = (rest + dx * dx * axis) * spatial + dv * dv * weight;
    const bool nearer = d < best[x];
    best[x] = nearer ? d : best[x];
    who[x] = nearer ? slot : who[x];
  }
}

static inline __attribute__((always_inline)) void see_many(const float *restrict value, int64_t nx, int64_t features,
                                                           const Seen *seen, float rest, float axis, float spatial,
                                                           int32_t slot, float *restrict far, float *restrict best,
                                                           int32_t *restrict who) {
  const int32_t low = seen->low[0], high = seen->high[0];
  const float x0 = seen->place[0], weight = seen->weight;
  for (int32_t x = low; x < high; x++) far[x] = 0.0F;
  for (int64_t f = 0; f < features; f++) {
    const float *restrict of = value + f * nx;
    const float mean = seen->mean[f];
    for (int32_t x = low; x < high; x++) far[x] += (of[x] - mean) * (of[x] - mean);
  }
  for (int32_t x = low; x < high; x++) {
    const float dx = (float)x - x0;
    const float d = (rest + dx * dx * axis) * spatial + far[x] * weight;
    const bool nearer = d < best[x];
    best[x] = nearer ? d : best[x];
    who[x] = nearer ? slot : who[x];
  }
}

/* The nearest of n centres (numbers in `slots`) for each voxel of a row: who[x], -1 for none. */
CM_SIMD static void see_row(const CmSlic *slic, const float *value, const Seen *seen, const int32_t *slots, int64_t n,
                            float y, float z, float *best, int32_t *who) {
  const int64_t nx = slic->n[0];
  for (int64_t x = 0; x < nx; x++) {
    best[x] = INFINITY;
    who[x] = -1;
  }
  for (int64_t k = 0; k < n; k++) {
    const Seen *one = &seen[slots[k]];
    const float dy = y - one->place[1], dz = z - one->place[2];
    const float rest = dz * dz * slic->axis[2] + dy * dy * slic->axis[1];
    if (slic->features == 1)
      see_one(value, one, rest, slic->axis[0], slic->spatial, slots[k], best, who);
    else
      see_many(value, nx, slic->features, one, rest, slic->axis[0], slic->spatial, slots[k], best + nx, best, who);
  }
}

/* Adds a row to the sums of its centres, run by run, and stores its labels. */
static void add_row(const CmSlic *slic, const float *value, const int32_t *who, const int32_t *centre, double y,
                    double z, double *sum, uint32_t *label) {
  const int64_t nx = slic->n[0], size = PLACE_SUMS + slic->features;
  for (int64_t x = 0, end; x < nx; x = end) {
    const int32_t slot = who[x];
    for (end = x + 1; end < nx && who[end] == slot;) end++;
    if (slot < 0) continue;
    double *to = sum + slot * size;
    const double n = (double)(end - x);
    to[0] += n;
    to[1] += n * 0.5 * (double)(x + end - 1);
    to[2] += n * y;
    to[3] += n * z;
    for (int64_t f = 0; f < slic->features; f++) {
      double all = 0.0;
      for (int64_t i = x; i < end; i++) all += (double)value[f * nx + i];
      to[PLACE_SUMS + f] += all;
    }
    const uint32_t number = (uint32_t)centre[slot] + 1;
    for (int64_t i = x; i < end; i++) label[i] = number;
  }
}

/* ---- one piece ---- */

static void piece_box(const Step *step, int64_t piece, int64_t low[3], int64_t high[3]) {
  const int64_t at[3] = {0, piece % step->chunks[1], piece / step->chunks[1]};
  for (int axis = 1; axis < 3; axis++) {
    low[axis] = at[axis] * step->chunk[axis];
    high[axis] = low[axis] + step->chunk[axis];
    if (high[axis] > step->slic->n[axis]) high[axis] = step->slic->n[axis];
  }
}

/* Which of n centres see each row of a plane: slots[begin[y]..begin[y + 1]), in their order. */
static void list_rows(const Seen *seen, int64_t n, int64_t z, int64_t y0, int64_t y1, int64_t *begin, int32_t *slots) {
  memset(begin, 0, (size_t)(y1 - y0 + 2) * sizeof(int64_t));
  for (int pass = 0; pass < 2; pass++) {
    for (int64_t k = 0; k < n; k++) {
      if (z < seen[k].low[2] || z >= seen[k].high[2]) continue;
      const int64_t low = seen[k].low[1] > y0 ? seen[k].low[1] : y0, high = seen[k].high[1] < y1 ? seen[k].high[1] : y1;
      for (int64_t y = low; y < high; y++)
        if (pass == 0)
          begin[y - y0 + 2]++;
        else
          slots[begin[y - y0 + 1]++] = (int32_t)k;
    }
    /* begin[y + 1] is where row y goes on; after the second pass where it ends */
    for (int64_t y = 0; pass == 0 && y < y1 - y0; y++) begin[y + 2] += begin[y + 1];
  }
}

static bool do_piece(void *arg, CmRange range, CmError **err) {
  const Step *step = arg;
  const CmSlic *slic = step->slic;
  const int64_t n = step->begin[range.begin + 1] - step->begin[range.begin], nx = slic->n[0];
  const int32_t *centre = step->who + step->begin[range.begin];
  int64_t low[3], high[3], listed = 1;
  piece_box(step, range.begin, low, high);
  Seen *seen = cm_alloc_array(slic->ctx, (size_t)n + 1, sizeof(Seen), err);
  float *best = cm_alloc_array(slic->ctx, (size_t)nx * 2, sizeof(float), err);
  int32_t *who = cm_alloc_array(slic->ctx, (size_t)nx, sizeof(int32_t), err), *slots = NULL;
  int64_t *begin = cm_alloc_array(slic->ctx, (size_t)(high[1] - low[1] + 2), sizeof(int64_t), err);
  bool ok = seen && best && who && begin;
  for (int64_t k = 0; ok && k < n; k++) {
    seen[k] = step->seen[centre[k]];
    listed += seen[k].high[1] - seen[k].low[1] < high[1] - low[1] ? seen[k].high[1] - seen[k].low[1] : high[1] - low[1];
  }
  if (ok) slots = cm_alloc_array(slic->ctx, (size_t)listed, sizeof(int32_t), err);
  for (int64_t z = low[2]; slots && z < high[2]; z++) {
    list_rows(seen, n, z, low[1], high[1], begin, slots);
    for (int64_t y = low[1]; y < high[1]; y++) {
      const int64_t row = z * slic->n[1] + y, *at = begin + (y - low[1]);
      const float *value = slic->value + row * slic->features * nx;
      see_row(slic, value, seen, slots + at[0], at[1] - at[0], (float)y, (float)z, best, who);
      add_row(slic, value, who, centre, (double)y, (double)z,
              step->sum + step->begin[range.begin] * (PLACE_SUMS + slic->features), slic->label + row * nx);
    }
  }
  ok = slots != NULL;
  cm_free(seen);
  cm_free(best);
  cm_free(who);
  cm_free(begin);
  cm_free(slots);
  return ok;
}

/* ---- all ---- */

static void look_around(const Step *step, int64_t k) {
  const CmSlic *slic = step->slic;
  Seen *seen = &step->seen[k];
  for (int axis = 0; axis < 3; axis++) {
    const double at = slic->place[3 * k + axis];
    const double low = at - slic->reach[axis], high = at + slic->reach[axis] + 1.0;
    seen->low[axis] = low > 0.0 ? (int32_t)low : 0;
    seen->high[axis] = high < (double)slic->n[axis] ? (int32_t)high : (int32_t)slic->n[axis];
    seen->place[axis] = (float)at;
  }
  seen->weight = step->by_place ? 0.0F : slic->weight[k];
  seen->mean = slic->mean + k * slic->features;
}

/* Calls for each piece that the centre sees. */
#define EACH_PIECE(step, k, piece)                                                                                    \
  for (int64_t pz = (step)->seen[k].low[2] / (step)->chunk[2]; pz * (step)->chunk[2] < (step)->seen[k].high[2]; pz++) \
    for (int64_t py = (step)->seen[k].low[1] / (step)->chunk[1], piece = pz * (step)->chunks[1] + py;                 \
         py * (step)->chunk[1] < (step)->seen[k].high[1]; py++, piece++)

static bool list_pieces(Step *step, int64_t pieces, CmError **err) {
  const CmSlic *slic = step->slic;
  size_t size;
  step->begin = cm_calloc(slic->ctx, (size_t)pieces + 2, sizeof(int64_t), err);
  if (!step->begin) return false;
  for (int64_t k = 0; k < slic->count; k++) EACH_PIECE(step, k, piece) step->begin[piece + 2]++;
  for (int64_t piece = 0; piece < pieces; piece++) step->begin[piece + 2] += step->begin[piece + 1];
  const size_t listed = (size_t)step->begin[pieces + 1] + 1;
  if (!cm_size_multiply(listed, (size_t)(PLACE_SUMS + slic->features), &size, err)) return false;
  step->who = cm_alloc_array(slic->ctx, listed, sizeof(int32_t), err);
  step->sum = step->who ? cm_calloc(slic->ctx, size, sizeof(double), err) : NULL;
  if (!step->sum) return false;
  for (int64_t k = 0; k < slic->count; k++) EACH_PIECE(step, k, piece) step->who[step->begin[piece + 1]++] = (int32_t)k;
  return true;
}

/* Centres become the means of their voxels; those without any stay. */
static bool move_centres(const Step *step, int64_t pieces, bool *rests, CmError **err) {
  CmSlic *slic = step->slic;
  const int64_t size = PLACE_SUMS + slic->features;
  double *total = cm_calloc(slic->ctx, (size_t)(slic->count * size), sizeof(double), err);
  if (!total) return false;
  for (int64_t at = 0; at < step->begin[pieces]; at++)
    for (int64_t i = 0; i < size; i++) total[step->who[at] * size + i] += step->sum[at * size + i];
  *rests = true;
  for (int64_t k = 0; k < slic->count; k++) {
    const double *sum = total + k * size;
    if (sum[0] == 0.0) continue;
    for (int axis = 0; axis < 3; axis++) {
      const double place = sum[1 + axis] / sum[0];
      if (place != slic->place[3 * k + axis]) *rests = false;
      slic->place[3 * k + axis] = place;
    }
    for (int64_t f = 0; f < slic->features; f++) {
      const float mean = (float)(sum[PLACE_SUMS + f] / sum[0]);
      if (mean != slic->mean[k * slic->features + f]) *rests = false;
      slic->mean[k * slic->features + f] = mean;
    }
  }
  cm_free(total);
  return true;
}

typedef struct Spread {
  CmSlic *slic;
  float *most; /* [workers][count] */
} Spread;

/* The largest squared difference to its centre's values in each segment. */
static bool spread_rows(void *arg, CmRange range, CmError **err) {
  const Spread *job = arg;
  const CmSlic *slic = job->slic;
  const int64_t nx = slic->n[0];
  float *most = job->most + range.worker * slic->count;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    for (int64_t x = 0; x < nx; x++) {
      const uint32_t label = slic->label[row * nx + x];
      if (label == 0) continue;
      float sum = 0.0F;
      for (int64_t f = 0; f < slic->features; f++) {
        const float d = slic->value[(row * slic->features + f) * nx + x] - slic->mean[(label - 1) * slic->features + f];
        sum += d * d;
      }
      if (sum > most[label - 1]) most[label - 1] = sum;
    }
  return true;
}

static int64_t some_rows(const CmSlic *slic) {
  return 1 + 65536 / (slic->n[0] * slic->features);
}

static bool weigh(CmSlic *slic, CmError **err) {
  const int workers = cm_context_threads(slic->ctx);
  Spread job = {slic, cm_calloc(slic->ctx, (size_t)(workers * slic->count), sizeof(float), err)};
  bool ok =
      job.most && cm_parallel_for(slic->ctx, NULL, slic->n[1] * slic->n[2], some_rows(slic), spread_rows, &job, err);
  for (int64_t k = 0; ok && k < slic->count; k++) {
    for (int worker = 0; worker < workers; worker++)
      if (job.most[worker * slic->count + k] > slic->most[k]) slic->most[k] = job.most[worker * slic->count + k];
    slic->weight[k] = 1.0F / slic->most[k];
  }
  cm_free(job.most);
  return ok;
}

bool cm__slic_step(CmSlic *slic, bool by_place, bool *rests, CmError **err) {
  Step step = {.slic = slic, .by_place = by_place};
  /* thin pieces: enough of them to share out; not thinner than half of what a centre sees, or they are many more */
  const double most = slic->n[2] >= 16 ? (double)slic->n[2] / 16.0 : 1.0;
  const double deep = fmin(fmax(slic->reach[2], 4.0), most);
  const double tall = slic->n[2] >= 16 ? (double)slic->n[1] : fmax(fmin(slic->reach[1], 512.0), 16.0);
  step.chunk[2] = deep < 1.0 ? 1 : (int64_t)deep;
  step.chunk[1] = tall < (double)slic->n[1] ? (int64_t)tall : slic->n[1];
  for (int axis = 1; axis < 3; axis++) step.chunks[axis] = cm_chunk_count(slic->n[axis], step.chunk[axis]);
  const int64_t pieces = step.chunks[1] * step.chunks[2];
  step.seen = cm_alloc_array(slic->ctx, (size_t)slic->count, sizeof(Seen), err);
  bool ok = step.seen != NULL;
  for (int64_t k = 0; ok && k < slic->count; k++) look_around(&step, k);
  ok = ok && list_pieces(&step, pieces, err) && cm_parallel_for(slic->ctx, NULL, pieces, 1, do_piece, &step, err) &&
       move_centres(&step, pieces, rests, err) && (!slic->zero || weigh(slic, err));
  cm_free(step.seen);
  cm_free(step.begin);
  cm_free(step.who);
  cm_free(step.sum);
  return ok;
}

/* ---- voxels that no centre saw ---- */

static bool complete_rows(void *arg, CmRange range, CmError **err) {
  const CmSlic *slic = arg;
  const int64_t nx = slic->n[0];
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    for (int64_t x = 0; x < nx; x++) {
      const float v = slic->value[row * slic->features * nx + x];
      if (slic->label[row * nx + x] != 0 || v != v) continue;
      double nearest = INFINITY;
      for (int64_t k = 0; k < slic->count; k++) {
        const double dx = (double)x - slic->place[3 * k], dy = (double)(row % slic->n[1]) - slic->place[3 * k + 1];
        const double dz = (double)(row / slic->n[1]) - slic->place[3 * k + 2];
        const double d =
            dx * dx * (double)slic->axis[0] + dy * dy * (double)slic->axis[1] + dz * dz * (double)slic->axis[2];
        if (d >= nearest) continue;
        nearest = d;
        slic->label[row * nx + x] = (uint32_t)k + 1;
      }
    }
  return true;
}

bool cm__slic_complete(CmSlic *slic, CmError **err) {
  return cm_parallel_for(slic->ctx, NULL, slic->n[1] * slic->n[2], some_rows(slic), complete_rows, slic, err);
}
