#include <string.h>

#include "ops/transform/pull.h"

typedef struct AffineParams {
  CmReals matrix, angles, scale, shear, translation, centre;
  int32_t maps;
  int32_t interpolation;
  double outside;
  int32_t type;
} AffineParams;

static const CmParam params[] = {
    CM_PARAM_REALS(AffineParams, matrix, "", -1e6, 1e6, 0, 16, "",
                   "row by row: 4 (2x2) or 6 (2x3) numbers for the plane x,y; 9 (3x3), 12 (3x4) or 16 (4x4, last row "
                   "0,0,0,1) in space; a last column is added to translation"),
    CM_PARAM_REALS(AffineParams, angles, "0", -36000, 36000, 1, 3, "deg",
                   "instead of matrix; one: about z, three: about x, then y, then z (LPS)"),
    CM_PARAM_REALS(AffineParams, scale, "1", -1e6, 1e6, 1, 3, "1", "instead of matrix; one, or one each for x,y,z"),
    CM_PARAM_REALS(AffineParams, shear, "0", -1e6, 1e6, 1, 3, "1",
                   "instead of matrix; how much of y goes into x, of z into x, of z into y"),
    CM_PARAM_REALS(AffineParams, translation, "0", -1e6, 1e6, 1, 3, "mm", "shift along x,y,z"),
    CM_PARAM_REALS(AffineParams, centre, "", -1e6, 1e6, 0, 3, "mm",
                   "the point that the matrix leaves in place, in LPS; without: the middle of the image"),
    CM_PARAM_ENUM(AffineParams, maps, "result_to_image|image_to_result", "result_to_image",
                  "what the map carries: points of the result into the image (as ITK's transforms), or points of the "
                  "image to where they appear"),
    CM_PULL_PARAMS(AffineParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is transformed"},
    {.name = "reference",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .components = true,
     .help = "image whose grid the result has; without: the image's own"},
};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the transformed image"}};

/* The matrix parameter as 3x3 and a shift that it brings. */
static bool given_matrix(const CmReals *list, double matrix[9], double shift[3], CmError **err) {
  static const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  const int count = list->count, rows = count <= 6 ? 2 : 3, columns = count / (count == 16 ? 4 : rows);
  if (count != 4 && count != 6 && count != 9 && count != 12 && count != 16) {
    cm_error_set(err, CM_ERR_PARAMETER, "matrix has %d numbers; give 4, 6, 9, 12 or 16", count);
    return false;
  }
  const double *last = list->value + 12;
  if (count == 16 && (last[0] != 0.0 || last[1] != 0.0 || last[2] != 0.0 || last[3] != 1.0)) {
    cm_error_set(err, CM_ERR_PARAMETER, "the last row of matrix is %g,%g,%g,%g; it must be 0,0,0,1", last[0], last[1],
                 last[2], last[3]);
    return false;
  }
  memcpy(matrix, identity, sizeof identity);
  for (int row = 0; row < rows; row++)
    for (int column = 0; column < columns; column++) {
      const double value = list->value[row * columns + column];
      if (column < rows)
        matrix[row * 3 + column] = value;
      else
        shift[row] += value;
    }
  return true;
}

/* Rotation x shear x scale. */
static void composed_matrix(const AffineParams *p, double matrix[9]) {
  const CmReals *a = &p->angles, *h = &p->shear, *s = &p->scale;
  const double angles[3] = {a->count > 1 ? a->value[0] : 0.0, a->count > 1 ? a->value[1] : 0.0,
                            a->count > 2    ? a->value[2]
                            : a->count == 1 ? a->value[0]
                                            : 0.0};
  const double shear[9] = {
      1, h->value[0], h->count > 1 ? h->value[1] : 0.0, 0, 1, h->count > 2 ? h->value[2] : 0.0, 0, 0, 1};
  double scale[9] = {0};
  for (int axis = 0; axis < 3; axis++)
    scale[axis * 4] = s->count == 1 ? s->value[0] : axis < s->count ? s->value[axis] : 1.0;
  cm__rotation(angles, matrix);
  cm__matrix_multiply(matrix, shear, matrix);
  cm__matrix_multiply(matrix, scale, matrix);
}

static bool check(const void *values, CmError **err) {
  const AffineParams *p = values;
  const bool composed = p->angles.count > 1 || p->angles.value[0] != 0.0 || p->scale.count > 1 ||
                        p->scale.value[0] != 1.0 || p->shear.count > 1 || p->shear.value[0] != 0.0;
  if (p->matrix.count > 0 && composed)
    cm_error_set(err, CM_ERR_PARAMETER, "give either a matrix, or angles, scale and shear");
  else if (p->angles.count == 2)
    cm_error_set(err, CM_ERR_PARAMETER, "angles has two numbers; give one (about z), or three (about x, y and z)");
  else if (p->centre.count != 0 && p->centre.count != 3)
    cm_error_set(err, CM_ERR_PARAMETER, "centre has %d numbers; give x,y,z in mm", (int)p->centre.count);
  else
    return true;
  return false;
}

static bool find_pull(const AffineParams *p, const CmImage *image, CmAffine *pull, CmError **err) {
  double matrix[9], translation[3] = {0, 0, 0}, middle[3], centre[3];
  CmAffine affine;
  for (int axis = 0; axis < 3; axis++) {
    translation[axis] = axis < p->translation.count ? p->translation.value[axis] : 0.0;
    middle[axis] = 0.5 * (double)(cm_image_dims(image)[axis] - 1);
  }
  if (p->matrix.count == 0)
    composed_matrix(p, matrix);
  else if (!given_matrix(&p->matrix, matrix, translation, err))
    return false;
  cm_geometry_to_physical(cm_image_geometry(image), middle, centre);
  for (int axis = 0; axis < p->centre.count; axis++) centre[axis] = p->centre.value[axis];
  cm__affine_about(matrix, centre, translation, &affine);
  *pull = affine;
  return p->maps == 0 || cm__affine_invert(&affine, pull, err);
}

static bool run(const CmCall *call, CmError **err) {
  const AffineParams *p = call->params;
  const CmImage *image = call->in[0].image, *grid = call->in[1].kind == CM_KIND_NONE ? image : call->in[1].image;
  CmGeometry geometry = *cm_image_geometry(grid);
  CmInterpolation interpolation;
  CmAffine pull;
  geometry.spacing_t = cm_image_geometry(image)->spacing_t;
  if (!cm__interpolation(&call->in[0], p->interpolation, &interpolation, err) || !find_pull(p, image, &pull, err))
    return false;
  CmImage *out = cm__pull(call->ctx, image, &geometry, cm_image_dims(grid), &pull, interpolation, p->outside,
                          cm__out_type(p->type, cm_image_type(image)), err);
  if (!out) return false;
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(affine) = {
    .name = "affine",
    .family = "transform",
    .since = "0.1",
    .summary = "Transform an image by an affine map.",
    .details =
        "The map is y = M (x - centre) + centre + translation, in mm in LPS; M is matrix, or R H S: rotation Rz Ry Rx "
        "after shear after scale. maps=result_to_image: the voxel of the result at x takes the image's value at y; "
        "image_to_result: what lies at x appears at y (the map is inverted). A matrix as other programs write it "
        "(NIfTI tools: RAS) must be brought to LPS first; with centre=0,0,0 it is the plain y = M x + "
        "t." CM_PULL_DETAILS,
    CM_OP_PARAMS(AffineParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-6,
    .cite = "DICOM PS3.3, section C.20.2 (spatial registration)",
    .examples =
        "cormack affine mr.nii.gz moved.nii.gz --matrix 1,0.02,0,0,1,0,0,0,1 --translation 3,-2,0\n"
        "cormack affine ct.nii.gz on_mr.nii.gz --angles 0,0,5 --scale 1.1 --reference mr.nii.gz",
    .check = check,
    .run = run,
};
