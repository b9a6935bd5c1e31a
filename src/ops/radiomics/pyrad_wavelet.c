/* Wavelet images: each level is the finest level of the undecimated transform, of the image or of the approximation
 * before. Lines wrap around, those of an odd number of voxels after their first voxel has been put behind the last. */
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/radiomics/pyrad_images.h"
#include "ops/simd.h"

typedef struct Volume {
  int64_t n[3];
  double *v;
} Volume;

typedef struct Wavelet {
  const CmPyradSource *source;
  const CmPyradType *type;
  CmPyradBank bank;
  int axes[3], axis_count;
  bool single;
} Wavelet;

/* One filter along one axis; the result is shorter by the filter's length less one. */
typedef struct Pass {
  const Volume *from;
  Volume *to;
  const double *taps;
  int64_t length, stride;
  bool single;
} Pass;

enum { BLOCK = 32 }; /* sums that are kept in registers */

/* In the order of PyWavelets: sums that should be 0 are the same there, and lie in the same bin. */
CM_SIMD static void mix(const double *from, const double *taps, int64_t length, int64_t stride, double *to, int64_t n) {
  const int64_t last = length - 1;
  int64_t x = 0;
  for (; x + BLOCK <= n; x += BLOCK) {
    double sum[BLOCK];
    for (int k = 0; k < BLOCK; k++) sum[k] = taps[last] * from[x + last * stride + k];
    for (int64_t t = last - 1; t >= 0; t--)
      for (int k = 0; k < BLOCK; k++) sum[k] += taps[t] * from[x + t * stride + k];
    for (int k = 0; k < BLOCK; k++) to[x + k] = sum[k];
  }
  for (; x < n; x++) {
    double sum = taps[last] * from[x + last * stride];
    for (int64_t t = last - 1; t >= 0; t--) sum += taps[t] * from[x + t * stride];
    to[x] = sum;
  }
}

static bool filter_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Pass *pass = arg;
  const Volume *from = pass->from, *to = pass->to;
  for (int64_t row = range.begin; row < range.end; row++) {
    const double *a = from->v + (row / to->n[1] * from->n[1] + row % to->n[1]) * from->n[0];
    double *b = to->v + row * to->n[0];
    mix(a, pass->taps, pass->length, pass->stride, b, to->n[0]);
    for (int64_t x = 0; pass->single && x < to->n[0]; x++) b[x] = (double)(float)b[x];
  }
  return true;
}

static bool filter(const Wavelet *w, const Volume *from, int axis, bool high, Volume *to, CmError **err) {
  Pass pass = {
      .from = from, .to = to, .taps = high ? w->bank.g : w->bank.h, .length = w->bank.length, .single = w->single};
  memcpy(to->n, from->n, sizeof to->n);
  to->n[axis] -= w->bank.length - 1;
  pass.stride = axis == 0 ? 1 : axis == 1 ? from->n[0] : from->n[0] * from->n[1];
  to->v = cm_alloc_array(w->source->ctx, (size_t)(to->n[0] * to->n[1] * to->n[2]), sizeof(double), err);
  const int64_t rows = to->n[1] * to->n[2];
  return to->v && cm_parallel_for(w->source->ctx, NULL, rows, 1 + 4096 / to->n[0], filter_rows, &pass, err);
}

/* The middle of a volume as an image of the source's box. left: levels that are still to come, whose margin it has. */
static CmImage *to_image(const Wavelet *w, const Volume *from, int64_t left, CmError **err) {
  const CmPyradSource *s = w->source;
  CmImage *out = cm__pyrad_box_image(s, w->single ? CM_F32 : CM_F64, err);
  int64_t at[3] = {0, 0, 0};
  if (!out) return NULL;
  for (int k = 0; k < w->axis_count; k++) at[w->axes[k]] = left * (w->bank.length / 2 - 1);
  for (int64_t z = 0; z < s->size[2]; z++)
    for (int64_t y = 0; y < s->size[1]; y++) {
      const double *row = from->v + ((at[2] + z) * from->n[1] + at[1] + y) * from->n[0] + at[0];
      const int64_t to = (z * s->size[1] + y) * s->size[0];
      if (w->single)
        for (int64_t x = 0; x < s->size[0]; x++) ((float *)cm_image_data_mut(out))[to + x] = (float)row[x];
      else
        memcpy((double *)cm_image_data_mut(out) + to, row, (size_t)s->size[0] * sizeof(double));
    }
  return out;
}

/* Band number `band` (bit for axis 0 highest, H = 1) of a volume. */
typedef struct Level {
  const Wavelet *w;
  int64_t left;
  bool details; /* give the details */
  int number;   /* as in the names: 1, 2 ... */
  CmPyradImageFn fn;
  void *arg;
  Volume approximation;
} Level;

