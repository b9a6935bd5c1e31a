/* The scan: tissues, tubes and nodules laid over one another by the share of each voxel that they fill, then the
 * scanner's blur and noise. Slices are independent of one another: a chunk is a slice, and its noise is numbered by
 * voxel. */
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/phantom/anatomy.h"
#include "ops/phantom/plan.h"

typedef struct Grid { /* scanner's frame */
  int n, slices;
  double pixel, slice, first[3], width;
} Grid;

typedef struct Scan {
  Anatomy anatomy;
  const CmPhantomPatient *patient;
  const CmPhantomVisit *visit;
  Grid grid;
  Tubes tubes; /* ends moved into the scanner's frame */
  NoduleShape shape[CM_PHANTOM_MAX_NODULES];
  double centre[CM_PHANTOM_MAX_NODULES][3], radius[CM_PHANTOM_MAX_NODULES]; /* anatomical */
  float *scratch;                                                           /* PLANES planes for each worker */
  uint64_t noise_key;
  int16_t *ct;
  uint8_t *lungs, *nodules;
} Scan;

enum {
  PLANE_HU,
  PLANE_LUNG,
  PLANE_SIDE,
  PLANE_COVER,
  PLANE_AIRWAY = PLANE_COVER + TUBE_CLASSES,
  PLANE_A,
  PLANE_B,
  PLANE_C,
  PLANES
};

static void to_anatomy(const CmPhantomVisit *v, const double p[3], double q[3]) {
  const double d[3] = {p[0] - v->shift_mm[0], p[1] - v->shift_mm[1], p[2] - v->shift_mm[2]};
  for (int k = 0; k < 3; k++) q[k] = v->rotation[k] * d[0] + v->rotation[3 + k] * d[1] + v->rotation[6 + k] * d[2];
}

static void to_scanner(const CmPhantomVisit *v, const float q[3], float p[3]) {
  double r[3];
  for (int k = 0; k < 3; k++)
    r[k] = v->rotation[3 * k] * q[0] + v->rotation[3 * k + 1] * q[1] + v->rotation[3 * k + 2] * q[2] + v->shift_mm[k];
  for (int k = 0; k < 3; k++) p[k] = (float)r[k];
}

/* The couch, fixed to the scanner: a curved shell filled with foam, a mattress on it. */
static double table_hu(double x, double y, double top) {
  const double d = y - (top - 0.0009 * x * x);
  if (x < -212 || x > 212 || d < -9 || d > 24) return -1000;
  if (d < 0) return -925 + 6 * d / 9;
  return d < 2.6 || d > 21.4 ? -60 : -955;
}

static void paint_tissue(const Scan *s, int z, float *planes) {
  const Grid *g = &s->grid;
  const int64_t n = (int64_t)g->n * g->n;
  const double top = s->anatomy.body_b.value[200] + s->anatomy.body_c.value[200] + 2 + s->visit->shift_mm[1];
  for (int y = 0; y < g->n; y++)
    for (int x = 0; x < g->n; x++) {
      const double p[3] = {g->first[0] + x * g->pixel, g->first[1] + y * g->pixel, g->first[2] + z * g->slice};
      double q[3], lung, outside;
      to_anatomy(s->visit, p, q);
      double hu = cm__tissue(&s->anatomy, q, g->width, &lung, &outside);
      if (outside > 0) hu += outside * (table_hu(p[0], p[1], top) + 1000);
      const int64_t at = (int64_t)y * g->n + x;
      planes[PLANE_HU * n + at] = (float)hu;
      planes[PLANE_LUNG * n + at] = (float)lung;
      planes[PLANE_SIDE * n + at] = q[0] < 6 ? 1.f : 2.f;
    }
}

typedef struct Box {
  int x0, x1, y0, y1;
} Box;

/* The pixels within `reach` of the segment's box, in the slice at height `height`; false if the slice is not touched.
 */
