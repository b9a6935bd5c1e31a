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
static void step(const double *const data[4], const double n[4], const double *const back[4], const double d[4],
                 double *out) {
  const double *d0 = data[0], *d1 = data[1], *d2 = data[2], *d3 = data[3];
  const double *b0 = back[0], *b1 = back[1], *b2 = back[2], *b3 = back[3];
  for (int k = 0; k < LANES; k++)
    out[k] = d0[k] * n[0] + d1[k] * n[1] + d2[k] * n[2] + d3[k] * n[3] -
             (b0[k] * d[0] + b1[k] * d[1] + b2[k] * d[2] + b3[k] * d[3]);
}

/* forward: from the first value on with n and bn; else from the last one back, with m and bm. */
CM_SIMD static void recurse(const Recursion *r, bool forward, const double *data, double *out, int64_t count) {
  const int64_t way = forward ? 1 : -1, first = forward ? 0 : count - 1;
  const double *weights = forward ? r->n : r->m, *beyond = forward ? r->bn : r->bm;
  for (int64_t i = 0; i < count; i++) {
    const double *from[4], *back[4];
    double d[4];
    for (int64_t t = 0; t < 4; t++) {
      const int64_t behind = i - t - (forward ? 0 : 1), before = i - t - 1;
      from[t] = data + (first + way * (behind >= 0 ? behind : 0)) * LANES;
      back[t] = before >= 0 ? out + (first + way * before) * LANES : data + first * LANES;
      d[t] = before >= 0 ? r->d[t] : beyond[t];
    }
    step(from, weights, back, d, out + (first + way * i) * LANES);
  }
}

/* A volume that covers lo, n of the source's grid: floats, but for an image whose values do not fit them. */
typedef struct Field {
  int64_t lo[3], n[3];
  float *v;
  const double *wide; /* in place of v */
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

/* LANES neighbouring lines, the first at (a, b) along u and v of the result's part; the last is repeated. */
static void gather(const Pass *pass, int u, int v, int64_t a, int64_t b, int64_t lanes, int64_t length, double *data) {
  const Field *f = pass->from, *to = pass->to;
  const int64_t stride[3] = {1, f->n[0], f->n[0] * f->n[1]};
  const int64_t start = (to->lo[u] + a - f->lo[u]) * stride[u] + (to->lo[v] + b - f->lo[v]) * stride[v];
  for (int64_t i = 0; i < length; i++)
    for (int64_t k = 0; k < LANES; k++) {
      const int64_t at = start + i * stride[pass->axis] + (k < lanes ? k : lanes - 1) * stride[u];
      data[i * LANES + k] = f->wide ? f->wide[at] : (double)f->v[at];
    }
}

/* LANES neighbouring lines at a time, along u. */
static bool filter_lines(void *arg, CmRange range, CmError **err) {
  const Pass *pass = arg;
  const Field *to = pass->to;
  const int64_t length = cm_image_dims(pass->source->image)[pass->axis], step[3] = {1, to->n[0], to->n[0] * to->n[1]};
  int u, v;
  across(pass->axis, &u, &v);
  const int64_t groups = (to->n[u] + LANES - 1) / LANES;
  double *block = cm_alloc_array(pass->source->ctx, (size_t)(3 * length * LANES), sizeof(double), err);
  if (!block) return false;
  double *data = block, *one = data + length * LANES, *other = one + length * LANES;
  for (int64_t job = range.begin; job < range.end; job++) {
    const int64_t first = job % groups * LANES, b = job / groups;
    const int64_t lanes = to->n[u] - first < LANES ? to->n[u] - first : LANES;
    gather(pass, u, v, first, b, lanes, length, data);
    recurse(&pass->r, true, data, one, length);
    recurse(&pass->r, false, data, other, length);
    for (int64_t i = 0; i < to->n[pass->axis]; i++)
      for (int64_t k = 0; k < lanes; k++) {
        const int64_t from = (to->lo[pass->axis] + i) * LANES + k;
        to->v[i * step[pass->axis] + (first + k) * step[u] + b * step[v]] = (float)(one[from] + other[from]);
      }
  }
  cm_free(block);
  return true;
}

/* The part of the grid that is needed after the axes in `done` (bits) have been filtered. */
static bool make_field(const CmPyradSource *s, int done, Field *field, CmError **err) {
  size_t count = 1;
  for (int k = 0; k < 3; k++) {
    field->lo[k] = done >> k & 1 ? s->lo[k] : 0;
    field->n[k] = done >> k & 1 ? s->size[k] : cm_image_dims(s->image)[k];
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
    ok = make_field(s, done, &to, err) && run_pass(&pass, err);
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

static bool one_sigma(const CmPyradSource *s, const CmPyradType *type, const Field *whole, const char *text,
                      CmPyradImageFn fn, void *arg, CmError **err) {
  const double sigma = strtod(text, NULL);
  char name[64];
  if (!is_large_enough(s, sigma)) {
    cm_log(s->ctx, CM_LOG_WARNING, "the image is too small for LoG with sigma %s mm; it is left out", text);
    return true;
  }
  CmImage *out = cm__pyrad_box_image(s, CM_F32, err);
  if (!out) return false;
  memset(cm_image_data_mut(out), 0, cm_image_bytes(out));
  for (int axis = 0; out && axis < (cm_image_rank(s->image) < 3 ? 2 : 3); axis++)
    if (!add_axis(s, whole, sigma, axis, cm_image_data_mut(out), err)) cm_image_unref(&out);
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
  const int64_t *dims = cm_image_dims(source->image);
  Field whole = {.n = {dims[0], dims[1], dims[2]}};
  const char *at = type->p.sigma.value;
  bool bad = false, ok = true;
  char text[24];
  if (!*at) cm_log(source->ctx, CM_LOG_WARNING, "LoG has no sigma; it gives no image");
  const bool narrow = cm__type_fits_f32(cm_image_type(source->image));
  CmImage *real = cm_image_convert(source->ctx, source->image, narrow ? CM_F32 : CM_F64, true, err);
  if (!real) return false;
  if (narrow)
    whole.v = (float *)(uintptr_t)cm_image_data(real);
  else
    whole.wide = cm_image_data(real);
  while (ok && next_sigma(&at, text, &bad)) ok = one_sigma(source, type, &whole, text, fn, arg, err);
  cm_image_unref(&real);
  if (!bad) return ok;
  cm_error_set(err, CM_ERR_PARAMETER, "sigma «%s»: give numbers above 0, in mm, with ',' between", type->p.sigma.value);
  return false;
}
