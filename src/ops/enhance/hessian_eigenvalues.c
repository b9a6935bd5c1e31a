#include "ops/enhance/hessian.h"
#include "ops/simd.h"

typedef struct EigenParams {
  double sigma;
  int32_t units;
  bool normalize;
  double truncate;
  int32_t border;
  double border_value;
  int32_t type;
} EigenParams;

static const CmParam params[] = {
    CM_PARAM_REAL(EigenParams, sigma, 1, 0, 1000, "", "standard deviation of the smoothing; 0: second differences"),
    CM_UNITS_PARAM(EigenParams, "mm"),
    CM_PARAM_BOOL(EigenParams, normalize, "false", "times sigma squared, so that scales can be compared"),
    CM_PARAM_REAL(EigenParams, truncate, 4, 1, 20, "1", "where the kernels end, in standard deviations"),
    CM_BORDER_PARAMS(EigenParams),
    CM_PARAM_ENUM(EigenParams, type, "f32|f64", "f32", "voxel type of the result"),
};

typedef struct Eigen {
  CmImage *out;
  int64_t component;
  double scale;
} Eigen;

CM_SIMD static void multiply(double *line, double by, int64_t n) {
  for (int64_t i = 0; i < n; i++) line[i] *= by;
}

static void keep(void *arg, const CmHessianPiece *piece) {
  const Eigen *job = arg;
  for (int k = 0; k < piece->axes; k++) {
    multiply(piece->e[k], job->scale, piece->n);
    cm__scales_keep(job->out, piece, job->component * piece->axes + k, true, piece->e[k]);
  }
}

static bool run(const CmCall *call, CmError **err) {
  const EigenParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const int64_t *dims = cm_image_dims(image);
  const int axes = dims[0] > 1 && dims[1] > 1 && dims[2] > 1 ? 3 : 2;
  CmMask mask;
  Eigen job = {.scale = p->normalize ? p->sigma * p->sigma : 1.0};
  CmHessian hessian = CM_SCALES_HESSIAN("hessian eigenvalues", call, p, keep, &job);
  hessian.sigma = p->sigma;
  hessian.anywhere = true;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  job.out =
      cm_image_create_like(call->ctx, image, p->type == 1 ? CM_F64 : CM_F32, axes * cm_image_components(image), err);
  bool ok = job.out != NULL;
  for (int64_t t = 0; ok && t < dims[3]; t++)
    for (job.component = 0; ok && job.component < cm_image_components(image); job.component++)
      ok = cm__hessian(call->ctx, &hessian, t, job.component, err);
  return cm__scales_close(call, ok, &mask, job.out, err);
}

static bool reach(const void *values, const CmImage *image, int64_t to[3]) {
  const EigenParams *p = values;
  return cm__gaussian_reach(&(CmReals){.count = 1, .value = {p->sigma}}, p->units, p->truncate, 2, p->border, image,
                            to);
}

CM_OP(hessian_eigenvalues) = {
    .name = "hessian_eigenvalues",
    .family = "enhance",
    .since = "0.2",
    .summary = "The curvatures of an image: eigenvalues of its smoothed Hessian, in 2D and 3D.",
    .details =
        "Three components, in 2D two, the largest first, for each component of the image: bright blobs have all of "
        "them below 0, bright tubes all but the first, bright sheets the last alone. Calculated in "
        "double. " CM_SCALES_DETAILS,
    CM_OP_PARAMS(EigenParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Lindeberg T. Edge detection and ridge detection with automatic scale selection. IJCV 30(2), 1998, sections 2 "
        "and 6",
    .examples =
        "cormack hessian_eigenvalues ct.nii.gz curvatures.nii.gz --sigma 2\n"
        "cormack hessian_eigenvalues xray.png curvatures.nii.gz --sigma 3 --units voxel --normalize",
    .reach = reach,
    .run = run,
};
