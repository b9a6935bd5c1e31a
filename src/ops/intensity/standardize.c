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

static bool run(const CmCall *call, CmError **err) {
  const StandardizeParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const CmScope scope = (CmScope)p->per;
  const int64_t parts = cm__part_count(&grid, scope, p->per_component);
  CmMask mask;
  CmImage *out = NULL;
  CmLinear *maps = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  maps = cm_alloc_array(call->ctx, (size_t)parts, sizeof(CmLinear), err);
  if (!maps) return false;
  for (int64_t k = 0; k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &grid, scope, p->per_component, k);
    double centre, scale;
    if (!centre_and_scale(call->ctx, p, &part, &centre, &scale, err)) goto done;
    const double limit = p->clip > 0.0 ? p->clip : INFINITY;
    maps[k] = (CmLinear){.from = centre,
                         .range = scale > 0.0 ? scale : 1.0,
                         .span = scale > 0.0 ? 1.0 : 0.0,
                         .low = -limit,
                         .high = limit};
  }
  out = cm_image_create_like(call->ctx, image, p->type == 1 ? CM_F64 : CM_F32, cm_image_components(image), err);
  if (!out || !cm_image_set_unit(out, "1", err) ||
      !cm__linear(call->ctx, "standardize", image, &mask, (CmOutsideMask)p->outside_mask, scope, p->per_component, maps,
                  out, err))
    goto done;
  call->out[0] = cm_value_image(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&out);
  cm_free(maps);
  return ok;
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
