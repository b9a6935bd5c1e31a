/* cormack brain: the brain in a T1 MR of the head. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/exp.h"
#include "ops/head/balloon.h"
#include "ops/intensity/stats.h"
#include "ops/measure/gather.h"

typedef struct BrainParams {
  double fraction, radius;
  CmReals centre;
  int64_t iterations;
} BrainParams;

static const CmParam params[] = {
    CM_PARAM_REAL(BrainParams, fraction, 0.5, 0.01, 0.99, "1",
                  "how far between background and brain the surface stops; less gives a larger brain"),
    CM_PARAM_REAL(BrainParams, radius, 0, 0, 1000, "mm",
                  "radius of the head; 0: from the volume that is not background"),
    CM_PARAM_REALS(BrainParams, centre, "", -1e6, 1e6, 0, 3, "voxel",
                   "x,y,z where the brain lies; none: the centre of gravity, which much neck draws down"),
    CM_PARAM_INT(BrainParams, iterations, 1000, 1, 10000, "1", "steps of the surface"),
};
static const CmPort inputs[] = {{.name = "image", .kind = CM_KIND_IMAGE, .help = "T1 MR of the head"}};
static const CmPort outputs[] = {{.name = "brain", .kind = CM_KIND_LABELS, .help = "1 brain"}};

/* What is known of the intensities of one time point. */
typedef struct Head {
  CmContext *ctx;
  const BrainParams *p;
  int64_t n[3];
  double spacing[3];
  const float *value;
  double low, high, background; /* 2 % and 98 % of all values, and a tenth of the way between */
  double centre[3], radius;     /* mm */
  double brain;                 /* median around the centre */
  CmBalloon balloon;
  double edge; /* mean length */
} Head;

static bool find_limits(Head *h, const CmImage *image, int64_t t, CmError **err) {
  const int64_t rows = h->n[1] * h->n[2];
  const CmPart part = {.image = image, .row_begin = t * rows, .row_end = (t + 1) * rows, .component = 0};
  const double q[2] = {0.02, 0.98};
  double found[2];
  if (!cm__part_quantiles(h->ctx, &part, NULL, q, 2, found, err)) return false;
  h->low = found[0];
  h->high = found[1];
  h->background = h->low + 0.1 * (h->high - h->low);
  if (isfinite(h->high - h->low) && h->high > h->low) return true;
  cm_error_set(
      err, CM_ERR_DATA,
      "98 %% of the values lie below %g and 2 %% below %g, so there is no head to see; give a T1 MR of the head",
      found[1], found[0]);
  return false;
}

/* Centre of gravity and radius of what is not background; bright vessels weigh no more than the rest. */
static void find_centre(Head *h) {
  double sum[4] = {0}, count = 0.0;
  const float *v = h->value;
  for (int64_t z = 0; z < h->n[2]; z++)
    for (int64_t y = 0; y < h->n[1]; y++, v += h->n[0]) {
      double line = 0.0, along = 0.0;
      for (int64_t x = 0; x < h->n[0]; x++) {
        if (!((double)v[x] > h->background)) continue;
        const double weight = fmin((double)v[x], h->high) - h->low;
        line += weight;
        along += weight * (double)x;
        count += 1.0;
      }
      sum[0] += along;
      sum[1] += line * (double)y;
      sum[2] += line * (double)z;
      sum[3] += line;
    }
  const double voxel = h->spacing[0] * h->spacing[1] * h->spacing[2];
  for (int k = 0; k < 3; k++)
    h->centre[k] = (h->p->centre.count == 3 ? h->p->centre.value[k]
                    : sum[3] > 0.0          ? sum[k] / sum[3]
                                            : 0.0) *
                   h->spacing[k];
  h->radius = h->p->radius > 0.0 ? h->p->radius : cbrt(0.75 * count * voxel / 3.141592653589793);
}

