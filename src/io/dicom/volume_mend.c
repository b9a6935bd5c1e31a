/* Missing slices interpolated, gantry tilt undone. Values that are padding are never mixed with others. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "io/dicom/volume_read.h"

/* a + (b - a) * w for one voxel type; integers to nearest, ties to even. Where one of both is padding, the result is
 * that one. */
#define CM_MIX(code, ctype, name, suffix)                                                                        \
  static void mix_##suffix(const void *a, const void *b, double w, const double *pad, int64_t count, void *to) { \
    const ctype *x = a, *y = b;                                                                                  \
    ctype *out = to;                                                                                             \
    for (int64_t i = 0; i < count; i++) {                                                                        \
      double p = (double)x[i], q = (double)y[i];                                                                 \
      if (p >= pad[0] && p <= pad[1])                                                                            \
        out[i] = x[i];                                                                                           \
      else if (q >= pad[2] && q <= pad[3])                                                                       \
        out[i] = y[i];                                                                                           \
      else                                                                                                       \
        out[i] = (ctype)(CM_##code == CM_F32 || CM_##code == CM_F64 ? p + (q - p) * w : rint(p + (q - p) * w));  \
    }                                                                                                            \
  }
CM_TYPE_MAP(CM_MIX)
#undef CM_MIX

typedef void (*MixFn)(const void *a, const void *b, double w, const double *pad, int64_t count, void *to);
static const MixFn mixers[] = {
#define CM_MIX_ROW(code, ctype, name, suffix) mix_##suffix,
    CM_TYPE_MAP(CM_MIX_ROW)
#undef CM_MIX_ROW
};

/* ---- gaps */

typedef struct Filling {
  const CmReadPlan *plan;
  uint8_t *voxels;
  size_t plane_bytes;
  int64_t plane_values;
  MixFn mix;
} Filling;

static bool fill_range(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Filling *job = arg;
  const CmReadPlan *plan = job->plan;
  for (int64_t i = range.begin; i < range.end; i++) {
    int64_t gap = i % (plan->slices - 1), t = i / (plan->slices - 1);
    int64_t from = cm__plan_place(plan, gap), to = cm__plan_place(plan, gap + 1);
    uint8_t *volume = job->voxels + (size_t)(t * plan->depth) * job->plane_bytes;
    const double *pad = plan->padding + 2 * (t * plan->slices + gap); /* of both slices: they are neighbours */
    for (int64_t z = from + 1; z < to; z++)
      job->mix(volume + (size_t)from * job->plane_bytes, volume + (size_t)to * job->plane_bytes,
               (double)(z - from) / (double)(to - from), pad, job->plane_values, volume + (size_t)z * job->plane_bytes);
  }
  return true;
}

bool cm__volume_fill(const CmReadPlan *plan, CmImage *image, CmError **err) {
  int64_t times = cm_image_dims(image)[3];
  if (plan->depth == plan->slices || plan->slices < 2 || plan->entry->first->segmentation) return true;
  Filling job = {.plan = plan, .voxels = cm_image_data_mut(image), .mix = mixers[cm_image_type(image)]};
  job.plane_values = cm_image_values(image) / (plan->depth * times);
  job.plane_bytes = cm_image_bytes(image) / (size_t)(plan->depth * times);
  return cm_parallel_for(plan->ctx, NULL, times * (plan->slices - 1), 1, fill_range, &job, err);
}

/* ---- tilt */

typedef struct Untilting {
  const CmReadPlan *plan;
  const CmImage *from;
  CmImage *to;
  double step[2]; /* voxels that a slice is displaced from the one before, along x and y */
  int64_t shift[2];
  double outside;
} Untilting;

/* Value at column x, row y of a plane, `outside` where there is none. */
static double plane_value(const Untilting *job, int64_t plane, int64_t x, int64_t y, int component) {
  const int64_t *dims = cm_image_dims(job->from);
  if (x < 0 || y < 0 || x >= dims[0] || y >= dims[1]) return job->outside;
  int components = cm_image_components(job->from);
  return cm_image_value(job->from, ((plane * dims[1] + y) * dims[0] + x) * components + component);
}

static bool is_padding(const double *pad, double value) {
  return value >= pad[0] && value <= pad[1];
}

