#include <math.h>

#include "ops/transform/pull.h"

typedef struct RotateParams {
  CmReals angles, centre;
  bool expand;
  int32_t interpolation;
  double outside;
  int32_t type;
} RotateParams;

static const CmParam params[] = {
    CM_PARAM_REALS(RotateParams, angles, "90", -36000, 36000, 1, 3, "deg",
                   "one: about the image's z axis; three: about its x, then y, then z axis"),
    CM_PARAM_REALS(RotateParams, centre, "", -1e6, 1e6, 0, 3, "mm",
                   "what stays in place, in LPS; without: the middle of the image"),
    CM_PARAM_BOOL(RotateParams, expand, "false", "a grid that holds the whole rotated image, else the grid is kept"),
    CM_PULL_PARAMS(RotateParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is rotated"}};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the rotated image"}};

/* Rotation of points in LPS: about the image's axes, D R D'. */
static void rotation_lps(const RotateParams *p, const CmGeometry *geometry, double matrix[9]) {
  const double *a = p->angles.value, *d = geometry->direction;
  const double angles[3] = {p->angles.count == 3 ? a[0] : 0.0, p->angles.count == 3 ? a[1] : 0.0,
                            p->angles.count == 3 ? a[2] : a[0]};
  const double back[9] = {d[0], d[3], d[6], d[1], d[4], d[7], d[2], d[5], d[8]};
  cm__rotation(angles, matrix);
  cm__matrix_multiply(matrix, back, matrix);
  cm__matrix_multiply(d, matrix, matrix);
}

/* The grid of the image's axes that holds all corners of the rotated box of the voxels. */
static void expanded_grid(const CmImage *image, const CmAffine *push, CmGeometry *geometry, int64_t size[3]) {
  const CmGeometry old = *geometry;
  double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY}, first[3];
  for (int corner = 0; corner < 8; corner++) {
    double index[3], lps[3], there[3];
    for (int axis = 0; axis < 3; axis++) index[axis] = corner >> axis & 1 ? (double)size[axis] - 0.5 : -0.5;
    cm_geometry_to_physical(&old, index, lps);
    for (int row = 0; row < 3; row++) {
      there[row] = push->shift[row];
      for (int k = 0; k < 3; k++) there[row] += push->matrix[row * 3 + k] * lps[k];
    }
    cm_geometry_to_index(&old, there, index);
    for (int axis = 0; axis < 3; axis++) {
      low[axis] = index[axis] < low[axis] ? index[axis] : low[axis];
      high[axis] = index[axis] > high[axis] ? index[axis] : high[axis];
    }
  }
  for (int axis = 0; axis < 3; axis++) {
    const double count = ceil(high[axis] - low[axis] - 1e-6);
    size[axis] = cm_image_dims(image)[axis] == 1 && high[axis] - low[axis] < 1.0 + 1e-6 ? 1 : (int64_t)count;
    first[axis] = 0.5 * (low[axis] + high[axis]) - 0.5 * (double)(size[axis] - 1);
  }
  cm_geometry_to_physical(&old, first, geometry->origin);
}

static bool run(const CmCall *call, CmError **err) {
  static const double none[3] = {0, 0, 0};
  const RotateParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmGeometry geometry = *cm_image_geometry(image);
  int64_t size[3];
  double middle[3], centre[3], matrix[9];
  CmInterpolation interpolation;
  CmAffine push, pull;
  if (p->angles.count == 2) {
    cm_error_set(err, CM_ERR_PARAMETER, "angles has two numbers; give one (about z), or three (about x, y and z)");
    return false;
  }
  if (p->centre.count != 0 && p->centre.count != 3) {
    cm_error_set(err, CM_ERR_PARAMETER, "centre has %d numbers; give x,y,z in mm", (int)p->centre.count);
    return false;
  }
  if (cm_image_rank(image) == 2 && p->angles.count == 3 && (p->angles.value[0] != 0.0 || p->angles.value[1] != 0.0)) {
    cm_error_set(err, CM_ERR_PARAMETER, "a 2D image turns in its plane; give one angle");
    return false;
  }
  for (int axis = 0; axis < 3; axis++) {
    size[axis] = cm_image_dims(image)[axis];
    middle[axis] = 0.5 * (double)(size[axis] - 1);
  }
  cm_geometry_to_physical(&geometry, middle, centre);
  for (int axis = 0; axis < p->centre.count; axis++) centre[axis] = p->centre.value[axis];
  rotation_lps(p, &geometry, matrix);
  cm__affine_about(matrix, centre, none, &push);
  if (!cm__affine_invert(&push, &pull, err) || !cm__interpolation(&call->in[0], p->interpolation, &interpolation, err))
    return false;
  if (p->expand) expanded_grid(image, &push, &geometry, size);
  CmImage *out = cm__pull(call->ctx, image, &geometry, size, &pull, interpolation, p->outside,
                          cm__out_type(p->type, cm_image_type(image)), err);
  if (!out) return false;
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(rotate) = {
    .name = "rotate",
    .family = "transform",
    .since = "0.1",
    .summary = "Turn an image about a point.",
    .details =
        "What lies at x appears at R (x - centre) + centre, in mm, with R = Rz Ry Rx about the axes of the image; a "
        "positive angle about z turns the x axis towards the y axis. The axes, spacing and directions of the grid "
        "stay; "
        "expand enlarges it so that the box of all voxels finds room. Multiples of 90 degrees are "
        "exact." CM_PULL_DETAILS,
    CM_OP_PARAMS(RotateParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-6,
    .cite = "DICOM PS3.3, section C.7.6.2.1.1 (positions)",
    .examples =
        "cormack rotate xray.png turned.png --angles 7.5 --expand true\n"
        "cormack rotate ct.nii.gz turned.nii.gz --angles 0,10,5 --interpolation cubic --outside -1024",
    .run = run,
};
