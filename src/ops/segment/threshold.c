#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/lines.h"
#include "ops/simd.h"

typedef struct ThresholdParams {
  double lower, upper;
  int64_t inside, outside;
} ThresholdParams;

static const CmParam params[] = {
    CM_PARAM_REAL(ThresholdParams, lower, -1e30, -1e30, 1e30, "", "smallest value that is inside; -1e30: no limit"),
    CM_PARAM_REAL(ThresholdParams, upper, 1e30, -1e30, 1e30, "", "largest value that is inside; 1e30: no limit"),
    CM_PARAM_INT(ThresholdParams, inside, 1, 0, 255, "1", "label of the voxels inside"),
    CM_PARAM_INT(ThresholdParams, outside, 0, 0, 255, "1", "label of the others"),
};

static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .components = true, .help = "u8 label map"}};

#define CM_TEMPLATE "ops/segment/threshold_tmpl.c"
#include "ops/each_type.h"
static void (*const between[CM_TYPE_COUNT])(const void *, int64_t, double, double, uint8_t, uint8_t,
                                            uint8_t *) = CM_TYPE_TABLE(between);

typedef struct Threshold {
  CmContext *ctx;
  const ThresholdParams *p;
  const CmImage *image;
  const CmMask *mask;
  CmImage *out;
} Threshold;

static bool do_rows(void *arg, CmRange range, CmError **err) {
  const Threshold *job = arg;
  const ThresholdParams *p = job->p;
  const CmGrid grid = cm__grid(job->image), out_grid = cm__grid(job->out);
  const double lower = p->lower <= -1e30 ? -INFINITY : p->lower, upper = p->upper >= 1e30 ? INFINITY : p->upper;
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid.nx, err);
  if (!inside) return false;
  for (int64_t row = range.begin; row < range.end; row++) {
    uint8_t *to = cm__row_mut(job->out, &out_grid, row);
    between[cm_image_type(job->image)](cm__row(job->image, &grid, row), grid.row, lower, upper, (uint8_t)p->inside,
                                       (uint8_t)p->outside, to);
    if (job->mask->image) {
      cm__mask_row(job->mask, row, inside);
      for (int64_t i = 0; i < grid.row; i++) to[i] = inside[i / grid.components] ? to[i] : (uint8_t)p->outside;
    }
  }
  cm_free(inside);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Threshold job = {.ctx = call->ctx, .p = call->params, .image = image, .mask = &mask};
  const CmGrid grid = cm__grid(image);
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  job.out = cm_image_create_like(call->ctx, image, CM_U8, cm_image_components(image), err);
  if (!job.out || !cm_image_set_unit(job.out, "1", err) ||
      !cm_parallel_for(call->ctx, "threshold", grid.rows, cm__row_chunk(&grid), do_rows, &job, err)) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_labels(job.out);
  return true;
}

static bool check(const void *values, CmError **err) {
  const ThresholdParams *p = values;
  if (p->lower <= p->upper) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "lower %g is above upper %g; swap them", p->lower, p->upper);
  return false;
}

CM_OP(threshold) = {
    .name = "threshold",
    .family = "segment",
    .since = "0.1",
    .summary = "Label the voxels whose values lie between two limits.",
    .details =
        "inside where lower <= v <= upper, else outside. Mask: voxels outside it get `outside`. NaN gets `outside`. "
        "Each component by "
        "itself.",
    CM_OP_PARAMS(ThresholdParams, params),
    .inputs = cm__filter_inputs,
    .input_count = 2,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 10.3",
    .examples =
        "cormack threshold ct.nii.gz bone.nii.gz --lower 200\ncormack threshold ct.nii.gz air.nii.gz --upper -900 "
        "--inside 2",
    .check = check,
    .run = run,
};