/* The median of what lies in the head's sphere, between the limits. */
static bool find_brain(Head *h, CmError **err) {
  const int64_t voxels = h->n[0] * h->n[1] * h->n[2];
  double *values = cm_alloc_array(h->ctx, (size_t)voxels, 2 * sizeof(double), err);
  int64_t count = 0;
  if (!values) return false;
  for (int64_t i = 0; i < voxels; i++) {
    const int64_t at[3] = {i % h->n[0], i / h->n[0] % h->n[1], i / (h->n[0] * h->n[1])};
    double square = 0.0;
    for (int k = 0; k < 3; k++) {
      const double d = (double)at[k] * h->spacing[k] - h->centre[k];
      square += d * d;
    }
    if (square > h->radius * h->radius || !((double)h->value[i] > h->low && (double)h->value[i] < h->high)) continue;
    values[count++] = (double)h->value[i];
  }
  if (count) {
    cm__sort_reals(values, values + voxels, count);
    h->brain = cm__sorted_quantile(values, count, 0.5);
  } else
    cm_error_set(err, CM_ERR_DATA, "no value lies near the centre of the head; give the brain's centre and its radius");
  cm_free(values);
  return count > 0;
}

/* The value of the voxel that holds a point, in voxels from the image's corner; the low limit beyond the image. */
static double value_at(const Head *h, double x, double y, double z) {
  if (!(x >= 0.0 && y >= 0.0 && z >= 0.0 && x < (double)h->n[0] && y < (double)h->n[1] && z < (double)h->n[2]))
    return h->low;
  const double v = (double)h->value[((int64_t)z * h->n[1] + (int64_t)y) * h->n[0] + (int64_t)x];
  return v == v ? v : h->low;
}

static double hyperbolic_tangent(double x) {
  return 1.0 - 2.0 / (cm__exp(2.0 * x) + 1.0);
}

/* How far the intensities inwards of a vertex drive it: -2 to 2. */
static double drive(const Head *h, const double at[3], const double normal[3]) {
  enum { DEEP = 20, NEAR = 10 }; /* mm inwards: CSF is sought so far, brain so far */
  double least = h->brain, most = h->background, point[3], step[3];
  for (int k = 0; k < 3; k++) {
    point[k] = at[k] / h->spacing[k] + 0.5;
    step[k] = normal[k] / h->spacing[k];
  }
  for (int mm = 1; mm <= DEEP; mm++) {
    for (int k = 0; k < 3; k++) point[k] -= step[k];
    const double v = value_at(h, point[0], point[1], point[2]);
    least = v < least ? v : least;
    if (mm <= NEAR) most = v > most ? v : most;
  }
  least = fmax(least, h->low);
  most = fmin(most, h->brain);
  const double limit = h->low + h->p->fraction * (most - h->low);
  return most > h->low ? 2.0 * (least - limit) / (most - h->low) : -2.0;
}

/* Smith's equations 4 to 13: half a step to the middle of the neighbours within the surface, a smoothing of the
 * curvature that is weak between radii of 3.33 and 10 mm, and the drive. */
static bool step_vertices(void *arg, CmRange range, CmError **err) {
  (void)err;
  Head *h = arg;
  const double smallest = 1.0 / 3.33, largest = 1.0 / 10.0;
  for (int64_t v = range.begin; v < range.end; v++) {
    double *at = h->balloon.at[v], along = 0.0;
    const double *normal = h->balloon.normal[v], *mean = h->balloon.mean[v];
    for (int k = 0; k < 3; k++) along += (mean[k] - at[k]) * normal[k];
    const double curvature = 2.0 * fabs(along) / (h->edge * h->edge);
    const double f =
        0.5 * (1.0 + hyperbolic_tangent(6.0 / (smallest - largest) * (curvature - 0.5 * (smallest + largest))));
    const double out = f * along + 0.05 * h->edge * drive(h, at, normal);
    for (int k = 0; k < 3; k++) at[k] += 0.5 * (mean[k] - at[k] - along * normal[k]) + out * normal[k];
  }
  return true;
}

