/* One nodule: what is brighter than the middle between it and the lung, freed of vessels and spicules by an opening of
 * a radius that follows from its own thickness (as in Kostis et al., IEEE Trans Med Imaging 22 (2003) 1259), with the
 * voxels of its surface counted by the share that their value says (partial volume). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/chest/ball.h"
#include "ops/chest/nodule_find.h"
#include "ops/eigen.h"

#define TAIL_MM 5.0
#define BLUR_VOXELS \
  0.62 /* standard deviation of the scan's point spread, in voxels, that thin nodules are corrected for */

enum { REGION = 1, NODULE = 2, CORE = 4, SEEN = 8, TAIL = 16 };

typedef struct Patch { /* a box about the seed */
  const Field *f;
  const double *mm;
  int64_t low[3], n[3], voxels, seed, step[3];
  int16_t *hu;
  uint8_t *lung, *mark, *mask;
  float *inner;       /* squared distances to the border of the region */
  const float *outer; /* and to the nodule */
  CmImage *held[1];
  double near_mm, volume_mm3;
  int64_t counted; /* voxels that may belong to the nodule: the first of `queue` */
  int64_t *queue;
  double background, threshold, full;
} Patch;

static bool patch_open(CmContext *ctx, const Field *f, const Seed *s, Patch *p, CmError **err) {
  memset(p, 0, sizeof *p);
  p->f = f;
  p->mm = f->c->mm;
  const double reach = fmin(fmax(2.6 * s->radius_mm + 6, 13), 42);
  for (int k = 0; k < 3; k++) {
    const int64_t r = (int64_t)ceil(reach / p->mm[k]);
    p->low[k] = s->at[k] > r ? s->at[k] - r : 0;
    p->n[k] = (s->at[k] + r < f->n[k] ? s->at[k] + r : f->n[k] - 1) - p->low[k] + 1;
  }
  p->voxels = p->n[0] * p->n[1] * p->n[2];
  p->step[0] = 1;
  p->step[1] = p->n[0];
  p->step[2] = p->n[0] * p->n[1];
  for (int k = 0; k < 3; k++) p->seed += (s->at[k] - p->low[k]) * p->step[k];
  const size_t n = (size_t)p->voxels;
  uint8_t *block = cm_alloc(ctx, n * (sizeof(int64_t) + sizeof(float) + sizeof(int16_t) + 3), err);
  if (!block) return false;
  p->queue = (int64_t *)block;
  p->inner = (float *)(block + n * 8);
  p->hu = (int16_t *)(block + n * 12);
  p->lung = block + n * 14;
  p->mark = block + n * 15;
  p->mask = block + n * 16;
  for (int64_t r = 0; r < p->n[1] * p->n[2]; r++) {
    const int64_t from = ((r / p->n[1] + p->low[2]) * f->n[1] + r % p->n[1] + p->low[1]) * f->n[0] + p->low[0];
    memcpy(p->hu + r * p->n[0], f->hu + from, (size_t)p->n[0] * sizeof(int16_t));
    memcpy(p->lung + r * p->n[0], f->lung + from, (size_t)p->n[0]);
  }
  memset(p->mark, 0, n);
  return true;
}

static void position(const Patch *p, int64_t at, int64_t x[3]) {
  x[0] = at % p->n[0];
  x[1] = at / p->n[0] % p->n[1];
  x[2] = at / p->step[2];
}

static double squared_mm(const Patch *p, int64_t a, int64_t b) {
  int64_t x[3], y[3];
  position(p, a, x);
  position(p, b, y);
  double d = 0;
  for (int k = 0; k < 3; k++) d += (double)((x[k] - y[k]) * (x[k] - y[k])) * p->mm[k] * p->mm[k];
  return d;
}

/* Value of lung about the nodule and of the nodule's middle; the threshold lies half-way. */
static bool levels(Patch *p, const Seed *s) {
  int64_t count[1100] = {0}, all = 0;
  for (int64_t i = 0; i < p->voxels; i++)
    if (p->lung[i] && p->hu[i] < -650) {
      count[p->hu[i] > -1024 ? p->hu[i] + 1024 : 0]++;
      all++;
    }
  if (all < 20) return false;
  int64_t sum = 0;
  int v = 0;
  while ((sum += count[v]) * 2 < all) v++;
  p->background = v - 1024;
  const double near = fmax(0.55 * s->radius_mm, 1.01 * fmax(p->mm[0], p->mm[1]));
  double total = 0, n = 0;
  for (int64_t i = 0; i < p->voxels; i++)
    if (p->lung[i] && squared_mm(p, i, p->seed) <= near * near) {
      total += p->hu[i] > 60 ? 60 : p->hu[i];
      n++;
    }
  if (n < 1) return false;
  p->full = total / n;
  p->near_mm = near;
  p->threshold = 0.5 * (p->background + p->full);
  return p->full - p->background > 150;
}

