#include "ops/intensity/curve.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/counts.h"

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

typedef struct Job {
  CmContext *ctx;
  CmGrid grid;
  CmScope scope;
  bool per_component;
  const CmCurve *curves;
  const CmImage *image;
  const CmMask *mask;
  CmOutsideMask outside;
  CmImage *out;
  char *tables;   /* per part, values of out's type; NULL: voxel by voxel */
  int64_t values; /* of a table */
} Job;

static void curve_row(void *arg, int64_t row, double *line, int64_t n) {
  const Job *job = arg;
  const int64_t step = job->per_component ? job->grid.components : 1;
  for (int64_t c = 0; c < step; c++) {
    const CmCurve *curve = &job->curves[cm__part_of(&job->grid, job->scope, job->per_component, row, c)];
    for (int64_t i = c; i < n; i += step) line[i] = through(curve, line[i]);
  }
}

#define LOOK_UP(name, Place, Out)                                                                                  \
  static void look_up_##name(const void *from, int64_t n, int64_t step, Place turn, const void *table, void *to) { \
    const Place *v = from;                                                                                         \
    const Out *t = table;                                                                                          \
    Out *out = to;                                                                                                 \
    for (int64_t i = 0; i < n; i += step) out[i] = t[(Place)(v[i] ^ turn)];                                        \
  }
LOOK_UP(8_8, uint8_t, uint8_t)
LOOK_UP(8_16, uint8_t, uint16_t)
LOOK_UP(8_32, uint8_t, uint32_t)
LOOK_UP(8_64, uint8_t, uint64_t)
LOOK_UP(16_8, uint16_t, uint8_t)
LOOK_UP(16_16, uint16_t, uint16_t)
LOOK_UP(16_32, uint16_t, uint32_t)
LOOK_UP(16_64, uint16_t, uint64_t)

/* Values of the image's type are places in the table, signed ones turned by the top bit. */
static void look_up(CmType type, const void *from, int64_t n, int64_t step, size_t size, const void *table, void *to) {
  static void (*const of_8[4])(const void *, int64_t, int64_t, uint8_t, const void *, void *) = {
      look_up_8_8, look_up_8_16, look_up_8_32, look_up_8_64};
  static void (*const of_16[4])(const void *, int64_t, int64_t, uint16_t, const void *, void *) = {
      look_up_16_8, look_up_16_16, look_up_16_32, look_up_16_64};
  const int kind = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
  if (cm_type_size(type) == 1)
    of_8[kind](from, n, step, type == CM_I8 ? 0x80 : 0, table, to);
  else
    of_16[kind](from, n, step, type == CM_I16 ? 0x8000 : 0, table, to);
}

static bool table_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const CmGrid *grid = &job->grid, out_grid = cm__grid(job->out);
  const CmType type = cm_image_type(job->image), out_type = cm_image_type(job->out);
  const bool masked = job->mask->image && job->outside != CM_OUTSIDE_MAP;
  const int64_t step = job->per_component ? grid->components : 1;
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  double *scratch = cm_alloc_array(job->ctx, masked ? (size_t)grid->row : 0, sizeof(double), err);
  const bool ok = inside && scratch;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const char *from = cm__row(job->image, grid, row);
    char *to = cm__row_mut(job->out, &out_grid, row);
    for (int64_t c = 0; c < step; c++) {
      const int64_t part = cm__part_of(grid, job->scope, job->per_component, row, c);
      look_up(type, from + (size_t)c * grid->size, grid->row - c, step, out_grid.size,
              job->tables + (size_t)(part * job->values) * out_grid.size, to + (size_t)c * out_grid.size);
    }
    if (!masked) continue;
    cm__mask_row(job->mask, row, inside);
    if (job->outside == CM_OUTSIDE_KEEP)
      cm__mask_restore(inside, grid, type, from, out_type, to, scratch);
    else
      for (int64_t x = 0; x < grid->nx; x++)
        if (!inside[x])
          memset(to + (size_t)(x * grid->components) * out_grid.size, 0, (size_t)grid->components * out_grid.size);
  }
  cm_free(inside);
  cm_free(scratch);
  return ok;
}

static bool fill_tables(Job *job, int64_t parts, CmError **err) {
  const CmType type = cm_image_type(job->image), out_type = cm_image_type(job->out);
  const size_t size = cm_type_size(out_type);
  double *line = cm_alloc_array(job->ctx, (size_t)job->values, sizeof(double), err);
  job->tables = cm_alloc_array(job->ctx, (size_t)(parts * job->values), size, err);
  for (int64_t k = 0; line && job->tables && k < parts; k++) {
    for (int64_t i = 0; i < job->values; i++) line[i] = through(&job->curves[k], (double)i + cm_type_min(type));
    cm__line_from_f64(out_type, line, job->values, job->tables + (size_t)(k * job->values) * size);
  }
  cm_free(line);
  return line && job->tables;
}

bool cm__curves(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmOutsideMask outside,
                CmScope scope, bool per_component, CmCurve *curves, CmImage *out, CmError **err) {
  Job job = {.ctx = ctx,
             .grid = cm__grid(image),
             .scope = scope,
             .per_component = per_component,
             .curves = curves,
             .image = image,
             .mask = mask,
             .outside = outside,
             .out = out};
  const int64_t parts = cm__part_count(&job.grid, scope, per_component);
  for (int64_t k = 0; k < parts; k++)
    if (!index_curve(ctx, &curves[k], err)) return false;
  job.values = cm__type_is_counted(cm_image_type(image)) ? cm__type_values(cm_image_type(image)) : 0;
  /* small parts are quicker without a table */
  if (job.values == 0 || parts * job.values > 4 * cm_image_values(image) + 65536)
    return cm__points(ctx, what, image, mask, outside, curve_row, &job, out, err);
  const bool ok = fill_tables(&job, parts, err) &&
                  cm_parallel_for(ctx, what, job.grid.rows, cm__row_chunk(&job.grid), table_rows, &job, err);
  cm_free(job.tables);
  return ok;
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
