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
#include "ops/radiomics/pyrad_recursion.h"
#include "ops/simd.h"

/* What covers lo, n of the source's grid. */
typedef struct Field {
  int64_t lo[3], n[3];
  double *v;
} Field;

static bool make_values(const CmPyradSource *s, Field *field, CmError **err) {
  size_t plane, count;
  if (!cm_size_multiply((size_t)field->n[0], (size_t)field->n[1], &plane, err) ||
      !cm_size_multiply(plane, (size_t)field->n[2], &count, err))
    return false;
  return (field->v = cm_alloc_array(s->ctx, count, sizeof(double), err)) != NULL;
}

/* One axis: the smoothed image is smoothed on (to[0]), and its derivative joins those along the axes before, which are
 * smoothed (to[1]). */
typedef struct Pass {
  CmContext *ctx;
  const Field *smooth, *curved; /* curved without values: none yet */
  Field to[2];                  /* to[0] without values: not needed */
  int axis;
  CmRecursion gaussian, slope;
} Pass;

/* The axes across the one that is filtered. */
static void across(int axis, int *u, int *v) {
  *u = axis == 0 ? 1 : 0;
  *v = axis == 2 ? 1 : 2;
}

/* Some lines of a field. */
typedef struct Lines {
  int64_t start, step, across; /* of value 0 of line 0, to the next value, to the next line */
  int64_t count;               /* lines, at most CM__LANES */
} Lines;

/* The last line is repeated. */
CM_SIMD static void gather(const double *from, const Lines *lines, int64_t length, double *data) {
  from += lines->start;
  if (lines->across == 1 && lines->count == CM__LANES) {
    for (int64_t i = 0; i < length; i++)
      for (int64_t k = 0; k < CM__LANES; k++) data[i * CM__LANES + k] = from[i * lines->step + k];
    return;
  }
  for (int64_t k = 0; k < CM__LANES; k++) {
    const double *line = from + (k < lines->count ? k : lines->count - 1) * lines->across;
    for (int64_t i = 0; i < length; i++) data[i * CM__LANES + k] = line[i * lines->step];
  }
}

CM_SIMD static void scatter(const double *one, const double *other, const Lines *lines, int64_t length, double *to) {
  to += lines->start;
  if (lines->across == 1 && lines->count == CM__LANES) {
    for (int64_t i = 0; i < length; i++)
      for (int64_t k = 0; k < CM__LANES; k++)
        to[i * lines->step + k] = one[i * CM__LANES + k] + other[i * CM__LANES + k];
    return;
  }
  for (int64_t k = 0; k < lines->count; k++)
    for (int64_t i = 0; i < length; i++)
      to[k * lines->across + i * lines->step] = one[i * CM__LANES + k] + other[i * CM__LANES + k];
}

/* CM__LANES neighbouring lines at a time, along u. */
static bool filter_lines(void *arg, CmRange range, CmError **err) {
  const Pass *pass = arg;
  const Field *from = pass->smooth, *to = &pass->to[1];
  const int64_t length = from->n[pass->axis], there[3] = {1, from->n[0], from->n[0] * from->n[1]};
  const int64_t here[3] = {1, to->n[0], to->n[0] * to->n[1]}, size = length * CM__LANES;
  int u, v;
  across(pass->axis, &u, &v);
  const int64_t groups = (to->n[u] + CM__LANES - 1) / CM__LANES;
  double *block = cm_alloc_array(pass->ctx, (size_t)(4 * size), sizeof(double), err);
  if (!block) return false;
  double *data = block, *more = pass->curved->v ? data + size : NULL, *one = data + 2 * size, *other = one + size;
  const int64_t skipped = (to->lo[pass->axis] - from->lo[pass->axis]) * CM__LANES;
  for (int64_t job = range.begin; job < range.end; job++) {
    const int64_t first = job % groups * CM__LANES, b = job / groups;
    const int64_t count = to->n[u] - first < CM__LANES ? to->n[u] - first : CM__LANES;
    const Lines in = {first * there[u] + b * there[v], there[pass->axis], there[u], count};
    const Lines out = {first * here[u] + b * here[v], here[pass->axis], here[u], count};
    gather(from->v, &in, length, data);
    if (more) gather(pass->curved->v, &in, length, more);
    cm__recursion_run(&pass->slope, data, &pass->gaussian, more, one, other, length);
    scatter(one + skipped, other + skipped, &out, to->n[pass->axis], to->v);
    if (!pass->to[0].v) continue;
    cm__recursion_run(&pass->gaussian, data, &pass->gaussian, NULL, one, other, length);
    scatter(one + skipped, other + skipped, &out, to->n[pass->axis], pass->to[0].v);
  }
  cm_free(block);
  return true;
}

