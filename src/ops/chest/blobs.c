#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/chest/nodule_find.h"
#include "ops/eigen.h"
#include "ops/filter/separable.h"

#define FLOOR_HU (-850)
#define BALL_RESPONSE 0.308 /* of a ball of radius sqrt(3) sigma and contrast 1: sqrt(2/pi) 3^1.5 exp(-1.5) / 3 */
#define CONTRAST_HU 880.0
#define MAX_SCALES 8

bool cm__field_cut(CmContext *ctx, const Canonical *c, const uint8_t *lungs, double pad_mm, Field *f, CmError **err) {
  memset(f, 0, sizeof *f);
  f->c = c;
  int64_t low[3] = {INT64_MAX, INT64_MAX, INT64_MAX}, high[3] = {-1, -1, -1};
  for (int64_t i = 0, z = 0; z < c->n[2]; z++)
    for (int64_t y = 0; y < c->n[1]; y++)
      for (int64_t x = 0; x < c->n[0]; x++, i++)
        if (lungs[i]) {
          const int64_t p[3] = {x, y, z};
          for (int k = 0; k < 3; k++) {
            low[k] = p[k] < low[k] ? p[k] : low[k];
            high[k] = p[k] > high[k] ? p[k] : high[k];
          }
        }
  if (high[0] < 0) {
    cm_error_set(err, CM_ERR_DATA, "the lung mask is empty; give lungs of this scan");
    return false;
  }
  for (int k = 0; k < 3; k++) {
    const int64_t pad = (int64_t)ceil(pad_mm / c->mm[k]);
    f->low[k] = low[k] > pad ? low[k] - pad : 0;
    f->n[k] = (high[k] + pad < c->n[k] ? high[k] + pad : c->n[k] - 1) - f->low[k] + 1;
  }
  f->voxels = f->n[0] * f->n[1] * f->n[2];
  f->hu = cm_alloc_array(ctx, (size_t)f->voxels, sizeof *f->hu, err);
  f->lung = f->hu ? cm_alloc(ctx, (size_t)f->voxels, err) : NULL;
  f->gap = f->lung ? cm_alloc_array(ctx, (size_t)(2 * f->n[1] * f->n[2]), sizeof *f->gap, err) : NULL;
  if (!f->gap) {
    cm__field_free(f);
    return false;
  }
  const int16_t *hu = cm_image_data(c->hu);
  for (int64_t r = 0; r < f->n[1] * f->n[2]; r++) {
    const int64_t from = ((r / f->n[1] + f->low[2]) * c->n[1] + r % f->n[1] + f->low[1]) * c->n[0] + f->low[0];
    memcpy(f->hu + r * f->n[0], hu + from, (size_t)f->n[0] * sizeof *hu);
    memcpy(f->lung + r * f->n[0], lungs + from, (size_t)f->n[0]);
    int32_t right = -1, left = INT32_MAX;
    for (int64_t x = 0; x < f->n[0]; x++) {
      if (lungs[from + x] == 1) right = (int32_t)x;
      if (lungs[from + x] == 2 && left == INT32_MAX) left = (int32_t)x;
    }
    const bool both = right >= 0 && left < INT32_MAX;
    f->gap[2 * r] = both ? right : INT32_MAX;
    f->gap[2 * r + 1] = both ? left : -1;
  }
  return true;
}

void cm__field_free(Field *f) {
  cm_free(f->hu);
  cm_free(f->lung);
  cm_free(f->gap);
  f->gap = NULL;
  f->hu = NULL;
  f->lung = NULL;
}

/* smallest |eigenvalue|^2 / largest where all three are negative, else 0. */
static double dot(const double h[6]) {
  const double minor = h[0] * h[3] - h[1] * h[1];
  const double det =
      h[0] * (h[3] * h[5] - h[4] * h[4]) - h[1] * (h[1] * h[5] - h[4] * h[2]) + h[2] * (h[1] * h[4] - h[3] * h[2]);
  if (!(h[0] < 0 && minor > 0 && det < 0)) return 0;
  double e[3];
  cm__eigen3((const double[6]){h[0], h[3], h[5], h[1], h[2], h[4]}, e);
  const double small = -e[0], large = -e[2];
  return small > 0 ? small * small / large : 0;
}

typedef struct Scale {
  const Field *f;
  const float *g;
  double sigma;
  int index;
  float *response;
  uint8_t *scale;
} Scale;

