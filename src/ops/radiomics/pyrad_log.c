/* LoG images: the Laplacian of a Gaussian by recursive filters, normalized across scale, as ITK's
 * LaplacianRecursiveGaussianImageFilter calculates it (steps between stored as float). Deriche R. Recursively
 * implementing the Gaussian and its derivatives. INRIA RR-1893, 1993; Farnebäck G, Westin CF. Improving Deriche-style
 * recursive Gaussian filters. J Math Imaging Vis 26, 2006. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/radiomics/pyrad_images.h"
#include "ops/simd.h"

/* Causal n, anticausal m, recursion d; bn, bm: what a constant beyond the border gives to the recursion. */
typedef struct Recursion {
  double n[4], m[4], d[4], bn[4], bm[4];
} Recursion;

/* The two damped oscillations of Deriche's fit. */
typedef struct Waves {
  double sin1, sin2, cos1, cos2, exp1, exp2;
} Waves;

static Waves waves_of(double sigma) {
  const double w1 = 0.6681, l1 = -1.3932, w2 = 2.0787, l2 = -1.3732;
  return (Waves){sin(w1 / sigma), sin(w2 / sigma), cos(w1 / sigma), cos(w2 / sigma), exp(l1 / sigma), exp(l2 / sigma)};
}

static void numerator(const Waves *w, double a1, double b1, double a2, double b2, double n[4]) {
  const double e1 = w->exp1, e2 = w->exp2;
  n[0] = a1 + a2;
  n[1] = e2 * (b2 * w->sin2 - (a2 + 2.0 * a1) * w->cos2) + e1 * (b1 * w->sin1 - (a1 + 2.0 * a2) * w->cos1);
  n[2] = 2.0 * e1 * e2 * ((a1 + a2) * w->cos2 * w->cos1 - (b1 * w->cos2 * w->sin1 + b2 * w->cos1 * w->sin2)) +
         a2 * e1 * e1 + a1 * e2 * e2;
  n[3] = e2 * e1 * e1 * (b2 * w->sin2 - a2 * w->cos2) + e1 * e2 * e2 * (b1 * w->sin1 - a1 * w->cos1);
}

static void finish(Recursion *r, double scale) {
  double sn = 0.0, sm = 0.0, sd = 1.0;
  for (int k = 0; k < 4; k++) r->n[k] *= scale;
  for (int k = 0; k < 4; k++) {
    r->m[k] = (k < 3 ? r->n[k + 1] : 0.0) - r->d[k] * r->n[0];
    sn += r->n[k];
    sm += r->m[k];
    sd += r->d[k];
  }
  for (int k = 0; k < 4; k++) {
    r->bn[k] = r->d[k] * sn / sd;
    r->bm[k] = r->d[k] * sm / sd;
  }
}

/* sigma in voxels. second: the second derivative times `across`, else the Gaussian. */
static void make_recursion(double sigma, bool second, double across, Recursion *r) {
  const Waves w = waves_of(sigma);
  const double e1 = w.exp1, e2 = w.exp2;
  double n0[4], n2[4];
  r->d[3] = e1 * e1 * e2 * e2;
  r->d[2] = -2.0 * w.cos1 * e1 * e2 * e2 - 2.0 * w.cos2 * e2 * e1 * e1;
  r->d[1] = 4.0 * w.cos2 * w.cos1 * e1 * e2 + e1 * e1 + e2 * e2;
  r->d[0] = -2.0 * (e2 * w.cos2 + e1 * w.cos1);
  const double *d = r->d;
  const double sd = 1.0 + d[0] + d[1] + d[2] + d[3], dd = d[0] + 2.0 * d[1] + 3.0 * d[2] + 4.0 * d[3];
  const double ed = d[0] + 4.0 * d[1] + 9.0 * d[2] + 16.0 * d[3];
  numerator(&w, 1.3530, 1.8151, -0.3531, 0.0902, n0);
  const double s0 = n0[0] + n0[1] + n0[2] + n0[3];
  if (!second) {
    memcpy(r->n, n0, sizeof n0);
    finish(r, 1.0 / (2.0 * s0 / sd - n0[0]));
    return;
  }
  numerator(&w, -1.3563, 5.2318, 0.3446, -2.2355, n2);
  const double s2 = n2[0] + n2[1] + n2[2] + n2[3];
  const double beta = -(2.0 * s2 - sd * n2[0]) / (2.0 * s0 - sd * n0[0]);
  for (int k = 0; k < 4; k++) r->n[k] = n2[k] + beta * n0[k];
  const double *n = r->n;
  const double sn = n[0] + n[1] + n[2] + n[3], dn = n[1] + 2.0 * n[2] + 3.0 * n[3], en = n[1] + 4.0 * n[2] + 9.0 * n[3];
  const double alpha = (en * sd * sd - ed * sn * sd - 2.0 * dn * dd * sd + 2.0 * dd * dd * sn) / (sd * sd * sd);
  finish(r, across / alpha);
}

