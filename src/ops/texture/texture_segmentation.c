#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/segment/cluster.h"

typedef struct TextureParams {
  int64_t classes;
  int32_t features;
  CmReals radius;
  int32_t units;
  CmReals frequency;
  int64_t orientations, levels, points;
  int64_t seed, n_init;
} TextureParams;

enum { GABOR, GLCM, LBP };

static const CmParam params[] = {
    CM_PARAM_INT(TextureParams, classes, 2, 1, 255, "1", "into how many textures"),
    CM_PARAM_ENUM(TextureParams, features, "gabor|glcm|lbp", "gabor",
                  "what tells them apart: waves (operation gabor_bank), co-occurrence (glcm_map) or local binary "
                  "patterns"),
    CM_PARAM_REALS(TextureParams, radius, "5", 0, 100, 1, 3, "",
                   "of the window that describes a voxel's texture, one for all axes or one each for x,y,z"),
    CM_UNITS_PARAM(TextureParams, "voxel"),
    CM_PARAM_REALS(TextureParams, frequency, "0.1,0.2,0.4", 1e-4, 1, 1, 8, "1/voxel", "gabor: of the waves"),
    CM_PARAM_INT(TextureParams, orientations, 4, 1, 16, "1", "gabor: directions"),
    CM_PARAM_INT(TextureParams, levels, 16, 2, 255, "1", "glcm: grey levels"),
    CM_PARAM_INT(TextureParams, points, 8, 2, 24, "1", "lbp: neighbours, one voxel away"),
    CM_PARAM_INT(TextureParams, seed, 0, 0, 9007199254740991, "1", "of the random starts of k-means"),
    CM_PARAM_INT(TextureParams, n_init, 4, 1, 100, "1", "random starts, of which the best is kept"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "grey values"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels",
     .kind = CM_KIND_LABELS,
     .help = "u8: 1 for the texture whose first feature is lowest, 2 ...; 0 outside"},
    {.name = "features",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .components = true,
     .help = "f32, what was clustered, before it is standardized"},
};

/* ---- features -------------------------------------------------------------------------------------------------- */

/* "5,5,0" */
static void write_list(const CmReals *list, char *to, size_t size) {
  size_t used = 0;
  to[0] = 0;
  for (int32_t k = 0; k < list->count && used < size; k++)
    used += (size_t)snprintf(to + used, size - used, k ? ",%.17g" : "%.17g", list->value[k]);
}

/* The operation on the image and its mask. */
static CmImage *apply_masked(const CmCall *call, const char *name, const char *words, CmError **err) {
  const CmOp *op = cm_op_get(name, err);
  void *made = op ? cm_params_create(call->ctx, op, err) : NULL;
  const CmValue in[CM_MAX_PORTS] = {call->in[0], call->in[1]};
  const bool wanted[CM_MAX_PORTS] = {true};
  CmValue out[CM_MAX_PORTS] = {{0}};
  const bool ok = made && cm_params_set_words(call->ctx, op, made, words, err) &&
                  cm_op_run(call->ctx, op, made, in, out, wanted, err);
  cm_free(made);
  return ok ? out[0].image : NULL;
}

/* The mean of the window around each voxel. */
static CmImage *pool(const CmCall *call, CmImage *image, CmError **err) {
  const TextureParams *p = call->params;
  char words[256], radius[128];
  if (!image) return NULL;
  write_list(&p->radius, radius, sizeof(radius));
  snprintf(words, sizeof(words), "radius=%s units=%s border=reflect", radius, p->units ? "mm" : "voxel");
  CmImage *made = cm_op_apply(call->ctx, "mean", words, image, err);
  cm_image_unref(&image);
  return made;
}

static CmImage *waves(const CmCall *call, CmError **err) {
  const TextureParams *p = call->params;
  char words[1024], frequency[512];
  write_list(&p->frequency, frequency, sizeof(frequency));
  snprintf(words, sizeof(words), "frequency=%s orientations=%lld per=voxel border=reflect", frequency,
           (long long)p->orientations);
  return pool(call, cm_op_apply(call->ctx, "gabor_bank", words, call->in[0].image, err), err);
}

static CmImage *cooccurrence(const CmCall *call, CmError **err) {
  const TextureParams *p = call->params;
  char words[512], radius[128];
  write_list(&p->radius, radius, sizeof(radius));
  snprintf(words, sizeof(words), "radius=%s units=%s levels=%lld", radius, p->units ? "mm" : "voxel",
           (long long)p->levels);
  return apply_masked(call, "glcm_map", words, err);
}

