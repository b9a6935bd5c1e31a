/* Vessels and airways as tubes. The trees of the lungs are grown towards random points of the lung: a branch goes part
 * of the way to the middle of its points, which are then split in two across their longest extent, each with a child
 * whose radius follows Murray's law (r^3 of the parent = sum over the children; Murray, PNAS 12:207, 1926). */
#include "ops/phantom/anatomy.h"

#include <string.h>

typedef struct Point {
  double x[3];
  double key;
} Point;

static bool add(Tubes *tubes, const double a[3], const double b[3], double ra, double rb, int kind, bool main_airway,
                CmError **err) {
  if (tubes->count == tubes->room) {
    const int room = tubes->room ? 2 * tubes->room : 4096;
    size_t size;
    if (!cm_size_multiply((size_t)room, sizeof(Tube), &size, err)) return false;
    Tube *grown = cm_realloc(tubes->ctx, tubes->tube, size, err);
    if (!grown) return false;
    tubes->tube = grown;
    tubes->room = room;
  }
  Tube *t = &tubes->tube[tubes->count++];
  for (int k = 0; k < 3; k++) {
    t->a[k] = (float)a[k];
    t->b[k] = (float)b[k];
  }
  t->ra = (float)ra;
  t->rb = (float)rb;
  t->kind = (uint8_t)kind;
  t->main_airway = main_airway;
  return true;
}

static bool add_airway(Tubes *tubes, const double a[3], const double b[3], double ra, double rb, bool main_airway,
                       CmError **err) {
  const double wall_a = 0.45 + 0.12 * ra, wall_b = 0.45 + 0.12 * rb;
  return add(tubes, a, b, ra + wall_a, rb + wall_b, TUBE_WALL, main_airway, err) &&
         add(tubes, a, b, ra, rb, TUBE_AIR, main_airway, err);
}

/* ---- growing
 * ----------------------------------------------------------------------------------------------------------- */

typedef struct Growth {
  Tubes *tubes;
  const Anatomy *anatomy;
  Rng rng;
  bool bronchi; /* an airway goes along with each wide branch */
  double tip;   /* radius at the last points */
} Growth;

static void sort_points(Point *p, int n) { /* shell sort: no recursion, deterministic */
  for (int gap = n / 2; gap > 0; gap /= 2)
    for (int i = gap; i < n; i++) {
      const Point t = p[i];
      int j = i;
      for (; j >= gap && p[j - gap].key > t.key; j -= gap) p[j] = p[j - gap];
      p[j] = t;
    }
}

/* The direction of the largest spread, by power iteration. */
static void longest_axis(const Point *p, int n, const double mean[3], double axis[3]) {
  double c[6] = {0};
  for (int i = 0; i < n; i++) {
    const double d[3] = {p[i].x[0] - mean[0], p[i].x[1] - mean[1], p[i].x[2] - mean[2]};
    c[0] += d[0] * d[0];
    c[1] += d[0] * d[1];
    c[2] += d[0] * d[2];
    c[3] += d[1] * d[1];
    c[4] += d[1] * d[2];
    c[5] += d[2] * d[2];
  }
  double v[3] = {0.41, 0.53, 0.74};
  for (int k = 0; k < 12; k++) {
    const double u[3] = {c[0] * v[0] + c[1] * v[1] + c[2] * v[2], c[1] * v[0] + c[3] * v[1] + c[4] * v[2],
                         c[2] * v[0] + c[4] * v[1] + c[5] * v[2]};
    const double s = 1 / sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2] + 1e-30);
    for (int j = 0; j < 3; j++) v[j] = u[j] * s;
  }
  memcpy(axis, v, sizeof v);
}

/* A bent branch in three straight pieces; `aim` is the direction in which its parent ended. */
static bool branch(Growth *g, const double a[3], const double b[3], const double aim[3], double ra, double rb,
                   double end[3], CmError **err) {
  const double length =
      sqrt((b[0] - a[0]) * (b[0] - a[0]) + (b[1] - a[1]) * (b[1] - a[1]) + (b[2] - a[2]) * (b[2] - a[2]));
  double m[3], last[3];
  memcpy(last, a, sizeof last);
  for (int k = 0; k < 3; k++) m[k] = a[k] + aim[k] * length * 0.4;
  const int pieces = length > 9 ? 3 : 2;
  for (int i = 1; i <= pieces; i++) {
    const double t = (double)i / pieces, s = (double)(i - 1) / pieces;
    double p[3];
    for (int k = 0; k < 3; k++) p[k] = (1 - t) * (1 - t) * a[k] + 2 * t * (1 - t) * m[k] + t * t * b[k];
    const double r0 = ra + (rb - ra) * s, r1 = ra + (rb - ra) * t;
    /* what would cross the heart or the wall on its way is left out */
    const double mid[3] = {0.5 * (last[0] + p[0]), 0.5 * (last[1] + p[1]), 0.5 * (last[2] + p[2])};
    const bool within = r0 > 4 || cm__anatomy_lung(g->anatomy, mid) < 1;
    if (within && !add(g->tubes, last, p, r0, r1, TUBE_BLOOD, false, err)) return false;
    if (within && g->bronchi && r0 > 1.7) {
      const double off = 0.95, side = a[0] > 0 ? 1 : -1;
      double la[3], lb[3];
      for (int k = 0; k < 3; k++) {
        const double n = k == 0 ? -0.35 * side : k == 1 ? 0.85 : 0.39;
        la[k] = last[k] + n * (r0 * (1 + off) + 1.3);
        lb[k] = p[k] + n * (r1 * (1 + off) + 1.3);
      }
      if (!add_airway(g->tubes, la, lb, off * r0, off * r1, false, err)) return false;
    }
    if (i == pieces)
      for (int k = 0; k < 3; k++) end[k] = p[k] - last[k];
    memcpy(last, p, sizeof last);
  }
  const double s = 1 / sqrt(end[0] * end[0] + end[1] * end[1] + end[2] * end[2] + 1e-12);
  for (int k = 0; k < 3; k++) end[k] *= s;
  return true;
}

