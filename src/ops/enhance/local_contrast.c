#include <math.h>
#include <string.h>

#include "ops/box.h"
#include "ops/intensity/stats.h"
#include "ops/simd.h"

typedef struct LocalParams {
  int32_t method;
  CmReals radius;
  int32_t units;
  double min_std;
  CmReals target_mean, target_std;
  double gain, weight;
  int32_t border;
  double border_value;
  int32_t type;
} LocalParams;

enum { NORMALIZE, WALLIS };

static const CmParam params[] = {
    CM_PARAM_ENUM(LocalParams, method, "normalize|wallis", "normalize",
                  "(value - mean) / deviation, or Wallis' enhancement, which keeps the image's range"),
    CM_PARAM_REALS(LocalParams, radius, "10", 0, 10000, 1, 3, "",
                   "half width of the window, one for all axes or one each for x,y,z; it is 2 radius + 1 voxels wide"),
    CM_UNITS_PARAM(LocalParams, "voxel"),
    CM_PARAM_REAL(LocalParams, min_std, 0, 0, 1e30, "",
                  "deviations below this count as this, so that noise is not raised, in image units"),
    CM_PARAM_REALS(LocalParams, target_mean, "", -1e30, 1e30, 0, 1, "",
                   "of method=wallis: mean to go to; not given: that of the image"),
    CM_PARAM_REALS(LocalParams, target_std, "", 0, 1e30, 0, 1, "",
                   "of method=wallis: standard deviation to go to; not given: that of the image"),
    CM_PARAM_REAL(LocalParams, gain, 5, 0, 1e6, "1",
                  "of method=wallis: the largest factor by which contrast is raised"),
    CM_PARAM_REAL(LocalParams, weight, 0, 0, 1, "1",
                  "of method=wallis: 0 keeps the local mean, 1 replaces it by target_mean"),
    CM_BORDER_PARAMS(LocalParams),
    CM_PARAM_ENUM(LocalParams, type, "f32|f64|keep", "f32",
                  "voxel type of the result: f32, f64, or the input's (integers rounded and clamped)"),
};

typedef struct Local {
  const LocalParams *p;
  CmImage *out;
  CmGrid grid; /* of out */
  double origin, count;
  double mean, deviation; /* Wallis' targets */
  int64_t component;
} Local;

/* values become the result; NaN where the window holds one. */
CM_SIMD static void normalize(const CmBoxPiece *piece, double count, double least) {
  double *restrict v = piece->values, *restrict sum = piece->sum, *restrict squares = piece->squares;
  for (int64_t i = 0; i < piece->n; i++) {
    const double m = sum[i] / count, spread = (squares[i] - sum[i] * m) / count;
    const double s = sqrt(spread > 0.0 ? spread : 0.0), by = s < least ? least : s;
    const double z = by > 0.0 ? (v[i] - m) / by : 0.0;
    v[i] = z + (spread - spread);
  }
}

CM_SIMD static void wallis(const CmBoxPiece *piece, const Local *job) {
  double *restrict v = piece->values, *restrict sum = piece->sum, *restrict squares = piece->squares;
  const double count = job->count, least = job->p->min_std, top = job->p->gain * job->deviation, gain = job->p->gain,
               target = job->deviation, weight = job->p->weight, origin = job->origin,
               offset = weight * (job->mean - origin);
  for (int64_t i = 0; i < piece->n; i++) {
    const double m = sum[i] / count, spread = (squares[i] - sum[i] * m) / count;
    const double s = sqrt(spread > 0.0 ? spread : 0.0), by = gain * (s < least ? least : s) + target;
    const double factor = by > 0.0 ? top / by : 0.0;
    v[i] = (v[i] - m) * factor + offset + (1.0 - weight) * m + origin + (spread - spread);
  }
}

static void store(void *arg, const CmBoxPiece *piece) {
  const Local *job = arg;
  const int64_t c = job->grid.components;
  const CmType type = cm_image_type(job->out);
  char *to =
      (char *)cm__row_mut(job->out, &job->grid, piece->row) + (size_t)(piece->x * c + job->component) * job->grid.size;
  if (job->p->method == NORMALIZE)
    normalize(piece, job->count, job->p->min_std);
  else
    wallis(piece, job);
  if (c == 1) {
    cm__line_from_f64(type, piece->values, piece->n, to);
    return;
  }
  cm__line_from_f64(type, piece->values, piece->n, piece->sum); /* no type is wider than double */
  const char *from = (const char *)piece->sum;
  for (int64_t i = 0; i < piece->n; i++)
    memcpy(to + (size_t)(i * c) * job->grid.size, from + (size_t)i * job->grid.size, job->grid.size);
}

