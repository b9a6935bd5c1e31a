#include <math.h>
#include <stdio.h>

#include "ops/transform/halve.h"
#include "ops/transform/pull.h"

typedef struct PyramidParams {
  int64_t level;
  double factor, sigma;
  int32_t interpolation;
  int32_t type;
} PyramidParams;

static const CmParam params[] = {
    CM_PARAM_INT(PyramidParams, level, 1, 1, 30, "1", "how often the image is reduced"),
    CM_PARAM_REAL(PyramidParams, factor, 2, 1.01, 100, "1", "by how much each level is smaller"),
    CM_PARAM_REAL(PyramidParams, sigma, 0, 0, 100, "voxel", "of the Gaussian before each reduction; 0: factor / 3"),
    CM_PARAM_ENUM(PyramidParams, interpolation, "linear|cubic|nearest|lanczos", "linear",
                  "how the smoothed image is put on the smaller grid"),
    CM_TYPE_PARAM(PyramidParams),
};

static const CmPort inputs[] = {{.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "level 0"}};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the image at that level"}};

/* The next level, as reals; where it can be had at once in type `own`, which is wanted of the last level, in that. */
static CmImage *reduce(CmContext *ctx, const PyramidParams *p, CmImage *image, CmType type, CmType own, CmError **err) {
  static const CmInterpolation how[] = {CM_INTERPOLATE_LINEAR, CM_INTERPOLATE_CUBIC, CM_INTERPOLATE_NEAREST,
                                        CM_INTERPOLATE_LANCZOS};
  char words[160];
  CmGeometry geometry;
  int64_t size[3];
  const double sigma = p->sigma > 0.0 ? p->sigma : p->factor / 3.0;
  for (int axis = 0; axis < 3; axis++)
    size[axis] = (int64_t)ceil((double)cm_image_dims(image)[axis] / p->factor - 1e-9);
  cm__grid_with_size(image, size, &geometry);
  if (p->factor == 2.0 && p->interpolation == 0 && type != CM_F64 && cm__can_halve(image, sigma)) {
    CmImage *half = cm__image_on_grid(ctx, image, &geometry, size, own, err);
    if (half && !cm__halve(ctx, image, sigma, half, err)) cm_image_unref(&half);
    return half;
  }
  snprintf(words, sizeof words, "sigma=%.17g units=voxel border=reflect truncate=4 type=%s", sigma, cm_type_name(type));
  CmImage *smooth = cm_op_apply(ctx, "gaussian", words, image, err);
  if (!smooth) return NULL;
  CmImage *out = cm__resample_to(ctx, smooth, &geometry, size, how[p->interpolation], 0.0, type, err);
  cm_image_unref(&smooth);
  return out;
}

static bool run(const CmCall *call, CmError **err) {
  const PyramidParams *p = call->params;
  const CmType own = cm_image_type(call->in[0].image), type = cm__out_type(p->type, own);
  const CmType real = cm__type_fits_f32(own) && type != CM_F64 ? CM_F32 : CM_F64;
  CmImage *image = cm_image_ref(call->in[0].image);
  for (int64_t level = 0; level < p->level && image; level++) {
    CmImage *next = reduce(call->ctx, p, image, real, level + 1 == p->level ? type : real, err);
    cm_image_unref(&image);
    image = next;
  }
  CmImage *out = image && type != cm_image_type(image) ? cm_image_convert(call->ctx, image, type, true, err) : image;
  if (out != image) cm_image_unref(&image);
  if (!out) return false;
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(pyramid) = {
    .name = "pyramid",
    .family = "transform",
    .since = "0.1",
    .summary = "A level of the Gaussian pyramid.",
    .details =
        "Each level smooths the one before with a Gaussian (sigma in voxels of that level, cut at 4 sigma, borders "
        "reflected) and puts it on a grid of ceil(n / factor) voxels over the same box. An axis one voxel long is left "
        "alone. Levels are reals, rounded once at the end. Time points and components stay apart.",
    CM_OP_PARAMS(PyramidParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-6,
    .cite = "Burt PJ, Adelson EH. The Laplacian pyramid as a compact image code. IEEE Trans Commun 31(4), 1983",
    .examples = "cormack pyramid ct.nii.gz half.nii.gz\ncormack pyramid xray.png small.png --level 3",
    .run = run,
};