/* The axis of which the least share is kept, of those that are left (bits). */
static int next_axis(const CmPyradSource *s, const Field *whole, int left) {
  int best = -1;
  double least = 2.0;
  for (int k = 2; k >= 0; k--) {
    const double share = (double)s->size[k] / (double)whole->n[k];
    if (!(left >> k & 1) || share >= least) continue;
    least = share;
    best = k;
  }
  return best;
}

/* smooth: the window; in the end curved is the Laplacian over the box. */
static bool filter(const CmPyradSource *s, double sigma, Field *smooth, Field *curved, CmError **err) {
  const double *spacing = cm_image_geometry(s->image)->spacing;
  bool ok = true;
  for (int left = cm_image_rank(s->image) < 3 ? 3 : 7; ok && left;) {
    Pass pass = {.ctx = s->ctx, .smooth = smooth, .curved = curved, .axis = next_axis(s, smooth, left)};
    const int k = pass.axis;
    left &= ~(1 << k);
    cm__recursion_make(sigma / spacing[k], false, 1.0, &pass.gaussian);
    cm__recursion_make(sigma / spacing[k], true, sigma * sigma / (spacing[k] * spacing[k]), &pass.slope);
    pass.to[1] = *smooth;
    pass.to[1].lo[k] = s->lo[k];
    pass.to[1].n[k] = s->size[k];
    pass.to[0] = pass.to[1];
    pass.to[0].v = pass.to[1].v = NULL;
    int u, v;
    across(k, &u, &v);
    const int64_t groups = (pass.to[1].n[u] + CM__LANES - 1) / CM__LANES;
    ok = make_values(s, &pass.to[1], err) && (!left || make_values(s, &pass.to[0], err)) &&
         cm_parallel_for(s->ctx, NULL, groups * pass.to[1].n[v], 8, filter_lines, &pass, err);
    cm_free(smooth->v);
    cm_free(curved->v);
    *smooth = pass.to[0];
    *curved = pass.to[1];
  }
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
static void set_window(const CmPyradSource *s, double sigma, Field *whole) {
  for (int k = 0; k < 3; k++) {
    const int64_t dim = cm_image_dims(s->image)[k];
    const double far = ceil(REACH * sigma / cm_image_geometry(s->image)->spacing[k]) + 8.0;
    const int64_t reach = far < (double)dim ? (int64_t)far : dim, end = s->lo[k] + s->size[k] + reach;
    whole->lo[k] = s->lo[k] > reach ? s->lo[k] - reach : 0;
    whole->n[k] = (end < dim ? end : dim) - whole->lo[k];
  }
}

static bool load(const CmPyradSource *s, Field *whole, CmError **err) {
  const CmGrid grid = cm__grid(s->image);
  if (!make_values(s, whole, err)) return false;
  for (int64_t row = 0; row < whole->n[1] * whole->n[2]; row++) {
    const int64_t y = whole->lo[1] + row % whole->n[1], z = whole->lo[2] + row / whole->n[1];
    const char *from = cm__row(s->image, &grid, z * grid.ny + y);
    cm__line_to_f64(cm_image_type(s->image), from + (size_t)whole->lo[0] * grid.size, whole->n[0],
                    whole->v + row * whole->n[0]);
  }
  return true;
}

static bool one_sigma(const CmPyradSource *s, const CmPyradType *type, const char *text, CmPyradImageFn fn, void *arg,
                      CmError **err) {
  const double sigma = strtod(text, NULL);
  char name[64];
  if (!is_large_enough(s, sigma)) {
    cm_log(s->ctx, CM_LOG_WARNING, "the image is too small for LoG with sigma %s mm; it is left out", text);
    return true;
  }
  Field smooth = {.v = NULL}, curved = {.v = NULL};
  set_window(s, sigma, &smooth);
  CmImage *out =
      load(s, &smooth, err) && filter(s, sigma, &smooth, &curved, err) ? cm__pyrad_box_image(s, CM_F32, err) : NULL;
  for (int64_t k = 0; out && k < s->size[0] * s->size[1] * s->size[2]; k++)
    ((float *)cm_image_data_mut(out))[k] = (float)curved.v[k];
  cm_free(smooth.v);
  cm_free(curved.v);
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
