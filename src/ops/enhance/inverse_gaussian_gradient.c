#include <math.h>

#include "cormack/parallel.h"
#include "ops/filter/terms.h"

typedef struct InverseParams {
  double alpha;
  CmReals sigma;
  int32_t units;
  int32_t per;
  double truncate;
  int32_t border;
  double border_value;
  int32_t type;
} InverseParams;

static const CmParam params[] = {
    CM_PARAM_REAL(InverseParams, alpha, 100, 0, 1e12, "1", "how steeply the result falls at an edge"),
    CM_PARAM_REALS(InverseParams, sigma, "5", 0, 1000, 1, 3, "",
                   "standard deviation of the smoothing, one for all axes or one each for x,y,z"),
    CM_UNITS_PARAM(InverseParams, "voxel"),
    CM_PARAM_ENUM(InverseParams, per, "mm|voxel", "voxel", "whether slopes are per mm or per voxel"),
    CM_PARAM_REAL(InverseParams, truncate, 4, 1, 20, "1", "where the kernel ends, in standard deviations"),
    CM_BORDER_PARAMS(InverseParams),
    CM_TERMS_TYPE_PARAM(InverseParams),
};

typedef struct Invert {
  CmImage *image;
  CmGrid grid;
  double alpha;
} Invert;

static bool invert_rows(void *arg, CmRange range, CmError **err) {
  const Invert *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    void *line = cm__row_mut(job->image, &job->grid, row);
    for (int64_t i = 0; i < job->grid.row; i++)
      if (cm_image_type(job->image) == CM_F64)
        ((double *)line)[i] = 1.0 / sqrt(1.0 + job->alpha * ((double *)line)[i]);
      else
        ((float *)line)[i] = (float)(1.0 / sqrt(1.0 + job->alpha * (double)((float *)line)[i]));
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const InverseParams *p = call->params;
  CmTerms terms = CM_TERMS("inverse_gaussian_gradient", p);
  if (!cm__terms_gradient(call, &terms, &p->sigma, p->units, p->per, p->truncate, err) ||
      !cm__terms_call(call, &terms, err))
    return false;
  Invert job = {.image = call->out[0].image, .grid = cm__grid(call->out[0].image), .alpha = p->alpha};
  return cm_parallel_for(call->ctx, NULL, job.grid.rows, cm__row_chunk(&job.grid), invert_rows, &job, err);
}

CM_OP(inverse_gaussian_gradient) = {
    .name = "inverse_gaussian_gradient",
    .family = "enhance",
    .since = "0.1",
    .summary = "A map that is 1 in flat parts and falls to 0 at edges.",
    .details =
        "1 / sqrt(1 + alpha g) with g the slope that gradient_magnitude gives. Slopes have the image's unit: choose "
        "alpha by it. " CM_TERMS_DETAILS " There the result is 1.",
    CM_OP_PARAMS(InverseParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Marquez-Neila P, Baumela L, Alvarez L. A morphological approach to curvature-based evolution of curves "
        "and surfaces. IEEE TPAMI 36(1), 2014, section 5.1",
    .examples = "cormack inverse_gaussian_gradient mr.nii.gz edges.nii.gz --alpha 1 --sigma 2",
    .run = run,
};
