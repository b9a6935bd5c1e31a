/* The trachea is the round air-filled section near the middle that continues from slice to slice; from it the air is
 * followed downwards at rising thresholds until it breaks into the lung (the «explosion control» of Mori et al., Proc.
 * SPIE 2433 (1995) 231, and of many since). */
#include <math.h>
#include <string.h>

#include "ops/chest/ball.h"
#include "ops/chest/thorax.h"
#include "ops/segment/components.h"

#define SECTION_MIN_MM2 35.0
#define SECTION_MAX_MM2 1000.0
#define CHAIN_MIN_MM 18.0
#define LEAK_MM3 90e3

typedef struct Chain {
  int64_t next, length;
} Chain;

static double section_mm2(const Canonical *c, const CmComponent *s) {
  return (double)s->voxels * c->mm[0] * c->mm[1];
}

static bool is_round(const Canonical *c, const CmComponent *s) {
  const double w = (double)(s->box_max[0] - s->box_min[0] + 1) * c->mm[0],
               h = (double)(s->box_max[1] - s->box_min[1] + 1) * c->mm[1];
  const double area = section_mm2(c, s);
  return area >= SECTION_MIN_MM2 && area <= SECTION_MAX_MM2 && w < 2.6 * h && h < 2.6 * w && area > 0.5 * w * h;
}

static bool follows(const Canonical *c, const CmComponent *a, const CmComponent *b) {
  double d = 0;
  for (int k = 0; k < 2; k++) {
    const double e = (a->sum[k] / (double)a->voxels - b->sum[k] / (double)b->voxels) * c->mm[k];
    d += e * e;
  }
  const double ratio = (double)a->voxels / (double)b->voxels;
  return sqrt(d) < 3 + c->mm[2] && ratio > 0.5 && ratio < 2;
}

/* Sections come sorted by slice: links each to its best follower in the slice above. Returns the lowest section of the
 * best chain, -1: none. */
