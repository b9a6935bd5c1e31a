#include "ops/box_mean.h"
#include "ops/filter/separable.h"
#include "ops/simd.h"

typedef struct MeanParams {
  CmReals radius;
  int32_t units;
  int32_t border;
  double border_value;
  int32_t type;
} MeanParams;

static const CmParam params[] = {
    CM_PARAM_REALS(MeanParams, radius, "1", 0, 10000, 1, 3, "",
                   "half width of the box, one for all axes or one each for x,y,z; it is 2 radius + 1 voxels wide"),
    CM_UNITS_PARAM(MeanParams, "voxel"),
    CM_BORDER_PARAMS(MeanParams),
    CM_TYPE_PARAM(MeanParams),
};

CM_SIMD static void divide_f32(float *values, float by, int64_t n) {
  for (int64_t i = 0; i < n; i++) values[i] /= by;
}

CM_SIMD static void divide_f64(double *values, double by, int64_t n) {
  for (int64_t i = 0; i < n; i++) values[i] /= by;
}

static void divide(void *arg, void *line, int64_t row, int64_t n, bool wide) {
  const double count = *(const double *)arg;
  (void)row;
  if (wide)
    divide_f64(line, count, n);
  else
    divide_f32(line, (float)count, n);
}

/* Of whole numbers that stay such. */
static bool run_whole(const CmCall *call, CmBoxMean *job, CmError **err) {
  CmMask mask;
  if (!cm__mask_open(&mask, &call->in[1], job->image, err)) return false;
  job->out =
      cm_image_create_like(call->ctx, job->image, cm_image_type(job->image), cm_image_components(job->image), err);
  if (!job->out || !cm__box_mean(call->ctx, job, err) || !cm__mask_keep(call->ctx, &mask, job->image, job->out, err)) {
    cm_image_unref(&job->out);
    return false;
  }
  call->out[0] = cm_value_image(job->out);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const MeanParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmType type = cm_image_type(image), out_type = cm__out_type(p->type, type);
  CmBoxMean whole = {
      .what = "mean", .image = image, .border = (CmBorder)p->border, .border_value = p->border_value, .nearest = true};
  if (!cm__axis_radii(&p->radius, p->units, image, whole.radius, err)) return false;
  if (out_type == type && cm__box_mean_fits(&whole)) return run_whole(call, &whole, err);
  double count = 1.0;
  CmSeparable job = {
      .what = "mean", .border = whole.border, .border_value = p->border_value, .finish = divide, .arg = &count};
  if (!cm__separable_box(call->ctx, &job, &p->radius, p->units, image, &count, err)) return false;
  /* sums of small integers are exact in float up to 2^24 */
  job.exact = cm_type_is_integer(type)
                  ? count * 65536.0 > 16777216.0 && !(cm_type_max(type) < 256.0 && count <= 65536.0)
                  : count > 125.0;
  return cm__separable_call(call, &job, out_type, err);
}

static bool reach(const void *values, const CmImage *image, int64_t to[3]) {
  const MeanParams *p = values;
  return cm__box_reach(&p->radius, p->units, p->border, image, to);
}

CM_OP(mean) = {
    .name = "mean",
    .family = "filter",
    .since = "0.1",
    .summary = "Replace each voxel by the mean of the box around it.",
    .details =
        "The box is (2 rx + 1) x (2 ry + 1) x (2 rz + 1) voxels; a radius in mm is rounded down to whole voxels. "
        "Sums of integers are exact, so an integer result is the true mean rounded to nearest (ties to "
        "even). " CM_BORDER_DETAILS CM_FILTER_MASK_DETAILS "NaN: spreads to every voxel whose box holds it.",
    CM_OP_PARAMS(MeanParams, params),
    CM_FILTER_PORTS,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.5",
    .examples =
        "cormack mean ct.nii.gz out.nii.gz --radius 1\ncormack mean ct.nii.gz out.nii.gz --radius 2.5 --units mm "
        "--type f32",
    .reach = reach,
    .run = run,
};
