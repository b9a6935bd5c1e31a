#include "ops/intensity/points.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

typedef struct Points {
  CmContext *ctx;
  const CmImage *image;
  const CmMask *mask;
  CmOutsideMask outside;
  CmPointFn fn;
  void *arg;
  CmImage *out;
} Points;

static bool do_rows(void *arg, CmRange range, CmError **err) {
  const Points *job = arg;
  const CmGrid grid = cm__grid(job->image), out_grid = cm__grid(job->out);
  const bool masked = job->mask && job->mask->image && job->outside != CM_OUTSIDE_MAP;
  double *line = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  double *before = cm_alloc_array(job->ctx, masked ? (size_t)grid.row : 0, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid.nx, err);
  bool ok = line && before && inside;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, &grid, row), grid.row, line);
    if (masked) {
      cm__mask_row(job->mask, row, inside);
      memcpy(before, line, (size_t)grid.row * sizeof(double));
    }
    job->fn(job->arg, row, line, grid.row);
    for (int64_t i = 0; masked && i < grid.row; i++)
      if (!inside[i / grid.components]) line[i] = job->outside == CM_OUTSIDE_KEEP ? before[i] : 0.0;
    cm__line_from_f64(cm_image_type(job->out), line, grid.row, cm__row_mut(job->out, &out_grid, row));
  }
  cm_free(line);
  cm_free(before);
  cm_free(inside);
  return ok;
}

bool cm__points(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmOutsideMask outside,
                CmPointFn fn, void *arg, CmImage *out, CmError **err) {
  Points job = {.ctx = ctx, .image = image, .mask = mask, .outside = outside, .fn = fn, .arg = arg, .out = out};
  const CmGrid grid = cm__grid(image);
  return cm_parallel_for(ctx, what, grid.rows, cm__row_chunk(&grid), do_rows, &job, err);
}

CM_SIMD static void map_line(const void *maps, int64_t part, double *line, int64_t n, int64_t step) {
  const CmLinear m = ((const CmLinear *)maps)[part]; /* the line may not change it */
  if (step == 1) {
    for (int64_t i = 0; i < n; i++) {
      double v = (line[i] - m.from) / m.range * m.span + m.to;
      v = v < m.low ? m.low : v;
      line[i] = v > m.high ? m.high : v;
    }
    return;
  }
  for (int64_t i = 0; i < n; i += step) {
    double v = (line[i] - m.from) / m.range * m.span + m.to;
    v = v < m.low ? m.low : v;
    line[i] = v > m.high ? m.high : v;
  }
}

typedef struct Reals {
  CmGrid grid;
  const CmImage *image;
  CmImage *out;
  CmScope scope;
  const CmLinear *maps;
} Reals;

static bool real_rows(void *arg, CmRange range, CmError **err) {
  const Reals *job = arg;
  const CmGrid out_grid = cm__grid(job->out);
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const CmLinear *m = &job->maps[cm__part_of(&job->grid, job->scope, false, row, 0)];
    const CmStraight straight = {m->from, m->span / m->range, m->to, m->low, m->high};
    cm__straight_reals(cm_image_type(job->image), cm__row(job->image, &job->grid, row), job->grid.row, &straight,
                       cm__row_mut(job->out, &out_grid, row));
  }
  return true;
}

/* Without a mask to heed, components alike and f32 wanted: rows as they lie. */
static bool linear_rows(CmContext *ctx, const CmLinearOp *op, const CmImage *image, const CmMask *mask,
                        const CmLinear *maps, CmImage *out, CmError **err) {
  const bool masked = mask->image && op->outside != CM_OUTSIDE_MAP;
  const CmMapped mapped = {.scope = op->per, .per_component = op->per_component, .fn = map_line, .arg = maps};
  Reals job = {.grid = cm__grid(image), .image = image, .out = out, .scope = op->per, .maps = maps};
  bool finite = true; /* of a range of next to nothing the slope is not */
  for (int64_t k = 0; k < cm__part_count(&job.grid, op->per, false); k++)
    finite = finite && isfinite(maps[k].span / maps[k].range);
  if (masked || op->per_component || op->type != CM_F32 || !finite)
    return cm__mapped(ctx, op->what, image, mask, op->outside, &mapped, out, err);
  return cm_parallel_for(ctx, op->what, job.grid.rows, cm__row_chunk(&job.grid), real_rows, &job, err);
}

bool cm__linear_run(const CmCall *call, const CmLinearOp *op, CmError **err) {
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const int64_t parts = cm__part_count(&grid, op->per, op->per_component);
  CmMask mask;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  CmLinear *maps = cm_alloc_array(call->ctx, (size_t)parts, sizeof(CmLinear), err);
  bool ok = maps != NULL;
  for (int64_t k = 0; ok && k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &grid, op->per, op->per_component, k);
    ok = op->map(call->ctx, call->params, &part, &maps[k], err);
  }
  CmImage *out = ok ? cm_image_create_like(call->ctx, image, op->type, cm_image_components(image), err) : NULL;
  ok = out && cm_image_set_unit(out, "1", err) && linear_rows(call->ctx, op, image, &mask, maps, out, err);
  if (ok)
    call->out[0] = cm_value_image(out);
  else
    cm_image_unref(&out);
  cm_free(maps);
  return ok;
}
