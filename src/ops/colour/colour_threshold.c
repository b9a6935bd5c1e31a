#include <string.h>

#include "cormack/parallel.h"
#include "ops/colour/colour.h"
#include "ops/simd.h"

typedef struct ColourThresholdParams {
  int32_t space;
  CmReals low, high;
} ColourThresholdParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(ColourThresholdParams, space, CM_COLOUR_CHOICES, "hsv", "in which the range is given"),
    CM_PARAM_REALS(ColourThresholdParams, low, "0,0,0", -1e6, 1e6, 1, 3, "",
                   "lowest value of each component; a hue above that of high goes around through red"),
    CM_PARAM_REALS(ColourThresholdParams, high, "1,1,1", -1e6, 1e6, 1, 3, "", "highest value of each component"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "rgb, which may have opacity as a fourth"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 1 where all lie in the range"}};

typedef struct Job {
  CmContext *ctx;
  const ColourThresholdParams *p;
  const CmImage *image;
  CmMask mask;
  CmGrid grid;
  CmColour colour;
  CmImage *labels;
} Job;

CM_SIMD static void keep_between(const double *v, double low, double high, int64_t n, uint8_t *inside) {
  for (int64_t i = 0; i < n; i++) inside[i] &= v[i] >= low && v[i] <= high;
}

CM_SIMD static void keep_around(const double *v, double low, double high, int64_t n, uint8_t *inside) {
  for (int64_t i = 0; i < n; i++) inside[i] &= v[i] >= low || v[i] <= high;
}

static bool do_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const ColourThresholdParams *p = job->p;
  const int64_t n = job->grid.nx;
  CmGrid to = job->grid;
  to.row = n;
  to.components = 1;
  to.size = 1;
  double *room = cm_alloc_array(job->ctx, (size_t)((3 + job->grid.components) * n), sizeof(double), err);
  if (!room) return false;
  double *const plane[3] = {room, room + n, room + 2 * n};
  for (int64_t row = range.begin; row < range.end; row++) {
    uint8_t *inside = cm__row_mut(job->labels, &to, row);
    cm__colour_row_f64(&job->colour, cm__row(job->image, &job->grid, row), n, room + 3 * n, plane);
    memset(inside, 1, (size_t)n);
    if (job->mask.image) cm__mask_row(&job->mask, row, inside);
    for (int k = 0; k < p->low.count; k++) {
      const bool around = p->space == CM_HSV && k == 0 && p->low.value[0] > p->high.value[0];
      (around ? keep_around : keep_between)(plane[k], p->low.value[k], p->high.value[k], n, inside);
    }
  }
  cm_free(room);
  return true;
}

static bool check(const void *values, CmError **err) {
  const ColourThresholdParams *p = values;
  const int wanted = (int)cm__colour_components((CmColourSpace)p->space);
  if (p->low.count != wanted || p->high.count != wanted) {
    cm_error_set(err, CM_ERR_PARAMETER, "low and high need %d number%s each, one a component", wanted,
                 wanted == 1 ? "" : "s");
    return false;
  }
  for (int k = p->space == CM_HSV; k < wanted; k++) {
    if (p->low.value[k] <= p->high.value[k]) continue;
    cm_error_set(err, CM_ERR_PARAMETER, "number %d of low (%g) lies above that of high (%g)", k + 1, p->low.value[k],
                 p->high.value[k]);
    return false;
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const ColourThresholdParams *p = call->params;
  Job job = {.ctx = call->ctx, .p = p, .image = call->in[0].image, .grid = cm__grid(call->in[0].image)};
  if (!cm__colour_open(&job.colour, job.image, CM_RGB, (CmColourSpace)p->space, err) ||
      !cm__mask_open(&job.mask, &call->in[1], job.image, err))
    return false;
  job.labels = cm_image_create_like(call->ctx, job.image, CM_U8, 1, err);
  if (!job.labels || !cm_image_set_unit(job.labels, "1", err) ||
      !cm_parallel_for(call->ctx, "colours", job.grid.rows, cm__row_chunk(&job.grid), do_rows, &job, err)) {
    cm_image_unref(&job.labels);
    return false;
  }
  call->out[0] = cm_value_labels(job.labels);
  return true;
}

CM_OP(colour_threshold) = {
    .name = "colour_threshold",
    .family = "colour",
    .since = "0.2",
    .summary = "Label the voxels whose colours lie in a range.",
    .details =
        "The image is rgb (integers: 0 to the type's largest value, floats: 0 to 1); it is converted to `space` as "
        "the operation colour_space does, in double, and labelled 1 where each component lies between low and high, "
        "both included. In hsv a range of hues whose low lies above its high goes around through red: low=0.9,... "
        "high=0.1,... Mask: voxels outside get 0. NaN lies in no range.",
    CM_OP_PARAMS(ColourThresholdParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Smith AR. Color gamut transform pairs. SIGGRAPH 1978 (HSV); CIE 15:2004 (CIELAB)",
    .examples =
        "cormack colour_threshold dermoscopy.png lesion.png --low 0.9,0.2,0.1 --high 0.1,1,0.8\n"
        "cormack colour_threshold histology.png nuclei.png --space lab --low 0,0,-60 --high 60,60,-5",
    .check = check,
    .run = run,
};