/* Lines side by side: value i of line k stands at [i * LANES + k]. */
enum { LANES = 16 };

/* One value of each line from up to four of the data and four of the result; what lies before the border is `edge`. */
static inline __attribute__((always_inline)) void step(const double *const data[4], const double n[4],
                                                       const double *const back[4], const double d[4], double *out) {
  const double *d0 = data[0], *d1 = data[1], *d2 = data[2], *d3 = data[3];
  const double *b0 = back[0], *b1 = back[1], *b2 = back[2], *b3 = back[3];
  for (int k = 0; k < LANES; k++)
    out[k] = d0[k] * n[0] + d1[k] * n[1] + d2[k] * n[2] + d3[k] * n[3] -
             (b0[k] * d[0] + b1[k] * d[1] + b2[k] * d[2] + b3[k] * d[3]);
}

/* Value i from the first on (forward, with n and bn) or from the last back (with m and bm). */
static inline __attribute__((always_inline)) void advance(const Recursion *r, bool forward, int64_t i,
                                                          const double *data, double *out, int64_t count) {
  const int64_t way = forward ? LANES : -LANES, first = forward ? 0 : (count - 1) * LANES;
  const double *beyond = forward ? r->bn : r->bm;
  const double *from[4], *back[4];
  double d[4];
  for (int64_t t = 0; t < 4; t++) {
    const int64_t behind = i - t - (forward ? 0 : 1), before = i - t - 1;
    from[t] = data + first + way * (behind >= 0 ? behind : 0);
    back[t] = before >= 0 ? out + first + way * before : data + first;
    d[t] = before >= 0 ? r->d[t] : beyond[t];
  }
  step(from, forward ? r->n : r->m, back, d, out + first + way * i);
}

/* Both ways at once, as neither waits for the other. */
CM_SIMD static void recurse(const Recursion *r, const double *data, double *one, double *other, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    advance(r, true, i, data, one, count);
    advance(r, false, i, data, other, count);
  }
}

/* What covers lo, n of the source's grid: floats, but for an image whose values do not fit them. */
typedef struct Field {
  int64_t lo[3], n[3];
  float *v;
  double *wide; /* in place of v */
} Field;

typedef struct Pass {
  const CmPyradSource *source;
  const Field *from;
  Field *to;
  int axis;
  Recursion r;
} Pass;

/* The axes across the one that is filtered. */
static void across(int axis, int *u, int *v) {
  *u = axis == 0 ? 1 : 0;
  *v = axis == 2 ? 1 : 2;
}

/* Lines of `from`, and where value 0 of line 0 lies in it. */
typedef struct Lines {
  int64_t start, step, across; /* to the next value, to the next line */
  int64_t count;               /* lines, at most LANES */
} Lines;

/* The last line is repeated. */
CM_SIMD static void gather(const Field *from, const Lines *lines, int64_t length, double *data) {
  if (from->v && lines->across == 1 && lines->count == LANES) {
    for (int64_t i = 0; i < length; i++)
      for (int64_t k = 0; k < LANES; k++) data[i * LANES + k] = (double)from->v[lines->start + i * lines->step + k];
    return;
  }
  for (int64_t k = 0; k < LANES; k++) {
    const int64_t at = lines->start + (k < lines->count ? k : lines->count - 1) * lines->across;
    if (from->wide)
      for (int64_t i = 0; i < length; i++) data[i * LANES + k] = from->wide[at + i * lines->step];
    else
      for (int64_t i = 0; i < length; i++) data[i * LANES + k] = (double)from->v[at + i * lines->step];
  }
}

CM_SIMD static void scatter(const double *one, const double *other, const Lines *lines, int64_t length, float *to) {
  to += lines->start;
  if (lines->across == 1 && lines->count == LANES) {
    for (int64_t i = 0; i < length; i++)
      for (int64_t k = 0; k < LANES; k++) to[i * lines->step + k] = (float)(one[i * LANES + k] + other[i * LANES + k]);
    return;
  }
  for (int64_t k = 0; k < lines->count; k++)
    for (int64_t i = 0; i < length; i++)
      to[k * lines->across + i * lines->step] = (float)(one[i * LANES + k] + other[i * LANES + k]);
}