static bool grow(Growth *g, const double from[3], const double aim[3], Point *p, int n, double radius, int depth,
                 CmError **err) {
  double mean[3] = {0, 0, 0}, end[3];
  for (int i = 0; i < n; i++)
    for (int k = 0; k < 3; k++) mean[k] += p[i].x[k] / n;
  if (n == 1 || depth > 40) return branch(g, from, mean, aim, radius, g->tip, end, err);
  const double part = n > 30 ? 0.30 : n > 4 ? 0.4 : 0.55;
  double to[3];
  for (int k = 0; k < 3; k++) to[k] = from[k] + part * (mean[k] - from[k]) + rng_range(&g->rng, -1.5, 1.5);
  if (!branch(g, from, to, aim, radius, radius * 0.96, end, err)) return false;
  double axis[3];
  longest_axis(p, n, mean, axis);
  for (int i = 0; i < n; i++) p[i].key = p[i].x[0] * axis[0] + p[i].x[1] * axis[1] + p[i].x[2] * axis[2];
  sort_points(p, n);
  int left = (int)(n * rng_range(&g->rng, 0.3, 0.7));
  left = left < 1 ? 1 : left > n - 1 ? n - 1 : left;
  const double share = (double)left / n;
  const double r0 = fmax(radius * rng_cbrt(share), g->tip), r1 = fmax(radius * rng_cbrt(1 - share), g->tip);
  return grow(g, to, end, p, left, r0, depth + 1, err) && grow(g, to, end, p + left, n - left, r1, depth + 1, err);
}

static bool grow_lung(Tubes *tubes, const Anatomy *a, Rng *rng, const double root[3], double radius, int side, int n,
                      bool bronchi, CmError **err) {
  Point *points = cm_alloc_array(tubes->ctx, (size_t)n, sizeof *points, err);
  if (!points) return false;
  for (int i = 0; i < n;) {
    double q[3] = {side * rng_range(rng, 5, 150), rng_range(rng, -100, 100), rng_range(rng, -165, 115)};
    if (cm__anatomy_lung(a, q) > -2.5) continue;
    memcpy(points[i].x, q, sizeof q);
    points[i++].key = 0;
  }
  Growth g = {tubes, a, *rng, bronchi, 0.62};
  rng->counter += 1u << 20;
  const double aim[3] = {side * 0.9, 0.1, -0.3};
  const bool ok = grow(&g, root, aim, points, n, radius, 0, err);
  cm_free(points);
  return ok;
}

/* ---- the great ones
 * ---------------------------------------------------------------------------------------------------- */

static bool chain(Tubes *tubes, const double (*p)[4], int n, int kind, CmError **err) {
  for (int i = 0; i + 1 < n; i++)
    if (!add(tubes, p[i], p[i + 1], p[i][3], p[i + 1][3], kind, false, err)) return false;
  return true;
}

