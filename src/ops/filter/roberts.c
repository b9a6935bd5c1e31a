#include <math.h>
#include <string.h>

#include "ops/window.h"

typedef struct RobertsParams {
  int32_t planes;
  int32_t weights;
  int32_t border;
  double border_value;
  int32_t type;
} RobertsParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(RobertsParams, planes, "all|slices", "all",
                  "the planes of all pairs of axes, or x and y only: each slice by itself"),
    CM_PARAM_ENUM(RobertsParams, weights, "unit|raw", "unit",
                  "scaled so that a ramp gives its slope, or the plain differences"),
    CM_BORDER_PARAMS(RobertsParams),
    CM_PARAM_ENUM(RobertsParams, type, "f32|f64", "f32", "voxel type of the result"),
};

typedef struct Roberts {
  int pairs[3][2]; /* of axes */
  int count;
  int64_t radius[3];
  double scale;
} Roberts;

/* The row one step along the axes with a 1, from x = 0 or x = 1. */
static const double *step(const Roberts *job, const CmWindowRow *row, const int64_t d[3]) {
  return row->near[(job->radius[2] + d[2]) * (2 * job->radius[1] + 1) + job->radius[1] + d[1]] + d[0] * row->components;
}

static void roberts_row(void *arg, const CmWindowRow *row) {
  const Roberts *job = arg;
  memset(row->to, 0, (size_t)row->n * sizeof(double));
  for (int k = 0; k < job->count; k++) {
    int64_t a[3] = {0, 0, 0}, b[3] = {0, 0, 0}, both[3] = {0, 0, 0};
    a[job->pairs[k][0]] = b[job->pairs[k][1]] = both[job->pairs[k][0]] = both[job->pairs[k][1]] = 1;
    const double *va = step(job, row, a), *vb = step(job, row, b), *vab = step(job, row, both);
    for (int64_t i = 0; i < row->n; i++) {
      const double one = vab[i] - row->centre[i], other = va[i] - vb[i];
      row->to[i] += one * one + other * other;
    }
  }
  for (int64_t i = 0; i < row->n; i++) row->to[i] = sqrt(row->to[i] * job->scale);
}

static bool run(const CmCall *call, CmError **err) {
  const RobertsParams *p = call->params;
  const int64_t *dims = cm_image_dims(call->in[0].image);
  Roberts roberts = {.scale = 1.0};
  CmWindow job = {.what = "roberts",
                  .blank = true,
                  .border = (CmBorder)p->border,
                  .border_value = p->border_value,
                  .row = roberts_row,
                  .arg = &roberts};
  int axes[3], count = 0;
  for (int axis = 0; axis < (p->planes == 0 ? 3 : 2); axis++)
    if (dims[axis] > 1) {
      axes[count++] = axis;
      job.radius[axis] = roberts.radius[axis] = 1;
    }
  for (int a = 0; a < count; a++)
    for (int b = a + 1; b < count; b++) {
      roberts.pairs[roberts.count][0] = axes[a];
      roberts.pairs[roberts.count++][1] = axes[b];
    }
  if (p->weights == 0 && count > 1) roberts.scale = 1.0 / (2.0 * (count - 1));
  return cm__window_call(call, &job, p->type == 1 ? CM_F64 : CM_F32, err);
}

static bool reach(const void *values, const CmImage *image, int64_t to[3]) {
  const RobertsParams *p = values;
  return cm__box_reach(&(CmReals){.count = 1, .value = {1}}, 0, p->border, image, to);
}

CM_OP(roberts) = {
    .name = "roberts",
    .family = "filter",
    .since = "0.1",
    .summary = "The magnitude of the slope by the Roberts cross.",
    .details =
        "In the plane of two axes a and b the differences across the diagonals are v[a+1, b+1] - v[a, b] and v[a+1, b] "
        "- v[a, b+1]; the "
        "result is the root of the sum of their squares, over all planes of axes longer than one voxel (planes=slices: "
        "x and y only), "
        "divided by 2 (axes - 1) with weights=unit. It belongs to the middle of the voxels it is made of, half a voxel "
        "up each axis. "
        "Differences are per voxel, as the diagonals have no axis of their own. Fewer than two such axes: "
        "0. " CM_BORDER_DETAILS
        "Mask: voxels outside are 0; neighbourhoods inside still see them. NaN: spreads to the voxels whose cross "
        "holds it.",
    CM_OP_PARAMS(RobertsParams, params),
    CM_FILTER_PORTS,
    .cite = "Roberts LG. Machine perception of three-dimensional solids. MIT Lincoln Laboratory, 1963",
    .examples =
        "cormack roberts xray.png edges.nii.gz\ncormack roberts ct.nii.gz edges.nii.gz --planes slices --weights raw",
    .reach = reach,
    .run = run,
};
