#include <math.h>

#include "ops/box.h"
#include "ops/simd.h"

typedef struct DeviationParams {
  CmReals radius;
  int32_t units;
  int32_t border;
  double border_value;
  int32_t type;
} DeviationParams;

static const CmParam params[] = {
    CM_PARAM_REALS(DeviationParams, radius, "2", 0, 10000, 1, 3, "",
                   "half width of the box, one for all axes or one each for x,y,z; it is 2 radius + 1 voxels wide"),
    CM_UNITS_PARAM(DeviationParams, "voxel"),
    CM_BORDER_PARAMS(DeviationParams),
    CM_PARAM_ENUM(DeviationParams, type, "f32|f64", "f32", "voxel type of the result"),
};

typedef struct Deviation {
  CmImage *out;
  CmGrid grid; /* of out */
  double count;
  int64_t component;
} Deviation;

/* values become the result; NaN where the window holds one. */
CM_SIMD static void deviations(const CmBoxPiece *piece, double count) {
  double *restrict v = piece->values, *restrict sum = piece->sum, *restrict squares = piece->squares;
  for (int64_t i = 0; i < piece->n; i++) {
    const double spread = (squares[i] - sum[i] * (sum[i] / count)) / count;
    v[i] = sqrt(spread > 0.0 ? spread : 0.0) + (spread - spread);
  }
}

static void store(void *arg, const CmBoxPiece *piece) {
  const Deviation *job = arg;
  const int64_t c = job->grid.components, at = piece->x * c + job->component;
  void *row = cm__row_mut(job->out, &job->grid, piece->row);
  deviations(piece, job->count);
  if (cm_image_type(job->out) == CM_F64)
    for (int64_t i = 0; i < piece->n; i++) ((double *)row)[at + i * c] = piece->values[i];
  else
    for (int64_t i = 0; i < piece->n; i++) ((float *)row)[at + i * c] = (float)piece->values[i];
}

static bool run(const CmCall *call, CmError **err) {
  const DeviationParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Deviation job = {.count = 1.0};
  CmBox box = {.what = "local deviation",
               .image = image,
               .squares = true,
               .border = (CmBorder)p->border,
               .border_value = p->border_value,
               .piece = store,
               .arg = &job};
  if (!cm__mask_open(&mask, &call->in[1], image, err) || !cm__axis_radii(&p->radius, p->units, image, box.radius, err))
    return false;
  job.out = cm_image_create_like(call->ctx, image, p->type == 1 ? CM_F64 : CM_F32, cm_image_components(image), err);
  bool ok = job.out != NULL;
  if (ok) job.grid = cm__grid(job.out);
  for (int axis = 0; axis < 3; axis++) job.count *= (double)(2 * box.radius[axis] + 1);
  for (int64_t k = 0; ok && k < job.grid.nt * job.grid.components; k++) {
    job.component = k % job.grid.components;
    ok = cm__box(call->ctx, &box, k / job.grid.components, job.component, err);
  }
  if (!ok || !cm__mask_blank(call->ctx, &mask, job.out, err)) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

static bool reach(const void *values, const CmImage *image, int64_t to[3]) {
  const DeviationParams *p = values;
  return cm__box_reach(&p->radius, p->units, p->border, image, to);
}

CM_OP(local_deviation) = {
    .name = "local_deviation",
    .family = "filter",
    .since = "0.2",
    .summary = "How much the values of the box around each voxel spread: their standard deviation.",
    .details =
        "The root of the mean square of the differences from the mean (of all n = (2 rx + 1) x (2 ry + 1) x "
        "(2 rz + 1) voxels, not of a sample). A radius in mm is rounded down to whole voxels. Calculated from sums of "
        "values and squares in double, exact for integers; deviations below 1e-8 of the values are "
        "lost. " CM_BORDER_DETAILS
        "Mask: voxels outside are 0; neighbourhoods inside still see them. NaN: spreads to every voxel whose box "
        "holds it.",
    CM_OP_PARAMS(DeviationParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.3 (local statistics)",
    .examples =
        "cormack local_deviation ct.nii.gz texture.nii.gz --radius 2\n"
        "cormack local_deviation mr.nii.gz texture.nii.gz --radius 4.5 --units mm",
    .reach = reach,
    .run = run,
};