/* A value that is typical of the image: that of the voxel in the middle. */
static double middle_of(const Local *job, const CmImage *image, int64_t t) {
  const CmGrid grid = cm__grid(image);
  const int64_t row = (t * grid.nz + grid.nz / 2) * grid.ny + grid.ny / 2;
  const char *from = cm__row(image, &grid, row);
  double v;
  cm__line_to_f64(cm_image_type(image), from + (size_t)(grid.nx / 2 * grid.components + job->component) * grid.size, 1,
                  &v);
  return isfinite(v) && fabs(v) < 1e15 ? rint(v) : 0.0;
}

/* Wallis' targets, where they are not given, are the moments inside the mask. */
static bool set_targets(const CmCall *call, Local *job, const CmImage *image, const CmMask *mask, int64_t t,
                        CmError **err) {
  const LocalParams *p = job->p;
  const int64_t rows = job->grid.ny * job->grid.nz;
  const CmPart part = {
      .image = image, .mask = mask, .row_begin = t * rows, .row_end = (t + 1) * rows, .component = job->component};
  CmMoments moments = {.count = 0};
  if ((p->target_mean.count == 0 || p->target_std.count == 0) && !cm__part_moments(call->ctx, &part, &moments, err))
    return false;
  job->mean = p->target_mean.count ? p->target_mean.value[0] : moments.count ? moments.mean : 0.0;
  job->deviation = p->target_std.count ? p->target_std.value[0] : moments.count ? sqrt(moments.variance) : 0.0;
  return true;
}

/* One component of one time point. */
static bool do_volume(const CmCall *call, Local *job, CmBox *box, const CmMask *mask, int64_t t, CmError **err) {
  box->origin = job->origin = middle_of(job, box->image, t);
  return (job->p->method == NORMALIZE || set_targets(call, job, box->image, mask, t, err)) &&
         cm__box(call->ctx, box, t, job->component, err);
}

static bool run(const CmCall *call, CmError **err) {
  const LocalParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Local job = {.p = p, .count = 1.0};
  CmBox box = {.what = "local_contrast",
               .image = image,
               .squares = true,
               .border = (CmBorder)p->border,
               .border_value = p->border_value,
               .piece = store,
               .arg = &job};
  const CmType type = p->type == 0 ? CM_F32 : p->type == 1 ? CM_F64 : cm_image_type(image);
  if (!cm__mask_open(&mask, &call->in[1], image, err) || !cm__axis_radii(&p->radius, p->units, image, box.radius, err))
    return false;
  job.out = cm_image_create_like(call->ctx, image, type, cm_image_components(image), err);
  bool ok = job.out && (p->method == WALLIS || cm_image_set_unit(job.out, "1", err));
  if (ok) job.grid = cm__grid(job.out);
  for (int axis = 0; axis < 3; axis++) job.count *= (double)(2 * box.radius[axis] + 1);
  for (int64_t k = 0; ok && k < job.grid.nt * job.grid.components; k++) {
    job.component = k % job.grid.components;
    ok = do_volume(call, &job, &box, &mask, k / job.grid.components, err);
  }
  if (!ok || !cm__mask_blank(call->ctx, &mask, job.out, err)) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

CM_OP(local_contrast) = {
    .name = "local_contrast",
    .family = "enhance",
    .since = "0.2",
    .summary = "Local normalization, or enhancement, by mean and standard deviation in a window.",
    .details =
        "m and s are the mean and the standard deviation (of all voxels, not of a sample) of the window around a "
        "voxel v. method=normalize: (v - m) / s, 0 where s is 0. method=wallis: (v - m) g D / (g s + D) + w M + "
        "(1 - w) m, with M and D target_mean and target_std, g the gain and w the weight: contrast goes towards D, and "
        "is never raised more than g times. M and D, where not given, are those of the component and time point "
        "inside the mask. " CM_BORDER_DETAILS
        "Mask: voxels outside are 0; neighbourhoods inside still see them. NaN: spreads to every voxel whose window "
        "holds it.",
    CM_OP_PARAMS(LocalParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Wallis R. An approach to the space variant restoration and enhancement of images. Proc Symp Current "
        "Mathematical Problems in Image Science, 1976; Pratt WK. Digital Image Processing, 4th ed., section 10.3 "
        "(statistical differencing)",
    .examples =
        "cormack local_contrast mr.nii.gz flat.nii.gz --radius 15 --units mm\n"
        "cormack local_contrast xray.png out.png --method wallis --radius 40 --gain 4 --weight 0.2 --type keep",
    .run = run,
};
