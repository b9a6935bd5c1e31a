/* Telling left from right. Where the lungs touch (behind the sternum, before the spine) they are eroded, at falling
 * thresholds, until they fall apart. The parts are grown back so that they meet in the narrowest place (a watershed of
 * the distance map: Vincent and Soille, IEEE PAMI 13 (1991) 583) or, where a thin sheet of tissue was what parted them,
 * on its crest (a watershed of the values). */
#include <math.h>
#include <string.h>

#include "ops/chest/ball.h"
#include "ops/chest/thorax.h"
#include "ops/segment/components.h"

#define SIDES_APART_MM 40.0
#define LEVELS 512
#define LEVEL_MM 0.1
#define LEVEL_HU 2

static double middle_x(const Canonical *c, const CmComponent *part) {
  return part->sum[0] / (double)part->voxels * c->mm[0];
}

/* The two largest pieces, if they lie side by side. */
static bool two_sides(const Canonical *c, const CmComponents *s, int64_t pair[2]) {
  int64_t a = -1, b = -1;
  for (int64_t i = 0; i < s->count; i++) {
    if (a < 0 || s->items[i].voxels > s->items[a].voxels) {
      b = a;
      a = i;
    } else if (b < 0 || s->items[i].voxels > s->items[b].voxels) {
      b = i;
    }
  }
  if (b < 0 || (double)s->items[b].voxels < 0.12 * (double)s->items[a].voxels) return false;
  const double xa = middle_x(c, &s->items[a]), xb = middle_x(c, &s->items[b]);
  if (fabs(xa - xb) < SIDES_APART_MM) return false;
  pair[0] = xa < xb ? a : b;
  pair[1] = xa < xb ? b : a;
  return true;
}

typedef struct Buckets { /* first-in first-out lists of voxels by level */
  int32_t head[LEVELS], tail[LEVELS];
  int32_t *next;
} Buckets;

static void put(Buckets *b, int level, int32_t at) {
  b->next[at] = -1;
  if (b->head[level] < 0)
    b->head[level] = at;
  else
    b->next[b->tail[level]] = at;
  b->tail[level] = at;
}

/* High levels are flooded first. */
typedef struct Relief {
  const float *squared; /* of the distance from the border; NULL: the values count, low ones first */
  const int16_t *hu;
} Relief;

static int level_of(const Relief *relief, int64_t at) {
  const double level =
      relief->squared ? sqrt((double)relief->squared[at]) / LEVEL_MM : LEVELS - 1 - (relief->hu[at] + 1024) / LEVEL_HU;
  return level < 0 ? 0 : level < LEVELS - 1 ? (int)level : LEVELS - 1;
}

/* Grows labels over the voxels of `lungs` that are 3. */
static bool watershed(CmContext *ctx, const Canonical *c, uint8_t *lungs, const Relief *relief, CmError **err) {
  Buckets b = {.next = cm_alloc_array(ctx, (size_t)c->voxels, sizeof(int32_t), err)};
  if (!b.next) return false;
  memset(b.head, 0xff, sizeof b.head);
  const int64_t nx = c->n[0], ny = c->n[1], step[3] = {1, nx, nx * ny};
  for (int64_t i = 0; i < c->voxels; i++)
    if (lungs[i] == 1 || lungs[i] == 2) put(&b, level_of(relief, i), (int32_t)i);
  for (int level = LEVELS - 1; level >= 0; level--)
    while (b.head[level] >= 0) {
      const int32_t at = b.head[level];
      b.head[level] = b.next[at];
      const int64_t p[3] = {at % nx, at / nx % ny, at / (nx * ny)};
      for (int k = 0; k < 3; k++)
        for (int side = -1; side < 2; side += 2) {
          if (p[k] + side < 0 || p[k] + side >= c->n[k]) continue;
          const int64_t to = at + side * step[k];
          if (lungs[to] != 3) continue;
          lungs[to] = lungs[at];
          const int l = level_of(relief, to);
          put(&b, l < level ? l : level, (int32_t)to);
        }
    }
  cm_free(b.next);
  return true;
}

/* Sets `lungs` (0, 1 = lung) to the labels of the pieces of `part`: 1 and 2 for the pair, 3 where it is lung and in
 * neither. */
static bool mark_pair(CmContext *ctx, const CmComponents *s, const int64_t pair[2], uint8_t *lungs, CmImage *part,
                      CmError **err) {
  int64_t *label = cm_calloc(ctx, (size_t)s->count, sizeof *label, err);
  if (!label) return false;
  label[pair[0]] = 1;
  label[pair[1]] = 2;
  const bool ok = cm__components_paint(ctx, s, label, false, part, err);
  cm_free(label);
  const uint8_t *p = cm_image_data(part);
  for (int64_t i = 0; ok && i < cm_image_voxels(part); i++) lungs[i] = p[i] ? p[i] : lungs[i] ? 3 : 0;
  return ok;
}