static bool touch(const Grid *g, const float a[3], const float b[3], double reach, double height, Box *box) {
  const double low = fmin(a[2], b[2]) - reach, high = fmax(a[2], b[2]) + reach;
  if (height < low || height > high) return false;
  box->x0 = (int)clampd(ceil((fmin(a[0], b[0]) - reach - g->first[0]) / g->pixel), 0, g->n);
  box->x1 = (int)clampd(floor((fmax(a[0], b[0]) + reach - g->first[0]) / g->pixel) + 1, 0, g->n);
  box->y0 = (int)clampd(ceil((fmin(a[1], b[1]) - reach - g->first[1]) / g->pixel), 0, g->n);
  box->y1 = (int)clampd(floor((fmax(a[1], b[1]) + reach - g->first[1]) / g->pixel) + 1, 0, g->n);
  return box->x0 < box->x1 && box->y0 < box->y1;
}

/* The largest share of each kind of tube, so that the joints of a chain are not counted twice. */
static void cover_tube(const Scan *s, const Tube *t, int z, float *planes) {
  const Grid *g = &s->grid;
  const double height = g->first[2] + z * g->slice, w = g->width;
  Box box;
  if (!touch(g, t->a, t->b, fmax(t->ra, t->rb) + w, height, &box)) return;
  const int64_t n = (int64_t)g->n * g->n;
  float *share = planes + (PLANE_COVER + t->kind) * n, *airway = planes + PLANE_AIRWAY * n;
  const double ax = t->b[0] - t->a[0], ay = t->b[1] - t->a[1], az = t->b[2] - t->a[2];
  const double scale = 1 / (ax * ax + ay * ay + az * az + 1e-9), dz = height - t->a[2];
  for (int y = box.y0; y < box.y1; y++)
    for (int x = box.x0; x < box.x1; x++) {
      const double dx = g->first[0] + x * g->pixel - t->a[0], dy = g->first[1] + y * g->pixel - t->a[1];
      const double h = clampd((dx * ax + dy * ay + dz * az) * scale, 0, 1), r = t->ra + (t->rb - t->ra) * h;
      const double ex = dx - h * ax, ey = dy - h * ay, ez = dz - h * az;
      double c = cover(sqrt(ex * ex + ey * ey + ez * ez) - r, w);
      if (c <= 0) continue;
      /* thinner than a voxel: its cross-section over that of the voxel */
      const double full = fmin(1, 0.5 + r / w), thin = 3.14159265 * r * r / (w * w);
      if (thin < full) c *= thin / full;
      const int64_t at = (int64_t)y * g->n + x;
      if ((float)c > share[at]) share[at] = (float)c;
      if (t->main_airway && (float)c > airway[at]) airway[at] = (float)c;
    }
}

static void paint_tubes(const Scan *s, int z, float *planes) {
  const int64_t n = (int64_t)s->grid.n * s->grid.n;
  memset(planes + PLANE_COVER * n, 0, (size_t)(TUBE_CLASSES + 1) * (size_t)n * sizeof(float));
  for (int i = 0; i < s->tubes.count; i++) cover_tube(s, &s->tubes.tube[i], z, planes);
  const float hu[TUBE_CLASSES] = {(float)s->anatomy.blood_hu, 25, -990, 35};
  static const int order[TUBE_CLASSES] = {TUBE_SOFT, TUBE_BLOOD, TUBE_WALL, TUBE_AIR};
  float *value = planes + PLANE_HU * n;
  for (int k = 0; k < TUBE_CLASSES; k++) {
    const float *share = planes + (PLANE_COVER + order[k]) * n;
    for (int64_t at = 0; at < n; at++) value[at] += share[at] * (hu[order[k]] - value[at]);
  }
}

