#include "ops/phantom/anatomy.h"

#include <string.h>

/* ---- profiles along z
 * ------------------------------------------------------------------------------------------------ */

static void profile_slopes(Profile *p) {
  for (int i = 0; i < PROFILE_COUNT; i++) {
    const int a = i > 0 ? i - 1 : 0, b = i + 1 < PROFILE_COUNT ? i + 1 : i;
    p->slope[i] = (p->value[b] - p->value[a]) / ((b - a) * PROFILE_STEP);
  }
}

static double profile_at(const Profile *p, double z, double *slope) {
  const double t = clampd((z - PROFILE_LOW) / PROFILE_STEP, 0, PROFILE_COUNT - 1.001);
  const int i = (int)t;
  const double f = t - i;
  *slope = p->slope[i] + f * (p->slope[i + 1] - p->slope[i]);
  return p->value[i] + f * (p->value[i + 1] - p->value[i]);
}

/* The bell of the rib cage: full width at z = -60, closing towards the apex, slightly narrower below. */
static double bell(double z, double apex) {
  const double widest = -60;
  if (z < widest) return 1 - 0.05 * smoothstep(widest, -170, z);
  const double t = clampd((z - widest) / (apex - widest), 0, 1), left = 1 - t * t * t;
  return sqrt(left > 1e-4 ? left : 1e-4);
}

static void make_profiles(Anatomy *a) {
  for (int i = 0; i < PROFILE_COUNT; i++) {
    const double z = PROFILE_LOW + i * PROFILE_STEP, k = bell(z, a->apex);
    const double up = smoothstep(-40, a->apex, z), shoulders = smoothstep(20, 100, z), waist = smoothstep(-60, -200, z);
    a->cage_a.value[i] = a->cage_x * k;
    a->cage_b.value[i] = a->cage_y * (0.16 + 0.84 * k);
    a->cage_c.value[i] = -4 + 22 * up;
    a->body_a.value[i] = a->cage_x + 24 + a->fat + 26 * shoulders - 4 * waist;
    a->body_b.value[i] = a->cage_y + 21 + a->fat * 0.9 - 17 * shoulders + 3 * waist;
    a->body_c.value[i] = 4 + 12 * shoulders;
  }
  Profile *all[] = {&a->cage_a, &a->cage_b, &a->cage_c, &a->body_a, &a->body_b, &a->body_c};
  for (int i = 0; i < CM_COUNT(all); i++) profile_slopes(all[i]);
}

void cm__anatomy_make(Anatomy *a, uint64_t seed, int patient, bool female, bool contrast, double breathing_mm) {
  Rng rng = rng_stream(seed, (uint64_t)patient * 64 + 1);
  memset(a, 0, sizeof *a);
  a->female = female;
  a->cage_x = (female ? 121 : 132) + 5 * clampd(rng_normal(&rng), -1.5, 1.5);
  a->cage_y = (female ? 78 : 85) + 4 * clampd(rng_normal(&rng), -1.5, 1.5);
  a->apex = (female ? 100 : 108) + 3 * clampd(rng_normal(&rng), -1.5, 1.5);
  a->fat = rng_range(&rng, 6, 20);
  a->dome[0] = -72 + 5 * clampd(rng_normal(&rng), -1.5, 1.5) + breathing_mm;
  a->dome[1] = -84 + 5 * clampd(rng_normal(&rng), -1.5, 1.5) + breathing_mm;
  a->junction = rng_uniform(&rng) < 0.5 ? rng_range(&rng, 0.7, 1.2) : rng_range(&rng, 2, 5);
  a->heart = rng_range(&rng, 0.92, 1.08);
  a->blood_hu = contrast ? rng_range(&rng, 150, 230) : rng_range(&rng, 38, 50);
  a->liver_hu = (contrast ? 100 : 58) + 8 * clampd(rng_normal(&rng), -1.5, 1.5);
  a->lung_hu = -865 + 15 * clampd(rng_normal(&rng), -1.5, 1.5);
  a->rib_phase = rng_range(&rng, -10, 10);
  for (int i = 0; i < CM_COUNT(a->texture); i++) a->texture[i] = rng_range(&rng, 0, 6.28);
  make_profiles(a);
}

