#include <math.h>

#include "ops/filter/separable.h"

typedef struct UnsharpParams {
  CmReals sigma;
  int32_t units;
  double amount, threshold, truncate;
  int32_t border;
  double border_value;
  int32_t type;
} UnsharpParams;

static const CmParam params[] = {
    CM_PARAM_REALS(UnsharpParams, sigma, "1", 0, 1000, 1, 3, "",
                   "standard deviation of the blur, one for all axes or one each for x,y,z; 0 leaves an axis alone"),
    CM_UNITS_PARAM(UnsharpParams, "mm"),
    CM_PARAM_REAL(UnsharpParams, amount, 1, 0, 100, "1", "how much of the difference to the blurred image is added"),
    CM_PARAM_REAL(UnsharpParams, threshold, 0, 0, 1e30, "",
                  "differences up to this, in image units, are left as they are"),
    CM_PARAM_REAL(UnsharpParams, truncate, 4, 1, 20, "1", "where the kernel ends, in standard deviations"),
    CM_BORDER_PARAMS(UnsharpParams),
    CM_TYPE_PARAM(UnsharpParams),
};

typedef struct Sharpen {
  const CmImage *image;
  CmGrid grid;
  double amount, threshold;
} Sharpen;

static void sharpen(void *arg, void *line, int64_t row, int64_t n, bool wide) {
  const Sharpen *job = arg;
  const CmType type = cm_image_type(job->image);
  const char *from = cm__row(job->image, &job->grid, row);
  enum { PART = 256 };
  double original[PART];
  for (int64_t begin = 0; begin < n; begin += PART) {
    int64_t count = n - begin < PART ? n - begin : PART;
    cm__line_to_f64(type, from + (size_t)begin * job->grid.size, count, original);
    for (int64_t i = 0; i < count; i++) {
      double blurred = wide ? ((double *)line)[begin + i] : (double)((float *)line)[begin + i];
      double difference = original[i] - blurred;
      double value = fabs(difference) <= job->threshold ? original[i] : original[i] + job->amount * difference;
      if (wide)
        ((double *)line)[begin + i] = value;
      else
        ((float *)line)[begin + i] = (float)value;
    }
  }
}

static bool run(const CmCall *call, CmError **err) {
  const UnsharpParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Sharpen sharpener = {.image = image, .grid = cm__grid(image), .amount = p->amount, .threshold = p->threshold};
  CmSeparable job = {.what = "unsharp",
                     .border = (CmBorder)p->border,
                     .border_value = p->border_value,
                     .finish = sharpen,
                     .arg = &sharpener};
  if (!cm__separable_gaussian(call->ctx, &job, &p->sigma, p->units, p->truncate, image, err)) return false;
  return cm__separable_call(call, &job, cm__out_type(p->type, cm_image_type(image)), err);
}

CM_OP(unsharp) = {
    .name = "unsharp",
    .family = "enhance",
    .since = "0.1",
    .summary = "Sharpen by adding the difference to a blurred image.",
    .details =
        "v + amount * (v - gaussian(v)) where |v - gaussian(v)| > threshold, else v. The blur is that of `gaussian`. "
        "With type=keep an overshoot beyond the range of an integer type is clamped to it; type=f32 keeps "
        "it. " CM_BORDER_DETAILS CM_FILTER_MASK_DETAILS "NaN: spreads to every voxel whose kernel holds it.",
    CM_OP_PARAMS(UnsharpParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.6",
    .examples = "cormack unsharp xray.png sharp.png --sigma 3 --units voxel --amount 0.8 --threshold 2",
    .run = run,
};
