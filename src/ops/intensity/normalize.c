#include <math.h>

#include "ops/intensity/points.h"

typedef struct NormalizeParams {
  int32_t method;
  double lower, upper;
  CmReals range;
  double out_min, out_max;
  bool clip;
  int32_t outside_mask;
  int32_t per;
  bool per_component;
  int32_t type;
} NormalizeParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(NormalizeParams, method, "minmax|percentile|range", "minmax",
                  "what becomes out_min and out_max: the smallest and largest value, the percentiles lower and upper, "
                  "or `range`"),
    CM_PARAM_REAL(NormalizeParams, lower, 1, 0, 100, "%", "percentile that becomes out_min"),
    CM_PARAM_REAL(NormalizeParams, upper, 99, 0, 100, "%", "percentile that becomes out_max"),
    CM_PARAM_REALS(NormalizeParams, range, "", -1e30, 1e30, 0, 2, "", "the two values of method=range, e.g. -1000,400"),
    CM_PARAM_REAL(NormalizeParams, out_min, 0, -1e30, 1e30, "", "what the lower value becomes"),
    CM_PARAM_REAL(NormalizeParams, out_max, 1, -1e30, 1e30, "", "what the upper value becomes"),
    CM_PARAM_BOOL(NormalizeParams, clip, "true", "values beyond are set to out_min or out_max"),
    CM_PARAM_ENUM(NormalizeParams, outside_mask, "map|keep|zero", "map",
                  "voxels outside the mask: mapped like the others, kept, or 0"),
    CM_SCOPE_PARAMS(NormalizeParams),
    CM_PARAM_ENUM(NormalizeParams, type, "f32|f64|u8|u16|i16", "f32",
                  "voxel type of the result; integers are rounded and clamped"),
};

static bool limits(CmContext *ctx, const NormalizeParams *p, const CmPart *part, double *low, double *high,
                   CmError **err) {
  if (p->method == 2) {
    *low = p->range.value[0];
    *high = p->range.value[1];
    return true;
  }
  if (p->method == 1) {
    const double q[2] = {p->lower / 100.0, p->upper / 100.0};
    double values[2];
    if (!cm__part_quantiles(ctx, part, NULL, q, 2, values, err)) return false;
    *low = values[0];
    *high = values[1];
    return true;
  }
  CmMoments moments;
  if (!cm__part_ends(ctx, part, &moments, err)) return false;
  if (moments.count == 0) {
    cm_error_set(err, CM_ERR_DATA, "there is no voxel to measure: the mask is empty there, or all is NaN");
    return false;
  }
  *low = moments.min;
  *high = moments.max;
  return true;
}

static bool map_part(CmContext *ctx, const void *values, const CmPart *part, CmLinear *map, CmError **err) {
  const NormalizeParams *p = values;
  double low, high;
  if (!limits(ctx, p, part, &low, &high, err)) return false;
  const bool flat = !(high > low), turned = p->out_max < p->out_min;
  *map = (CmLinear){.from = low,
                    .range = flat ? 1.0 : high - low,
                    .span = flat ? 0.0 : p->out_max - p->out_min,
                    .to = p->out_min,
                    .low = p->clip ? (turned ? p->out_max : p->out_min) : -INFINITY,
                    .high = p->clip ? (turned ? p->out_min : p->out_max) : INFINITY};
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  static const CmType types[] = {CM_F32, CM_F64, CM_U8, CM_U16, CM_I16};
  const NormalizeParams *p = call->params;
  const CmLinearOp op = {.what = "normalize",
                         .per = (CmScope)p->per,
                         .per_component = p->per_component,
                         .outside = (CmOutsideMask)p->outside_mask,
                         .type = types[p->type],
                         .map = map_part};
  return cm__linear_run(call, &op, err);
}

static bool check(const void *values, CmError **err) {
  const NormalizeParams *p = values;
  if (p->method == 1 && !(p->lower < p->upper)) {
    cm_error_set(err, CM_ERR_PARAMETER, "lower %g must be below upper %g", p->lower, p->upper);
    return false;
  }
  if (p->method == 2 && (p->range.count != 2 || !(p->range.value[0] < p->range.value[1]))) {
    cm_error_set(err, CM_ERR_PARAMETER, "method=range needs range=LOW,HIGH with LOW below HIGH");
    return false;
  }
  return true;
}

CM_OP(normalize) = {
    .name = "normalize",
    .family = "intensity",
    .since = "0.1",
    .summary = "Map a range of values linearly onto another.",
    .details =
        "out_min + (v - low) / (high - low) * (out_max - out_min), where low and high are the smallest and largest "
        "value, two "
        "percentiles (exact; linear between order statistics), or given. A part without contrast becomes out_min. "
        "Mask: low and "
        "high are measured inside. NaN: left out of the measures; stays NaN (integer results: 0). The result has unit "
        "1.",
    CM_OP_PARAMS(NormalizeParams, params),
    CM_FILTER_PORTS,
    .cite = "Hyndman RJ, Fan Y. Sample quantiles in statistical packages. Am Stat 50(4), 1996 (definition 7)",
    .examples =
        "cormack normalize xray.png out.nii.gz\n"
        "cormack normalize mr.nii.gz out.nii.gz --method percentile --lower 0.5 --upper 99.5 --mask brain.nii.gz\n"
        "cormack normalize ct.nii.gz out.png --method range --range -1000,400 --out_max 255 --type u8",
    .check = check,
    .run = run,
};
