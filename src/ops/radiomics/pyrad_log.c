/* LoG images: the Laplacian of a Gaussian by recursive filters, normalized across scale, as ITK's
 * LaplacianRecursiveGaussianImageFilter calculates it. ITK goes three times through the image and rounds to float in
 * between; here the axes follow each other once, in double: after each the image is smooth along it, and the
 * derivatives are added up. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/radiomics/pyrad_images.h"
#include "ops/radiomics/pyrad_lines.h"

static void set_steps(CmField *field) {
  field->step[0] = 1;
  field->step[1] = field->n[0];
  field->step[2] = field->n[0] * field->n[1];
}

static bool count_of(const CmField *field, size_t *count, CmError **err) {
  size_t plane;
  return cm_size_multiply((size_t)field->n[0], (size_t)field->n[1], &plane, err) &&
         cm_size_multiply(plane, (size_t)field->n[2], count, err);
}

typedef struct Pass {
  CmContext *ctx;
  const CmField *from;
  CmField to;
  int axis;
  int64_t length, before, after; /* values of a line that are kept, and what lies beside them */
  CmRecursion recursion;
  double *weights[2]; /* of the values before and after */
} Pass;

/* The axes across the one that is filtered. */
static void across(int axis, int *u, int *v) {
  *u = axis == 0 ? 1 : 0;
  *v = axis == 2 ? 1 : 2;
}

/* Rows of CM__LANES values: a line with what is looked at beside it. */
typedef struct Room {
  double *data, *one, *other;
} Room;

static void filter_group(const Pass *pass, const CmLines *in, const CmLines *out, int64_t skipped, const Room *room) {
  enum { BORDER = CM__MEMORY * CM__LANES };
  const int64_t length = pass->length, before = pass->before, after = pass->after;
  double *data = room->data + BORDER, *one = room->one + BORDER, *other = room->other;
  cm__lines_gather(pass->from, in, before - CM__MEMORY, length + 2 * CM__MEMORY, before + length + after - 1,
                   room->data);
  double *past = room->one, *next = other + length * CM__LANES, sums[BORDER];
  cm__lines_remember(pass->from, in, 0, before, pass->weights[0], sums);
  for (int k = 0; k < BORDER; k++)
    past[(CM__MEMORY - 1 - k / CM__LANES) * CM__LANES + k % CM__LANES] =
        before ? sums[k] : pass->recursion.rest[0] * data[k % CM__LANES];
  cm__lines_remember(pass->from, in, before + length, after, pass->weights[1], next);
  for (int k = 0; k < BORDER && after == 0; k++)
    next[k] = pass->recursion.rest[1] * data[(length - 1) * CM__LANES + k % CM__LANES];
  cm__recursion_run(&pass->recursion, data, one, other, length);
  cm__lines_scatter(one, other, out, skipped, length, pass->to.v);
}

/* CM__LANES neighbouring lines at a time, along u; the last group takes some of the one before again, so that it is
 * full as well. */
static bool filter_lines(void *arg, CmRange range, CmError **err) {
  const Pass *pass = arg;
  const CmField *from = pass->from, *to = &pass->to;
  const int64_t *there = from->step, *here = to->step, size = (pass->length + 2 * CM__MEMORY) * CM__LANES;
  int u, v;
  across(pass->axis, &u, &v);
  const int64_t groups = (to->n[u] + CM__LANES - 1) / CM__LANES;
  double *data = cm_alloc_array(pass->ctx, (size_t)(3 * size), sizeof(double), err);
  if (!data) return false;
  const Room room = {data, data + size, data + 2 * size};
  for (int64_t job = range.begin; job < range.end; job++) {
    const int64_t full = to->n[u] < CM__LANES ? 0 : to->n[u] - CM__LANES, wanted = job % groups * CM__LANES;
    const int64_t first = wanted < full ? wanted : full, b = job / groups;
    const int64_t count = to->n[u] - first < CM__LANES ? to->n[u] - first : CM__LANES;
    const CmLines in = {first * there[u] + b * there[v], there[pass->axis], there[u], count};
    const CmLines out = {first * here[u] + b * here[v], here[pass->axis], here[u], count};
    filter_group(pass, &in, &out, wanted - first, &room);
  }
  cm_free(data);
  return true;
}

