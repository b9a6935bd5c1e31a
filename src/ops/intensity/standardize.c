#include <math.h>

#include "ops/intensity/points.h"

typedef struct StandardizeParams {
  int32_t method;
  int64_t ddof;
  double clip;
  int32_t outside_mask;
  int32_t per;
  bool per_component;
  int32_t type;
} StandardizeParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(StandardizeParams, method, "mean_sd|median_iqr|median_mad", "mean_sd",
                  "centre and scale: mean and standard deviation, median and interquartile range, or median and 1.4826 "
                  "times the median "
                  "absolute deviation"),
    CM_PARAM_INT(StandardizeParams, ddof, 0, 0, 1, "1", "the squared differences are divided by count - ddof"),
    CM_PARAM_REAL(StandardizeParams, clip, 0, 0, 1e6, "1", "results beyond this are set to it, on both sides; 0: not"),
    CM_PARAM_ENUM(StandardizeParams, outside_mask, "map|keep|zero", "map",
                  "voxels outside the mask: mapped like the others, kept, or 0"),
    CM_SCOPE_PARAMS(StandardizeParams),
    CM_PARAM_ENUM(StandardizeParams, type, "f32|f64", "f32", "voxel type of the result"),
};

static bool centre_and_scale(CmContext *ctx, const StandardizeParams *p, const CmPart *part, double *centre,
                             double *scale, CmError **err) {
  if (p->method > 0) {
    const double q[3] = {0.25, 0.5, 0.75};
    double values[3];
    if (!cm__part_quantiles(ctx, part, NULL, q, 3, values, err)) return false;
    *centre = values[1];
    *scale = values[2] - values[0];
    if (p->method == 1) return true;
    if (!cm__part_quantiles(ctx, part, centre, &q[1], 1, values, err)) return false;
    *scale = 1.4826 * values[0];
    return true;
  }
  CmMoments moments;
  if (!cm__part_moments(ctx, part, &moments, err)) return false;
  if (moments.count <= p->ddof) {
    cm_error_set(err, CM_ERR_DATA, "there are not enough voxels to measure: the mask is empty there, or all is NaN");
    return false;
  }
  *centre = moments.mean;
  *scale = sqrt(moments.variance * (double)moments.count / (double)(moments.count - p->ddof));
  return true;
}

static bool map_part(CmContext *ctx, const void *values, const CmPart *part, CmLinear *map, CmError **err) {
  const StandardizeParams *p = values;
  const double limit = p->clip > 0.0 ? p->clip : INFINITY;
  double centre, scale;
  if (!centre_and_scale(ctx, p, part, &centre, &scale, err)) return false;
  *map = (CmLinear){.from = centre,
                    .range = scale > 0.0 ? scale : 1.0,
                    .span = scale > 0.0 ? 1.0 : 0.0,
                    .low = -limit,
                    .high = limit};
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const StandardizeParams *p = call->params;
  const CmLinearOp op = {.what = "standardize",
                         .per = (CmScope)p->per,
                         .per_component = p->per_component,
                         .outside = (CmOutsideMask)p->outside_mask,
                         .type = p->type == 1 ? CM_F64 : CM_F32,
                         .map = map_part};
  return cm__linear_run(call, &op, err);
}

CM_OP(standardize) = {
    .name = "standardize",
    .family = "intensity",
    .since = "0.1",
    .summary = "Subtract the centre of the values and divide by their spread.",
    .details =
        "(v - centre) / scale. Percentiles are exact, linear between order statistics. A part without spread becomes "
        "0. Mask: centre "
        "and scale are measured inside. NaN: left out of the measures, stays NaN. The result has unit 1.",
    CM_OP_PARAMS(StandardizeParams, params),
    CM_FILTER_PORTS,
    .cite = "Rousseeuw PJ, Croux C. Alternatives to the median absolute deviation. JASA 88(424), 1993 (1.4826 MAD)",
    .examples =
        "cormack standardize mr.nii.gz z.nii.gz --mask brain.nii.gz --outside_mask zero\n"
        "cormack standardize mr.nii.gz z.nii.gz --method median_iqr --clip 5",
    .run = run,
};