/* LANES neighbouring lines at a time, along u. */
static bool filter_lines(void *arg, CmRange range, CmError **err) {
  const Pass *pass = arg;
  const Field *from = pass->from, *to = pass->to;
  const int64_t length = from->n[pass->axis], there[3] = {1, from->n[0], from->n[0] * from->n[1]};
  const int64_t here[3] = {1, to->n[0], to->n[0] * to->n[1]};
  int u, v;
  across(pass->axis, &u, &v);
  const int64_t groups = (to->n[u] + LANES - 1) / LANES;
  double *block = cm_alloc_array(pass->source->ctx, (size_t)(3 * length * LANES), sizeof(double), err);
  if (!block) return false;
  double *data = block, *one = data + length * LANES, *other = one + length * LANES;
  const int64_t skipped = (to->lo[pass->axis] - from->lo[pass->axis]) * LANES;
  for (int64_t job = range.begin; job < range.end; job++) {
    const int64_t first = job % groups * LANES, b = job / groups;
    Lines lines = {.start = (to->lo[u] + first - from->lo[u]) * there[u] + (to->lo[v] + b - from->lo[v]) * there[v],
                   .step = there[pass->axis],
                   .across = there[u],
                   .count = to->n[u] - first < LANES ? to->n[u] - first : LANES};
    gather(from, &lines, length, data);
    recurse(&pass->r, data, one, other, length);
    lines.start = first * here[u] + b * here[v];
    lines.step = here[pass->axis];
    lines.across = here[u];
    scatter(one + skipped, other + skipped, &lines, to->n[pass->axis], to->v);
  }
  cm_free(block);
  return true;
}

/* The part of `whole` that is needed after the axes in `done` (bits) have been filtered. */
static bool make_field(const CmPyradSource *s, const Field *whole, int done, Field *field, CmError **err) {
  size_t count = 1;
  for (int k = 0; k < 3; k++) {
    field->lo[k] = done >> k & 1 ? s->lo[k] : whole->lo[k];
    field->n[k] = done >> k & 1 ? s->size[k] : whole->n[k];
    if (!cm_size_multiply(count, (size_t)field->n[k], &count, err)) return false;
  }
  field->v = cm_alloc_array(s->ctx, count, sizeof(float), err);
  return field->v != NULL;
}

static bool run_pass(Pass *pass, CmError **err) {
  int u, v;
  across(pass->axis, &u, &v);
  const int64_t groups = (pass->to->n[u] + LANES - 1) / LANES;
  return cm_parallel_for(pass->source->ctx, NULL, groups * pass->to->n[v], 8, filter_lines, pass, err);
}

/* The derivative along one axis, smoothed along the others, in ITK's order. */
static bool add_axis(const CmPyradSource *s, const Field *whole, double sigma, int axis, float *sum, CmError **err) {
  const double *spacing = cm_image_geometry(s->image)->spacing;
  const int axes = cm_image_rank(s->image) < 3 ? 2 : 3;
  Field from = *whole, to = {.v = NULL};
  int done = 0;
  bool ok = true;
  for (int turn = 0; ok && turn < axes; turn++) {
    const int k = turn == 0 ? axis : turn <= axis ? turn - 1 : turn;
    Pass pass = {.source = s, .from = &from, .to = &to, .axis = k};
    done |= 1 << k;
    make_recursion(sigma / spacing[k], turn == 0, sigma * sigma, &pass.r);
    ok = make_field(s, whole, done, &to, err) && run_pass(&pass, err);
    if (from.v != whole->v) cm_free(from.v);
    from = to;
    to = (Field){.v = NULL};
  }
  const double scale = 1.0 / (spacing[axis] * spacing[axis]);
  for (int64_t k = 0; ok && k < s->size[0] * s->size[1] * s->size[2]; k++)
    sum[k] = (float)((double)sum[k] + (double)from.v[k] * scale);
  if (from.v != whole->v) cm_free(from.v);
  return ok;
}

/* Whether ITK and PyRadiomics would filter an image of this size. */
static bool is_large_enough(const CmPyradSource *s, double sigma) {
  for (int k = 0; k < (cm_image_rank(s->image) < 3 ? 2 : 3); k++) {
    const double n = (double)cm_image_dims(s->image)[k];
    if (n < 4.0 || n < ceil(sigma / cm_image_geometry(s->image)->spacing[k]) + 1.0) return false;
  }
  return true;
}

