#include <math.h>
#include <string.h>

#include "ops/edge/canny_flat.h"
#include "ops/filter/edge_kernels.h"
#include "ops/segment/hysteresis.h"
#include "ops/window.h"

typedef struct CannyParams {
  CmReals sigma;
  int32_t units;
  double truncate;
  int32_t per;
  int32_t thresholds;
  double lower, upper;
  bool slices;
  int64_t foreground;
  int32_t border;
  double border_value;
} CannyParams;

static const CmParam params[] = {
    CM_PARAM_REALS(
        CannyParams, sigma, "1", 0, 1000, 1, 3, "",
        "standard deviation of the smoothing, one for all axes or one each for x,y,z; 0 leaves an axis alone"),
    CM_UNITS_PARAM(CannyParams, "mm"),
    CM_PARAM_REAL(CannyParams, truncate, 4, 1, 20, "1", "where the kernel ends, in standard deviations"),
    CM_PER_PARAM(CannyParams),
    CM_HYSTERESIS_PARAMS(CannyParams),
    CM_PARAM_BOOL(CannyParams, slices, "false",
                  "each slice by itself: no smoothing, no slope and no connection along z"),
    CM_PARAM_INT(CannyParams, foreground, 1, 1, 255, "1", "label of the edges"),
    CM_BORDER_PARAMS(CannyParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "where edges are sought"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8 label map of the edges, one voxel wide"}};

typedef struct Canny {
  const CannyParams *p;
  const CmImage *magnitude;
  CmGrid grid; /* of magnitude */
  int64_t radius[3];
  double factor[3]; /* voxels per unit of slope and step: 1 / spacing^2, or 1 */
  double lower, upper;
} Canny;

static double magnitude_at(const Canny *job, int64_t t, int64_t x, int64_t y, int64_t z) {
  const CmGrid *grid = &job->grid;
  if (x < 0 || x >= grid->nx || y < 0 || y >= grid->ny || z < 0 || z >= grid->nz) return 0.0;
  const void *row = cm__row(job->magnitude, grid, (t * grid->nz + z) * grid->ny + y);
  return cm_image_type(job->magnitude) == CM_F64 ? ((const double *)row)[x] : (double)((const float *)row)[x];
}

/* Sobel's slope of the smoothed image at x of the row in the middle, along one axis, per voxel. */
static double slope(const Canny *job, const CmWindowRow *row, int64_t x, int axis) {
  static const double smooth[3] = {1.0, 2.0, 1.0}, difference[3] = {-1.0, 0.0, 1.0};
  const int64_t *r = job->radius;
  double sum = 0.0;
  for (int64_t dz = -r[2]; dz <= r[2]; dz++)
    for (int64_t dy = -r[1]; dy <= r[1]; dy++) {
      const double *line = row->near[(dz + r[2]) * (2 * r[1] + 1) + dy + r[1]] + x;
      const double wz = axis == 2 ? difference[dz + 1] : smooth[dz + 1],
                   wy = axis == 1 ? difference[dy + 1] : smooth[dy + 1];
      for (int64_t dx = -r[0]; dx <= r[0]; dx++)
        sum += wz * wy * (axis == 0 ? difference[dx + 1] : smooth[dx + 1]) * line[dx];
    }
  return sum;
}

/* The magnitude one step along the steepest way, which changes the axis `main` by one voxel: bilinear between four
 * voxels. */
static double ahead(const Canny *job, int64_t t, const int64_t at[3], const double way[3], int main, double sign) {
  const int one = (main + 1) % 3, two = (main + 2) % 3;
  int64_t d[3];
  double sum = 0.0;
  d[main] = at[main] + (way[main] * sign > 0.0 ? 1 : -1);
  for (int k = 0; k < 4; k++) {
    const double a = fabs(way[one] / way[main]), b = fabs(way[two] / way[main]);
    const double weight = (k & 1 ? a : 1.0 - a) * (k & 2 ? b : 1.0 - b);
    if (weight == 0.0) continue;
    d[one] = at[one] + (k & 1 ? (way[one] * sign > 0.0 ? 1 : -1) : 0);
    d[two] = at[two] + (k & 2 ? (way[two] * sign > 0.0 ? 1 : -1) : 0);
    sum += weight * magnitude_at(job, t, d[0], d[1], d[2]);
  }
  return sum;
}

/* 2 strong, 1 weak edge, 0 none. */
static void suppress_row(void *arg, const CmWindowRow *row) {
  const Canny *job = arg;
  const int64_t t = row->row / (job->grid.ny * job->grid.nz);
  for (int64_t x = 0; x < row->n; x++) {
    const int64_t at[3] = {x, row->row % job->grid.ny, row->row / job->grid.ny % job->grid.nz};
    const double here = magnitude_at(job, t, at[0], at[1], at[2]);
    row->to[x] = 0.0;
    if (!(here >= job->lower) || !(here > 0.0)) continue;
    double way[3];
    int main = 0;
    for (int axis = 0; axis < 3; axis++) {
      way[axis] = job->radius[axis] ? slope(job, row, x, axis) * job->factor[axis] : 0.0;
      main = fabs(way[axis]) > fabs(way[main]) ? axis : main;
    }
    if (way[main] == 0.0 || !(ahead(job, t, at, way, main, 1.0) <= here) ||
        !(ahead(job, t, at, way, main, -1.0) <= here))
      continue;
    row->to[x] = here >= job->upper ? 2.0 : 1.0;
  }
}

/* The smoothed image, f32 or f64 by what holds the input; where there is nothing to smooth, the image itself. */
static CmImage *smooth(CmContext *ctx, const CannyParams *p, CmImage *image, CmError **err) {
  CmSeparable job = {
      .what = "canny: smoothing", .image = image, .border = (CmBorder)p->border, .border_value = p->border_value};
  CmReals sigma = p->sigma;
  if (p->slices) {
    for (int axis = sigma.count; axis < 3; axis++) sigma.value[axis] = sigma.count == 1 ? sigma.value[0] : 0.0;
    sigma.value[2] = 0.0;
    sigma.count = 3;
  }
  if (!cm__separable_gaussian(ctx, &job, &sigma, p->units, p->truncate, image, err)) return NULL;
  if (job.taps[0].radius == 0 && job.taps[1].radius == 0 && job.taps[2].radius == 0) {
    cm__separable_free(&job);
    return cm_image_ref(image);
  }
  job.out = cm_image_create_like(ctx, image, cm__type_fits_f32(cm_image_type(image)) ? CM_F32 : CM_F64, 1, err);
  if (job.out && !cm__separable(ctx, &job, err)) cm_image_unref(&job.out);
  cm__separable_free(&job);
  return job.out;
}

/* The magnitude of Sobel's slopes; with slices true of those along x and y. */
static CmImage *magnitude(CmContext *ctx, const CannyParams *p, CmImage *smoothed, CmError **err) {
  const CmEdgeParams edges = {.per = p->per,
                              .border = p->border,
                              .border_value = p->border_value,
                              .type = !cm__type_fits_f32(cm_image_type(smoothed))};
  const CmValue in[2] = {cm_value_image(smoothed), {.kind = CM_KIND_NONE}};
  CmValue out = {.kind = CM_KIND_NONE};
  const CmCall call = {.ctx = ctx, .params = &edges, .in = in, .out = &out};
  return cm__edge_magnitude(&call, "canny: slopes", 1.0, 2.0, p->slices, err) ? out.image : NULL;
}

static bool find(const CmCall *call, Canny *job, CmImage *smoothed, const CmMask *mask, CmImage *candidates,
                 CmError **err) {
  const CmWindow window = {.what = "canny: thinning",
                           .image = smoothed,
                           .mask = mask,
                           .blank = true,
                           .out = candidates,
                           .radius = {job->radius[0], job->radius[1], job->radius[2]},
                           .border = (CmBorder)job->p->border,
                           .border_value = job->p->border_value,
                           .row = suppress_row,
                           .arg = job};
  job->lower = job->p->lower;
  job->upper = job->p->upper;
  return cm__hysteresis_limits(call->ctx, job->p->thresholds, job->magnitude, mask, &job->lower, &job->upper, err) &&
         cm__window(call->ctx, &window, err);
}

/* Planes whose thresholds are known need no image of the magnitude. */
static bool is_flat(const CannyParams *p, const CmImage *smoothed) {
  const int64_t *dims = cm_image_dims(smoothed);
  return p->thresholds == 1 && (dims[2] == 1 || p->slices) && dims[0] > 1 && dims[1] > 1 &&
         cm__type_fits_f32(cm_image_type(smoothed));
}

static bool find_flat(const CmCall *call, const CmImage *smoothed, const CmMask *mask, CmImage *candidates,
                      CmError **err) {
  const CannyParams *p = call->params;
  const CmCannyFlat job = {.image = smoothed,
                           .mask = mask,
                           .candidates = candidates,
                           .factor = {cm__per_factor(p->per, smoothed, 0, 1), cm__per_factor(p->per, smoothed, 1, 1)},
                           .lower = p->lower,
                           .upper = p->upper,
                           .border = (CmBorder)p->border,
                           .border_value = p->border_value};
  return cm__canny_flat(call->ctx, &job, err);
}

static bool find_any(const CmCall *call, CmImage *smoothed, const CmMask *mask, CmImage *candidates, CmError **err) {
  const CannyParams *p = call->params;
  CmImage *slopes = magnitude(call->ctx, p, smoothed, err);
  if (!slopes) return false;
  Canny job = {.p = p, .magnitude = slopes, .grid = cm__grid(slopes)};
  for (int axis = 0; axis < 3; axis++) {
    job.radius[axis] = cm_image_dims(smoothed)[axis] > 1 && !(p->slices && axis == 2);
    job.factor[axis] = cm__per_factor(p->per, smoothed, axis, 2);
  }
  const bool ok = find(call, &job, smoothed, mask, candidates, err);
  cm_image_unref(&slopes);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const CannyParams *p = call->params;
  CmImage *image = call->in[0].image;
  CmMask mask;
  CmImage *smoothed = NULL, *candidates = NULL, *out = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) goto done;
  smoothed = smooth(call->ctx, p, image, err);
  candidates = smoothed ? cm_image_create_like(call->ctx, image, CM_U8, 1, err) : NULL;
  if (!candidates) goto done;
  if (!(is_flat(p, smoothed) ? find_flat(call, smoothed, &mask, candidates, err)
                             : find_any(call, smoothed, &mask, candidates, err)))
    goto done;
  cm_image_unref(&smoothed);
  out = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!out || !cm_image_set_unit(out, "1", err) ||
      !cm__hysteresis(call->ctx, candidates, p->slices ? CM_CONNECT_8 : CM_CONNECT_26, p->foreground, out, err))
    goto done;
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&smoothed);
  cm_image_unref(&candidates);
  cm_image_unref(&out);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const CannyParams *p = values;
  return cm__hysteresis_check(p->thresholds, p->lower, p->upper, err);
}