/* Shares of a voxel that are the nodule's body, its spicules and its calcified core: 4 x 4 x 4 samples. */
static void sample_nodule(const Scan *s, int i, const double p[3], double share[3]) {
  const CmPhantomNodule *nodule = &s->patient->nodule[i];
  const NoduleShape *shape = &s->shape[i];
  int count[3] = {0, 0, 0};
  for (int k = 0; k < 64; k++) {
    const double sub[3] = {p[0] + ((k & 3) - 1.5) * 0.25 * s->grid.pixel,
                           p[1] + ((k >> 2 & 3) - 1.5) * 0.25 * s->grid.pixel,
                           p[2] + ((k >> 4) - 1.5) * 0.25 * s->grid.slice};
    double q[3], n[3];
    to_anatomy(s->visit, sub, q);
    double r = 0;
    for (int j = 0; j < 3; j++) {
      n[j] = q[j] - s->centre[i][j];
      r += n[j] * n[j];
    }
    r = sqrt(r);
    if (r > 2.1 * s->radius[i]) continue;
    for (int j = 0; j < 3; j++) n[j] /= r + 1e-9;
    const bool body = r <= s->radius[i] * cm__nodule_radius(shape, n);
    const bool spike = !body && shape->spikes && cm__nodule_spiked(shape, n, r, s->radius[i]);
    if (!body && !spike) continue;
    if (nodule->place == CM_PLACE_WALL && cm__anatomy_lung(&s->anatomy, q) >= 0) continue;
    count[body ? 0 : 1]++;
    if (body && nodule->density == CM_DENSITY_CALCIFIED && r < 0.55 * s->radius[i]) count[2]++;
  }
  for (int j = 0; j < 3; j++) share[j] = count[j] / 64.0;
}

static void paint_nodules(const Scan *s, int z, float *planes) {
  const Grid *g = &s->grid;
  const int64_t n = (int64_t)g->n * g->n;
  float *value = planes + PLANE_HU * n;
  for (int i = 0; i < s->patient->nodule_count; i++) {
    const float q[3] = {(float)s->centre[i][0], (float)s->centre[i][1], (float)s->centre[i][2]};
    float p[3];
    to_scanner(s->visit, q, p);
    Box box;
    const double height = g->first[2] + z * g->slice;
    if (!touch(g, p, p, 2.1 * s->radius[i] + g->width, height, &box)) continue;
    for (int y = box.y0; y < box.y1; y++)
      for (int x = box.x0; x < box.x1; x++) {
        const double at_mm[3] = {g->first[0] + x * g->pixel, g->first[1] + y * g->pixel, height};
        double share[3];
        sample_nodule(s, i, at_mm, share);
        if (share[0] + share[1] <= 0) continue;
        const int64_t at = (int64_t)y * g->n + x;
        const double hu = s->patient->nodule[i].hu, inside = share[0] + share[1];
        value[at] += (float)(inside * (hu - value[at]) + share[2] * 300);
        if (s->nodules && share[0] >= 0.5) s->nodules[(int64_t)z * n + at] = (uint8_t)s->patient->nodule[i].id;
      }
  }
}

/* Three taps {a, 1-2a, a} along both axes, borders repeated. */
static void blur(const float *in, float *mid, float *out, int n, float a) {
  const float c = 1 - 2 * a;
  for (int y = 0; y < n; y++) {
    const float *r = in + (int64_t)y * n;
    float *o = mid + (int64_t)y * n;
    o[0] = c * r[0] + a * (r[0] + r[1]);
    for (int x = 1; x + 1 < n; x++) o[x] = c * r[x] + a * (r[x - 1] + r[x + 1]);
    o[n - 1] = c * r[n - 1] + a * (r[n - 1] + r[n - 2]);
  }
  for (int y = 0; y < n; y++) {
    const float *r = mid + (int64_t)y * n, *up = y > 0 ? r - n : r, *down = y + 1 < n ? r + n : r;
    float *o = out + (int64_t)y * n;
    for (int x = 0; x < n; x++) o[x] = c * r[x] + a * (up[x] + down[x]);
  }
}

/* Standard deviation of white noise after blur(a), less 0.6 of that blurred twice more: the band that filtered
 * back-projection leaves. */
static double noise_gain(double a) {
  double k[4][15] = {{0}};
  k[0][7] = 1;
  for (int s = 1; s < 4; s++)
    for (int i = 1; i < 14; i++) k[s][i] = (1 - 2 * a) * k[s - 1][i] + a * (k[s - 1][i - 1] + k[s - 1][i + 1]);
  double sum = 0;
  for (int y = 0; y < 15; y++)
    for (int x = 0; x < 15; x++) {
      const double v = k[1][x] * k[1][y] - 0.6 * k[3][x] * k[3][y];
      sum += v * v;
    }
  return sqrt(sum);
}