/* Farther away than so many sigmas a voxel adds less than 3e-10 of its value: nothing that a float could show. */
#define REACH 16.0

/* The box with what the filter reaches around it. */
static bool load(const CmPyradSource *s, double sigma, Field *whole, CmError **err) {
  const CmGrid grid = cm__grid(s->image);
  const bool narrow = cm__type_fits_f32(cm_image_type(s->image));
  size_t count = 1;
  for (int k = 0; k < 3; k++) {
    const int64_t dim = cm_image_dims(s->image)[k];
    const double far = ceil(REACH * sigma / cm_image_geometry(s->image)->spacing[k]) + 8.0;
    const int64_t reach = far < (double)dim ? (int64_t)far : dim, end = s->lo[k] + s->size[k] + reach;
    whole->lo[k] = s->lo[k] > reach ? s->lo[k] - reach : 0;
    whole->n[k] = (end < dim ? end : dim) - whole->lo[k];
    if (!cm_size_multiply(count, (size_t)whole->n[k], &count, err)) return false;
  }
  double *wide = cm_alloc_array(s->ctx, narrow ? (size_t)whole->n[0] : count, sizeof(double), err);
  if (narrow && wide) whole->v = cm_alloc_array(s->ctx, count, sizeof(float), err);
  if (!narrow) whole->wide = wide;
  for (int64_t row = 0; (whole->v || whole->wide) && row < whole->n[1] * whole->n[2]; row++) {
    const int64_t y = whole->lo[1] + row % whole->n[1], z = whole->lo[2] + row / whole->n[1];
    const char *from = cm__row(s->image, &grid, z * grid.ny + y);
    double *line = narrow ? wide : wide + row * whole->n[0];
    cm__line_to_f64(cm_image_type(s->image), from + (size_t)whole->lo[0] * grid.size, whole->n[0], line);
    for (int64_t x = 0; narrow && x < whole->n[0]; x++) whole->v[row * whole->n[0] + x] = (float)line[x];
  }
  if (narrow) cm_free(wide);
  return whole->v || whole->wide;
}

static bool one_sigma(const CmPyradSource *s, const CmPyradType *type, const char *text, CmPyradImageFn fn, void *arg,
                      CmError **err) {
  const double sigma = strtod(text, NULL);
  Field whole = {.v = NULL};
  char name[64];
  if (!is_large_enough(s, sigma)) {
    cm_log(s->ctx, CM_LOG_WARNING, "the image is too small for LoG with sigma %s mm; it is left out", text);
    return true;
  }
  CmImage *out = load(s, sigma, &whole, err) ? cm__pyrad_box_image(s, CM_F32, err) : NULL;
  if (out) memset(cm_image_data_mut(out), 0, cm_image_bytes(out));
  for (int axis = 0; out && axis < (cm_image_rank(s->image) < 3 ? 2 : 3); axis++)
    if (!add_axis(s, &whole, sigma, axis, cm_image_data_mut(out), err)) cm_image_unref(&out);
  cm_free(whole.v);
  cm_free(whole.wide);
  snprintf(name, sizeof name, "log-sigma-%s-mm-3D", text);
  for (char *c = name; *c; c++)
    if (*c == '.') *c = '-';
  return cm__pyrad_give(s, type, out, name, fn, arg, err);
}

/* The next of the numbers in the text; false: none is left, or *bad. */
static bool next_sigma(const char **text, char to[24], bool *bad) {
  *text += strspn(*text, ", ");
  const size_t length = strcspn(*text, ", ");
  if (length == 0) return false;
  char *end = to;
  *bad = length >= 24;
  if (!*bad) {
    memcpy(to, *text, length);
    to[length] = '\0';
    const double sigma = strtod(to, &end);
    *bad = *end != '\0' || !(sigma > 0.0 && sigma < 1e6);
  }
  *text += length;
  return !*bad;
}

bool cm__pyrad_log(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg, CmError **err) {
  const char *at = type->p.sigma.value;
  bool bad = false, ok = true;
  char text[24];
  if (!*at) cm_log(source->ctx, CM_LOG_WARNING, "LoG has no sigma; it gives no image");
  while (ok && next_sigma(&at, text, &bad)) ok = one_sigma(source, type, text, fn, arg, err);
  if (!bad) return ok;
  cm_error_set(err, CM_ERR_PARAMETER, "sigma «%s»: give numbers above 0, in mm, with ',' between", type->p.sigma.value);
  return false;
}