/* ---- surfaces
 * --------------------------------------------------------------------------------------------------------- */

/* Distance to the squircle-like tube u^2 + v^2 - s u^2 v^2 = 1, u = x/a(z), v = (y-c(z))/b(z). */
static double tube_distance(const Profile *pa, const Profile *pb, const Profile *pc, const double q[3]) {
  double da, db, dc;
  const double a = profile_at(pa, q[2], &da), b = profile_at(pb, q[2], &db), c = profile_at(pc, q[2], &dc);
  const double u = q[0] / a, v = (q[1] - c) / b, uu = u * u, vv = v * v;
  const double s = 0.36 * clampd(3.0 - uu - vv, 0, 1);
  const double g = sqrt(uu + vv - s * uu * vv) + 1e-9;
  const double fu = u * (1 - s * vv) / g, fv = v * (1 - s * uu) / g;
  const double gx = fu / a, gy = fv / b, gz = -fu * u * da / a - fv * (v * db + dc) / b;
  return (g - 1) / sqrt(gx * gx + gy * gy + gz * gz + 1e-8);
}

static double ellipsoid(const double q[3], double cx, double cy, double cz, double rx, double ry, double rz) {
  const double x = (q[0] - cx) / rx, y = (q[1] - cy) / ry, z = (q[2] - cz) / rz;
  const double g = sqrt(x * x + y * y + z * z) + 1e-9;
  const double gx = x / rx, gy = y / ry, gz = z / rz;
  return (g - 1) * g / sqrt(gx * gx + gy * gy + gz * gz + 1e-12);
}

/* Polynomial smooth minimum (Quilez): rounds the seam over about k mm. */
static double smooth_min(double a, double b, double k) {
  const double h = clampd(0.5 + 0.5 * (b - a) / k, 0, 1);
  return b + (a - b) * h - k * h * (1 - h);
}
static double smooth_max(double a, double b, double k) {
  return -smooth_min(-a, -b, k);
}

/* The heart's long axis points to the left, front and down. */
static double heart(const Anatomy *a, const double q[3]) {
  const double c[3] = {20, -20, -56}, e[3][3] = {{0.78, -0.52, -0.348}, {0.555, 0.832, 0}, {0.2895, -0.193, 0.9375}};
  const double d[3] = {q[0] - c[0], q[1] - c[1], q[2] - c[2]};
  double l[3];
  for (int k = 0; k < 3; k++) l[k] = e[k][0] * d[0] + e[k][1] * d[1] + e[k][2] * d[2];
  return ellipsoid(l, 0, 0, 0, 64 * a->heart, 43 * a->heart, 46 * a->heart);
}

static double spine_y(double z) {
  return 60 - 0.0009 * (z - 10) * (z - 10);
}

static double aorta_descending(const double q[3], double radius) {
  const double x = 22 - 0.00018 * (q[2] - 40) * (q[2] - 40) * (q[2] < 40 ? 1 : 0), y = spine_y(q[2]) - 16;
  const double dx = q[0] - x, dy = q[1] - y;
  const double d = sqrt(dx * dx + dy * dy) - radius;
  return smooth_max(d, q[2] - 52, 10);
}

static double mediastinum(const Anatomy *a, const double q[3]) {
  const double x = q[0], y = q[1], z = q[2], ys = spine_y(z);
  /* the column between the lungs: broad about trachea and great vessels, thin behind the sternum */
  const double broad = 18 + 9 * smoothstep(-30, 10, z) - 5 * smoothstep(50, 105, z);
  const double front = smoothstep(-58, -24, y), back = 1 - 0.55 * smoothstep(22, 42, y);
  const double half = a->junction + (broad - a->junction) * front * back;
  const double centre = 3 + 4 * smoothstep(-10, -50, y);
  double d = (fabs(x - centre) - half) * 0.9;
  const double dx = x, dy = y - ys, round = sqrt(dx * dx + dy * dy) - 23;
  const double behind = fmax(fabs(x) - 20, ys - y);
  d = smooth_min(d, fmin(round, behind), 8);
  d = smooth_min(d, heart(a, q) - 3, 10);
  d = smooth_min(d, aorta_descending(q, 15), 6);
  /* the arch, and the hila with their fat */
  d = smooth_min(d, ellipsoid(q, 14, 16, 44, 24, 40, 17), 8);
  d = smooth_min(d, ellipsoid(q, -26, 6, -4, 17, 20, 24), 8);
  d = smooth_min(d, ellipsoid(q, 32, 10, 2, 15, 18, 20), 8);
  return d;
}

