#include <ctype.h>
#include <math.h>
#include <string.h>

#include "ops/transform/permute.h"

typedef struct ReorientParams {
  CmText orientation;
} ReorientParams;

static const CmParam params[] = {
    CM_PARAM_TEXT(ReorientParams, orientation, "LPS",
                  "where x, y and z of the result run to: one letter each of R|L, A|P and I|S, in any order"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is reoriented"}};
static const CmPort outputs[] = {{.name = "result",
                                  .kind = CM_KIND_IMAGE,
                                  .components = true,
                                  .help = "the same image, its voxels in another order"}};

/* Row of LPS (0, 1, 2) and sign that each letter means; false: not a code. */
static bool read_code(const char *code, int row[3], double sign[3]) {
  static const char towards[] = "LPS", away[] = "RAI";
  bool seen[3] = {false};
  if (strlen(code) != 3) return false;
  for (int axis = 0; axis < 3; axis++) {
    const int letter = toupper((unsigned char)code[axis]);
    const char *plus = strchr(towards, letter), *minus = strchr(away, letter);
    if (!plus && !minus) return false;
    row[axis] = (int)(plus ? plus - towards : minus - away);
    sign[axis] = plus ? 1.0 : -1.0;
    if (seen[row[axis]]) return false;
    seen[row[axis]] = true;
  }
  return true;
}

static bool check(const void *values, CmError **err) {
  const ReorientParams *p = values;
  int row[3];
  double sign[3];
  if (read_code(p->orientation.value, row, sign)) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "orientation is «%s»; give one letter each of R or L, A or P, I or S, e.g. RAS",
               p->orientation.value);
  return false;
}

/* For each row of LPS the axis of the image that runs nearest to it: the order with the largest sum of cosines. */
static void nearest_axes(const double direction[9], int axis_of[3]) {
  static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  double best = -1.0;
  for (int k = 0; k < 6; k++) {
    double sum = 0.0;
    for (int row = 0; row < 3; row++) sum += fabs(direction[row * 3 + orders[k][row]]);
    if (sum <= best + 1e-9) continue;
    best = sum;
    memcpy(axis_of, orders[k], sizeof orders[k]);
  }
}

static bool run(const CmCall *call, CmError **err) {
  const ReorientParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const double *direction = cm_image_geometry(image)->direction;
  int row[3] = {0, 1, 2}, axis_of[3] = {0, 1, 2};
  double sign[3] = {1, 1, 1};
  CmAxes axes;
  (void)read_code(p->orientation.value, row, sign);
  nearest_axes(direction, axis_of);
  for (int axis = 0; axis < 3; axis++) {
    axes.from[axis] = axis_of[row[axis]];
    axes.back[axis] = sign[axis] * direction[row[axis] * 3 + axes.from[axis]] < 0.0;
  }
  CmImage *out = cm__permute(call->ctx, image, &axes, err);
  if (!out) return false;
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(reorient) = {
    .name = "reorient",
    .family = "transform",
    .since = "0.1",
    .summary = "Order the voxels by the patient's axes.",
    .details =
        "orientation says where the axes of the result run to: LPS, x to the patient's left, y to posterior, z to "
        "superior (DICOM, ITK); RAS as NIfTI tools. Axes are exchanged and reversed, nothing is interpolated: every "
        "voxel keeps its value and its place. An oblique image goes to the nearest axes and stays oblique. A 2D image "
        "whose plane is turned becomes 3D.",
    CM_OP_PARAMS(ReorientParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .cite = "DICOM PS3.3, section C.7.6.2.1.1; NIfTI-1 standard, method 3 (axes to right, anterior, superior)",
    .examples = "cormack reorient ct.nii.gz ras.nii.gz --orientation RAS",
    .check = check,
    .run = run,
};
