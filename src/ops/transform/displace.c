/* Operation warp: an image moved by a field of displacements. */
#include "ops/simd.h"
#include "ops/transform/pull.h"

typedef struct WarpParams {
  int32_t interpolation;
  double outside;
  int32_t type;
} WarpParams;

static const CmParam params[] = {CM_PULL_PARAMS(WarpParams)};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is warped"},
    {.name = "field",
     .kind = CM_KIND_IMAGE,
     .components = true,
     .help = "displacements in mm along x, y and z of LPS, as components (in 2D x and y), on the grid of the result"},
};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the image on the grid of the field"}};

typedef struct Field {
  const CmImage *image;
  CmGrid grid;
  double to_voxels[9]; /* from mm in LPS to voxels of the image */
} Field;

/* Adds displacements of `components` numbers each, in mm, to the places along one axis. */
CM_SIMD static void add_field(const double to_voxels[3], const double *restrict mm, int64_t components, int64_t n,
                              double *restrict at) {
  const double a = to_voxels[0], b = to_voxels[1], c = to_voxels[2];
  if (components == 2)
    for (int64_t i = 0; i < n; i++) at[i] += a * mm[2 * i] + b * mm[2 * i + 1];
  else
    for (int64_t i = 0; i < n; i++) at[i] += a * mm[3 * i] + b * mm[3 * i + 1] + c * mm[3 * i + 2];
}

static void move(const void *arg, int64_t row, double *const at[3]) {
  const Field *field = arg;
  const CmGrid *grid = &field->grid;
  const int64_t c = grid->components;
  const char *from = cm__row(field->image, grid, row);
  enum { PART = 96 };
  double mm[PART * 3];
  for (int64_t begin = 0; begin < grid->nx; begin += PART) {
    const int64_t n = grid->nx - begin < PART ? grid->nx - begin : PART;
    cm__line_to_f64(cm_image_type(field->image), from + (size_t)(begin * c) * grid->size, n * c, mm);
    for (int axis = 0; axis < 3; axis++) add_field(field->to_voxels + axis * 3, mm, c, n, at[axis] + begin);
  }
}

static bool run(const CmCall *call, CmError **err) {
  const WarpParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Field field = {.image = call->in[1].image, .grid = cm__grid(call->in[1].image)};
  CmWarp warp = {.what = "warp", .image = image, .outside = p->outside, .move = move, .arg = &field};
  const int rank = cm_image_rank(field.image) == 2 ? 2 : 3;
  if (field.grid.components != rank && field.grid.components != 3) {
    cm_error_set(err, CM_ERR_DATA, "the field has %lld components; give %d, the displacements in mm along %s",
                 (long long)field.grid.components, rank, rank == 2 ? "x and y" : "x, y and z");
    return false;
  }
  if (field.grid.nt != 1) {
    cm_error_set(err, CM_ERR_DATA, "the field has %lld time points; give one, which serves all of the image's",
                 (long long)field.grid.nt);
    return false;
  }
  if (!cm__interpolation(&call->in[0], p->interpolation, &warp.interpolation, err)) return false;
  CmGeometry geometry = *cm_image_geometry(field.image);
  geometry.spacing_t = cm_image_geometry(image)->spacing_t;
  const CmGeometry *own = cm_image_geometry(image);
  for (int axis = 0; axis < 3; axis++)
    for (int k = 0; k < 3; k++) field.to_voxels[axis * 3 + k] = own->direction[k * 3 + axis] / own->spacing[axis];
  cm__grid_map(&geometry, own, warp.map);
  warp.out = cm__image_on_grid(call->ctx, image, &geometry, cm_image_dims(field.image),
                               cm__out_type(p->type, cm_image_type(image)), err);
  if (!warp.out) return false;
  if (!cm__warp(call->ctx, &warp, err)) {
    cm_image_unref(&warp.out);
    return false;
  }
  call->out[0] = cm_value_image(warp.out);
  return true;
}

CM_OP(warp) = {
    .name = "warp",
    .family = "transform",
    .since = "0.1",
    .summary = "Move an image by a field of displacements.",
    .details =
        "The voxel of the result at x takes the image's value at x + field(x), both in mm in LPS: the convention of "
        "ITK's displacement fields. The result lies on the grid of the field, wherever the image lies. A displacement "
        "that is NaN gives `outside`. All time points of the image are moved alike." CM_PULL_DETAILS,
    CM_OP_PARAMS(WarpParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-6,
    .cite = "DICOM PS3.3, section C.20.3 (deformable spatial registration)",
    .examples = "cormack warp moving.nii.gz field.nii.gz warped.nii.gz --interpolation cubic",
    .run = run,
};