CM_OP(canny) = {
    .name = "canny",
    .family = "edge",
    .since = "0.1",
    .summary = "Thin, connected edges by Canny's method, in 2D and 3D.",
    .details =
        "The image is smoothed with the Gaussian of `gaussian`; slopes are those of `sobel` with weights=unit. A voxel "
        "stays if its "
        "magnitude is not below those one step to both sides along the steepest way, which changes the steepest axis "
        "by one voxel; there "
        "the magnitude is interpolated linearly between the voxels around. Beyond the border it is 0. Of what stays, "
        "edges are the "
        "connected pieces (by corners too) of magnitude >= lower that hold one >= upper; percentiles are those of the "
        "magnitude inside "
        "the mask. Magnitudes are per mm and the steepest way is one in space, unless per=voxel. "
        "Border: replicate aaa|abcd|ddd, reflect cba|abcd|dcb, mirror dcb|abcd|cba, wrap bcd|abcd|abc, constant "
        "kkk|abcd|kkk, for the "
        "smoothing and again for the slopes. Mask: outside is no edge and connects nothing; neighbourhoods inside "
        "still see what is there. "
        "NaN: no edge where a kernel holds it. Two reals per voxel are allocated beside the result, in planes with "
        "thresholds=value one.",
    CM_OP_PARAMS(CannyParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite = "Canny J. A computational approach to edge detection. IEEE TPAMI 8(6), 1986",
    .examples =
        "cormack canny ct.nii.gz edges.nii.gz --sigma 1.5\n"
        "cormack canny xray.png edges.png --sigma 3 --units voxel --per voxel --thresholds value --lower 2 --upper 6",
    .check = check,
    .run = run,
};