/* Filters `from` along an axis, of which the box is kept; to: the result. */
static bool run_pass(const CmPyradSource *s, const CmField *from, int axis, const CmRecursion *recursion, CmField *to,
                     CmError **err) {
  Pass pass = {.ctx = s->ctx, .from = from, .to = *from, .axis = axis, .recursion = *recursion};
  size_t count;
  int u, v;
  pass.length = pass.to.n[axis] = s->size[axis];
  pass.to.lo[axis] = s->lo[axis];
  pass.before = s->lo[axis] - from->lo[axis];
  pass.after = from->n[axis] - pass.before - pass.length;
  pass.to.wide = NULL;
  set_steps(&pass.to);
  across(axis, &u, &v);
  *to = (CmField){.v = NULL};
  if (!count_of(&pass.to, &count, err)) return false;
  pass.weights[0] = cm_alloc_array(s->ctx, CM__MEMORY * (size_t)from->n[axis], sizeof(double), err);
  pass.to.v = pass.weights[0] ? cm_alloc_array(s->ctx, count, sizeof(float), err) : NULL;
  bool ok = pass.to.v != NULL;
  if (ok) {
    *to = pass.to;
    pass.weights[1] = pass.weights[0] + CM__MEMORY * pass.before;
    cm__recursion_weights(recursion, true, pass.before, pass.weights[0]);
    cm__recursion_weights(recursion, false, pass.after, pass.weights[1]);
    const int64_t groups = (to->n[u] + CM__LANES - 1) / CM__LANES;
    ok = cm_parallel_for(s->ctx, NULL, groups * to->n[v], 8, filter_lines, &pass, err);
  }
  cm_free(pass.weights[0]);
  return ok;
}