static double dome(double top, double cx, double cy, double rx, double ry, double rise, const double q[3]) {
  const double x = (q[0] - cx) / rx, y = (q[1] - cy) / ry;
  const double height = top - rise * (x * x + y * y);
  const double gx = -2 * rise * x / rx, gy = -2 * rise * y / ry;
  return (height - q[2]) / sqrt(1 + gx * gx + gy * gy);
}

/* Positive below the diaphragm. */
static double diaphragm(const Anatomy *a, const double q[3]) {
  const double right = dome(a->dome[0], -58, -12, 84, 92, 78, q);
  const double left = dome(a->dome[1], 64, -8, 80, 92, 74, q);
  return smooth_max(right, left, 12);
}

static double lung_of(const Site *s) {
  double d = smooth_max(s->cage + 2.2, -s->mediastinum, 5);
  return smooth_max(d, s->diaphragm, 4);
}

static double body_of(const Anatomy *a, const double q[3]) {
  double d = tube_distance(&a->body_a, &a->body_b, &a->body_c, q);
  /* lying: the back is flat */
  const double back = a->body_b.value[200] + a->body_c.value[200] - 7;
  d = smooth_max(d, q[1] - back, 14);
  if (a->female) {
    const double breast = fmin(ellipsoid(q, 74, -92 - a->fat * 0.6, -28, 54, 34, 46),
                               ellipsoid(q, -74, -92 - a->fat * 0.6, -28, 54, 34, 46));
    d = smooth_min(d, breast, 12);
  }
  return d;
}

/* Is q surely in the air about the body? Its outline lies within its half axes, the breasts aside. */
static bool beside_body(const Anatomy *a, const double q[3]) {
  double slope;
  const double far = 12;
  if (fabs(q[0]) > profile_at(&a->body_a, q[2], &slope) + far) return true;
  const double b = profile_at(&a->body_b, q[2], &slope), c = profile_at(&a->body_c, q[2], &slope);
  return q[1] > c + b + far || q[1] < fmin(c - b, a->female ? -126 - a->fat * 0.6 : 0) - far;
}

void cm__anatomy_site(const Anatomy *a, const double q[3], Site *s) {
  s->body = s->cage = s->mediastinum = s->diaphragm = s->lung = 1e3;
  if (beside_body(a, q)) return;
  s->cage = tube_distance(&a->cage_a, &a->cage_b, &a->cage_c, q);
  s->cage = fmax(s->cage, q[2] - a->apex + 1);
  /* the wall is thicker than this everywhere: within the cage only the sign of the body's distance matters */
  s->body = s->cage < -6 ? -1e3 : body_of(a, q);
  if (s->cage > 6) return;
  s->mediastinum = fabs(q[0]) > 105 ? 60 : mediastinum(a, q);
  s->diaphragm = diaphragm(a, q);
  s->lung = lung_of(s);
}

double cm__anatomy_lung(const Anatomy *a, const double q[3]) {
  Site s;
  s.cage = fmax(tube_distance(&a->cage_a, &a->cage_b, &a->cage_c, q), q[2] - a->apex + 1);
  s.mediastinum = mediastinum(a, q);
  s.diaphragm = diaphragm(a, q);
  return lung_of(&s);
}

void cm__anatomy_inward(const Anatomy *a, const double q[3], double n[3]) {
  double s = 0;
  for (int k = 0; k < 3; k++) {
    double low[3] = {q[0], q[1], q[2]}, high[3] = {q[0], q[1], q[2]};
    low[k] -= 1;
    high[k] += 1;
    n[k] = cm__anatomy_lung(a, low) - cm__anatomy_lung(a, high);
    s += n[k] * n[k];
  }
  s = 1 / sqrt(s > 0 ? s : 1);
  for (int k = 0; k < 3; k++) n[k] *= s;
}

/* ---- tissues
 * ---------------------------------------------------------------------------------------------------------- */

