#include "ops/filter/terms.h"

typedef struct GradientParams {
  CmReals sigma;
  int32_t units;
  int32_t per;
  double truncate;
  int32_t border;
  double border_value;
  int32_t type;
} GradientParams;

static const CmParam params[] = {
    CM_PARAM_REALS(
        GradientParams, sigma, "0", 0, 1000, 1, 3, "",
        "standard deviation of the smoothing, one for all axes or one each for x,y,z; 0: central differences"),
    CM_SLOPE_PARAMS(GradientParams),
};

static bool run(const CmCall *call, CmError **err) {
  const GradientParams *p = call->params;
  CmTerms terms = CM_TERMS("gradient_magnitude", p);
  return cm__terms_gradient(call, &terms, &p->sigma, p->units, p->per, p->truncate, err) &&
         cm__terms_call(call, &terms, err);
}

static bool reach(const void *values, const CmImage *image, int64_t to[3]) {
  const GradientParams *p = values;
  return cm__gaussian_reach(&p->sigma, p->units, p->truncate, 1, p->border, image, to);
}

CM_OP(gradient_magnitude) = {
    .name = "gradient_magnitude",
    .family = "filter",
    .since = "0.1",
    .summary = "The steepest slope at each voxel.",
    .details =
        "sqrt of the sum over the axes of the squared slopes. sigma 0: (v[i+1] - v[i-1]) / 2 along each axis; else the "
        "first "
        "derivative of the sampled Gaussian along that axis, scaled so that a ramp keeps its slope, and the Gaussian "
        "along the others. Each slope is divided by the spacing unless per=voxel. " CM_TERMS_DETAILS,
    CM_OP_PARAMS(GradientParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Canny J. A computational approach to edge detection. IEEE TPAMI 8(6), 1986",
    .examples = "cormack gradient_magnitude ct.nii.gz edges.nii.gz --sigma 1",
    .reach = reach,
    .run = run,
};
