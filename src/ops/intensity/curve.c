#include "ops/intensity/curve.h"

#include <math.h>

bool cm__curve_open(CmContext *ctx, CmCurve *curve, int64_t n, CmError **err) {
  *curve = (CmCurve){.n = n};
  curve->at = cm_alloc_array(ctx, (size_t)n, 2 * sizeof(double), err);
  if (!curve->at) return false;
  curve->to = curve->at + n;
  return true;
}

void cm__curve_free(CmCurve *curve) {
  cm_free(curve->at);
  cm_free(curve->from);
  *curve = (CmCurve){0};
}

double cm__between(double a, double b, double part) {
  const double span = b - a;
  if (part == 0.0) return a;
  return isfinite(span) ? a + span * part : a * (1.0 - part) + b * part;
}

/* How far v lies between a and b; in halves, since the ends of double are further apart than it holds. */
static double share_of(double v, double a, double b) {
  return (0.5 * v - 0.5 * a) / (0.5 * b - 0.5 * a);
}

/* Where an end is infinite all are in the first bucket. */
static int64_t bucket(const CmCurve *curve, double v) {
  const double k = share_of(v, curve->at[0], curve->at[curve->n - 1]) * (double)curve->buckets;
  return !(k > 0.0) ? 0 : k >= (double)curve->buckets ? curve->buckets - 1 : (int64_t)k;
}

/* from[k]: the last point that lies at or before everything in bucket k. bucket() rises with its value, so that the
 * search between from[k] and from[k + 1] + 1 is right whatever it rounds. */
static bool index_curve(CmContext *ctx, CmCurve *curve, CmError **err) {
  if (curve->n < 2) return true;
  curve->buckets = curve->n < 65536 ? 4 * curve->n : 262144;
  curve->from = cm_calloc(ctx, (size_t)curve->buckets + 1, sizeof(int64_t), err);
  if (!curve->from) return false;
  int64_t next = 0;
  for (int64_t k = 0; k < curve->buckets; k++) {
    while (next < curve->n && bucket(curve, curve->at[next]) < k) next++;
    curve->from[k] = next > 0 ? next - 1 : 0; /* the last point of the buckets before */
  }
  curve->from[curve->buckets] = curve->n - 1;
  return true;
}

static double through(const CmCurve *curve, double v) {
  const int64_t last = curve->n - 1;
  if (curve->n == 0 || v != v) return v;
  if (v <= curve->at[0]) return curve->below != 0.0 ? curve->to[0] + (v - curve->at[0]) * curve->below : curve->to[0];
  if (v >= curve->at[last])
    return curve->above != 0.0 ? curve->to[last] + (v - curve->at[last]) * curve->above : curve->to[last];
  const int64_t k = bucket(curve, v);
  int64_t low = curve->from[k], high = curve->from[k + 1] + 1 < last ? curve->from[k + 1] + 1 : last;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (curve->at[middle] <= v)
      low = middle;
    else
      high = middle;
  }
  return cm__between(curve->to[low], curve->to[low + 1], share_of(v, curve->at[low], curve->at[low + 1]));
}

static void map_curve(const void *arg, int64_t part, double *line, int64_t n, int64_t step) {
  const CmCurve *curve = (const CmCurve *)arg + part;
  for (int64_t i = 0; i < n; i += step) line[i] = through(curve, line[i]);
}

bool cm__curves(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmOutsideMask outside,
                CmScope scope, bool per_component, CmCurve *curves, CmImage *out, CmError **err) {
  const CmGrid grid = cm__grid(image);
  const int64_t parts = cm__part_count(&grid, scope, per_component);
  for (int64_t k = 0; k < parts; k++)
    if (!index_curve(ctx, &curves[k], err)) return false;
  const CmMapped map = {.scope = scope, .per_component = per_component, .fn = map_curve, .arg = curves};
  return cm__mapped(ctx, what, image, mask, outside, &map, out, err);
}

bool cm__curve_call(const CmCall *call, const char *what, int mask_at, CmOutsideMask outside, CmScope scope,
                    bool per_component, CmType type, CmCurveFn find, void *arg, CmError **err) {
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const int64_t parts = cm__part_count(&grid, scope, per_component);
  CmMask mask;
  CmImage *out = NULL;
  if (!cm__mask_open(&mask, &call->in[mask_at], image, err)) return false;
  CmCurve *curves = cm_calloc(call->ctx, (size_t)parts, sizeof(CmCurve), err);
  bool ok = curves != NULL;
  for (int64_t k = 0; ok && k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &grid, scope, per_component, k);
    ok = find(arg, &part, k, &curves[k], err);
  }
  out = ok ? cm_image_create_like(call->ctx, image, type, cm_image_components(image), err) : NULL;
  ok = out && cm__curves(call->ctx, what, image, &mask, outside, scope, per_component, curves, out, err);
  if (ok) call->out[0] = cm_value_image(cm_image_ref(out));
  for (int64_t k = 0; curves && k < parts; k++) cm__curve_free(&curves[k]);
  cm_free(curves);
  cm_image_unref(&out);
  return ok;
}