/* Bone with a dense shell: d is the distance to its surface. */
static double bone_hu(double d) {
  return 170 + 520 * smoothstep(-3.2, -0.6, d);
}

static void lay(double *hu, double over, double share) {
  *hu += share * (over - *hu);
}

/* x - floor(x), which compilers turn into a call where the instruction set is old. */
static inline double fraction(double x) {
  const double whole = (double)(int64_t)x;
  return x - whole + (x < whole ? 1 : 0);
}

/* Slow waves, about -1..1, so that no tissue is flat. */
static double wave(const Anatomy *a, const double q[3], double k) {
  const double x = q[0] * k + a->texture[0], y = q[1] * k + a->texture[1], z = q[2] * k + a->texture[2];
  /* triangle waves: no library sine in the inner loop */
  const double u = fraction(x), v = fraction(y), w = fraction(z);
  return 4 * (fabs(u - 0.5) + fabs(v - 0.5) + fabs(w - 0.5)) / 1.5 - 2;
}

static double wall_hu(const Anatomy *a, const double q[3], const Site *s, double w) {
  double hu = 20; /* skin */
  lay(&hu, -105 + 8 * wave(a, q, 0.045), cover(s->body + 2, w));
  lay(&hu, 55 + 6 * wave(a, q, 0.06), cover(s->body + 2 + a->fat, w));
  /* sheets of fat between the layers of muscle */
  const double sheet = s->cage + 5 * wave(a, q, 0.012);
  for (int k = 0; k < 3; k++)
    lay(&hu, -85, cover(fabs(sheet - 17 - 19 * k) - 1.6, w) * 0.9 * smoothstep(a->apex + 2, a->apex - 12, q[2]));
  if (a->female && q[1] < -60 && s->cage > 14)
    lay(&hu, -20 + 60 * wave(a, q, 0.11),
        0.45 * cover(s->body + 8, w) * smoothstep(-110, -80, q[2]) * smoothstep(25, 0, q[2]));
  return hu;
}

static void lay_ribs(const Anatomy *a, const double q[3], const Site *s, double w, double *hu) {
  if (s->cage < 0 || s->cage > 15 || q[2] > a->apex + 4) return;
  double slope;
  const double u = q[0] / profile_at(&a->cage_a, q[2], &slope);
  const double v = (q[1] - profile_at(&a->cage_c, q[2], &slope)) / profile_at(&a->cage_b, q[2], &slope);
  const double turn = v / (fabs(u) + fabs(v) + 1e-9); /* 1 at the spine, -1 at the sternum: the diamond angle */
  const double lift = q[2] + 42 * (1 - turn) - 26 * smoothstep(-0.55, -1, turn) + a->rib_phase;
  const double spacing = 24, dz = spacing * (fraction(lift / spacing + 0.5) - 0.5), dr = s->cage - 7;
  const double e = sqrt(dr * dr / (3.9 * 3.9) + dz * dz / (6.2 * 6.2)), d = (e - 1) * 4.6;
  if (fabs(q[0]) < 17) return;
  const double share = cover(d, w);
  if (share <= 0) return;
  const double cartilage = smoothstep(-0.62, -0.72, turn);
  lay(hu, bone_hu(d) * (1 - cartilage) + cartilage * 110, share);
}

static void lay_spine(const double q[3], double w, double *hu) {
  const double ys = spine_y(q[2]), x = q[0], y = q[1] - ys;
  if (y < -24 || y > 75 || fabs(x) > 48) return;
  const double dz = 24 * fraction(q[2] / 24); /* 0..24 within a vertebra */
  const double end = fmin(dz, 24 - dz);
  const double g = sqrt(x * x / 324 + y * y / 225), body = (g - 1) * 15.5;
  const double disc = 3 - end; /* > 0: in the disc */
  double d = fmax(body, disc);
  lay(hu, 80, cover(body, w));
  lay(hu, 210 + 380 * smoothstep(-2.6, -0.5, d), cover(d, w));
  /* the arch, transverse and spinous processes */
  const double canal = sqrt(x * x + (y - 23) * (y - 23));
  const double spine = fmax(fabs(x) - (4.5 - 0.05 * (y - 30)), fmax(30 - y, y - 62)),
               spine_z = fabs(dz + 0.35 * y - 26) - 8;
  const double side = fmax(fabs(y - 24) - 4.5 + 0.03 * fabs(x), fabs(x) - 36), side_z = fabs(dz - 13) - 6;
  d = fmin(fmax(canal - 15, fabs(dz - 12) - 9), fmin(fmax(spine, spine_z), fmax(side, side_z)));
  lay(hu, bone_hu(d), cover(d, w));
  lay(hu, 22, cover(canal - 9, w));
}

