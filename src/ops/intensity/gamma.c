#include <float.h>
#include <math.h>

#include "ops/exp.h"
#include "ops/intensity/points.h"
#include "ops/simd.h"

typedef struct GammaParams {
  double gamma, gain;
  CmReals range;
  int32_t outside_mask;
  int32_t per;
  bool per_component;
  int32_t type;
} GammaParams;

static const CmParam params[] = {
    CM_PARAM_REAL(GammaParams, gamma, 1, 0.001, 1000, "1", "the exponent: below 1 brightens, above 1 darkens"),
    CM_PARAM_REAL(GammaParams, gain, 1, 0, 1e6, "1", "factor of the power"),
    CM_PARAM_REALS(GammaParams, range, "", -1e30, 1e30, 0, 2, "",
                   "what counts as 0 and as 1, e.g. 0,255; not given: the smallest and the largest value"),
    CM_PARAM_ENUM(GammaParams, outside_mask, "map|keep|zero", "keep",
                  "voxels outside the mask: mapped like the others, kept, or 0"),
    CM_SCOPE_PARAMS(GammaParams),
    CM_TYPE_PARAM(GammaParams),
};

typedef struct Limits {
  double low, span;
} Limits;

typedef struct Power {
  const GammaParams *p;
  const Limits *limits;
} Power;

/* v^gamma for v in 0..1 with gamma > 0; NaN stays. Below the normal numbers cm__log does not reach. */
static inline double power(double v, double gamma) {
  const double lifted = v < DBL_MIN ? v * 0x1p60 : v, drop = v < DBL_MIN ? 60 * 0.69314718055994531 : 0.0;
  const double found = cm__exp(gamma * (cm__log(lifted) - drop));
  return v > 0.0 ? found : v;
}

CM_SIMD static void powers(double gamma, double gain, Limits at, double *line, int64_t n, int64_t step) {
  for (int64_t i = 0; i < n; i += step) {
    double v = (line[i] - at.low) / at.span;
    v = v < 0.0 ? 0.0 : v > 1.0 ? 1.0 : v;
    line[i] = gain * power(v, gamma) * at.span + at.low;
  }
}

CM_SIMD static void roots(double gain, Limits at, double *line, int64_t n, int64_t step) {
  for (int64_t i = 0; i < n; i += step) {
    double v = (line[i] - at.low) / at.span;
    v = v < 0.0 ? 0.0 : v > 1.0 ? 1.0 : v;
    line[i] = gain * sqrt(v) * at.span + at.low;
  }
}

static void map_power(const void *arg, int64_t part, double *line, int64_t n, int64_t step) {
  const Power *job = arg;
  const Limits at = job->limits[part];
  if (!(at.span > 0.0)) return;
  if (job->p->gamma == 0.5)
    roots(job->p->gain, at, line, n, step);
  else
    powers(job->p->gamma, job->p->gain, at, line, n, step);
}

/* In float, where it holds the ends. */
CM_SIMD static void float_roots(const void *arg, const float *from, int64_t n, float *to) {
  const Power *job = arg;
  const float low = (float)job->limits->low, span = (float)job->limits->span, gain = (float)job->p->gain;
  for (int64_t i = 0; i < n; i++) {
    float v = (from[i] - low) / span;
    v = v < 0.0F ? 0.0F : v;
    v = v > 1.0F ? 1.0F : v;
    to[i] = gain * sqrtf(v) * span + low;
  }
}

static bool floats_hold(const GammaParams *p, Limits at) {
  return p->gamma == 0.5 && at.span > 0.0 && (double)(float)at.low == at.low && (double)(float)at.span == at.span &&
         (double)(float)p->gain == p->gain;
}

static bool find_limits(CmContext *ctx, const GammaParams *p, const CmPart *part, Limits *limits, CmError **err) {
  if (p->range.count == 2) {
    *limits = (Limits){p->range.value[0], p->range.value[1] - p->range.value[0]};
    return true;
  }
  CmMoments moments;
  if (!cm__part_ends(ctx, part, &moments, err)) return false;
  if (moments.count == 0) {
    cm_error_set(err, CM_ERR_DATA,
                 "there is no voxel to measure: the mask is empty there, or all is NaN; give range=LOW,HIGH");
    return false;
  }
  *limits = (Limits){moments.min, moments.max - moments.min};
  if (isfinite(limits->span)) return true;
  cm_error_set(err, CM_ERR_DATA, "the values reach from %g to %g, too far apart to be mapped; give range=LOW,HIGH",
               moments.min, moments.max);
  return false;
}

static bool run(const CmCall *call, CmError **err) {
  const GammaParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const int64_t parts = cm__part_count(&grid, (CmScope)p->per, p->per_component);
  CmMask mask;
  CmImage *out = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  Limits *limits = cm_alloc_array(call->ctx, (size_t)parts, sizeof(Limits), err);
  if (!limits) return false;
  for (int64_t k = 0; k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &grid, (CmScope)p->per, p->per_component, k);
    if (!find_limits(call->ctx, p, &part, &limits[k], err)) goto done;
  }
  const Power job = {.p = p, .limits = limits};
  const CmMapped map = {.scope = (CmScope)p->per,
                        .per_component = p->per_component,
                        .fn = map_power,
                        .arg = &job,
                        .floats = floats_hold(p, limits[0]) ? float_roots : NULL};
  out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)), cm_image_components(image),
                             err);
  if (!out || !cm__mapped(call->ctx, "gamma", image, &mask, (CmOutsideMask)p->outside_mask, &map, out, err)) goto done;
  call->out[0] = cm_value_image(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&out);
  cm_free(limits);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const GammaParams *p = values;
  if (p->range.count == 0 || (p->range.count == 2 && p->range.value[0] < p->range.value[1])) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "range needs two numbers, LOW,HIGH, with LOW below HIGH");
  return false;
}

CM_OP(gamma) = {
    .name = "gamma",
    .family = "intensity",
    .since = "0.1",
    .summary = "Brighten or darken by a power of the value.",
    .details =
        "low + gain * ((v - low) / (high - low))^gamma * (high - low), where low and high are the smallest and the "
        "largest value (inside "
        "the mask, without NaN) or `range`; values beyond are set to its ends. A part without contrast stays as it is. "
        "Integers are rounded "
        "to nearest and clamped. NaN stays NaN.",
    CM_OP_PARAMS(GammaParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.2",
    .examples =
        "cormack gamma xray.png out.png --gamma 0.6\ncormack gamma ct.nii.gz out.nii.gz --gamma 2 --range -1000,400 "
        "--type f32",
    .check = check,
    .run = run,
};
