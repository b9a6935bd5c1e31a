#include <float.h>
#include <math.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/simd.h"

typedef struct ClipParams {
  int32_t method;
  double lower, upper;
  int32_t per;
  bool per_component;
} ClipParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(ClipParams, method, "value|percentile", "value", "whether lower and upper are values or percentiles"),
    CM_PARAM_REAL(ClipParams, lower, -1e30, -1e30, 1e30, "", "values below become this; -1e30: no limit"),
    CM_PARAM_REAL(ClipParams, upper, 1e30, -1e30, 1e30, "", "values above become this; 1e30: no limit"),
    CM_SCOPE_PARAMS(ClipParams),
};

typedef struct Limits {
  double low, high;
} Limits;

#define CM_TEMPLATE "ops/intensity/clip_tmpl.c"
#include "ops/each_type.h"
static void (*const clip_values[CM_TYPE_COUNT])(const void *, int64_t, int64_t, double, double,
                                                void *) = CM_TYPE_TABLE(clip);

typedef struct Clip {
  CmContext *ctx;
  const CmImage *image;
  const CmMask *mask;
  CmImage *out;
  CmGrid grid;
  CmScope scope;
  bool per_component;
  const Limits *limits;
} Clip;

static bool clip_rows(void *arg, CmRange range, CmError **err) {
  const Clip *job = arg;
  const CmGrid *grid = &job->grid;
  const CmType type = cm_image_type(job->image);
  const int64_t step = job->per_component ? grid->components : 1;
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  double *scratch = cm_alloc_array(job->ctx, job->mask->image ? (size_t)grid->row : 0, sizeof(double), err);
  const bool ok = inside && scratch;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const char *from = cm__row(job->image, grid, row);
    char *to = cm__row_mut(job->out, grid, row);
    for (int64_t c = 0; c < step; c++) {
      const Limits *limits = &job->limits[cm__part_of(grid, job->scope, job->per_component, row, c)];
      const size_t first = (size_t)c * grid->size;
      clip_values[type](from + first, grid->row - c, step, limits->low, limits->high, to + first);
    }
    if (job->mask->image) {
      cm__mask_row(job->mask, row, inside);
      cm__mask_restore(inside, grid, type, from, type, to, scratch);
    }
  }
  cm_free(inside);
  cm_free(scratch);
  return ok;
}

/* Whole numbers inside the limits for integer types, so that nothing is rounded beyond them. */
static bool find_limits(CmContext *ctx, const ClipParams *p, const CmPart *part, Limits *limits, CmError **err) {
  *limits = (Limits){p->lower <= -1e30 ? -INFINITY : p->lower, p->upper >= 1e30 ? INFINITY : p->upper};
  if (p->method == 1) {
    const double q[2] = {p->lower / 100.0, p->upper / 100.0};
    double values[2];
    if (!cm__part_quantiles(ctx, part, NULL, q, 2, values, err)) return false;
    *limits = (Limits){values[0], values[1]};
  }
  if (cm_type_is_integer(cm_image_type(part->image))) {
    limits->low = ceil(limits->low);
    limits->high = floor(limits->high);
    if (limits->low > limits->high) limits->low = limits->high = rint(0.5 * (limits->low + limits->high));
    if (limits->low > cm_type_max(cm_image_type(part->image)) ||
        limits->high < cm_type_min(cm_image_type(part->image))) {
      cm_error_set(err, CM_ERR_PARAMETER,
                   "%g to %g lies outside of what the voxel type %s holds; convert the image first", limits->low,
                   limits->high, cm_type_name(cm_image_type(part->image)));
      return false;
    }
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const ClipParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Clip job = {.ctx = call->ctx,
              .image = image,
              .mask = &mask,
              .grid = cm__grid(image),
              .scope = (CmScope)p->per,
              .per_component = p->per_component};
  const int64_t parts = cm__part_count(&job.grid, job.scope, p->per_component);
  CmImage *out = NULL;
  Limits *limits = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  limits = cm_alloc_array(call->ctx, (size_t)parts, sizeof(Limits), err);
  if (!limits) return false;
  job.limits = limits;
  for (int64_t k = 0; k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &job.grid, job.scope, p->per_component, k);
    if (!find_limits(call->ctx, p, &part, &limits[k], err)) goto done;
  }
  out = cm_image_create_like(call->ctx, image, cm_image_type(image), cm_image_components(image), err);
  job.out = out;
  if (!out || !cm_parallel_for(call->ctx, "clip", job.grid.rows, cm__row_chunk(&job.grid), clip_rows, &job, err))
    goto done;
  call->out[0] = cm_value_image(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&out);
  cm_free(limits);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const ClipParams *p = values;
  if (!(p->lower <= p->upper)) {
    cm_error_set(err, CM_ERR_PARAMETER, "lower %g is above upper %g; swap them", p->lower, p->upper);
    return false;
  }
  if (p->method == 1 && (p->lower < 0.0 || p->upper > 100.0)) {
    cm_error_set(err, CM_ERR_PARAMETER, "method=percentile needs lower and upper between 0 and 100");
    return false;
  }
  return true;
}

CM_OP(clip) = {
    .name = "clip",
    .family = "intensity",
    .since = "0.1",
    .summary = "Limit values to a range.",
    .details =
        "min(max(v, lower), upper); the voxel type is kept, for integers the limits are the whole numbers between "
        "them. Percentiles are "
        "exact, linear between order statistics. Mask: percentiles are measured inside; voxels outside keep their "
        "value. NaN stays NaN.",
    CM_OP_PARAMS(ClipParams, params),
    CM_FILTER_PORTS,
    .examples =
        "cormack clip ct.nii.gz out.nii.gz --lower -1000 --upper 400\ncormack clip mr.nii.gz out.nii.gz --method "
        "percentile --lower 0.5 --upper 99.5",
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.2",
    .check = check,
    .run = run,
};