typedef struct Codes {
  const CmImage *patterns;
  CmImage *out;
  CmGrid from, to;
} Codes;

static bool split_rows(void *arg, CmRange range, CmError **err) {
  const Codes *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const uint8_t *from = cm__row(job->patterns, &job->from, row);
    float *to = cm__row_mut(job->out, &job->to, row);
    memset(to, 0, (size_t)job->to.row * sizeof(float));
    for (int64_t x = 0; x < job->from.nx; x++) to[x * job->to.components + from[x]] = 1.0f;
  }
  return true;
}

/* How often each pattern occurs in the window. */
static CmImage *pattern_shares(const CmCall *call, CmError **err) {
  const TextureParams *p = call->params;
  char words[128];
  snprintf(words, sizeof(words), "points=%lld method=uniform border=reflect", (long long)p->points);
  CmImage *patterns = cm_op_apply(call->ctx, "local_binary_patterns", words, call->in[0].image, err);
  if (!patterns) return NULL;
  Codes job = {.patterns = patterns, .from = cm__grid(patterns)};
  job.out = cm_image_create_like(call->ctx, patterns, CM_F32, (int)p->points + 2, err);
  if (job.out) {
    job.to = cm__grid(job.out);
    if (!cm_parallel_for(call->ctx, NULL, job.from.rows, cm__row_chunk(&job.to), split_rows, &job, err))
      cm_image_unref(&job.out);
  }
  cm_image_unref(&patterns);
  return pool(call, job.out, err);
}

static bool run(const CmCall *call, CmError **err) {
  const TextureParams *p = call->params;
  CmKmeans options = cm__kmeans_options(p->classes);
  CmMask mask;
  CmImage *labels = NULL;
  options.seed = (uint64_t)p->seed;
  options.n_init = p->n_init;
  if (!cm__mask_open(&mask, &call->in[1], call->in[0].image, err)) return false;
  CmImage *features = p->features == GABOR  ? waves(call, err)
                      : p->features == GLCM ? cooccurrence(call, err)
                                            : pattern_shares(call, err);
  if (features && cm__mask_blank(call->ctx, &mask, features, err))
    labels = cm__kmeans_image(call->ctx, features, &mask, true, &options, err);
  if (!labels) {
    cm_image_unref(&features);
    return false;
  }
  call->out[0] = cm_value_labels(labels);
  if (call->wanted[1]) call->out[1] = cm_value_image(cm_image_ref(features));
  cm_image_unref(&features);
  return true;
}

CM_OP(texture_segmentation) = {
    .name = "texture_segmentation",
    .family = "texture",
    .since = "0.2",
    .summary = "Cut an image into regions of like texture.",
    .details =
        "Features of the window around each voxel, then k-means (operation kmeans with standardize=true). gabor: the "
        "magnitudes of a bank of filters (operation gabor_bank, per voxel), averaged over the window. glcm: contrast, "
        "correlation, energy, homogeneity and entropy (operation glcm_map). lbp: how often each uniform pattern of "
        "radius 1 occurs (operation local_binary_patterns). All steps are operations, so that other features (stack), "
        "other clustering (gmm, fuzzy_cmeans) and cleaning afterwards (median, remove_small) go the same way. Borders "
        "are "
        "reflected; glcm's windows are cut off there. Mask: only voxels inside are clustered, others get 0; glcm "
        "counts "
        "pairs inside alone, the other features still see what lies outside. NaN: gabor refuses it; otherwise voxels "
        "without features get 0. Memory: 4 bytes a voxel for each feature, twice for gabor and lbp.",
    CM_OP_PARAMS(TextureParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite =
        "Jain AK, Farrokhnia F. Unsupervised texture segmentation using Gabor filters. Pattern Recognition 24(12), "
        "1991; Haralick RM et al. Textural features for image classification. IEEE Trans SMC 3(6), 1973; Ojala T et "
        "al. IEEE Trans PAMI 24(7), 2002",
    .examples =
        "cormack texture_segmentation ultrasound.png regions.png --classes 3 --radius 8\n"
        "cormack texture_segmentation ct.nii.gz regions.nii.gz --features glcm --radius 4,4,0 --mask lungs.nii.gz",
    .run = run,
};