static bool give_band(const Level *level, const Volume *from, int band, CmError **err) {
  const Wavelet *w = level->w;
  char letters[4] = "", name[64];
  for (int k = 0; k < w->axis_count; k++) letters[k] = band >> (w->axis_count - 1 - k) & 1 ? 'H' : 'L';
  if (level->number > 1)
    snprintf(name, sizeof name, "wavelet%d-%s", level->number, letters);
  else
    snprintf(name, sizeof name, "wavelet-%s", letters);
  return cm__pyrad_give(w->source, w->type, to_image(w, from, level->left, err), name, level->fn, level->arg, err);
}

/* Depth first, so that no more than one volume an axis is kept beside the approximation. */
static bool split(Level *level, const Volume *from, int depth, int band, CmError **err) {
  if (depth == level->w->axis_count) return band == 0 || give_band(level, from, band, err);
  for (int high = 0; high < 2; high++) {
    const int next = band << 1 | high;
    Volume to = {.v = NULL};
    if (!level->details && high) break;
    bool ok = filter(level->w, from, level->w->axes[depth], high, &to, err) && split(level, &to, depth + 1, next, err);
    if (ok && next == 0 && depth + 1 == level->w->axis_count)
      level->approximation = to;
    else
      cm_free(to.v);
    if (!ok) return false;
  }
  return true;
}

/* The box with what all levels look at around it. */
static bool load(const Wavelet *w, int64_t levels, Volume *to, CmError **err) {
  const CmPyradSource *s = w->source;
  const CmGrid grid = cm__grid(s->image);
  const int64_t *dims = cm_image_dims(s->image);
  int64_t first[3];
  for (int k = 0; k < 3; k++) {
    first[k] = s->lo[k];
    to->n[k] = s->size[k];
  }
  for (int k = 0; k < w->axis_count; k++) {
    first[w->axes[k]] -= levels * (w->bank.length / 2 - 1);
    to->n[w->axes[k]] += levels * (w->bank.length - 1);
  }
  size_t plane, count;
  if (!cm_size_multiply((size_t)to->n[0], (size_t)to->n[1], &plane, err) ||
      !cm_size_multiply(plane, (size_t)to->n[2], &count, err))
    return false;
  to->v = cm_alloc_array(s->ctx, count, sizeof(double), err);
  double *line = to->v ? cm_alloc_array(s->ctx, (size_t)dims[0], sizeof(double), err) : NULL;
  for (int64_t row = 0; line && row < to->n[1] * to->n[2]; row++) {
    int64_t at[3] = {0, first[1] + row % to->n[1], first[2] + row / to->n[1]};
    for (int k = 1; k < 3; k++) {
      const int64_t period = dims[k] + dims[k] % 2;
      at[k] = (at[k] % period + period) % period;
      if (at[k] == dims[k]) at[k] = 0;
    }
    cm__line_to_f64(cm_image_type(s->image), cm__row(s->image, &grid, at[2] * grid.ny + at[1]), dims[0], line);
    const int64_t period = dims[0] + dims[0] % 2;
    int64_t x = (first[0] % period + period) % period;
    for (int64_t k = 0; k < to->n[0]; k++) {
      to->v[row * to->n[0] + k] = line[x == dims[0] ? 0 : x];
      x = x + 1 == period ? 0 : x + 1;
    }
  }
  cm_free(line);
  return line != NULL;
}

bool cm__pyrad_wavelet(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                       CmError **err) {
  const CmPyradParams *p = &type->p;
  const int64_t levels = p->start_level + p->level;
  Wavelet w = {.source = source, .type = type, .single = cm_image_type(source->image) == CM_F32};
  Volume volume = {.v = NULL};
  const bool flat = cm_image_rank(source->image) < 3;
  for (int k = 0; k < (flat ? 2 : 3); k++)
    if (k != cm__pyrad_across(p, flat)) w.axes[w.axis_count++] = k;
  if (p->force2D && cm__pyrad_across(p, flat) < 0) {
    cm_error_set(err, CM_ERR_PARAMETER, "a 2D image has no axis for force2Ddimension=2; give 0 (y) or 1 (x)");
    return false;
  }
  cm__pyrad_wavelet_bank(p->wavelet, &w.bank);
  bool ok = load(&w, levels, &volume, err);
  for (int64_t k = 0; ok && k < levels; k++) {
    Level level = {.w = &w,
                   .left = levels - 1 - k,
                   .details = k >= p->start_level,
                   .number = (int)(k - p->start_level + 1),
                   .fn = fn,
                   .arg = arg};
    ok = split(&level, &volume, 0, 0, err);
    cm_free(volume.v);
    volume = level.approximation;
    if (ok && k + 1 == levels) ok = give_band(&level, &volume, 0, err);
  }
  cm_free(volume.v);
  return ok;
}