static void lay_front_and_shoulders(const Anatomy *a, const double q[3], const Site *s, double w, double *hu) {
  const double x = fabs(q[0]);
  if (q[1] < 0 && x < 26 && s->cage < 20) { /* sternum */
    const double half = 15 + 6 * smoothstep(30, 60, q[2]);
    const double d = fmax(fmax(x - half, fabs(s->cage - 8) - 5), fmax(-75 - q[2], q[2] - 72));
    lay(hu, bone_hu(d), cover(d, w));
  }
  if (q[2] > 10) {
    /* scapula: a thin plate behind the ribs, thicker at its spine; in raised arms it stands to the side */
    const double plate = s->cage + 0.25 * (a->apex - q[2]) - 34;
    const double extent = fmax(fmax(x - 128, 62 - x), fmax(fmax(18 + 0.2 * x - q[1], 14 - q[2]), q[2] - a->apex + 12));
    const double d = fmax(fabs(plate) - 2.4 - 2.6 * smoothstep(118, 126, x), extent);
    if (d < 2) lay(hu, bone_hu(d - 1), cover(d, w));
  }
  if (q[2] > 60) {
    /* head of the humerus, raised, and clavicle */
    const double ball[3] = {x, q[1], q[2]};
    double d = ellipsoid(ball, 150, 18, a->apex + 14, 24, 24, 26);
    lay(hu, bone_hu(d), cover(d, w));
    const double t = clampd((x - 22) / 110, 0, 1), cy = -52 + 46 * t + 18 * t * (1 - t), cz = a->apex - 26 + 34 * t;
    const double dy = q[1] - cy, dz = q[2] - cz;
    d = fmax(sqrt(dy * dy + dz * dz) - 6.2, 20 - x);
    lay(hu, bone_hu(d), cover(d, w));
  }
}

static void lay_heart(const Anatomy *a, const double q[3], const Site *s, double w, double *hu) {
  const double d = heart(a, q);
  const double share = cover(d, w);
  if (share > 0) {
    const double muscle = a->blood_hu > 100 ? 85 : 44, blood = a->blood_hu - (a->blood_hu > 100 ? 10 : 2);
    double in = muscle;
    const double lv = ellipsoid(q, 34, -18, -62, 26, 20, 26), rv = ellipsoid(q, 12, -42, -62, 30, 13, 28);
    const double la = ellipsoid(q, 10, 10, -38, 27, 13, 20), ra = ellipsoid(q, -16, -16, -52, 15, 24, 26);
    lay(&in, blood, cover(fmin(fmin(lv, rv), fmin(la, ra)), w));
    /* fat in the grooves */
    lay(&in, -70, 0.8 * cover(fabs(d + 2.5) - 2.0, w) * smoothstep(0.1, 0.6, wave(a, q, 0.021)));
    lay(hu, in, share);
  }
  lay(hu, a->blood_hu, cover(aorta_descending(q, 12), w) * cover(s->mediastinum, w));
}

