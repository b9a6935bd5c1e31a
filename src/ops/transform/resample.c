#include <math.h>

#include "ops/transform/pull.h"

typedef struct ResampleParams {
  CmReals spacing;
  CmInts size;
  int32_t align;
  int32_t interpolation;
  double outside;
  int32_t type;
} ResampleParams;

static const CmParam params[] = {
    CM_PARAM_REALS(ResampleParams, spacing, "", 0, 1e6, 0, 3, "mm",
                   "new distance of voxel centres, one for all axes or one each for x,y,z; 0 keeps an axis"),
    CM_PARAM_INTS(ResampleParams, size, "", 0, 1000000, 0, 3, "voxel",
                  "new number of voxels for x,y,z over the same box; 0 keeps an axis"),
    CM_PARAM_ENUM(
        ResampleParams, align, "centre|edge|first", "centre",
        "with spacing, what stays in place: the centre of the box, its first face, or the first voxel's centre"),
    CM_PULL_PARAMS(ResampleParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is resampled"},
    {.name = "reference",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .components = true,
     .help = "image whose grid is taken, instead of spacing or size"},
};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the image on the new grid"}};

static double list_item(const CmReals *list, int axis) {
  return list->count == 1 ? list->value[0] : axis < list->count ? list->value[axis] : 0.0;
}

static void grid_from_size(const CmImage *image, const CmInts *wanted, CmGeometry *geometry, int64_t size[3]) {
  for (int axis = 0; axis < 3; axis++) {
    const int64_t asked = axis < wanted->count ? wanted->value[axis] : 0;
    size[axis] = asked > 0 ? asked : cm_image_dims(image)[axis];
  }
  cm__grid_with_size(image, size, geometry);
}

static void grid_from_spacing(const CmImage *image, const ResampleParams *p, CmGeometry *geometry, int64_t size[3]) {
  const CmGeometry old = *cm_image_geometry(image);
  double spacing[3];
  for (int axis = 0; axis < 3; axis++) spacing[axis] = axis < cm_image_rank(image) ? list_item(&p->spacing, axis) : 0.0;
  cm__grid_with_spacing(image, spacing, geometry, size);
  if (p->align == 0) return;
  *geometry = old;
  double shift[3];
  for (int axis = 0; axis < 3; axis++) {
    const double wanted = spacing[axis] > 0.0 ? spacing[axis] : old.spacing[axis];
    const double n = (double)cm_image_dims(image)[axis];
    double count = p->align == 1 ? floor(n * old.spacing[axis] / wanted + 0.5)
                                 : floor((n - 1.0) * old.spacing[axis] / wanted + 1e-6) + 1.0;
    size[axis] = count < 1.0 ? 1 : count > (double)CM_MAX_DIM ? CM_MAX_DIM : (int64_t)count;
    geometry->spacing[axis] = wanted;
    shift[axis] = p->align == 1 ? 0.5 * (wanted - old.spacing[axis]) : 0.0;
  }
  for (int row = 0; row < 3; row++)
    for (int axis = 0; axis < 3; axis++) geometry->origin[row] += geometry->direction[row * 3 + axis] * shift[axis];
}

static bool run(const CmCall *call, CmError **err) {
  const ResampleParams *p = call->params;
  const CmImage *image = call->in[0].image, *reference = call->in[1].kind == CM_KIND_NONE ? NULL : call->in[1].image;
  const CmType type = cm_image_type(image);
  CmGeometry geometry;
  int64_t size[3];
  if ((reference != NULL) + (p->spacing.count > 0) + (p->size.count > 0) != 1) {
    cm_error_set(err, CM_ERR_PARAMETER, "give one of spacing, size and reference, which say what the new grid is");
    return false;
  }
  if (reference) {
    geometry = *cm_image_geometry(reference);
    geometry.spacing_t = cm_image_geometry(image)->spacing_t;
    for (int axis = 0; axis < 3; axis++) size[axis] = cm_image_dims(reference)[axis];
  } else if (p->size.count > 0)
    grid_from_size(image, &p->size, &geometry, size);
  else
    grid_from_spacing(image, p, &geometry, size);
  CmInterpolation interpolation;
  if (!cm__interpolation(&call->in[0], p->interpolation, &interpolation, err)) return false;
  CmImage *out =
      cm__resample_to(call->ctx, image, &geometry, size, interpolation, p->outside, cm__out_type(p->type, type), err);
  if (!out) return false;
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(resample) = {
    .name = "resample",
    .family = "transform",
    .since = "0.1",
    .summary = "Put an image on another grid.",
    .details =
        "spacing: as many voxels as cover the image's box (rounded up), around the same centre; align=edge keeps the "
        "first face "
        "(number rounded to nearest), align=first the first voxel's centre (as many as reach no further than the "
        "last). size: "
        "that many voxels over exactly the same box. reference: its grid, wherever it lies in LPS. An image reaches "
        "half a voxel "
        "beyond its outermost centres; there the outermost voxel is taken (cubic: mirrored), and `outside` further "
        "out. "
        "cubic is the B-spline that goes through the voxels; lanczos the sinc under a Lanczos window of five lobes, "
        "its "
        "weights scaled to sum to 1. auto takes nearest for what comes as a label map. "
        "Integers are "
        "rounded and clamped unless type=f32. NaN: spreads to what is mixed with it (cubic: to the lines through it). "
        "Time points "
        "are resampled one by one; nothing is smoothed before downsampling: chain gaussian for that. Memory: linear "
        "and nearest "
        "need the result and a few rows, cubic also a real per voxel of the image.",
    CM_OP_PARAMS(ResampleParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-6,
    .cite =
        "Unser M. Splines: a perfect fit for signal and image processing. IEEE Signal Process Mag 16(6), 1999; IBSI "
        "reference manual "
        "v11, section 2.4 (centre alignment)",
    .examples =
        "cormack resample ct.nii.gz iso.nii.gz --spacing 1\n"
        "cormack resample xray.png small.png --size 512,512\n"
        "cormack resample pet.nii.gz on_ct.nii.gz --reference ct.nii.gz --interpolation cubic",
    .run = run,
};
