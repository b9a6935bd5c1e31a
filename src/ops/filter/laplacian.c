#include "ops/filter/terms.h"

/* The second derivative along each axis, smoothed along all; with `across` multiplied by that axis' variance. */
static bool second_derivatives(const CmCall *call, CmTerms *terms, const double sigma[3], double truncate, int32_t per,
                               bool across, CmError **err) {
  const CmImage *image = call->in[0].image;
  for (int axis = 0; axis < 3; axis++) {
    if (cm_image_dims(image)[axis] == 1) continue;
    CmTerm *term = &terms->item[terms->count++];
    term->scale = across ? sigma[axis] * sigma[axis] : cm__per_factor(per, image, axis, 2);
    for (int k = 0; k < 3; k++)
      if (!cm__gaussian_taps(call->ctx, sigma[k], truncate, k == axis ? 2 : 0, &term->taps[k], err)) {
        cm__terms_free(terms);
        return false;
      }
  }
  return cm__terms_call(call, terms, err);
}

typedef struct LaplacianParams {
  int32_t per;
  int32_t border;
  double border_value;
  int32_t type;
} LaplacianParams;

static const CmParam laplacian_params[] = {
    CM_PER_PARAM(LaplacianParams),
    CM_BORDER_PARAMS(LaplacianParams),
    CM_TERMS_TYPE_PARAM(LaplacianParams),
};

static bool run_laplacian(const CmCall *call, CmError **err) {
  const LaplacianParams *p = call->params;
  CmTerms terms = CM_TERMS("laplacian", p);
  return second_derivatives(call, &terms, (const double[3]){0.0, 0.0, 0.0}, 4.0, p->per, false, err);
}

static bool laplacian_reach(const void *values, const CmImage *image, int64_t to[3]) {
  const LaplacianParams *p = values;
  return cm__gaussian_reach(&(CmReals){.count = 1}, 0, 4.0, 2, p->border, image, to);
}

CM_OP(laplacian) = {
    .name = "laplacian",
    .family = "filter",
    .since = "0.1",
    .summary = "The sum of the second differences along the axes.",
    .details =
        "The sum over the axes of v[i-1] - 2 v[i] + v[i+1], each divided by the spacing squared unless "
        "per=voxel. " CM_TERMS_DETAILS,
    CM_OP_PARAMS(LaplacianParams, laplacian_params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.6",
    .examples =
        "cormack laplacian ct.nii.gz out.nii.gz\ncormack laplacian xray.png out.nii.gz --per voxel --border mirror",
    .reach = laplacian_reach,
    .run = run_laplacian,
};

typedef struct LogParams {
  CmReals sigma;
  int32_t units;
  int32_t per;
  bool normalize;
  double truncate;
  int32_t border;
  double border_value;
  int32_t type;
} LogParams;

static const CmParam log_params[] = {
    CM_PARAM_REALS(LogParams, sigma, "1", 0, 1000, 1, 3, "",
                   "standard deviation, one for all axes or one each for x,y,z; 0: second differences, not smoothed"),
    CM_UNITS_PARAM(LogParams, "mm"),
    CM_PER_PARAM(LogParams),
    CM_PARAM_BOOL(LogParams, normalize, "false",
                  "each second derivative is multiplied by the variance of the Gaussian along its axis, so that scales "
                  "can be compared; `per` then plays no part"),
    CM_PARAM_REAL(LogParams, truncate, 4, 1, 20, "1", "where the kernel ends, in standard deviations"),
    CM_BORDER_PARAMS(LogParams),
    CM_TERMS_TYPE_PARAM(LogParams),
};

static bool run_log(const CmCall *call, CmError **err) {
  const LogParams *p = call->params;
  CmTerms terms = CM_TERMS("laplacian_of_gaussian", p);
  double sigma[3];
  cm__axis_sizes(&p->sigma, p->units, call->in[0].image, sigma);
  return second_derivatives(call, &terms, sigma, p->truncate, p->per, p->normalize, err);
}

static bool log_reach(const void *values, const CmImage *image, int64_t to[3]) {
  const LogParams *p = values;
  return cm__gaussian_reach(&p->sigma, p->units, p->truncate, 2, p->border, image, to);
}

CM_OP(laplacian_of_gaussian) = {
    .name = "laplacian_of_gaussian",
    .family = "filter",
    .since = "0.1",
    .summary = "The Laplacian of the image smoothed with a Gaussian.",
    .details =
        "The sum over the axes of the second derivative of the Gaussian along that axis and the Gaussian along the "
        "others. The "
        "kernel is that of `gaussian_derivative`: it sums to 0, and is exact for parabolas. Divided by the spacing "
        "squared "
        "unless per=voxel; normalize=true multiplies by sigma squared instead. " CM_TERMS_DETAILS,
    CM_OP_PARAMS(LogParams, log_params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Marr D, Hildreth E. Theory of edge detection. Proc R Soc Lond B 207, 1980; Lindeberg T. Feature detection "
        "with automatic scale "
        "selection. IJCV 30(2), 1998 (normalization)",
    .examples = "cormack laplacian_of_gaussian ct.nii.gz blobs.nii.gz --sigma 3 --normalize true",
    .reach = log_reach,
    .run = run_log,
};