/* Linear in both directions; with padding among the four, the nearest of them as it is. */
static double bilinear(const Untilting *job, const double *pad, int64_t plane, double x, double y, int component) {
  double x0 = floor(x), y0 = floor(y), u = x - x0, v = y - y0;
  if (u < 1e-9) u = 0;
  if (v < 1e-9) v = 0;
  double corner[4];
  bool padded = false;
  for (int i = 0; i < 4; i++) {
    bool used = (i % 2 == 0 || u > 0) && (i / 2 == 0 || v > 0);
    corner[i] = used ? plane_value(job, plane, (int64_t)x0 + i % 2, (int64_t)y0 + i / 2, component) : 0;
    padded = padded || (used && is_padding(pad, corner[i]));
  }
  if (padded) return corner[(u > 0.5) + 2 * (v > 0.5)];
  double top = corner[0] + (corner[1] - corner[0]) * u, bottom = corner[2] + (corner[3] - corner[2]) * u;
  return top + (bottom - top) * v;
}

#define CM_STORE(code, ctype, name, suffix)                                           \
  case CM_##code:                                                                     \
    ((ctype *)to)[at] = (ctype)(cm_type_is_integer(CM_##code) ? rint(value) : value); \
    break;
static void store(CmType type, void *to, int64_t at, double value) {
  switch (type) {
    CM_TYPE_MAP(CM_STORE)
    default:
      break;
  }
}
#undef CM_STORE

static bool untilt_range(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Untilting *job = arg;
  const CmReadPlan *plan = job->plan;
  const int64_t *dims = cm_image_dims(job->to);
  int components = cm_image_components(job->to);
  CmType type = cm_image_type(job->to);
  void *to = cm_image_data_mut(job->to);
  for (int64_t i = range.begin; i < range.end; i++) {
    int64_t s = i % plan->slices, t = i / plan->slices, place = cm__plan_place(plan, s),
            plane = t * plan->depth + place;
    double dx = (double)place * job->step[0] + (double)job->shift[0],
           dy = (double)place * job->step[1] + (double)job->shift[1];
    const double *pad = plan->padding + 2 * i;
    for (int64_t y = 0; y < dims[1]; y++)
      for (int64_t x = 0; x < dims[0]; x++)
        for (int c = 0; c < components; c++)
          store(type, to, ((plane * dims[1] + y) * dims[0] + x) * components + c,
                bilinear(job, pad, plane, (double)x - dx, (double)y - dy, c));
  }
  return true;
}

/* What stands where no slice reaches: padding where the series has it, else the lowest value of the volume. */
static double outside_value(const CmReadPlan *plan, const CmImage *image) {
  if (!isnan(plan->padding[0])) return plan->padding[0];
  double least = INFINITY;
  const CmStack *stack = &plan->entry->stack;
  int64_t plane = cm_image_values(image) / (plan->depth * stack->times);
  for (int64_t i = 0; i < plan->slices * stack->times; i++) {
    int64_t begin = (i / plan->slices * plan->depth + cm__plan_place(plan, i % plan->slices)) * plane;
    for (int64_t k = begin; k < begin + plane; k++) least = fmin(least, cm_image_value(image, k));
  }
  return least;
}

CmImage *cm__volume_untilt(const CmReadPlan *plan, const CmImage *image, int64_t shift[2], CmError **err) {
  const CmStack *stack = &plan->entry->stack;
  Untilting job = {.plan = plan, .from = image, .outside = outside_value(plan, image)};
  int64_t dims[4];
  memcpy(dims, cm_image_dims(image), sizeof dims);
  for (int axis = 0; axis < 2; axis++) {
    job.step[axis] = stack->shear[axis] / stack->geometry.spacing[axis];
    double whole = job.step[axis] * (double)(plan->depth - 1);
    int64_t grown = (int64_t)ceil(fabs(whole) - 1e-6);
    job.shift[axis] = whole < 0 ? grown : 0;
    dims[axis] += grown;
    shift[axis] = job.shift[axis];
  }
  job.to =
      cm_image_create(plan->ctx, cm_image_type(image), cm_image_rank(image), dims, cm_image_components(image), err);
  if (job.to && !cm_parallel_for(plan->ctx, "untilt", plan->slices * stack->times, 1, untilt_range, &job, err))
    cm_image_unref(&job.to);
  return job.to;
}