static void lay_abdomen(const Anatomy *a, const double q[3], const Site *s, double w, double *hu) {
  const double below = -s->diaphragm + 3.5; /* the muscle of the diaphragm remains outside of the organs */
  if (below > w) return;
  const double share = cover(below, w);
  double in = -100 + 6 * wave(a, q, 0.05);
  const double z0 = a->dome[1];
  const double liver = smooth_max(
      smooth_max(q[0] - 44 + 0.12 * (q[1] + 20) + 0.007 * (q[2] - a->dome[0] + 20) * (q[2] - a->dome[0] + 20),
                 s->cage + 3.5, 14),
      q[1] - 52, 14);
  lay(&in, a->liver_hu + 4 * wave(a, q, 0.05), cover(liver, w));
  const double spleen = ellipsoid(q, 92, 40, z0 - 26, 32, 36, 42);
  lay(&in, a->liver_hu - 6, cover(spleen, w));
  const double stomach = ellipsoid(q, 62, -30, z0 - 30, 44, 40, 34);
  lay(&in, 40, cover(stomach, w));
  const double fluid = -18 + 4 * wave(a, q, 0.004);
  lay(&in, 18, cover(stomach + 3.5, w));
  lay(&in, -1000, cover(fmax(stomach + 4, q[1] - fluid), w));
  for (int k = 0; k < 4; k++) { /* the colon's left flexure */
    const double gas = ellipsoid(q, 84 - 15 * k, -48 - 4 * k + 8 * (k & 1), z0 - 78 + 5 * (k & 1), 13, 12, 14);
    lay(&in, 35, cover(gas - 2.5, w));
    lay(&in, -960, cover(gas, w));
  }
  for (int side = -1; side < 2; side += 2) {
    const double kidney = ellipsoid(q, 58.0 * side, 52, z0 - 78, 26, 24, 48);
    lay(&in, a->blood_hu > 100 ? 150 : 34, cover(kidney, w));
  }
  lay(hu, 55, cover(-s->diaphragm, w));
  lay(hu, in, share);
}

/* Where two lobes meet: the distance to the oblique fissures, and to the horizontal one of the right lung. */
static double fissure(const double q[3]) {
  const double x = fabs(q[0]);
  const double oblique = fabs(q[2] + 4 - 0.92 * (q[1] - 8) - 0.0022 * (x - 70) * (x - 70) + (q[0] > 0 ? -6 : 0)) / 1.36;
  if (q[0] > 0) return oblique;
  const double level = fabs(q[2] + 14 + 0.0016 * (x - 80) * (x - 80) + 0.05 * q[1]);
  const bool front = q[2] + 4 - 0.92 * (q[1] - 8) > 0;
  return front ? fmin(oblique, level) : oblique;
}

static double lung_hu(const Anatomy *a, const double q[3], double w) {
  const double weight = 0.22 * q[1]; /* lying, the back of the lung is denser */
  double hu = a->lung_hu + weight + 10 * wave(a, q, 0.018) + 7 * wave(a, q, 0.083);
  const double f = fissure(q);
  if (f < 1.5 * w) hu += 150 * clampd(1 - f / (0.9 * w), 0, 1);
  return hu;
}

double cm__tissue(const Anatomy *a, const double q[3], double w, double *lung, double *outside) {
  Site s;
  *lung = 0;
  *outside = 1;
  cm__anatomy_site(a, q, &s);
  if (s.body > w) return -1000;
  *outside = 0;
  double hu;
  if (s.cage > 16 && s.body > -a->fat - 2 - w && q[2] < 0) {
    hu = wall_hu(a, q, &s, w);
  } else if (s.lung < -w) {
    *lung = 1;
    return lung_hu(a, q, w);
  } else {
    hu = s.cage > -w ? wall_hu(a, q, &s, w) : 0;
    if (s.cage < w) {
      double in = -98 + 10 * wave(a, q, 0.05);
      lay_heart(a, q, &s, w, &in);
      lay_abdomen(a, q, &s, w, &in);
      lay(&hu, in, cover(s.cage, w));
    }
    lay_ribs(a, q, &s, w, &hu);
    lay_spine(q, w, &hu);
    lay_front_and_shoulders(a, q, &s, w, &hu);
    *lung = cover(s.lung, w);
    if (*lung > 0) lay(&hu, lung_hu(a, q, w), *lung);
  }
  const double inside = cover(s.body, w);
  *outside = 1 - inside;
  return inside < 1 ? -1000 + inside * (hu + 1000) : hu;
}

bool cm__anatomy_bone(const Anatomy *a, const double q[3]) {
  const double w = 1e-6, least = 140; /* discs, cartilage and the canal are softer, all bone is denser */
  double hu = 0;
  Site s;
  cm__anatomy_site(a, q, &s);
  if (s.body > 0 || s.lung < 0 || (s.cage > 16 && s.body > -a->fat - 2 && q[2] < 0)) return false;
  lay_ribs(a, q, &s, w, &hu);
  lay_spine(q, w, &hu);
  lay_front_and_shoulders(a, q, &s, w, &hu);
  return hu > least;
}