static bool inflate(Head *h, CmError **err) {
  /* the edges of a ball of a voxel's radius */
  const double collapsed = 0.074 * fmin(fmin(h->spacing[0], h->spacing[1]), h->spacing[2]);
  if (!cm__balloon_create(h->ctx, h->centre, 0.5 * h->radius, &h->balloon, err)) return false;
  for (int64_t k = 0; k < h->p->iterations; k++) {
    h->edge = cm__balloon_measure(&h->balloon);
    if (k % 50 == 0) cm_progress(h->ctx, "brain", k, h->p->iterations);
    if (!(h->edge > collapsed)) {
      cm_error_set(
          err, CM_ERR_DATA,
          "the surface fell in: nothing like a brain lies around the centre; check that this is a T1 MR of the "
          "head, give the centre, or lower the fraction");
      return false;
    }
    if (!cm_parallel_for(h->ctx, NULL, h->balloon.vertices, 256, step_vertices, h, err)) return false;
  }
  cm_progress(h->ctx, "brain", h->p->iterations, h->p->iterations);
  return true;
}

static bool find_in_volume(Head *h, const CmImage *image, float *values, int64_t t, CmImage *out, CmError **err) {
  const int64_t voxels = h->n[0] * h->n[1] * h->n[2];
  cm__line_to_f32(cm_image_type(image),
                  (const char *)cm_image_data(image) + (size_t)(t * voxels) * cm_type_size(cm_image_type(image)),
                  voxels, values);
  h->value = values;
  if (!find_limits(h, image, t, err)) return false;
  find_centre(h);
  if (!find_brain(h, err)) return false;
  const bool ok = inflate(h, err) && cm__balloon_fill(h->ctx, &h->balloon, h->n, h->spacing,
                                                      (uint8_t *)cm_image_data_mut(out) + t * voxels, err);
  cm__balloon_free(&h->balloon);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const CmImage *image = call->in[0].image;
  const int64_t *dims = cm_image_dims(image);
  Head head = {.ctx = call->ctx, .p = call->params};
  CmImage *out = NULL;
  bool ok = false;
  for (int k = 0; k < 3; k++) {
    head.n[k] = dims[k];
    head.spacing[k] = cm_image_geometry(image)->spacing[k];
  }
  if (dims[2] < 2) {
    cm_error_set(err, CM_ERR_DATA, "the image has one slice; give a volume of the head");
    return false;
  }
  float *values = cm_alloc_array(call->ctx, (size_t)(dims[0] * dims[1] * dims[2]), sizeof(float), err);
  out = values ? cm_image_create_like(call->ctx, image, CM_U8, 1, err) : NULL;
  if (!out || !cm_image_set_unit(out, "1", err) ||
      !cm_image_set_label(out, 1, "brain", (const uint8_t[]){213, 94, 0}, err))
    goto done;
  for (int64_t t = 0; t < dims[3]; t++)
    if (!find_in_volume(&head, image, values, t, out, err)) goto done;
  call->out[0] = cm_value_labels(out);
  out = NULL;
  ok = true;
done:
  cm_free(values);
  cm_image_unref(&out);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const BrainParams *p = values;
  if (p->centre.count == 0 || p->centre.count == 3) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "centre needs x,y,z or nothing");
  return false;
}

CM_OP(brain) = {
    .name = "brain",
    .family = "head",
    .since = "0.1",
    .summary = "Extract the brain from a T1 MR of the head.",
    .details =
        "Smith's brain extraction: a sphere of 2562 vertices, half as large as the head, inflates from the centre of "
        "gravity. Each step moves a vertex half-way to the middle of its neighbours within the surface, smooths the "
        "surface where it bends more than between radii of 10 and 3.33 mm, and drives it outwards while the least "
        "value up "
        "to 20 mm inwards is brain, inwards where it is CSF or skull: `fraction` of the way from the background (2nd "
        "percentile) to the largest value up to 10 mm inwards. The result is what lies inside, in whole voxels; "
        "ventricles are part of it. In an image with much neck or face give the centre. Not taken over from FSL's bet: "
        "its second run where the surface cuts itself. NaN counts as background. A surface that falls in is an error. "
        "Time points stay apart. Memory: 21 "
        "bytes "
        "per voxel.",
    CM_OP_PARAMS(BrainParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 0,
    .cite = "Smith SM. Fast robust automated brain extraction. Hum Brain Mapp 17(3), 2002",
    .examples =
        "cormack brain t1.nii.gz brain.nii.gz\n"
        "cormack brain t1.nii.gz brain.nii.gz --fraction 0.4 --centre 90,120,100",
    .check = check,
    .run = run,
};