static void develop(const Scan *s, int z, float *planes) {
  const Grid *g = &s->grid;
  const int64_t n = (int64_t)g->n * g->n;
  const float a = s->visit->sharp ? 0.08f : 0.15f, na = s->visit->sharp ? 0.13f : 0.24f;
  float *hu = planes + PLANE_HU * n, *mid = planes + PLANE_A * n, *b = planes + PLANE_B * n, *c = planes + PLANE_C * n;
  float *image = planes + PLANE_COVER * n;
  blur(hu, mid, image, g->n, a);
  for (int64_t at = 0; at < n; at++) b[at] = (float)rng_bell(rng_at(s->noise_key, (uint64_t)(z * n + at)));
  blur(b, mid, b, g->n, na);
  blur(b, mid, c, g->n, na);
  blur(c, mid, c, g->n, na);
  /* more of it where shoulders or the middle of the body weaken the rays */
  const double height = g->first[2] + z * g->slice;
  const double level =
      s->visit->noise_hu * (s->visit->sharp ? 1.6 : 1) * (1 + 0.7 * smoothstep(60, 110, height)) / noise_gain(na);
  const double radius = 0.5 * g->n * g->pixel;
  int16_t *ct = s->ct + z * n;
  for (int y = 0; y < g->n; y++)
    for (int x = 0; x < g->n; x++) {
      const int64_t at = (int64_t)y * g->n + x;
      const double dx = (x - 0.5 * (g->n - 1)) * g->pixel, dy = (y - 0.5 * (g->n - 1)) * g->pixel,
                   r2 = (dx * dx + dy * dy) / (radius * radius);
      const double sigma = level * (image[at] < -940 ? 0.45 : 1) * (1.1 - 0.35 * fmin(r2, 1));
      const double value = image[at] + sigma * (b[at] - 0.6f * c[at]);
      ct[at] = s->visit->circle && r2 > 1 ? -1024 : (int16_t)lrint(clampd(value, -1024, 3071));
    }
}

static bool make_slice(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Scan *s = arg;
  const int64_t n = (int64_t)s->grid.n * s->grid.n;
  float *planes = s->scratch + (int64_t)range.worker * PLANES * n;
  for (int z = (int)range.begin; z < (int)range.end; z++) {
    paint_tissue(s, z, planes);
    paint_tubes(s, z, planes);
    if (s->nodules) memset(s->nodules + z * n, 0, (size_t)n);
    paint_nodules(s, z, planes);
    if (s->lungs)
      for (int64_t at = 0; at < n; at++)
        s->lungs[z * n + at] = planes[PLANE_AIRWAY * n + at] >= 0.5f ? 3
                               : planes[PLANE_LUNG * n + at] >= 0.5f ? (uint8_t)planes[PLANE_SIDE * n + at]
                                                                     : 0;
    develop(s, z, planes);
  }
  return true;
}

static bool set_up(CmContext *ctx, Scan *s, const CmPhantomPlan *plan, int patient, int visit, CmError **err) {
  s->patient = &plan->patient[patient];
  s->visit = &s->patient->visit[visit];
  const CmPhantomVisit *v = s->visit;
  const bool female = s->patient->sex == 'F';
  /* the trees belong to the patient, not to the depth of the breath */
  cm__anatomy_make(&s->anatomy, plan->options.seed, patient, female, s->patient->contrast, 0);
  if (!cm__tree_make(ctx, &s->anatomy, plan->options.seed, patient, &s->tubes, err)) return false;
  cm__anatomy_make(&s->anatomy, plan->options.seed, patient, female, s->patient->contrast, v->breathing_mm);
  for (int i = 0; i < s->tubes.count; i++) {
    Tube *t = &s->tubes.tube[i];
    to_scanner(v, t->a, t->a);
    to_scanner(v, t->b, t->b);
  }
  for (int i = 0; i < s->patient->nodule_count; i++) {
    cm__nodule_shape(&s->patient->nodule[i], &s->shape[i]);
    s->radius[i] = 0.5 * cm__nodule_at(&s->patient->nodule[i], v->days, s->centre[i]);
  }
  s->noise_key = rng_mix(plan->options.seed ^ rng_mix((uint64_t)patient * 64 + 32 + (uint64_t)visit));
  Grid *g = &s->grid;
  g->n = v->matrix;
  g->slices = v->slices;
  g->pixel = v->pixel_mm;
  g->slice = v->slice_mm;
  g->width = (2 * v->pixel_mm + v->slice_mm) / 3;
  g->first[0] = -0.5 * (g->n - 1) * g->pixel;
  g->first[1] = -0.5 * (g->n - 1) * g->pixel + 10;
  g->first[2] = -0.5 * (g->slices - 1) * g->slice - 22;
  size_t size;
  if (!cm_size_multiply((size_t)g->n * (size_t)g->n * PLANES * sizeof(float), (size_t)cm_context_threads(ctx), &size,
                        err))
    return false;
  s->scratch = cm_alloc(ctx, size, err);
  return s->scratch != NULL;
}

