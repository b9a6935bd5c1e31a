/* Operation register: rigid alignment of two images of one patient. */
#include <math.h>
#include <stdio.h>

#include "cormack/op.h"
#include "ops/registration/rigid.h"
#include "ops/transform/warp.h"

typedef struct RegisterParams {
  int32_t metric, start, motion, interpolation;
  int64_t levels, samples, bins, iterations;
  double finest, outside;
} RegisterParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(
        RegisterParams, metric, "mutual_information|correlation|mean_squares", "mutual_information",
        "what is made as large (mean_squares: as small) as possible; mutual information serves across modalities"),
    CM_PARAM_ENUM(
        RegisterParams, start, "centre|mass|identity", "centre",
        "first guess: the middles of the images together, their centres of intensity, or the positions as they are"),
    CM_PARAM_ENUM(RegisterParams, motion, "rigid|shift", "rigid", "rotation and shift, or shift alone"),
    CM_PARAM_INT(RegisterParams, levels, 3, 1, 6, "1", "levels of the pyramid, each half as fine as the next"),
    CM_PARAM_REAL(RegisterParams, finest, 2, 0, 100, "mm",
                  "voxel spacing of the finest level; never finer than the images"),
    CM_PARAM_INT(RegisterParams, samples, 60000, 100, 100000000, "voxel",
                 "voxels of the fixed image looked at on a level, at most"),
    CM_PARAM_INT(RegisterParams, bins, 40, 8, 256, "1",
                 "bins of the joint histogram on each axis, for mutual information"),
    CM_PARAM_INT(RegisterParams, iterations, 200, 1, 10000, "1", "steps a level, at most"),
    CM_PARAM_ENUM(RegisterParams, interpolation, "linear|cubic|nearest", "linear",
                  "how the moving image is put on the fixed one's grid"),
    CM_PARAM_REAL(RegisterParams, outside, 0, -1e30, 1e30, "", "value where the moving image does not reach"),
};

