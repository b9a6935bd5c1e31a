#include <math.h>

#include "ops/filter/separable.h"

typedef struct SeparableParams {
  CmReals x, y, z;
  bool correlate, normalize;
  int32_t border;
  double border_value;
  int32_t type;
} SeparableParams;

static const CmParam params[] = {
    CM_PARAM_REALS(SeparableParams, x, "", -1e30, 1e30, 0, CM_LIST_MAX, "1",
                   "the weights along x, at most 64; not given: x is left alone"),
    CM_PARAM_REALS(SeparableParams, y, "", -1e30, 1e30, 0, CM_LIST_MAX, "1", "the weights along y"),
    CM_PARAM_REALS(SeparableParams, z, "", -1e30, 1e30, 0, CM_LIST_MAX, "1", "the weights along z"),
    CM_PARAM_BOOL(SeparableParams, correlate, "false",
                  "the weights are laid on the image as they stand; else they are turned around, as convolution does"),
    CM_PARAM_BOOL(SeparableParams, normalize, "false", "the weights of each axis are divided by their sum"),
    CM_BORDER_PARAMS(SeparableParams),
    CM_TYPE_PARAM(SeparableParams),
};

static const CmReals *weights_of(const SeparableParams *p, int axis) {
  return axis == 0 ? &p->x : axis == 1 ? &p->y : &p->z;
}

static double sum_of(const CmReals *weights) {
  double sum = 0.0;
  for (int k = 0; k < weights->count; k++) sum += weights->value[k];
  return sum;
}

/* The same on both sides, and none 0: then a pair of voxels takes one multiplication. */
static bool symmetric(const double *taps, int64_t radius) {
  for (int64_t k = 0; k <= radius; k++)
    if (taps[radius + k] != taps[radius - k] || taps[radius + k] == 0.0) return false;
  return true;
}

/* One axis; a single weight goes to `scale`. */
static bool make_taps(CmContext *ctx, const SeparableParams *p, int axis, CmTaps *taps, double *scale, CmError **err) {
  const CmReals *weights = weights_of(p, axis);
  const double divisor = p->normalize && weights->count > 0 ? sum_of(weights) : 1.0;
  const int64_t radius = weights->count / 2;
  if (radius == 0) {
    if (weights->count == 1) *scale *= weights->value[0] / divisor;
    return true;
  }
  double *all = cm_calloc(ctx, (size_t)(2 * radius + 1), sizeof(double), err);
  if (!all) return false;
  *taps = (CmTaps){.radius = radius, .half = all};
  for (int k = 0; k < weights->count; k++) {
    const int64_t d = p->correlate ? k - radius : radius - k;
    all[d + radius] = weights->value[k] / divisor;
  }
  if (symmetric(all, radius)) {
    taps->parity = 1;
    for (int64_t k = 0; k <= radius; k++) all[k] = all[k + radius];
  }
  return true;
}

static void scale_line(void *arg, void *line, int64_t row, int64_t n, bool wide) {
  const double scale = *(const double *)arg;
  (void)row;
  for (int64_t i = 0; i < n; i++) {
    if (wide)
      ((double *)line)[i] *= scale;
    else
      ((float *)line)[i] *= (float)scale;
  }
}

static bool run(const CmCall *call, CmError **err) {
  const SeparableParams *p = call->params;
  double scale = 1.0;
  CmSeparable job = {.what = "convolve separable", .border = (CmBorder)p->border, .border_value = p->border_value};
  for (int axis = 0; axis < 3; axis++)
    if (!make_taps(call->ctx, p, axis, &job.taps[axis], &scale, err)) {
      cm__separable_free(&job);
      return false;
    }
  if (scale != 1.0) {
    job.finish = scale_line;
    job.arg = &scale;
  }
  return cm__separable_call(call, &job, cm__out_type(p->type, cm_image_type(call->in[0].image)), err);
}

static bool check(const void *values, CmError **err) {
  const SeparableParams *p = values;
  for (int axis = 0; axis < 3; axis++) {
    const CmReals *weights = weights_of(p, axis);
    if (!p->normalize || weights->count == 0 || fabs(sum_of(weights)) > 1e-12) continue;
    cm_error_set(err, CM_ERR_PARAMETER, "normalize needs weights along %c whose sum is not 0; leave normalize out",
                 "xyz"[axis]);
    return false;
  }
  return true;
}

CM_OP(convolve_separable) = {
    .name = "convolve_separable",
    .family = "filter",
    .since = "0.1",
    .summary = "Convolve along each axis with a kernel of its own.",
    .details =
        "Along x, then y, then z: out[i] = sum of w[j] * v[i - j + floor(size / 2)]; correlate=true: v[i + j - "
        "floor(size / 2)]. The same as `convolve` with the product of the kernels, by size x + size y + size z "
        "weights instead of their product. u8 to i16 and f32 are calculated in f32, the others and type=f64 in f64, "
        "without rounding in between. Weights that are 0 take no part. With type=keep a sum beyond the range of an "
        "integer type is clamped to it; type=f32 keeps it. Border: replicate aaa|abcd|ddd, reflect cba|abcd|dcb, "
        "mirror "
        "dcb|abcd|cba, wrap bcd|abcd|abc, constant kkk|abcd|kkk, at each axis in turn, along axes one voxel long as "
        "well; every time point and component is filtered by itself. " CM_FILTER_MASK_DETAILS
        "NaN: spreads to every voxel whose kernel holds it.",
    CM_OP_PARAMS(SeparableParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.4 (separable kernels)",
    .examples =
        "cormack convolve_separable xray.png out.png --x 1,4,6,4,1 --y 1,4,6,4,1 --normalize true\n"
        "cormack convolve_separable ct.nii.gz slope.nii.gz --z -1,0,1 --correlate true --type f32",
    .check = check,
    .run = run,
};
