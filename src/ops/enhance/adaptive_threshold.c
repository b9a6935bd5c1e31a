#include <math.h>
#include <string.h>

#include "ops/box.h"
#include "ops/box_mean.h"
#include "ops/filter/separable.h"
#include "ops/simd.h"

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
  CmImage *out;
  int64_t component;
} Compare;

/* values become the label where they are on the chosen side of sum / count * factor - offset, else 0. */
CM_SIMD static void choose(const Compare *job, double *restrict values, const double *restrict sum, int64_t n) {
  const double count = job->count, factor = job->p->factor, offset = job->p->offset, label = (double)job->p->foreground;
  if (job->p->select == 0)
    for (int64_t i = 0; i < n; i++) values[i] = values[i] > sum[i] / count * factor - offset ? label : 0.0;
  else
    for (int64_t i = 0; i < n; i++) values[i] = values[i] <= sum[i] / count * factor - offset ? label : 0.0;
}

/* Of 8 and 16 bits, held against means rounded down: v > mean - offset is v + offset > floor(mean) of whole numbers. */
#define CHOOSE_WHOLE(T, W)                                                                                          \
  CM_SIMD static void choose_##T(const void *values, const void *means, int32_t offset, bool bright, uint8_t label, \
                                 int64_t n, uint8_t *restrict to) {                                                 \
    const T *restrict v = values, *restrict mean = means;                                                           \
    for (int64_t i = 0; i < n; i++) to[i] = ((W)(v[i] + (W)offset) > (W)mean[i]) == bright ? label : 0;             \
  }
CHOOSE_WHOLE(uint8_t, int16_t)
CHOOSE_WHOLE(int8_t, int16_t)
CHOOSE_WHOLE(uint16_t, int32_t)
CHOOSE_WHOLE(int16_t, int32_t)

static void compare_whole(void *arg, int64_t row, const void *means) {
  static void (*const choose_whole[])(const void *, const void *, int32_t, bool, uint8_t, int64_t, uint8_t *) = {
      [CM_U8] = choose_uint8_t, [CM_I8] = choose_int8_t, [CM_U16] = choose_uint16_t, [CM_I16] = choose_int16_t};
  const Compare *job = arg;
  const CmType type = cm_image_type(job->image);
  const double most = cm_type_max(type) - cm_type_min(type) + 1.0; /* more makes no difference */
  choose_whole[type](cm__row(job->image, &job->grid, row), means, (int32_t)fmin(fmax(job->p->offset, -most), most),
                     job->p->select == 0, (uint8_t)job->p->foreground, job->grid.row,
                     (uint8_t *)cm_image_data_mut(job->out) + row * job->grid.row);
}

static void compare_piece(void *arg, const CmBoxPiece *piece) {
  const Compare *job = arg;
  const int64_t c = job->grid.components;
  uint8_t *to = (uint8_t *)cm_image_data_mut(job->out) + piece->row * job->grid.row + piece->x * c + job->component;
  choose(job, piece->values, piece->sum, piece->n);
  for (int64_t i = 0; i < piece->n; i++) to[i * c] = (uint8_t)piece->values[i];
}

static void compare_row(void *arg, void *line, int64_t row, int64_t n, bool wide) {
  const Compare *job = arg;
  const char *from = cm__row(job->image, &job->grid, row);
  double *sum = line; /* the job is exact */
  (void)wide;
  enum { PART = 256 };
  double original[PART];
  for (int64_t begin = 0; begin < n; begin += PART) {
    const int64_t count = n - begin < PART ? n - begin : PART;
    cm__line_to_f64(cm_image_type(job->image), from + (size_t)begin * job->grid.size, count, original);
    choose(job, original, sum + begin, count);
    for (int64_t i = 0; i < count; i++) sum[begin + i] = original[i];
  }
}

/* Against sums over boxes. */
static bool by_mean(const CmCall *call, Compare *job, const CmSeparable *taps, CmError **err) {
  const AdaptiveParams *p = job->p;
  CmBox box = {.what = taps->what,
               .image = job->image,
               .border = taps->border,
               .border_value = taps->border_value,
               .piece = compare_piece,
               .arg = job};
  if (!cm__axis_radii(&p->radius, p->units, job->image, box.radius, err)) return false;
  CmBoxMean whole = {.what = box.what,
                     .image = box.image,
                     .border = box.border,
                     .border_value = box.border_value,
                     .row = compare_whole,
                     .arg = job};
  memcpy(whole.radius, box.radius, sizeof(whole.radius));
  if (p->factor == 1.0 && p->offset == rint(p->offset) && cm__box_mean_fits(&whole))
    return cm__box_mean(call->ctx, &whole, err);
  for (int axis = 0; axis < 3; axis++) job->count *= (double)(2 * box.radius[axis] + 1);
  for (int64_t t = 0; t < job->grid.nt; t++)
    for (job->component = 0; job->component < job->grid.components; job->component++)
      if (!cm__box(call->ctx, &box, t, job->component, err)) return false;
  return true;
}

static bool by_gaussian(const CmCall *call, const AdaptiveParams *p, CmSeparable *taps, CmError **err) {
  return cm__separable_gaussian(call->ctx, taps, &p->sigma, p->units, p->truncate, taps->image, err) &&
         cm__separable(call->ctx, taps, err);
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
                     .finish = compare_row,
                     .arg = &comparison};
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  comparison.out = job.out = cm_image_create_like(call->ctx, image, CM_U8, cm_image_components(image), err);
  const bool ok = job.out && cm_image_set_unit(job.out, "1", err) &&
                  (p->method == 0 ? by_mean(call, &comparison, &job, err) : by_gaussian(call, p, &job, err)) &&
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