static CmImage *new_image(CmContext *ctx, const Grid *g, CmType type, CmError **err) {
  const int64_t dims[3] = {g->n, g->n, g->slices};
  CmImage *image = cm_image_create(ctx, type, 3, dims, 1, err);
  if (!image) return NULL;
  CmGeometry geometry;
  cm_geometry_default(&geometry);
  geometry.spacing[0] = geometry.spacing[1] = g->pixel;
  geometry.spacing[2] = g->slice;
  memcpy(geometry.origin, g->first, sizeof g->first);
  if (!cm_image_set_geometry(image, &geometry, err)) cm_image_unref(&image);
  return image;
}

static bool name_labels(CmImage *lungs, CmImage *nodules, int count, CmError **err) {
  if (lungs && !(cm_image_set_label(lungs, 1, "lung_right", (const uint8_t[]){86, 180, 233}, err) &&
                 cm_image_set_label(lungs, 2, "lung_left", (const uint8_t[]){230, 159, 0}, err) &&
                 cm_image_set_label(lungs, 3, "trachea_and_main_bronchi", (const uint8_t[]){0, 158, 115}, err)))
    return false;
  for (int i = 1; nodules && i <= count; i++) {
    char name[24];
    uint8_t rgb[3];
    cm_label_colour(i, rgb);
    snprintf(name, sizeof name, "nodule_%d", i);
    if (!cm_image_set_label(nodules, i, name, rgb, err)) return false;
  }
  return true;
}

bool cm_phantom_thorax_image(CmContext *ctx, const CmPhantomPlan *plan, int patient, int visit, CmImage **ct,
                             CmImage **lungs, CmImage **nodules, CmError **err) {
  if (patient < 0 || patient >= plan->options.patients || visit < 0 || visit >= plan->patient[patient].visit_count) {
    cm_error_set(err, CM_ERR_PARAMETER, "phantom: patient %d, visit %d is not in the plan; count from 0", patient,
                 visit);
    return false;
  }
  CmImage *made[3] = {NULL, NULL, NULL};
  bool ok = false;
  Scan *s = cm_calloc(ctx, 1, sizeof *s, err);
  if (!s) return false;
  if (!set_up(ctx, s, plan, patient, visit, err)) goto done;
  made[0] = new_image(ctx, &s->grid, CM_I16, err);
  if (!made[0] || !cm_image_set_unit(made[0], "HU", err)) goto done;
  if (lungs && !(made[1] = new_image(ctx, &s->grid, CM_U8, err))) goto done;
  if (nodules && !(made[2] = new_image(ctx, &s->grid, CM_U8, err))) goto done;
  if (!name_labels(made[1], made[2], s->patient->nodule_count, err)) goto done;
  s->ct = cm_image_data_mut(made[0]);
  s->lungs = made[1] ? cm_image_data_mut(made[1]) : NULL;
  s->nodules = made[2] ? cm_image_data_mut(made[2]) : NULL;
  if (!cm_parallel_for(ctx, NULL, s->grid.slices, 1, make_slice, s, err)) goto done;
  *ct = made[0];
  if (lungs) *lungs = made[1];
  if (nodules) *nodules = made[2];
  memset(made, 0, sizeof made);
  ok = true;
done:
  for (int i = 0; i < 3; i++) cm_image_unref(&made[i]);
  cm_free(s->tubes.tube);
  cm_free(s->scratch);
  cm_free(s);
  return ok;
}
