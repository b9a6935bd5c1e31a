#include "ops/filter/separable.h"

typedef struct GaussianParams {
  CmReals sigma;
  int32_t units;
  double truncate;
  int32_t border;
  double border_value;
  int32_t type;
} GaussianParams;

static const CmParam params[] = {
    CM_PARAM_REALS(GaussianParams, sigma, "1", 0, 1000, 1, 3, "",
                   "standard deviation, one for all axes or one each for x,y,z; 0 leaves an axis alone"),
    CM_UNITS_PARAM(GaussianParams, "mm"),
    CM_PARAM_REAL(GaussianParams, truncate, 4, 1, 20, "1", "where the kernel ends, in standard deviations"),
    CM_BORDER_PARAMS(GaussianParams),
    CM_TYPE_PARAM(GaussianParams),
};

static bool run(const CmCall *call, CmError **err) {
  const GaussianParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmSeparable job = {.what = "gaussian", .border = (CmBorder)p->border, .border_value = p->border_value};
  if (!cm__separable_gaussian(call->ctx, &job, &p->sigma, p->units, p->truncate, image, err)) return false;
  return cm__separable_call(call, &job, cm__out_type(p->type, cm_image_type(image)), err);
}

static bool reach(const void *values, const CmImage *image, int64_t to[3]) {
  const GaussianParams *p = values;
  return cm__gaussian_reach(&p->sigma, p->units, p->truncate, 0, p->border, image, to);
}

CM_OP(gaussian) = {
    .name = "gaussian",
    .family = "filter",
    .since = "0.1",
    .summary = "Smooth with a Gaussian.",
    .details =
        "Each axis is convolved with exp(-k^2 / (2 sigma^2)) for |k| <= round(truncate * sigma), scaled to sum 1 "
        "(sigma in voxels of that axis). u8 to i16 and f32 are calculated in f32, the others and type=f64 in "
        "f64. " CM_BORDER_DETAILS CM_FILTER_MASK_DETAILS "NaN: spreads to every voxel whose kernel holds it.",
    CM_OP_PARAMS(GaussianParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Lindeberg T. Scale-space for discrete signals. IEEE TPAMI 12(3), 1990 (sampled kernel)",
    .examples =
        "cormack gaussian ct.nii.gz smooth.nii.gz --sigma 2\n"
        "cormack gaussian mr.nii.gz smooth.nii.gz --sigma 1.5,1.5,0 --units voxel --border mirror",
    .reach = reach,
    .run = run,
};
