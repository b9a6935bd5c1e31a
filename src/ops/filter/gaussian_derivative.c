#include "ops/filter/terms.h"

typedef struct DerivativeParams {
  CmInts order;
  CmReals sigma;
  int32_t units;
  int32_t per;
  double truncate;
  int32_t border;
  double border_value;
  int32_t type;
} DerivativeParams;

static const CmParam params[] = {
    CM_PARAM_INTS(DerivativeParams, order, "1,0,0", 0, 4, 1, 3, "1",
                  "order of the derivative along x,y,z; what is not given is 0"),
    CM_PARAM_REALS(DerivativeParams, sigma, "1", 0, 1000, 1, 3, "",
                   "standard deviation, one for all axes or one each for x,y,z; 0: finite differences"),
    CM_SLOPE_PARAMS(DerivativeParams),
};

static bool run(const CmCall *call, CmError **err) {
  const DerivativeParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmTerms terms = CM_TERMS("gaussian_derivative", p);
  CmTerm *term = &terms.item[0];
  double sigma[3];
  terms.count = 1;
  cm__axis_sizes(&p->sigma, p->units, image, sigma);
  term->scale = 1.0;
  for (int axis = 0; axis < 3; axis++) {
    const int order = axis < p->order.count ? (int)p->order.value[axis] : 0;
    if (order > 0 && cm_image_dims(image)[axis] == 1) terms.count = 0;
    term->scale *= cm__per_factor(p->per, image, axis, order);
    if (!cm__gaussian_taps(call->ctx, sigma[axis], p->truncate, order, &term->taps[axis], err)) {
      cm__terms_free(&terms);
      return false;
    }
  }
  return cm__terms_call(call, &terms, err);
}

static bool reach(const void *values, const CmImage *image, int64_t to[3]) {
  const DerivativeParams *p = values;
  return cm__gaussian_reach(&p->sigma, p->units, p->truncate, 4, p->border, image, to);
}

CM_OP(gaussian_derivative) = {
    .name = "gaussian_derivative",
    .family = "filter",
    .since = "0.1",
    .summary = "A derivative of the image smoothed with a Gaussian.",
    .details =
        "Along each axis the sampled Gaussian is multiplied with its discrete orthogonal polynomial of that order (the "
        "Hermite "
        "polynomial in the limit) and scaled so that the derivative of every polynomial up to that order is exact. "
        "Where the "
        "cut Gaussian is too narrow for the order, and for sigma 0, these are the central finite differences. Each "
        "order "
        "divides by the spacing once unless per=voxel. " CM_TERMS_DETAILS,
    CM_OP_PARAMS(DerivativeParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Lindeberg T. Discrete derivative approximations with scale-space properties. J Math Imaging Vis 3, 1993; "
        "Savitzky A, Golay MJE. "
        "Smoothing and differentiation of data. Anal Chem 36(8), 1964 (weights by orthogonal polynomials)",
    .examples =
        "cormack gaussian_derivative ct.nii.gz ddx.nii.gz --order 1,0,0 --sigma 2\n"
        "cormack gaussian_derivative mr.nii.gz dxy.nii.gz --order 1,1 --sigma 1.5 --units voxel --per voxel",
    .reach = reach,
    .run = run,
};
