#include "ops/filter/separable.h"

typedef struct AdaptiveParams {
  int32_t method;
  CmReals radius, sigma;
  int32_t units;
  double truncate;
  double offset, factor;
  int32_t select;
  int64_t foreground;
  int32_t border;
  double border_value;
} AdaptiveParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(AdaptiveParams, method, "mean|gaussian", "mean",
                  "what a voxel is held against: the mean of a box, or a Gaussian mean"),
    CM_PARAM_REALS(AdaptiveParams, radius, "10", 0, 10000, 1, 3, "",
                   "of method=mean: half width of the box, one for all axes or one each for x,y,z"),
    CM_PARAM_REALS(AdaptiveParams, sigma, "5", 0, 1000, 1, 3, "",
                   "of method=gaussian: standard deviation, one for all axes or one each for x,y,z"),
    CM_UNITS_PARAM(AdaptiveParams, "voxel"),
    CM_PARAM_REAL(AdaptiveParams, truncate, 4, 1, 20, "1", "where the Gaussian ends, in standard deviations"),
    CM_PARAM_REAL(AdaptiveParams, offset, 0, -1e30, 1e30, "", "taken from the local mean, in image units"),
    CM_PARAM_REAL(AdaptiveParams, factor, 1, 0, 1e6, "1", "the local mean is multiplied by this first"),
    CM_PARAM_ENUM(AdaptiveParams, select, "bright|dark", "bright",
                  "voxels above the local threshold, or those up to it"),
    CM_PARAM_INT(AdaptiveParams, foreground, 1, 1, 255, "1", "label of the voxels selected"),
    CM_BORDER_PARAMS(AdaptiveParams),
};

static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .components = true, .help = "u8 label map"}};

typedef struct Compare {
  const AdaptiveParams *p;
  const CmImage *image;
  CmGrid grid;
  double count; /* of voxels in the box */
} Compare;

static void compare(void *arg, void *line, int64_t row, int64_t n, bool wide) {
  const Compare *job = arg;
  const AdaptiveParams *p = job->p;
  const char *from = cm__row(job->image, &job->grid, row);
  double *values = line; /* the job is exact */
  (void)wide;
  enum { PART = 256 };
  double original[PART];
  for (int64_t begin = 0; begin < n; begin += PART) {
    const int64_t count = n - begin < PART ? n - begin : PART;
    cm__line_to_f64(cm_image_type(job->image), from + (size_t)begin * job->grid.size, count, original);
    for (int64_t i = 0; i < count; i++) {
      const double limit = values[begin + i] / job->count * p->factor - p->offset;
      const bool chosen = p->select == 0 ? original[i] > limit : original[i] <= limit;
      values[begin + i] = chosen ? (double)p->foreground : 0.0;
    }
  }
}

static bool run(const CmCall *call, CmError **err) {
  const AdaptiveParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Compare comparison = {.p = p, .image = image, .grid = cm__grid(image), .count = 1.0};
  CmSeparable job = {.what = "adaptive_threshold",
                     .image = image,
                     .border = (CmBorder)p->border,
                     .border_value = p->border_value,
                     .exact = true,
                     .finish = compare,
                     .arg = &comparison};
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  const bool made = p->method == 0
                        ? cm__separable_box(call->ctx, &job, &p->radius, p->units, image, &comparison.count, err)
                        : cm__separable_gaussian(call->ctx, &job, &p->sigma, p->units, p->truncate, image, err);
  if (!made) return false;
  job.out = cm_image_create_like(call->ctx, image, CM_U8, cm_image_components(image), err);
  const bool ok = job.out && cm_image_set_unit(job.out, "1", err) && cm__separable(call->ctx, &job, err) &&
                  cm__mask_blank(call->ctx, &mask, job.out, err);
  cm__separable_free(&job);
  if (!ok) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_labels(job.out);
  return true;
}

CM_OP(adaptive_threshold) = {
    .name = "adaptive_threshold",
    .family = "enhance",
    .since = "0.1",
    .summary = "Label the voxels that are brighter, or darker, than their surroundings.",
    .details =
        "The threshold of a voxel is factor * local mean - offset, the mean being that of `mean` or `gaussian`, in "
        "f64. select=bright: "
        "v > threshold; dark: v <= threshold. " CM_BORDER_DETAILS
        "Mask: voxels outside are 0; neighbourhoods inside still see them. NaN: no voxel whose kernel holds it is "
        "labelled.",
    CM_OP_PARAMS(AdaptiveParams, params),
    .inputs = cm__filter_inputs,
    .input_count = 2,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 10.3 (variable thresholding)",
    .examples =
        "cormack adaptive_threshold page.png ink.png --radius 15 --offset 8 --select dark\n"
        "cormack adaptive_threshold mr.nii.gz out.nii.gz --method gaussian --sigma 6 --units mm",
    .run = run,
};
