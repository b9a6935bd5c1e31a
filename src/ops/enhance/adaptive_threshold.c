#include <math.h>

#include "ops/box.h"
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
  bool scaled;
} Compare;

/* values become the label where they are on the chosen side of sum / count * factor - offset, else 0. */
CM_SIMD static void choose(const Compare *job, double *restrict values, const double *restrict sum, int64_t n) {
  const double count = job->count, factor = job->p->factor, offset = job->p->offset, label = (double)job->p->foreground;
  if (job->p->select == 0)
    for (int64_t i = 0; i < n; i++) values[i] = values[i] > sum[i] / count * factor - offset ? label : 0.0;
  else
    for (int64_t i = 0; i < n; i++) values[i] = values[i] <= sum[i] / count * factor - offset ? label : 0.0;
}

CM_SIMD static void choose_whole(const Compare *job, const CmBoxPiece *piece, uint8_t *restrict to) {
  const int32_t *restrict values = piece->whole, *restrict sum = piece->whole_sum;
  const double count = job->count, factor = job->p->factor, offset = job->p->offset;
  const bool bright = job->p->select == 0;
  const uint8_t label = (uint8_t)job->p->foreground;
  for (int64_t i = 0; i < piece->n; i++) {
    const bool above = (double)values[i] > (double)sum[i] / count * factor - offset;
    to[i] = above == bright ? label : 0;
  }
}

/* The same where factor is 1 and all are whole numbers that int32_t holds: (value + offset) * count > sum. */
CM_SIMD static void choose_scaled(const Compare *job, const CmBoxPiece *piece, uint8_t *restrict to) {
  const int32_t *restrict values = piece->whole, *restrict sum = piece->whole_sum;
  const int32_t count = (int32_t)job->count, offset = (int32_t)job->p->offset;
  const bool bright = job->p->select == 0;
  const uint8_t label = (uint8_t)job->p->foreground;
  for (int64_t i = 0; i < piece->n; i++) {
    const bool above = (values[i] + offset) * count > sum[i];
    to[i] = above == bright ? label : 0;
  }
}

/* May choose_scaled() do it? Where sum / count is not whole it is far from any whole number for double's digits. */
static bool scales(const CmImage *image, const AdaptiveParams *p, double count) {
  const CmType type = cm_image_type(image);
  const double most = fmax(fabs(cm_type_min(type)), cm_type_max(type)) + fabs(p->offset);
  return cm_type_is_integer(type) && p->factor == 1.0 && p->offset == rint(p->offset) && most * count <= 2147483647.0;
}

static void compare_piece(void *arg, const CmBoxPiece *piece) {
  const Compare *job = arg;
  const int64_t c = job->grid.components;
  uint8_t *to = (uint8_t *)cm_image_data_mut(job->out) + piece->row * job->grid.row + piece->x * c + job->component;
  if (piece->whole) {
    enum { PART = 512 };
    uint8_t line[PART];
    CmBoxPiece part = *piece;
    for (part.n = PART; part.x < piece->x + piece->n; part.x += PART, part.whole += PART, part.whole_sum += PART) {
      if (part.x + PART > piece->x + piece->n) part.n = piece->x + piece->n - part.x;
      (job->scaled ? choose_scaled : choose_whole)(job, &part, c == 1 ? to + (part.x - piece->x) : line);
      for (int64_t i = 0; c > 1 && i < part.n; i++) to[(part.x - piece->x + i) * c] = line[i];
    }
    return;
  }
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
  for (int axis = 0; axis < 3; axis++) job->count *= (double)(2 * box.radius[axis] + 1);
  job->scaled = scales(job->image, p, job->count);
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
