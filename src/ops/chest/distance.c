#include "ops/chest/distance.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"

#define FAR 1e18f
#define BLOCK 16 /* neighbouring lines that are carried through together, so that whole cache lines are used */

typedef struct Lines {
  const uint8_t *mask;
  bool to_inside;
  const int64_t *n;
  double mm;
  int axis;
  float *d;
  double *scratch;
  int64_t scratch_size;
} Lines;

/* Along x, from the mask: two sweeps. */
static bool first_axis(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Lines *l = arg;
  const int64_t nx = l->n[0];
  for (int64_t r = range.begin; r < range.end; r++) {
    const uint8_t *m = l->mask + r * nx;
    float *d = l->d + r * nx;
    int64_t last = -1;
    for (int64_t x = 0; x < nx; x++) {
      if ((m[x] != 0) == l->to_inside) last = x;
      d[x] = last < 0 ? FAR : (float)(x - last);
    }
    last = -1;
    for (int64_t x = nx - 1; x >= 0; x--) {
      if (d[x] == 0) last = x;
      const float back = last < 0 ? FAR : (float)(last - x);
      const float near = d[x] < back ? d[x] : back;
      d[x] = near >= FAR ? FAR : (float)((double)near * near * l->mm * l->mm);
    }
  }
  return true;
}

/* One line f of n squares: lower envelope of the parabolas (i - j)^2 mm^2 + f[j]. */
static void envelope(double *f, int64_t n, double mm2, int64_t *at, double *edge, double *out) {
  int64_t k = -1;
  for (int64_t q = 0; q < n; q++) {
    if (f[q] >= (double)FAR) continue;
    double s = -DBL_MAX;
    while (k >= 0) {
      const int64_t p = at[k];
      s = ((f[q] - f[p]) / mm2 + (double)(q * q - p * p)) / (2.0 * (double)(q - p));
      if (s > edge[k]) break;
      k--;
    }
    if (k < 0) s = -DBL_MAX;
    k++;
    at[k] = q;
    edge[k] = s;
  }
  if (k < 0) {
    for (int64_t i = 0; i < n; i++) out[i] = (double)FAR;
    return;
  }
  int64_t j = 0;
  for (int64_t i = 0; i < n; i++) {
    while (j < k && edge[j + 1] < (double)i) j++;
    const double d = (double)(i - at[j]);
    out[i] = d * d * mm2 + f[at[j]];
  }
}

static bool next_axis(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Lines *l = arg;
  const int64_t nx = l->n[0], ny = l->n[1], n = l->n[l->axis];
  const int64_t stride = l->axis == 1 ? nx : nx * ny, blocks = (nx + BLOCK - 1) / BLOCK;
  double *f = l->scratch + range.worker * l->scratch_size, *out = f + n * BLOCK, *edge = out + n * BLOCK;
  int64_t *at = (int64_t *)(edge + n);
  for (int64_t b = range.begin; b < range.end; b++) {
    const int64_t x0 = b % blocks * BLOCK, other = b / blocks, count = nx - x0 < BLOCK ? nx - x0 : BLOCK;
    float *d = l->d + x0 + (l->axis == 1 ? other * nx * ny : other * nx);
    bool any = false;
    for (int64_t i = 0; i < n; i++)
      for (int64_t x = 0; x < count; x++) {
        f[x * n + i] = (double)d[i * stride + x];
        any = any || d[i * stride + x] > 0;
      }
    if (!any) continue;
    for (int64_t x = 0; x < count; x++) envelope(f + x * n, n, l->mm * l->mm, at, edge, out + x * n);
    for (int64_t i = 0; i < n; i++)
      for (int64_t x = 0; x < count; x++) d[i * stride + x] = (float)out[x * n + i];
  }
  return true;
}

bool cm__distance_squared(CmContext *ctx, const uint8_t *mask, bool to_inside, const int64_t n[3], const double mm[3], float *squared,
                          CmError **err) {
  Lines l = {.mask = mask, .to_inside = to_inside, .n = n, .mm = mm[0], .d = squared};
  if (!cm_parallel_for(ctx, NULL, n[1] * n[2], 64, first_axis, &l, err)) return false;
  const int64_t longest = n[1] > n[2] ? n[1] : n[2];
  l.scratch_size = longest * (2 * BLOCK + 2);
  l.scratch = cm_alloc_array(ctx, (size_t)cm_context_threads(ctx), (size_t)l.scratch_size * sizeof(double), err);
  if (!l.scratch) return false;
  bool ok = true;
  for (l.axis = 1; ok && l.axis < 3; l.axis++) {
    l.mm = mm[l.axis];
    const int64_t lines = (n[0] + BLOCK - 1) / BLOCK * n[3 - l.axis];
    if (n[l.axis] > 1) ok = cm_parallel_for(ctx, NULL, lines, 16, next_axis, &l, err);
  }
  cm_free(l.scratch);
  return ok;
}

typedef struct Cut {
  uint8_t *mask;
  const float *squared;
  float limit;
  bool dilate;
} Cut;

static bool cut(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Cut *c = arg;
  if (c->dilate)
    for (int64_t i = range.begin; i < range.end; i++) c->mask[i] = c->squared[i] <= c->limit;
  else
    for (int64_t i = range.begin; i < range.end; i++) c->mask[i] = c->squared[i] > c->limit;
  return true;
}

bool cm__ball(CmContext *ctx, uint8_t *mask, BallWork work, double radius_mm, const int64_t n[3], const double mm[3], float *scratch,
              CmError **err) {
  const bool dilate_first = work == BALL_DILATE || work == BALL_CLOSE;
  const int passes = work == BALL_DILATE || work == BALL_ERODE ? 1 : 2;
  for (int pass = 0; pass < passes; pass++) {
    Cut c = {mask, scratch, (float)(radius_mm * radius_mm * (1 + 1e-6)), (pass == 0) == dilate_first};
    if (!cm__distance_squared(ctx, mask, c.dilate, n, mm, scratch, err)) return false;
    if (!cm_parallel_for(ctx, NULL, n[0] * n[1] * n[2], 1 << 16, cut, &c, err)) return false;
  }
  return true;
}
