#include "ops/denoise/diffusion.h"

typedef struct AnisotropicDiffusionParams {
  int64_t iterations;
  double time_step, conductance;
  int32_t scale;
  int64_t interval;
  int32_t per, function, gradient, type;
} AnisotropicDiffusionParams;

static const CmParam params[] = {
    CM_DIFFUSION_PARAMS(AnisotropicDiffusionParams),
    CM_PARAM_ENUM(AnisotropicDiffusionParams, function, "exponential|quadratic", "exponential",
                  "conductance at a slope g: exp(-g^2 / K^2), which favours steep edges, or 1 / (1 + g^2 / K^2), which "
                  "favours wide regions"),
    CM_PARAM_ENUM(AnisotropicDiffusionParams, gradient, "full|face", "full",
                  "g: the whole gradient at the face between two voxels, or, as first published, the slope across it"),
    CM_TYPE_PARAM(AnisotropicDiffusionParams),
};

static bool run(const CmCall *call, CmError **err) {
  const AnisotropicDiffusionParams *p = call->params;
  const CmDiffusion job = {.iterations = p->iterations,
                           .time_step = p->time_step,
                           .conductance = p->conductance,
                           .absolute = p->scale == 1,
                           .interval = p->interval,
                           .per = p->per,
                           .type = p->type,
                           .quadratic = p->function == 1,
                           .face = p->gradient == 1};
  return cm__diffusion_call(call, &job, "anisotropic diffusion", err);
}

CM_OP(anisotropic_diffusion) = {
    .name = "anisotropic_diffusion",
    .family = "denoise",
    .since = "0.2",
    .summary = "Smooth by diffusion that stops at steep slopes (Perona and Malik).",
    .details =
        "v += time_step * sum over the axes of (flow through the face ahead - flow through the face behind); flow = "
        "conductance * slope across the face. With gradient=full as ITK's GradientAnisotropicDiffusion. "
        "function=quadratic: the conductance is 1 / (1 + g^2 / K^2). " CM_DIFFUSION_DETAILS,
    CM_OP_PARAMS(AnisotropicDiffusionParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Perona P, Malik J. Scale-space and edge detection using anisotropic diffusion. IEEE TPAMI 12(7), 1990",
    .examples =
        "cormack anisotropic_diffusion ct.nii.gz out.nii.gz --iterations 10\n"
        "cormack anisotropic_diffusion mr.nii.gz out.nii.gz --scale absolute --conductance 30 --function quadratic",
    .run = run,
};