static int64_t best_chain(const Canonical *c, const CmComponents *s, const double middle[2], const double width,
                          Chain *chain) {
  int64_t best = -1;
  double best_score = 0;
  for (int64_t i = s->count - 1; i >= 0; i--) {
    chain[i] = (Chain){-1, 1};
    const CmComponent *a = &s->items[i];
    if (!is_round(c, a)) continue;
    for (int64_t j = i + 1; j < s->count && s->items[j].box_min[2] <= a->box_min[2] + 1; j++) {
      const CmComponent *b = &s->items[j];
      if (b->box_min[2] == a->box_min[2] || !is_round(c, b) || !follows(c, a, b)) continue;
      if (chain[j].length + 1 > chain[i].length) chain[i] = (Chain){j, chain[j].length + 1};
    }
    const double length = (double)chain[i].length * c->mm[2];
    const double off = fabs(a->sum[0] / (double)a->voxels * c->mm[0] - middle[0]) / width;
    int64_t top = i;
    while (chain[top].next >= 0) top = chain[top].next;
    if (length < CHAIN_MIN_MM || off > 0.22 || (double)s->items[top].box_min[2] * c->mm[2] < middle[1]) continue;
    const double score = length * (1 - 2 * off);
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

/* Follows air below `limit` from the queue's first `count` voxels; stops when more than `most` were found. */
static int64_t flood(const Canonical *c, const uint8_t *air, double limit, uint8_t *reached, int64_t *queue,
                     int64_t count, int64_t most) {
  const int16_t *hu = cm_image_data(c->hu);
  const int64_t nx = c->n[0], ny = c->n[1], nz = c->n[2], step[3] = {1, nx, nx * ny};
  for (int64_t head = 0; head < count && count <= most; head++) {
    const int64_t at = queue[head], p[3] = {at % nx, at / nx % ny, at / (nx * ny)}, n[3] = {nx, ny, nz};
    for (int k = 0; k < 3; k++)
      for (int side = -1; side < 2; side += 2) {
        if (p[k] + side < 0 || p[k] + side >= n[k]) continue;
        const int64_t to = at + side * step[k];
        if (reached[to] || !air[to] || hu[to] >= limit) continue;
        reached[to] = 1;
        queue[count++] = to;
      }
  }
  return count;
}

/* Rising thresholds; what was reached before the leak stays in `reached`. */
static void follow_lumen(const Canonical *c, const uint8_t *air, uint8_t *reached, int64_t *queue, int64_t seeds) {
  const int64_t most = (int64_t)(LEAK_MM3 / c->voxel_mm3);
  int64_t before = seeds;
  for (double limit = -990; limit <= -700; limit += 10) {
    /* only the new layer need be tried again: all that is reached is in the queue */
    const int64_t count = flood(c, air, limit, reached, queue, before, most);
    const double mm3 = (double)count * c->voxel_mm3;
    if (count > most || ((double)count > 1.6 * (double)before && mm3 > 35e3)) {
      for (int64_t i = before; i < count; i++) reached[queue[i]] = 0;
      return;
    }
    before = count;
  }
}

static bool seed_chain(CmContext *ctx, const Canonical *c, const CmComponents *s, const Chain *chain, int64_t first,
                       CmImage *airway, int64_t *queue, int64_t *seeds, CmError **err) {
  int64_t *label = cm_calloc(ctx, (size_t)s->count, sizeof *label, err);
  if (!label) return false;
  for (int64_t i = first; i >= 0; i = chain[i].next) label[i] = 1;
  const bool ok = cm__components_paint(ctx, s, label, false, airway, err);
  cm_free(label);
  const uint8_t *m = cm_image_data(airway);
  *seeds = 0;
  for (int64_t i = 0; ok && i < c->voxels; i++)
    if (m[i]) queue[(*seeds)++] = i;
  return ok;
}

/* 2: the wide part and its wall. Worked on in the airway's box alone. */
static bool mark_wide(CmContext *ctx, const Canonical *c, uint8_t *airway, const int64_t *queue, int64_t count,
                      CmError **err) {
  int64_t low[3] = {INT64_MAX, INT64_MAX, INT64_MAX}, high[3] = {0, 0, 0}, n[3];
  for (int64_t i = 0; i < count; i++) {
    const int64_t p[3] = {queue[i] % c->n[0], queue[i] / c->n[0] % c->n[1], queue[i] / (c->n[0] * c->n[1])};
    for (int k = 0; k < 3; k++) {
      if (p[k] < low[k]) low[k] = p[k];
      if (p[k] > high[k]) high[k] = p[k];
    }
  }
  for (int k = 0; k < 3; k++) {
    const int64_t pad = 1 + (int64_t)ceil(4 / c->mm[k]);
    low[k] = low[k] > pad ? low[k] - pad : 0;
    high[k] = high[k] + pad < c->n[k] ? high[k] + pad : c->n[k] - 1;
    n[k] = high[k] - low[k] + 1;
  }
  const int64_t voxels = n[0] * n[1] * n[2];
  uint8_t *box = cm_alloc(ctx, (size_t)voxels, err);
  bool ok = false;
  if (!box) return false;
  const double coarse = c->mm[0] > c->mm[1] ? c->mm[0] : c->mm[1];
  const double wide = coarse > 2.2 ? coarse * 1.05 : 2.3;
  for (int64_t i = 0; i < voxels; i++)
    box[i] = airway[(i / (n[0] * n[1]) + low[2]) * c->n[0] * c->n[1] + (i / n[0] % n[1] + low[1]) * c->n[0] + i % n[0] +
                    low[0]] != 0;
  if (!cm__ball(ctx, box, BALL_CLOSE, coarse * 1.05, n, c->mm, err) ||
      !cm__ball(ctx, box, BALL_OPEN, wide, n, c->mm, err) ||
      !cm__ball(ctx, box, BALL_DILATE, fmax(1.9, 1.05 * coarse), n, c->mm, err))
    goto done;
  for (int64_t i = 0; i < voxels; i++)
    if (box[i])
      airway[(i / (n[0] * n[1]) + low[2]) * c->n[0] * c->n[1] + (i / n[0] % n[1] + low[1]) * c->n[0] + i % n[0] +
             low[0]] = 2;
  ok = true;
done:
  cm_free(box);
  return ok;
}

/* Middle of the body along x, and the height of the middle of all enclosed air. */
static void find_middle(const Canonical *c, const uint8_t *body, const uint8_t *air, double middle[2], double *width) {
  double sum[2] = {0, 0}, count[2] = {0, 0};
  int64_t low = c->n[0], high = 0;
  for (int64_t i = 0, z = 0; z < c->n[2]; z++)
    for (int64_t y = 0; y < c->n[1]; y++)
      for (int64_t x = 0; x < c->n[0]; x++, i++) {
        if (body[i]) {
          sum[0] += (double)x;
          count[0]++;
          low = x < low ? x : low;
          high = x > high ? x : high;
        }
        if (air[i]) {
          sum[1] += (double)z;
          count[1]++;
        }
      }
  middle[0] = count[0] > 0 ? sum[0] / count[0] * c->mm[0] : 0;
  middle[1] = count[1] > 0 ? sum[1] / count[1] * c->mm[2] : 0;
  *width = high > low ? (double)(high - low) * c->mm[0] : 1;
}

static bool air_sections(CmContext *ctx, const Canonical *c, const uint8_t *air, CmImage *airway,
                         CmComponents *sections, CmError **err) {
  const int16_t *hu = cm_image_data(c->hu);
  uint8_t *m = cm_image_data_mut(airway);
  for (int64_t i = 0; i < c->voxels; i++) m[i] = air[i] && hu[i] < -600;
  return cm__components_find(ctx, airway, CM_CONNECT_4, CM_COMPONENTS_NONZERO, sections, err);
}

bool cm__airway_find(CmContext *ctx, const Canonical *c, const CmImage *body, const CmImage *air, CmImage *airway,
                     bool *found, double *centre_mm, CmError **err) {
  CmComponents sections = {0};
  Chain *chain = NULL;
  int64_t *queue = NULL, seeds = 0;
  bool ok = false;
  const uint8_t *in = cm_image_data(air);
  uint8_t *m = cm_image_data_mut(airway);
  double middle[2], width;
  find_middle(c, cm_image_data(body), in, middle, &width);
  *found = false;
  *centre_mm = middle[0];
  if (!air_sections(ctx, c, in, airway, &sections, err)) return false;
  chain = cm_alloc_array(ctx, (size_t)sections.count + 1, sizeof *chain, err);
  queue = chain ? cm_alloc_array(ctx, (size_t)c->voxels + 1, sizeof *queue, err) : NULL;
  if (!queue) goto done;
  const int64_t first = best_chain(c, &sections, middle, width, chain);
  if (first < 0) {
    memset(m, 0, (size_t)c->voxels);
    ok = true;
    goto done;
  }
  if (!seed_chain(ctx, c, &sections, chain, first, airway, queue, &seeds, err)) goto done;
  double x = 0;
  for (int64_t i = 0; i < seeds; i++) x += (double)(queue[i] % c->n[0]) * c->mm[0];
  *centre_mm = x / (double)seeds;
  *found = true;
  follow_lumen(c, in, m, queue, seeds);
  int64_t count = 0;
  for (int64_t i = 0; i < c->voxels; i++)
    if (m[i]) queue[count++] = i;
  ok = mark_wide(ctx, c, m, queue, count, err);
done:
  cm_free(chain);
  cm_free(queue);
  cm__components_free(&sections);
  return ok;
}
