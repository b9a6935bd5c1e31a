#include "ops/morphology/geodesic.h"

typedef struct ReconstructParams {
  int32_t method, connectivity;
} ReconstructParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(ReconstructParams, method, "dilation|erosion", "dilation",
                  "the marker grows under the limit, or shrinks down to it"),
    CM_PARAM_ENUM(ReconstructParams, connectivity, CM_CONNECT_CHOICES, "26",
                  "which voxels touch: by faces (6), also edges (18), also corners (26); each slice by itself: sides "
                  "(4), also corners (8)"),
};

static const CmPort inputs[] = {
    {.name = "marker", .kind = CM_KIND_IMAGE, .components = true, .help = "where it starts"},
    {.name = "limit", .kind = CM_KIND_IMAGE, .components = true, .help = "what it cannot pass"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "where: not 0; voxels outside keep the marker's value"},
    {.name = "element",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .own_grid = true,
     .help = "a structuring element of your own, on any grid: its voxels that are not 0; instead of connectivity"},
};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the reconstruction, in the limit's type"},
};

static bool agree(const CmImage *marker, const CmImage *limit, CmError **err) {
  if (cm_image_components(marker) == cm_image_components(limit) && cm_image_dims(marker)[3] == cm_image_dims(limit)[3])
    return true;
  cm_error_set(err, CM_ERR_DATA,
               "the marker has %d components and %lld time points, the limit %d and %lld; give equal ones",
               cm_image_components(marker), (long long)cm_image_dims(marker)[3], cm_image_components(limit),
               (long long)cm_image_dims(limit)[3]);
  return false;
}

static bool run(const CmCall *call, CmError **err) {
  const ReconstructParams *p = call->params;
  const CmImage *limit = call->in[1].image;
  const bool own = call->in[3].kind != CM_KIND_NONE;
  CmMask mask;
  CmElement element = {.items = NULL};
  if (!agree(call->in[0].image, limit, err) || !cm__mask_open(&mask, &call->in[2], limit, err)) return false;
  CmImage *marker = cm_image_convert(call->ctx, call->in[0].image, cm_image_type(limit), false, err);
  if (!marker) {
    cm_error_context(err, "the marker does not fit into the limit's voxel type");
    return false;
  }
  CmImage *out = cm_image_copy(call->ctx, marker, err);
  bool ok =
      out && (!own || cm__element_of_image(call->ctx, call->in[3].image, limit, &element, err)) &&
      cm__reconstruct(call->ctx, out, limit, (CmConnect)p->connectivity, own ? &element : NULL, p->method == 1, err) &&
      cm__mask_keep(call->ctx, &mask, marker, out, err);
  if (ok) call->out[0] = cm_value_image(cm_image_ref(out));
  cm_image_unref(&out);
  cm_image_unref(&marker);
  cm_free(element.items);
  return ok;
}

CM_OP(reconstruct) = {
    .name = "reconstruct",
    .family = "morphology",
    .since = "0.1",
    .summary = "Let a marker grow under a limit.",
    .details =
        "Reconstruction by dilation: the marker takes the largest value of its neighbours, never above the limit, "
        "until "
        "nothing changes; by erosion: the smallest, never below it. A marker above the limit (erosion: below) is first "
        "brought to it. Neighbours are those that touch, or, with `element`, the voxels that it covers when its middle "
        "(size "
        "/ 2, rounded down) stands on a voxel, which hands its value to them. NaN in the marker counts as lowest "
        "(erosion: highest); in the limit it is a wall and stays "
        "NaN. "
        "A mask limits the result alone: inside it is as without a mask. Time points and components stay apart. "
        "Memory: "
        "two images of the limit's type and a queue.",
    CM_OP_PARAMS(ReconstructParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Vincent L. Morphological grayscale reconstruction in image analysis. IEEE Trans Image Process 2(2), 1993",
    .examples =
        "cormack reconstruct seeds.nii.gz ct.nii.gz grown.nii.gz\n"
        "cormack reconstruct seeds.nii.gz ct.nii.gz grown.nii.gz --element disc.nii.gz\n"
        "cormack reconstruct border.nii.gz ct.nii.gz filled.nii.gz --method erosion --connectivity 6",
    .run = run,
};