static bool great_vessels(Tubes *tubes, const Anatomy *a, CmError **err) {
  static const double ascending[][4] = {{6, -14, -34, 14}, {-6, -24, -10, 14.5}, {-9, -22, 15, 14}, {-6, -12, 34, 13.5},
                                        {5, 2, 46, 13},    {16, 16, 48, 12.5},   {22, 32, 42, 12},  {22, 41, 28, 12}};
  static const double pulmonary[][4] = {
      {18, -38, -30, 12}, {20, -30, -8, 12}, {20, -14, 6, 11.5}, {26, 2, 10, 10}, {36, 10, 6, 8}};
  static const double right_pulmonary[][4] = {{18, -12, 2, 9.5}, {2, -2, -1, 9.5}, {-18, 0, -3, 9}, {-32, 3, -6, 7.5}};
  static const double cava[][4] = {{-22, -14, -40, 8}, {-24, -14, 0, 8}, {-23, -12, 40, 8},
                                   {-18, -8, 70, 6.5}, {8, -20, 72, 5},  {28, -16, 84, 5}};
  static const double arteries[][4] = {{-4, -8, 48, 6}, {-12, -2, 70, 6}, {-20, 2, 110, 5}};
  static const double carotid[][4] = {{8, 6, 54, 4}, {13, 4, 110, 3.6}},
                      subclavian[][4] = {{18, 20, 54, 4.6}, {26, 20, 88, 4.4}, {60, 12, 104, 4}};
  static const double veins[][4] = {{-4, 14, -36, 7}, {-24, 8, -30, 6.5}, {-40, 6, -30, 5.5}},
                      veins_left[][4] = {{14, 16, -34, 7}, {32, 10, -26, 6}, {42, 8, -24, 5.2}};
  static const double gullet[][4] = {{-1, 38, 112, 6}, {2, 36, 40, 6}, {3, 34, -30, 6.5}, {8, 24, -80, 7}};
  static const double gullet_air[][4] = {{-1, 38, 112, 1.2}, {2, 36, 60, 1.6}, {2, 36, 40, 0.4}};
  const struct {
    const double (*p)[4];
    int n, kind;
  } all[] = {{ascending, CM_COUNT(ascending), TUBE_BLOOD},
             {pulmonary, CM_COUNT(pulmonary), TUBE_BLOOD},
             {right_pulmonary, CM_COUNT(right_pulmonary), TUBE_BLOOD},
             {cava, CM_COUNT(cava), TUBE_BLOOD},
             {arteries, CM_COUNT(arteries), TUBE_BLOOD},
             {carotid, CM_COUNT(carotid), TUBE_BLOOD},
             {subclavian, CM_COUNT(subclavian), TUBE_BLOOD},
             {veins, CM_COUNT(veins), TUBE_BLOOD},
             {veins_left, CM_COUNT(veins_left), TUBE_BLOOD},
             {gullet, CM_COUNT(gullet), TUBE_SOFT},
             {gullet_air, CM_COUNT(gullet_air), TUBE_AIR}};
  for (int i = 0; i < CM_COUNT(all); i++)
    if (!chain(tubes, all[i].p, all[i].n, all[i].kind, err)) return false;
  /* small ones in the fat: lymph nodes and branches */
  Rng rng = rng_stream(0x6d656469, (uint64_t)(a->fat * 1e6));
  for (int i = 0; i < 14; i++) {
    const double p[3] = {rng_range(&rng, -18, 24), rng_range(&rng, -30, 20), rng_range(&rng, -5, 80)};
    const double q[3] = {p[0] + rng_range(&rng, -4, 4), p[1] + rng_range(&rng, -4, 4), p[2] + rng_range(&rng, -7, 7)};
    if (cm__anatomy_lung(a, p) < 4 || cm__anatomy_lung(a, q) < 4) continue;
    if (!add(tubes, p, q, 2.2, 1.6, TUBE_SOFT, false, err)) return false;
  }
  return true;
}

static bool great_airways(Tubes *tubes, CmError **err) {
  static const double trachea[][4] = {{-1, 24, 170, 8.4}, {-1, 22, 90, 8.4}, {0, 20, 30, 8.2}};
  static const double right[][4] = {{0, 20, 26, 7.0}, {-14, 21, 12, 6.8}, {-26, 20, 0, 6.6}, {-37, 17, -8, 6.2}};
  static const double left[][4] = {{0, 20, 26, 6.6}, {16, 22, 12, 6.2}, {32, 22, -2, 6.0}, {43, 19, -8, 5.6}};
  const struct {
    const double (*p)[4];
    int n;
  } all[] = {{trachea, CM_COUNT(trachea)}, {right, CM_COUNT(right)}, {left, CM_COUNT(left)}};
  for (int c = 0; c < CM_COUNT(all); c++)
    for (int i = 0; i + 1 < all[c].n; i++)
      if (!add_airway(tubes, all[c].p[i], all[c].p[i + 1], all[c].p[i][3], all[c].p[i + 1][3], true, err)) return false;
  return true;
}

bool cm__tree_make(CmContext *ctx, const Anatomy *a, uint64_t seed, int patient, Tubes *tubes, CmError **err) {
  static const double artery[2][3] = {{-33, 4, -6}, {38, 10, 2}}, vein[2][3] = {{-40, 6, -30}, {42, 8, -24}};
  memset(tubes, 0, sizeof *tubes);
  tubes->ctx = ctx;
  Rng rng = rng_stream(seed, (uint64_t)patient * 64 + 2);
  if (!great_vessels(tubes, a, err) || !great_airways(tubes, err)) goto error;
  for (int side = 0; side < 2; side++) {
    const int sign = side == 0 ? -1 : 1;
    if (!grow_lung(tubes, a, &rng, artery[side], 6.2, sign, 480, true, err) ||
        !grow_lung(tubes, a, &rng, vein[side], 5.2, sign, 360, false, err))
      goto error;
  }
  return true;
error:
  cm_free(tubes->tube);
  memset(tubes, 0, sizeof *tubes);
  return false;
}
