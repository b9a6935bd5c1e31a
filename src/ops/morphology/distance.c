#include "ops/morphology/distance.h"

typedef struct DistanceParams {
  int32_t mode;
  bool by_label, squared;
  int32_t units;
  int32_t border;
  bool inside_positive;
} DistanceParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(DistanceParams, mode, "inside|outside|signed", "inside",
                  "which voxels get a distance: foreground, background, or both with a sign"),
    CM_PARAM_BOOL(DistanceParams, by_label, "false",
                  "in a label map, to the nearest voxel of any other label or background; else labels are one"),
    CM_PARAM_BOOL(DistanceParams, squared, "false", "the squared distance"),
    CM_UNITS_PARAM(DistanceParams, "mm"),
    CM_PARAM_ENUM(DistanceParams, border, "ignore|zero", "ignore",
                  "what lies beyond the border: takes no part, or is background"),
    CM_PARAM_BOOL(DistanceParams, inside_positive, "false", "with mode=signed, positive inside and negative outside"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "mask, label map or image: what is not 0 is foreground"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "the result is 0 where it is 0; distances are still measured to what lies there"},
};
static const CmPort outputs[] = {
    {.name = "distance", .kind = CM_KIND_IMAGE, .types = CM_TYPE_BIT(CM_F32), .help = "distances as f32"},
};

static bool run(const CmCall *call, CmError **err) {
  static const CmDistanceOf of[] = {CM_DISTANCE_INSIDE, CM_DISTANCE_OUTSIDE, CM_DISTANCE_BOTH};
  const DistanceParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  CmDistance distance = {.what = "distance",
                         .image = image,
                         .of = of[p->mode],
                         .by_label = p->by_label,
                         .beyond = p->border == 1,
                         .root = !p->squared,
                         .sign = p->mode == 2 ? p->inside_positive ? -1 : 1 : 0};
  if (p->by_label && !cm_type_is_integer(cm_image_type(image))) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "by_label needs a label map, but the image is %s; convert it to an integer type",
                 cm_type_name(cm_image_type(image)));
    return false;
  }
  for (int axis = 0; axis < 3; axis++)
    distance.spacing[axis] = p->units == 1 ? cm_image_geometry(image)->spacing[axis] : 1.0;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  distance.out = cm_image_create_like(call->ctx, image, CM_F32, 1, err);
  if (!distance.out) return false;
  if (!cm_image_set_unit(distance.out,
                         p->squared      ? "1"
                         : p->units == 1 ? "mm"
                                         : "1",
                         err) ||
      !cm__distance(call->ctx, &distance, err) || !cm__mask_blank(call->ctx, &mask, distance.out, err)) {
    cm_image_unref(&distance.out);
    return false;
  }
  call->out[0] = cm_value_image(distance.out);
  return true;
}

CM_OP(distance) = {
    .name = "distance",
    .family = "morphology",
    .since = "0.1",
    .summary = "Measure the exact Euclidean distance to the edge.",
    .details =
        "From the centre of each foreground voxel to the nearest centre of a background voxel (mode=inside), the other "
        "way round (outside), or both (signed: negative in the foreground, positive in the background). by_label: each "
        "label by itself, to the nearest voxel of any other value. Spacing is respected (units=mm) or taken as 1. "
        "Border: ignore, what lies beyond takes no part; zero, it is background (an axis one voxel long has nothing "
        "beyond it). Where there is nothing to measure to, the distance is infinite. NaN is background. Calculated in "
        "float: squares of whole distances are exact up to 4096 voxels. Memory: the result and a few rows.",
    CM_OP_PARAMS(DistanceParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite = "Felzenszwalb PF, Huttenlocher DP. Distance transforms of sampled functions. Theory of Computing 8, 2012",
    .examples =
        "cormack distance mask.nii.gz depth.nii.gz\n"
        "cormack distance organs.nii.gz depth.nii.gz --mode signed --by_label true",
    .run = run,
};