/* Marks what hangs together with `from` where mask is set; returns how many, in p->queue. */
static int64_t flood(Patch *p, const uint8_t *mask, int64_t from, uint8_t bit) {
  int64_t count = 0;
  p->queue[count++] = from;
  p->mark[from] |= bit;
  for (int64_t head = 0; head < count; head++) {
    int64_t x[3];
    position(p, p->queue[head], x);
    for (int k = 0; k < 3; k++)
      for (int side = -1; side < 2; side += 2) {
        if (x[k] + side < 0 || x[k] + side >= p->n[k]) continue;
        const int64_t to = p->queue[head] + side * p->step[k];
        if (!mask[to] || (p->mark[to] & bit)) continue;
        p->mark[to] |= bit;
        p->queue[count++] = to;
      }
  }
  return count;
}

/* The opened region about the seed: NODULE; its deep part: CORE. Returns the inner radius in mm, 0: nothing. */
static double open_region(CmContext *ctx, Patch *p, const Seed *s, bool *ok, CmError **err) {
  *ok = true;
  int64_t from = p->seed;
  double best = -1;
  for (int64_t i = 0; i < p->voxels; i++) { /* the brightest voxel beside the peak, should the peak itself be dark */
    p->mask[i] = p->lung[i] && p->hu[i] > p->threshold;
    if (p->mask[i] && squared_mm(p, i, p->seed) <= 9 && p->hu[i] - 20 * squared_mm(p, i, p->seed) > best - 2000) {
      best = p->hu[i] - 20 * squared_mm(p, i, p->seed) + 2000;
      from = i;
    }
  }
  if (!p->mask[from]) return 0;
  flood(p, p->mask, from, REGION);
  for (int64_t i = 0; i < p->voxels; i++) p->mask[i] = (p->mark[i] & REGION) != 0;
  CmImage *distance = cm__mask_distance(ctx, p->mask, false, p->n, p->mm, err);
  *ok = distance != NULL;
  if (!distance) return 0;
  memcpy(p->inner, cm_image_data(distance), (size_t)p->voxels * sizeof(float));
  cm_image_unref(&distance);
  int64_t deepest = from;
  const double near = 1.1 * s->radius_mm;
  for (int64_t i = 0; i < p->voxels; i++)
    if (p->mask[i] && p->inner[i] > p->inner[deepest] && squared_mm(p, i, from) <= near * near) deepest = i;
  const double thick = sqrt((double)p->inner[deepest]);
  const double cut = 0.6 * thick;
  for (int64_t i = 0; i < p->voxels; i++) p->mask[i] = p->mask[i] && sqrt((double)p->inner[i]) >= cut - 1e-4;
  flood(p, p->mask, deepest, CORE);
  for (int64_t i = 0; i < p->voxels; i++) p->mask[i] = (p->mark[i] & CORE) != 0;
  distance = cm__mask_distance(ctx, p->mask, true, p->n, p->mm, err);
  *ok = distance != NULL;
  if (!distance) return 0;
  const float *from_core = cm_image_data(distance);
  const double back = cut + 0.25 * fmax(p->mm[0], p->mm[1]);
  for (int64_t i = 0; i < p->voxels; i++)
    if ((p->mark[i] & REGION) && from_core[i] <= back * back) p->mark[i] |= NODULE;
  cm_image_unref(&distance);
  return thick;
}

/* What the opening took off and reaches far is a vessel: TAIL. Crumbs of the surface are not. Sets p->outer. */
static bool find_tails(CmContext *ctx, Patch *p, CmError **err) {
  for (int64_t i = 0; i < p->voxels; i++) p->mask[i] = (p->mark[i] & NODULE) != 0;
  p->held[0] = cm__mask_distance(ctx, p->mask, true, p->n, p->mm, err);
  if (!p->held[0]) return false;
  p->outer = cm_image_data(p->held[0]);
  for (int64_t i = 0; i < p->voxels; i++) p->mask[i] = (p->mark[i] & (REGION | NODULE)) == REGION;
  for (int64_t i = 0; i < p->voxels; i++) {
    if (!p->mask[i] || (p->mark[i] & SEEN)) continue;
    const int64_t count = flood(p, p->mask, i, SEEN);
    float far = 0;
    for (int64_t k = 0; k < count; k++) far = p->outer[p->queue[k]] > far ? p->outer[p->queue[k]] : far;
    for (int64_t k = 0; far > TAIL_MM * TAIL_MM && k < count; k++) p->mark[p->queue[k]] |= TAIL;
  }
  const double reach = 1.75 * fmax(p->mm[0], p->mm[1]);
  p->counted = 0;
  for (int64_t i = 0; i < p->voxels; i++)
    if ((p->mark[i] & NODULE) || (p->outer[i] <= reach * reach && p->lung[i] && !(p->mark[i] & TAIL)))
      p->queue[p->counted++] = i;
  return true;
}