/* The derivative along one axis, smoothed along the others, in ITK's order. */
static bool add_axis(const CmPyradSource *s, const CmField *whole, double sigma, int axis, float *sum, CmError **err) {
  const double *spacing = cm_image_geometry(s->image)->spacing;
  const int axes = cm_image_rank(s->image) < 3 ? 2 : 3;
  CmField now = *whole;
  bool ok = true;
  for (int turn = 0; ok && turn < axes; turn++) {
    const int k = turn == 0 ? axis : turn <= axis ? turn - 1 : turn;
    CmRecursion recursion;
    CmField next;
    cm__recursion_make(sigma / spacing[k], turn == 0, sigma * sigma, &recursion);
    ok = run_pass(s, &now, k, &recursion, &next, err);
    if (turn > 0) cm_free(now.v);
    now = next;
  }
  const double scale = 1.0 / (spacing[axis] * spacing[axis]);
  for (int64_t k = 0; ok && k < s->size[0] * s->size[1] * s->size[2]; k++)
    sum[k] = (float)((double)sum[k] + (double)now.v[k] * scale);
  cm_free(now.v);
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
static void set_window(const CmPyradSource *s, double sigma, CmField *whole) {
  for (int k = 0; k < 3; k++) {
    const int64_t dim = cm_image_dims(s->image)[k];
    const double far = ceil(REACH * sigma / cm_image_geometry(s->image)->spacing[k]) + 8.0;
    const int64_t reach = far < (double)dim ? (int64_t)far : dim, end = s->lo[k] + s->size[k] + reach;
    whole->lo[k] = s->lo[k] > reach ? s->lo[k] - reach : 0;
    whole->n[k] = (end < dim ? end : dim) - whole->lo[k];
  }
}

/* The part that a smaller sigma looks at. */
static CmField window_of(const CmPyradSource *s, double sigma, const CmField *whole) {
  CmField part = *whole;
  int64_t offset = 0;
  set_window(s, sigma, &part);
  for (int k = 0; k < 3; k++) offset += (part.lo[k] - whole->lo[k]) * whole->step[k];
  if (whole->v) part.v = whole->v + offset;
  if (whole->wide) part.wide = whole->wide + offset;
  return part;
}

static bool load(const CmPyradSource *s, CmField *whole, CmError **err) {
  const CmGrid grid = cm__grid(s->image);
  const CmType type = cm_image_type(s->image);
  const bool narrow = cm__type_fits_f32(type);
  const int64_t nx = whole->n[0];
  size_t count;
  set_steps(whole);
  if (!count_of(whole, &count, err)) return false;
  double *wide = cm_alloc_array(s->ctx, narrow ? (size_t)nx : count, sizeof(double), err);
  if (narrow && wide) whole->v = cm_alloc_array(s->ctx, count, sizeof(float), err);
  if (!narrow) whole->wide = wide;
  for (int64_t row = 0; (whole->v || whole->wide) && row < whole->n[1] * whole->n[2]; row++) {
    const int64_t y = whole->lo[1] + row % whole->n[1], z = whole->lo[2] + row / whole->n[1];
    const char *from = cm__row(s->image, &grid, z * grid.ny + y);
    double *line = narrow ? wide : wide + row * nx;
    cm__line_to_f64(type, from + (size_t)whole->lo[0] * grid.size, nx, line);
    for (int64_t x = 0; narrow && x < nx; x++) whole->v[row * nx + x] = (float)line[x];
  }
  if (narrow) cm_free(wide);
  return whole->v || whole->wide;
}

static bool one_sigma(const CmPyradSource *s, const CmPyradType *type, const CmField *whole, const char *text,
                      CmPyradImageFn fn, void *arg, CmError **err) {
  const double sigma = strtod(text, NULL);
  char name[64];
  if (!is_large_enough(s, sigma)) {
    cm_log(s->ctx, CM_LOG_WARNING, "the image is too small for LoG with sigma %s mm; it is left out", text);
    return true;
  }
  const CmField part = window_of(s, sigma, whole);
  CmImage *out = cm__pyrad_box_image(s, CM_F32, err);
  if (out) memset(cm_image_data_mut(out), 0, cm_image_bytes(out));
  for (int axis = 0; out && axis < (cm_image_rank(s->image) < 3 ? 2 : 3); axis++)
    if (!add_axis(s, &part, sigma, axis, cm_image_data_mut(out), err)) cm_image_unref(&out);
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

/* The largest of the numbers that images are made of; 0: there is none. false: a bad one. */
static bool find_largest(const CmPyradSource *s, const char *at, double *largest) {
  char text[24];
  bool bad = false;
  *largest = 0.0;
  while (next_sigma(&at, text, &bad)) {
    const double sigma = strtod(text, NULL);
    if (sigma > *largest && is_large_enough(s, sigma)) *largest = sigma;
  }
  return !bad;
}

bool cm__pyrad_log(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg, CmError **err) {
  const char *at = type->p.sigma.value;
  CmField whole = {.v = NULL};
  bool bad = false, ok = true;
  double largest;
  char text[24];
  if (!*at) cm_log(source->ctx, CM_LOG_WARNING, "LoG has no sigma; it gives no image");
  if (!find_largest(source, at, &largest)) {
    cm_error_set(err, CM_ERR_PARAMETER, "sigma «%s»: give numbers above 0, in mm, with ',' between", at);
    return false;
  }
  set_window(source, largest, &whole);
  if (largest > 0.0) ok = load(source, &whole, err);
  while (ok && next_sigma(&at, text, &bad)) ok = one_sigma(source, type, &whole, text, fn, arg, err);
  cm_free(whole.v);
  cm_free(whole.wide);
  return ok;
}
