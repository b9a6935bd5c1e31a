#include <math.h>

#include "ops/window.h"

typedef struct CrossingParams {
  double min_step;
  int64_t foreground;
  int32_t border;
  double border_value;
} CrossingParams;

static const CmParam params[] = {
    CM_PARAM_REAL(CrossingParams, min_step, 0, 0, 1e30, "",
                  "the two values must differ by at least this, in image units"),
    CM_PARAM_INT(CrossingParams, foreground, 1, 1, 255, "1", "label of the voxels at a crossing"),
    CM_BORDER_PARAMS(CrossingParams),
};

static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .components = true, .help = "u8 label map"}};

typedef struct Crossing {
  const CrossingParams *p;
  int64_t radius[3];
} Crossing;

/* Of the two voxels beside a crossing the one nearer to 0 is marked; of equal ones the first. */
static void crossing_row(void *arg, const CmWindowRow *row) {
  const Crossing *job = arg;
  for (int64_t i = 0; i < row->n; i++) row->to[i] = 0.0;
  for (int axis = 0; axis < 3; axis++)
    for (int64_t d = -1; d <= 1 && job->radius[axis]; d += 2) {
      const int64_t line =
          (job->radius[2] + (axis == 2 ? d : 0)) * (2 * job->radius[1] + 1) + job->radius[1] + (axis == 1 ? d : 0);
      const double *near = row->near[line] + (axis == 0 ? d * row->components : 0);
      for (int64_t i = 0; i < row->n; i++) {
        const double v = row->centre[i], other = near[i];
        const bool crosses = (v < 0.0 && other > 0.0) || (v > 0.0 && other < 0.0) || (v == 0.0) != (other == 0.0);
        const bool nearest = fabs(v) < fabs(other) || (fabs(v) == fabs(other) && d > 0);
        if (crosses && nearest && fabs(v - other) >= job->p->min_step) row->to[i] = (double)job->p->foreground;
      }
    }
}

static bool run(const CmCall *call, CmError **err) {
  const CrossingParams *p = call->params;
  Crossing crossing = {.p = p};
  CmWindow job = {.what = "zero_crossings",
                  .blank = true,
                  .border = (CmBorder)p->border,
                  .border_value = p->border_value,
                  .row = crossing_row,
                  .arg = &crossing};
  for (int axis = 0; axis < 3; axis++)
    job.radius[axis] = crossing.radius[axis] = cm_image_dims(call->in[0].image)[axis] > 1;
  if (!cm__window_call(call, &job, CM_U8, err)) return false;
  call->out[0].kind = CM_KIND_LABELS;
  return cm_image_set_unit(call->out[0].image, "1", err);
}

CM_OP(zero_crossings) = {
    .name = "zero_crossings",
    .family = "edge",
    .since = "0.1",
    .summary = "Mark where the values change their sign.",
    .details =
        "Between two voxels that share a face, of which one is below and one above 0, or just one is 0, the one nearer "
        "to 0 is marked, of "
        "equal ones the first. Of a Laplacian of Gaussian these are the edges of Marr and Hildreth; min_step keeps the "
        "steep ones. " CM_BORDER_DETAILS
        "Mask: voxels outside are 0; neighbourhoods inside still see them. NaN: no crossing.",
    CM_OP_PARAMS(CrossingParams, params),
    .inputs = cm__filter_inputs,
    .input_count = 2,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Marr D, Hildreth E. Theory of edge detection. Proc R Soc Lond B 207, 1980",
    .examples = "cormack zero_crossings log.nii.gz edges.nii.gz --min_step 5",
    .run = run,
};