static bool at_border(const Patch *p, int64_t i, uint8_t bit) {
  int64_t x[3];
  position(p, i, x);
  for (int k = 0; k < 3; k++)
    for (int side = -1; side < 2; side += 2)
      if (x[k] + side >= 0 && x[k] + side < p->n[k] && !(p->mark[i + side * p->step[k]] & bit)) return true;
  return false;
}

/* Share of a voxel that is nodule: 1 within; at the surface and about it by value, so that noise and blur cancel out.
 */
static double share(const Patch *p, int64_t i) {
  if ((p->mark[i] & NODULE) && !at_border(p, i, NODULE)) return 1;
  const double v = (p->hu[i] - p->background) / (p->full - p->background);
  return v > 1 ? 1 : v;
}

typedef struct Sums {
  double weight, x[3], xx[6], hu, core_hu, core, surface, wall, medial, vessel;
} Sums;

/* Between the lungs in its row? */
static bool is_medial(const Patch *p, int64_t at) {
  int64_t x[3];
  position(p, at, x);
  const int32_t *gap = p->f->gap + 2 * ((x[2] + p->low[2]) * p->f->n[1] + x[1] + p->low[1]);
  return x[0] + p->low[0] > gap[0] && x[0] + p->low[0] < gap[1];
}

static void add_voxel(const Patch *p, int64_t i, Sums *s) {
  const double w = share(p, i);
  int64_t at[3];
  position(p, i, at);
  double x[3];
  for (int k = 0; k < 3; k++) x[k] = (double)at[k];
  s->weight += w;
  for (int k = 0; k < 3; k++) s->x[k] += w * x[k];
  const int pair[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  for (int k = 0; k < 6; k++) s->xx[k] += w * x[pair[k][0]] * x[pair[k][1]];
  if (!(p->mark[i] & NODULE)) return;
  s->hu += p->hu[i];
  s->core += 1;
  for (int k = 0; k < 3; k++)
    for (int side = -1; side < 2; side += 2) {
      if (at[k] + side < 0 || at[k] + side >= p->n[k]) continue;
      const int64_t to = i + side * p->step[k];
      if (p->mark[to] & NODULE) continue;
      s->surface += 1;
      if (!p->lung[to]) {
        s->wall += 1;
        s->medial += is_medial(p, to);
      } else if (p->mark[to] & TAIL)
        s->vessel += 1;
    }
}

static int by_size(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

static void describe(Patch *p, const Sums *s, Nodule *out) {
  double c[3], m[6], e[3];
  for (int k = 0; k < 3; k++) c[k] = s->x[k] / s->weight;
  const int pair[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  for (int k = 0; k < 6; k++) {
    const int i = pair[k][0], j = pair[k][1];
    m[k] = (s->xx[k] / s->weight - c[i] * c[j] + (i == j ? 1.0 / 12 : 0)) * p->mm[i] * p->mm[j];
  }
  cm__eigen3(m, e);
  out->elongation = sqrt(e[0] / fmax(e[2], 1e-6));
  out->volume_mm3 = p->volume_mm3;
  out->diameter_mm = cbrt(out->volume_mm3 * 6 / 3.14159265358979323846);
  out->mean_hu = s->core > 0 ? s->hu / s->core : p->full;
  out->threshold_hu = p->threshold;
  out->wall = s->surface > 0 ? s->wall / s->surface : 0;
  out->medial = s->surface > 0 ? s->medial / s->surface : 0;
  out->vessel = s->surface > 0 ? s->vessel / s->surface : 0;
  for (int k = 0; k < 3; k++) out->centre[k] = c[k] + (double)p->low[k];
  int64_t n = 0;
  for (int64_t i = 0; i < p->voxels; i++)
    if (p->mark[i] & NODULE) {
      int64_t x[3];
      position(p, i, x);
      double d = 0;
      for (int k = 0; k < 3; k++) d += ((double)x[k] - c[k]) * ((double)x[k] - c[k]) * p->mm[k] * p->mm[k];
      p->inner[n++] = (float)d;
    }
  qsort(p->inner, (size_t)n, sizeof(float), by_size);
  const double far = n ? sqrt((double)p->inner[(n - 1) * 95 / 100]) : 1;
  const double ball = 0.5 * out->diameter_mm / fmax(far, 0.5 * fmax(p->mm[0], p->mm[1]));
  out->sphericity = ball < 1 ? ball * ball * ball : 1;
}

static bool keep_voxels(CmContext *ctx, const Patch *p, Nodule *out, CmError **err) {
  const Canonical *c = p->f->c;
  for (int64_t i = 0; i < p->voxels; i++) out->count += (p->mark[i] & NODULE) != 0;
  out->voxel = cm_alloc_array(ctx, (size_t)out->count + 1, sizeof *out->voxel, err);
  if (!out->voxel) return false;
  int64_t n = 0, sides[3] = {0, 0, 0};
  for (int64_t i = 0; i < p->voxels; i++)
    if (p->mark[i] & NODULE) {
      int64_t x[3];
      position(p, i, x);
      sides[p->lung[i] < 3 ? p->lung[i] : 0]++;
      for (int k = 0; k < 3; k++) x[k] += p->low[k] + p->f->low[k];
      out->voxel[n++] = (x[2] * c->n[1] + x[1]) * c->n[0] + x[0];
    }
  out->side = sides[2] > sides[1] ? 2 : 1;
  return true;
}

/* Value, of 1, at the distance r from the centre of a ball of radius R after a Gaussian blur of sigma (closed form). */
static double blurred_ball(double R, double r, double sigma) {
  const double k = 1 / (sigma * 1.4142135623730951), a = (R - r) * k, b = (R + r) * k;
  return 0.5 * (erf(a) + erf(b)) - (exp(-a * a) - exp(-b * b)) / (2 * 1.7724538509055159 * k * r);
}

static double clamp_height(double h) {
  return h < 0.45 ? 0.45 : h > 1 ? 1 : h;
}

/* The volume is the mass above lung over the nodule's own contrast. Blur takes height from small nodules: their
 * contrast is put right for the radius that they have, until both agree. */
static void measure(Patch *p, Sums *s) {
  double deep = 0, n = 0, middle[3] = {0, 0, 0};
  for (int64_t q = 0, i; q < p->counted; q++)
    if (p->mark[i = p->queue[q]] & NODULE) {
      int64_t x[3];
      position(p, i, x);
      for (int k = 0; k < 3; k++) middle[k] += (double)x[k];
      n++;
    }
  const double inside =
      fmax(0.5 * cbrt(n * p->f->c->voxel_mm3 * 3 / (4 * 3.14159265358979323846)), 0.95 * fmax(p->mm[0], p->mm[1]));
  double used = 0, radii = 0;
  for (int64_t q = 0; q < p->counted; q++) {
    const int64_t i = p->queue[q];
    if (!(p->mark[i] & NODULE)) continue;
    int64_t x[3];
    position(p, i, x);
    double d = 0;
    for (int k = 0; k < 3; k++)
      d += ((double)x[k] - middle[k] / n) * ((double)x[k] - middle[k] / n) * p->mm[k] * p->mm[k];
    if (d > inside * inside) continue;
    deep += p->hu[i] > 60 ? 60 : p->hu[i];
    radii += sqrt(d);
    used++;
  }
  const double contrast = used > 0 ? deep / used - p->background : p->full - p->background;
  const double sigma = BLUR_VOXELS * cbrt(p->f->c->voxel_mm3), mean = fmax(used > 0 ? radii / used : 0, 0.05 * sigma);
  p->full = p->background + contrast;
  double height = 1;
  for (int turn = 0; turn < 6; turn++) {
    p->full = p->background + contrast / height;
    memset(s, 0, sizeof *s);
    for (int64_t i = 0; i < p->counted; i++) add_voxel(p, p->queue[i], s);
    p->volume_mm3 = s->weight * p->f->c->voxel_mm3;
    if (p->volume_mm3 <= 0) return;
    const double radius = cbrt(p->volume_mm3 * 3 / (4 * 3.14159265358979323846));
    height = clamp_height(blurred_ball(radius, mean, sigma));
  }
}

bool cm__nodule_cut(CmContext *ctx, const Field *f, const Seed *seed, Nodule *out, bool *found, CmError **err) {
  Patch p;
  memset(out, 0, sizeof *out);
  out->seed = *seed;
  *found = false;
  if (!patch_open(ctx, f, seed, &p, err)) return false;
  bool ok = true;
  if (!levels(&p, seed)) goto done;
  const double thick = open_region(ctx, &p, seed, &ok, err);
  if (!ok || thick <= 0) goto done;
  ok = find_tails(ctx, &p, err);
  if (!ok) goto done;
  Sums s;
  measure(&p, &s);
  if (s.weight <= 0) goto done;
  describe(&p, &s, out);
  ok = keep_voxels(ctx, &p, out, err);
  *found = ok;
done:
  cm_image_unref(&p.held[0]);
  cm_free(p.queue);
  return ok;
}