/* Pieces that no marker reached go to the side of the plane between the lungs on which they lie. */
static void rest_by_plane(const Canonical *c, uint8_t *lungs, double plane_mm) {
  for (int64_t i = 0; i < c->voxels; i++)
    if (lungs[i] == 3) lungs[i] = (double)(i % c->n[0]) * c->mm[0] < plane_mm ? 1 : 2;
}

/* What is tried, in this order, until the lungs are two. */
typedef struct Attempt {
  int16_t hu;
  double erosion_mm;
} Attempt;
static const Attempt attempts[] = {{3071, 0},   {3071, 1}, {3071, 1.6}, {3071, 2.3},  {-500, 0},    {-500, 1},
                                   {-500, 2.3}, {-600, 0}, {-600, 1},   {-600, 2.3},  {-680, 0},    {-680, 1},
                                   {-680, 2.3}, {-740, 0}, {-740, 1},   {-740, 2.3},  {3071, 3.2},  {-680, 3.2},
                                   {3071, 4.5}, {3071, 6}, {3071, 8},   {3071, 10.5}, {3071, 13.5}, {3071, 17}};

static bool attempt_mask(CmContext *ctx, const Canonical *c, const uint8_t *lungs, const Attempt *a, bool new_limit,
                         uint8_t *part, CmImage **distance, CmError **err) {
  const int16_t *hu = cm_image_data(c->hu);
  for (int64_t i = 0; i < c->voxels; i++) part[i] = lungs[i] && hu[i] < a->hu;
  if (a->erosion_mm <= 0) return true;
  if (new_limit) {
    cm_image_unref(distance);
    *distance = cm__mask_distance(ctx, part, false, c->n, c->mm, err);
    if (!*distance) return false;
  }
  const float *squared = cm_image_data(*distance);
  const float limit = (float)(a->erosion_mm * a->erosion_mm);
  for (int64_t i = 0; i < c->voxels; i++) part[i] = part[i] && squared[i] > limit;
  return true;
}

static double mean_x(const Canonical *c, const uint8_t *mask) {
  double sum = 0, count = 0;
  for (int64_t i = 0; i < c->voxels; i++)
    if (mask[i]) {
      sum += (double)(i % c->n[0]) * c->mm[0];
      count++;
    }
  return count > 0 ? sum / count : 0;
}

/* One lung goes to one side as a whole. */
static void one_side(const Canonical *c, uint8_t *lungs, double centre_mm) {
  const uint8_t side = mean_x(c, lungs) < centre_mm ? 1 : 2;
  for (int64_t i = 0; i < c->voxels; i++)
    if (lungs[i]) lungs[i] = side;
}

bool cm__lungs_split(CmContext *ctx, const Canonical *c, CmImage *lungs, double centre_mm, CmError **err) {
  uint8_t *m = cm_image_data_mut(lungs);
  if (c->voxels > INT32_MAX) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the scan has more than 2^31 voxels of 1.5 mm; crop it first");
    return false;
  }
  CmImage *part = cm__canonical_mask(ctx, c, err);
  CmImage *distance = NULL;
  CmComponents found = {0};
  bool ok = false;
  int distance_of = 0; /* the threshold that `distance` belongs to */
  for (int k = 0; part && k < CM_COUNT(attempts); k++) {
    const Attempt *a = &attempts[k];
    if (!attempt_mask(ctx, c, m, a, distance_of != a->hu, cm_image_data_mut(part), &distance, err)) goto done;
    if (a->erosion_mm > 0) distance_of = a->hu;
    cm__components_free(&found);
    memset(&found, 0, sizeof found);
    if (!cm__components_find(ctx, part, CM_CONNECT_6, CM_COMPONENTS_NONZERO, &found, err)) goto done;
    int64_t pair[2];
    if (!two_sides(c, &found, pair)) continue;
    const double plane = 0.5 * (middle_x(c, &found.items[pair[0]]) + middle_x(c, &found.items[pair[1]]));
    const Relief relief = {a->hu == 3071 && distance ? cm_image_data(distance) : NULL, cm_image_data(c->hu)};
    if (!mark_pair(ctx, &found, pair, m, part, err) || (k > 0 && !watershed(ctx, c, m, &relief, err))) goto done;
    rest_by_plane(c, m, plane);
    ok = true;
    goto done;
  }
  if (!part) goto done;
  one_side(c, m, centre_mm);
  ok = true;
done:
  cm__components_free(&found);
  cm_image_unref(&part);
  cm_image_unref(&distance);
  return ok;
}
