#include "ops/colour/colour.h"
#include "ops/segment/cluster.h"

typedef struct ColourSegmentationParams {
  int64_t classes;
  double lightness;
  int64_t seed, n_init;
} ColourSegmentationParams;

static const CmParam params[] = {
    CM_PARAM_INT(ColourSegmentationParams, classes, 3, 1, 255, "1", "into how many classes of colours"),
    CM_PARAM_REAL(ColourSegmentationParams, lightness, 1.0, 0, 100, "1",
                  "how much L counts beside a and b: 0 looks at the tint alone, whatever the shading"),
    CM_PARAM_INT(ColourSegmentationParams, seed, 0, 0, 9007199254740991, "1", "of the random starts"),
    CM_PARAM_INT(ColourSegmentationParams, n_init, 1, 1, 100, "1", "random starts, of which the best is kept"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "rgb, which may have opacity as a fourth"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 1 for the darkest class, 2 ...; 0 outside"},
};

static void weigh_lightness(CmImage *lab, double weight) {
  float *v = cm_image_data_mut(lab);
  for (int64_t i = 0; i < cm_image_voxels(lab); i++) v[3 * i] *= (float)weight;
}

static bool run(const CmCall *call, CmError **err) {
  const ColourSegmentationParams *p = call->params;
  CmKmeans options = cm__kmeans_options(p->classes);
  CmImage *lab = NULL, *labels = NULL;
  CmMask mask;
  options.seed = (uint64_t)p->seed;
  options.n_init = p->n_init;
  if (!cm__mask_open(&mask, &call->in[1], call->in[0].image, err)) return false;
  lab = cm__colour_image(call->ctx, call->in[0].image, CM_RGB, CM_LAB, CM_F32, err);
  if (!lab) return false;
  if (p->lightness != 1.0) weigh_lightness(lab, p->lightness);
  labels = cm__kmeans_image(call->ctx, lab, &mask, false, &options, err);
  cm_image_unref(&lab);
  if (!labels) return false;
  call->out[0] = cm_value_labels(labels);
  return true;
}

CM_OP(colour_segmentation) = {
    .name = "colour_segmentation",
    .family = "colour",
    .since = "0.2",
    .summary = "Cut an image into classes of like colours, by k-means in CIELAB.",
    .details =
        "The image is rgb (integers: 0 to the type's largest value, floats: 0 to 1); it is converted to CIELAB as the "
        "operation colour_space does, where distances are about those that one sees, and clustered as the operation "
        "kmeans does. Classes are numbered by their mean L, then a, then b, rising; with lightness 0 by a, then b. "
        "Voxels outside the mask, and those with a component that is NaN, get 0. For other methods and spaces: "
        "colour_space, then kmeans, gmm or fuzzy_cmeans. Memory: 12 bytes a voxel.",
    CM_OP_PARAMS(ColourSegmentationParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "CIE 15:2004, section 8.2.1 (CIELAB); Lloyd SP. Least squares quantization in PCM. IEEE Trans Inf Theory "
        "28(2), 1982",
    .examples =
        "cormack colour_segmentation histology.png tissues.png --classes 4\n"
        "cormack colour_segmentation wound.png parts.png --classes 3 --lightness 0.3 --mask skin.png",
    .run = run,
};
