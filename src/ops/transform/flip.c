#include <string.h>

#include "ops/transform/permute.h"

typedef struct FlipParams {
  CmText axes;
  int32_t moves;
} FlipParams;

static const CmParam params[] = {
    CM_PARAM_TEXT(FlipParams, axes, "x", "the axes that are reversed, of x, y and z: «x», «xy»"),
    CM_PARAM_ENUM(FlipParams, moves, "picture|storage", "picture",
                  "the picture is mirrored on its grid, or only the order of the voxels changes and each keeps its "
                  "place in LPS"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is flipped"}};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the flipped image"}};

static bool check(const void *values, CmError **err) {
  const FlipParams *p = values;
  const char *axes = p->axes.value;
  const size_t n = strlen(axes);
  bool good = n >= 1 && n <= 3 && strspn(axes, "xyz") == n;
  for (size_t i = 0; good && i < n; i++) good = strchr(axes, axes[i]) == axes + i;
  if (!good) cm_error_set(err, CM_ERR_PARAMETER, "axes is «%s»; give one to three of x, y and z, e.g. xy", axes);
  return good;
}

static bool run(const CmCall *call, CmError **err) {
  const FlipParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmAxes axes = {.from = {0, 1, 2}};
  for (const char *c = p->axes.value; *c; c++) axes.back[*c - 'x'] = true;
  CmImage *out = cm__permute(call->ctx, image, &axes, err);
  if (!out) return false;
  if (p->moves == 0 && !cm_image_set_geometry(out, cm_image_geometry(image), err)) {
    cm_image_unref(&out);
    return false;
  }
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(flip) = {
    .name = "flip",
    .family = "transform",
    .since = "0.1",
    .summary = "Reverse an image along its axes.",
    .details =
        "moves=picture: voxel i becomes voxel n - 1 - i and the grid stays where it is, so that left and right, say, "
        "are exchanged. moves=storage: the same order of voxels, but origin and directions change with it, so that "
        "every voxel keeps its place. Voxels are copied as they are.",
    CM_OP_PARAMS(FlipParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .cite = "DICOM PS3.3, section C.7.6.2.1.1 (positions)",
    .examples =
        "cormack flip xray.png mirrored.png --axes x\ncormack flip ct.nii.gz out.nii.gz --axes yz --moves storage",
    .check = check,
    .run = run,
};