static bool filter_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Scale *s = arg;
  const int64_t nx = s->f->n[0], ny = s->f->n[1], nz = s->f->n[2], sy = nx, sz = nx * ny;
  const double *mm = s->f->c->mm, norm = s->sigma * s->sigma;
  const double xx = norm / (mm[0] * mm[0]), yy = norm / (mm[1] * mm[1]), zz = norm / (mm[2] * mm[2]);
  const double xy = norm / (4 * mm[0] * mm[1]), xz = norm / (4 * mm[0] * mm[2]), yz = norm / (4 * mm[1] * mm[2]);
  for (int64_t r = range.begin; r < range.end; r++) {
    const int64_t y = r % ny, z = r / ny;
    if (y == 0 || z == 0 || y == ny - 1 || z == nz - 1) continue;
    for (int64_t x = 1; x + 1 < nx; x++) {
      const int64_t at = r * nx + x;
      const float *g = s->g + at;
      if (!s->f->lung[at] || g[0] < 100) continue;
      const double two = 2.0 * g[0];
      const double h0 = (g[1] + g[-1] - two) * xx, h3 = (g[sy] + g[-sy] - two) * yy, h5 = (g[sz] + g[-sz] - two) * zz;
      if (h0 >= 0 || h3 >= 0 || h5 >= 0) continue;
      const double h[6] = {h0,
                           ((double)g[1 + sy] - g[1 - sy] - g[-1 + sy] + g[-1 - sy]) * xy,
                           ((double)g[1 + sz] - g[1 - sz] - g[-1 + sz] + g[-1 - sz]) * xz,
                           h3,
                           ((double)g[sy + sz] - g[sy - sz] - g[-sy + sz] + g[-sy - sz]) * yz,
                           h5};
      const float d = (float)dot(h);
      if (d > s->response[at]) {
        s->response[at] = d;
        s->scale[at] = (uint8_t)s->index;
      }
    }
  }
  return true;
}

static int stronger(const void *pa, const void *pb) {
  const Seed *a = pa, *b = pb;
  if (a->response != b->response) return a->response < b->response ? 1 : -1;
  for (int k = 2; k >= 0; k--)
    if (a->at[k] != b->at[k]) return a->at[k] < b->at[k] ? -1 : 1;
  return 0;
}

static bool is_peak(const Field *f, const float *response, int64_t at) {
  const int64_t sy = f->n[0], sz = f->n[0] * f->n[1];
  for (int64_t dz = -1; dz < 2; dz++)
    for (int64_t dy = -1; dy < 2; dy++)
      for (int64_t dx = -1; dx < 2; dx++) {
        const int64_t d = dz * sz + dy * sy + dx;
        if (d < 0 ? response[at + d] >= response[at] : d > 0 && response[at + d] > response[at]) return false;
      }
  return true;
}

static bool collect(CmContext *ctx, const Field *f, const float *response, const uint8_t *scale, const double *radius,
                    double least, Seed **seeds, int64_t *count, CmError **err) {
  Seed *list = NULL;
  for (int pass = 0; pass < 2; pass++) {
    int64_t found = 0;
    for (int64_t z = 1; z + 1 < f->n[2]; z++)
      for (int64_t y = 1; y + 1 < f->n[1]; y++)
        for (int64_t x = 1; x + 1 < f->n[0]; x++) {
          const int64_t at = (z * f->n[1] + y) * f->n[0] + x;
          if (response[at] < least * BALL_RESPONSE * CONTRAST_HU || !is_peak(f, response, at)) continue;
          if (list) list[found] = (Seed){{x, y, z}, radius[scale[at]], response[at] / (BALL_RESPONSE * CONTRAST_HU)};
          found++;
        }
    if (pass == 0) {
      list = cm_alloc_array(ctx, (size_t)found + 1, sizeof *list, err);
      if (!list) return false;
    }
    *count = found;
  }
  qsort(list, (size_t)*count, sizeof *list, stronger);
  *seeds = list;
  return true;
}

typedef struct Soften {
  const Field *f;
  float *out;
} Soften;

static bool soften(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Soften *s = arg;
  for (int64_t i = range.begin; i < range.end; i++) {
    const int hu = s->f->hu[i] > 100 ? 100 : s->f->hu[i];
    s->out[i] = s->f->lung[i] && hu > FLOOR_HU ? (float)(hu - FLOOR_HU) : 0;
  }
  return true;
}

bool cm__blobs_find(CmContext *ctx, const Field *f, double smallest_mm, double largest_mm, double least, Seed **seeds,
                    int64_t *count, CmError **err) {
  CmImage *image = cm_image_create(ctx, CM_F32, 3, f->n, 1, err);
  float *response = image ? cm_calloc(ctx, (size_t)f->voxels, sizeof *response, err) : NULL;
  uint8_t *scale = response ? cm_calloc(ctx, (size_t)f->voxels, 1, err) : NULL;
  bool ok = false;
  if (!scale) goto done;
  Soften soft = {f, cm_image_data_mut(image)};
  if (!cm_parallel_for(ctx, NULL, f->voxels, 1 << 16, soften, &soft, err)) goto done;
  double radius[MAX_SCALES];
  int scales = 0;
  for (double r = smallest_mm; scales < MAX_SCALES && r < largest_mm * 1.2; r *= 1.5) radius[scales++] = r;
  for (int k = 0; k < scales; k++) {
    const double sigma = radius[k] / 1.7320508075688772;
    const double voxels[3] = {sigma / f->c->mm[0], sigma / f->c->mm[1], sigma / f->c->mm[2]};
    CmImage *g = cm__gaussian(ctx, image, voxels, CM_F32, err);
    if (!g) goto done;
    Scale s = {f, cm_image_data(g), sigma, k, response, scale};
    const bool filtered = cm_parallel_for(ctx, NULL, f->n[1] * f->n[2], 64, filter_rows, &s, err);
    cm_image_unref(&g);
    if (!filtered) goto done;
  }
  ok = collect(ctx, f, response, scale, radius, least, seeds, count, err);
done:
  cm_image_unref(&image);
  cm_free(response);
  cm_free(scale);
  return ok;
}
