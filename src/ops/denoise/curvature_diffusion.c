#include "ops/denoise/diffusion.h"

typedef struct CurvatureDiffusionParams {
  int64_t iterations;
  double time_step, conductance;
  int32_t scale;
  int64_t interval;
  int32_t per, type;
} CurvatureDiffusionParams;

static const CmParam params[] = {
    CM_DIFFUSION_PARAMS(CurvatureDiffusionParams),
    CM_TYPE_PARAM(CurvatureDiffusionParams),
};

static bool run(const CmCall *call, CmError **err) {
  const CurvatureDiffusionParams *p = call->params;
  const CmDiffusion job = {.iterations = p->iterations,
                           .time_step = p->time_step,
                           .conductance = p->conductance,
                           .absolute = p->scale == 1,
                           .interval = p->interval,
                           .per = p->per,
                           .type = p->type,
                           .curvature = true};
  return cm__diffusion_call(call, &job, "curvature diffusion", err);
}

CM_OP(curvature_diffusion) = {
    .name = "curvature_diffusion",
    .family = "denoise",
    .since = "0.2",
    .summary = "Smooth by the modified curvature diffusion equation, which keeps edges sharper.",
    .details =
        "v += time_step * |grad v| * div(conductance * grad v / |grad v|), as ITK's CurvatureAnisotropicDiffusion: the "
        "flow through a face is conductance * slope across it / sqrt(g^2 + 1e-10), |grad v| is taken upwind. Level "
        "sets move, values do not grow beyond their neighbours'. " CM_DIFFUSION_DETAILS,
    CM_OP_PARAMS(CurvatureDiffusionParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Whitaker RT, Xue X. Variable-conductance, level-set curvature for image denoising. ICIP 2001",
    .examples = "cormack curvature_diffusion mr.nii.gz out.nii.gz --iterations 8 --conductance 2",
    .run = run,
};