static const CmPort inputs[] = {
    {.name = "fixed", .kind = CM_KIND_IMAGE, .help = "the image that stays, e.g. the first visit"},
    {.name = "moving", .kind = CM_KIND_IMAGE, .help = "the image that is moved onto it"},
    {.name = "fixed_mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .help = "where the fixed image is looked at: not 0, e.g. the body"},
    {.name = "moving_labels",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .help = "a label map of the moving image that is moved with it"},
};

static const CmPort outputs[] = {
    {.name = "moved", .kind = CM_KIND_IMAGE, .help = "the moving image on the grid of the fixed one"},
    {.name = "transform",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "one row: shift, angles, matrix from fixed to moving LPS, measure"},
    {.name = "labels",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .help = "moving_labels on the grid of the fixed image"},
};

/* index of fixed -> LPS -> transform -> index of moving, as an affine map */
static void index_map(const CmRigid *rigid, const CmGeometry *fixed, const CmGeometry *moving, double map[12]) {
  double columns[4][3];
  for (int k = 0; k < 4; k++) {
    double index[3] = {0, 0, 0}, lps[3], there[3];
    if (k < 3) index[k] = 1;
    cm_geometry_to_physical(fixed, index, lps);
    cm__rigid_point(rigid, lps, there);
    cm_geometry_to_index(moving, there, columns[k]);
  }
  for (int row = 0; row < 3; row++) {
    for (int k = 0; k < 3; k++) map[4 * row + k] = columns[k][row] - columns[3][row];
    map[4 * row + 3] = columns[3][row];
  }
}

static CmImage *move(CmContext *ctx, const CmImage *fixed, const CmImage *moving, const CmRigid *rigid,
                     CmInterpolation how, double outside, CmError **err) {
  CmImage *out = cm_image_create(ctx, cm_image_type(moving), cm_image_rank(fixed), cm_image_dims(fixed), 1, err);
  if (!out) return NULL;
  CmWarp warp = {.image = moving, .interpolation = how, .outside = outside, .out = out};
  index_map(rigid, cm_image_geometry(fixed), cm_image_geometry(moving), warp.map);
  bool good = cm_image_set_geometry(out, cm_image_geometry(fixed), err) && cm__copy_words(out, moving, err) &&
              cm__warp(ctx, &warp, err);
  if (!good) cm_image_unref(&out);
  return out;
}

static bool add_value(CmTable *table, const char *name, const char *unit, double value, CmError **err) {
  int column = cm_table_add_column(table, name, CM_COLUMN_REAL, unit, err);
  if (column >= 0) cm_table_set_real(table, 0, column, value);
  return column >= 0;
}

/* Angles about the axes x, then y, then z: rotation = Rz Ry Rx. */
static bool fill_transform(CmTable *table, const CmRigidResult *result, CmError **err) {
  const CmRigid *rigid = &result->transform;
  const double *r = rigid->rotation, degree = 57.29577951308232;
  const double angles[3] = {atan2(r[7], r[8]) * degree, asin(fmax(-1, fmin(1, -r[6]))) * degree,
                            atan2(r[3], r[0]) * degree};
  static const char *const shift_names[] = {"shift_x", "shift_y", "shift_z"},
                           *const angle_names[] = {"angle_x", "angle_y", "angle_z"},
                           *const centre_names[] = {"centre_x", "centre_y", "centre_z"};
  double matrix[16];
  bool good = true;
  for (int k = 0; k < 3 && good; k++) good = add_value(table, shift_names[k], "mm", rigid->shift[k], err);
  for (int k = 0; k < 3 && good; k++) good = add_value(table, angle_names[k], "deg", angles[k], err);
  for (int k = 0; k < 3 && good; k++) good = add_value(table, centre_names[k], "mm", rigid->centre[k], err);
  cm__rigid_matrix(rigid, matrix);
  for (int i = 0; i < 12 && good; i++) {
    char name[16];
    snprintf(name, sizeof name, "matrix_%d%d", i / 4 + 1, i % 4 + 1);
    good = add_value(table, name, i % 4 == 3 ? "mm" : "1", matrix[i], err);
  }
  return good && add_value(table, "measure", "1", result->metric, err) &&
         add_value(table, "overlap", "1", result->overlap, err) &&
         add_value(table, "iterations", "1", (double)result->iterations, err);
}

static CmTable *transform_table(CmContext *ctx, const CmRigidResult *result, CmError **err) {
  CmTable *table = cm_table_create(ctx, err);
  if (table && (cm_table_add_row(table, err) < 0 || !fill_transform(table, result, err))) cm_table_unref(&table);
  return table;
}

static bool check_labels(const CmCall *call, CmError **err) {
  if (call->in[3].kind == CM_KIND_NONE) return true;
  return cm_image_same_grid(call->in[1].image, "moving", call->in[3].image, "moving_labels", err);
}

static bool run(const CmCall *call, CmError **err) {
  static const CmInterpolation how[] = {CM_INTERPOLATE_LINEAR, CM_INTERPOLATE_CUBIC, CM_INTERPOLATE_NEAREST};
  const RegisterParams *p = call->params;
  const CmImage *fixed = call->in[0].image, *moving = call->in[1].image;
  bool has_labels = call->in[3].kind != CM_KIND_NONE;
  if (!check_labels(call, err)) return false;
  if (cm_image_dims(fixed)[3] > 1 || cm_image_dims(moving)[3] > 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "a series of volumes cannot be aligned as one; take one instant of it");
    return false;
  }
  const CmRigidOptions options = {.metric = (CmSimilarity)p->metric,
                                  .start = (CmRigidStart)p->start,
                                  .rotate = p->motion == 0,
                                  .levels = p->levels,
                                  .finest_mm = p->finest,
                                  .samples = p->samples,
                                  .bins = p->bins,
                                  .iterations = p->iterations,
                                  .fixed_mask = call->in[2].kind != CM_KIND_NONE ? call->in[2].image : NULL};
  CmRigidResult result;
  if (!cm__register_rigid(call->ctx, fixed, moving, &options, &result, err)) return false;
  CmImage *moved = move(call->ctx, fixed, moving, &result.transform, how[p->interpolation], p->outside, err);
  if (!moved) return false;
  call->out[0] = cm_value_image(moved);
  if (call->wanted[1]) {
    CmTable *table = transform_table(call->ctx, &result, err);
    if (!table) return false;
    call->out[1] = cm_value_table(table);
  }
  if (call->wanted[2] && has_labels) {
    CmImage *labels = move(call->ctx, fixed, call->in[3].image, &result.transform, CM_INTERPOLATE_NEAREST, 0, err);
    if (!labels) return false;
    call->out[2] = cm_value_labels(labels);
  }
  return true;
}

CM_OP(register) = {
    .name = "register",
    .family = "registration",
    .since = "0.1",
    .summary = "Align an image rigidly with another one.",
    .details =
        "Coarse to fine; steps along the gradient of the measure are halved where it turns back. Rotations are about "
        "the middle of the "
        "fixed image (start=mass: its centre of intensity). The transform carries LPS points of the fixed image into "
        "the moving "
        "one: y = R (x - centre) + centre + shift, R = Rz Ry Rx. Images of one slice move in their plane. Voxels that "
        "are not finite are "
        "passed over.",
    CM_OP_PARAMS(RegisterParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-3,
    .cite = "Mattes et al., IEEE Trans Med Imaging 22 (2003) 120; Wells et al., Med Image Anal 1 (1996) 35",
    .examples =
        "cormack register visit1.nii.gz visit2.nii.gz moved.nii.gz --transform transform.csv --outside -1024\n"
        "cormack register mr.nii.gz ct.nii.gz ct_on_mr.nii.gz --start mass",
    .run = run,
};
