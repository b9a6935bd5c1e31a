#include <math.h>

#include "cormack/parallel.h"
#include "ops/denoise/nlm.h"
#include "ops/denoise/noise.h"
#include "ops/exp.h"

typedef struct NlmParams {
  CmReals patch_radius, search_radius;
  int32_t units;
  double h, sigma;
  int32_t noise;
  bool subtract_noise;
  int32_t patch_weights, distance, method;
  int64_t block_step;
  int32_t border;
  double border_value;
  int32_t type;
} NlmParams;

static const CmParam params[] = {
    CM_PARAM_REALS(NlmParams, patch_radius, "1", 0, 20, 1, 3, "",
                   "half the side of the patches that are compared, one for all axes or one each for x,y,z; 3 is usual "
                   "in 2D"),
    CM_PARAM_REALS(NlmParams, search_radius, "5", 0, 60, 1, 3, "",
                   "how far patches are searched for, one for all axes or one each for x,y,z; 10 is usual in 2D"),
    CM_UNITS_PARAM(NlmParams, "voxel"),
    CM_PARAM_REAL(NlmParams, h, 0, 0, 1e30, "",
                  "how different patches may be, in image units; 0: 1.4142 sigma, with subtract_noise 0.8 sigma"),
    CM_PARAM_REAL(NlmParams, sigma, 0, 0, 1e30, "",
                  "standard deviation of the noise, in image units; 0: estimated where it is needed"),
    CM_PARAM_ENUM(
        NlmParams, noise, "gaussian|rician", "gaussian",
        "how the noise is distributed; rician (magnitudes in MR): squares are averaged and their bias is taken "
        "off"),
    CM_PARAM_BOOL(NlmParams, subtract_noise, "false", "take 2 sigma^2, which noise alone makes, off the distances"),
    CM_PARAM_ENUM(NlmParams, patch_weights, "uniform|gaussian", "uniform",
                  "weights in a patch: all alike, or a Gaussian of standard deviation patch_radius / 2"),
    CM_PARAM_ENUM(NlmParams, distance, "l2|l1", "l2",
                  "distance of patches: the mean squared difference, or the square of the mean absolute difference"),
    CM_PARAM_ENUM(NlmParams, method, "voxelwise|blockwise", "voxelwise",
                  "whether each voxel is restored, or overlapping blocks, whose estimates are averaged"),
    CM_PARAM_INT(NlmParams, block_step, 2, 1, 41, "voxel",
                 "blockwise: distance between the centres of blocks; at most the side of a patch is taken"),
    CM_BORDER_PARAMS(NlmParams),
    CM_TYPE_PARAM(NlmParams),
};

typedef struct Walk {
  CmNlm nlm;
  const NlmParams *p;
  int64_t t, component;
  int64_t tiles[3];
} Walk;

static bool do_tile(void *arg, CmRange range, CmError **err) {
  const Walk *walk = arg;
  const CmNlm *job = &walk->nlm;
  const CmGrid *grid = &job->blocks.grid;
  const int64_t n[3] = {grid->nx, grid->ny, grid->nz};
  CmBlock tile = {.t = walk->t, .component = walk->component};
  int64_t at = range.begin;
  for (int axis = 0; axis < 3; axis++) {
    tile.start[axis] = at % walk->tiles[axis] * job->tile[axis];
    tile.size[axis] = n[axis] - tile.start[axis] < job->tile[axis] ? n[axis] - tile.start[axis] : job->tile[axis];
    at /= walk->tiles[axis];
  }
  const int64_t *size = tile.size;
  float *result = cm_alloc_array(job->ctx, (size_t)(size[0] * size[1] * size[2]), sizeof(float), err);
  double *scratch = cm_alloc_array(job->ctx, (size_t)cm__block_store_scratch(&job->blocks), sizeof(double), err);
  const bool ok =
      result && scratch &&
      (walk->p->method == 0 ? cm__nlm_voxels(job, &tile, result, err) : cm__nlm_blocks(job, &tile, result, err));
  for (int64_t k = 0; ok && k < size[1] * size[2]; k++) {
    const int64_t y = tile.start[1] + k % size[1], z = tile.start[2] + k / size[1];
    cm__block_store_line(&job->blocks, (tile.t * grid->nz + z) * grid->ny + y, tile.start[0], tile.component,
                         result + k * size[0], size[0], scratch);
  }
  cm_free(result);
  cm_free(scratch);
  return ok;
}

/* What the distances are multiplied by, for one component of one time point. */
static bool set_scale(Walk *walk, CmError **err) {
  const NlmParams *p = walk->p;
  CmNlm *job = &walk->nlm;
  double sigma = p->sigma, count = 1.0;
  if (sigma == 0.0 && (p->h == 0.0 || p->noise == 1 || p->subtract_noise) &&
      !cm__estimate_noise(job->ctx, job->blocks.image, NULL, CM_NOISE_USUAL, walk->t, walk->component, &sigma, err))
    return false;
  for (int axis = 0; axis < 3; axis++)
    if (!job->taps[axis]) count *= (double)(2 * job->patch[axis] + 1);
  const double h = p->h > 0.0 ? p->h : sigma * (p->subtract_noise ? 0.8 : sqrt(2.0));
  double scale = job->absolute ? sqrt(CM_LOG2_E) / (h * count) : CM_LOG2_E / (h * h * count);
  if (!(scale < 1e30)) scale = 1e30; /* no noise: only equal patches count */
  const double less = p->subtract_noise ? 2.0 * sigma * sigma * count * scale : 0.0;
  job->scale = (float)scale;
  job->less = (float)less;
  job->bias = (float)(2.0 * sigma * sigma);
  return true;
}

/* Weights of a Gaussian of standard deviation r / 2, of sum 1. */
static bool make_taps(CmContext *ctx, CmNlm *job, float *taps[3], CmError **err) {
  for (int axis = 0; axis < 3; axis++) {
    const int64_t r = job->patch[axis];
    const double sigma = (double)r / 2.0;
    double sum = 0.0;
    taps[axis] = cm_alloc_array(ctx, (size_t)(2 * r + 1), sizeof(float), err);
    if (!taps[axis]) return false;
    for (int64_t k = -r; k <= r; k++) sum += r ? exp(-(double)(k * k) / (2.0 * sigma * sigma)) : 1.0;
    for (int64_t k = -r; k <= r; k++)
      taps[axis][k + r] = (float)((r ? exp(-(double)(k * k) / (2.0 * sigma * sigma)) : 1.0) / sum);
    job->taps[axis] = taps[axis];
  }
  return true;
}

/* Tiles fit into the cache with what is gathered there, and have little border for what they hold. */
static void choose_tiles(Walk *walk) {
  CmNlm *job = &walk->nlm;
  const CmGrid *grid = &job->blocks.grid;
  const int64_t n[3] = {grid->nx, grid->ny, grid->nz}, flat[3] = {256, 64, 1}, deep[3] = {128, 32, 16};
  for (int axis = 0; axis < 3; axis++) {
    const int64_t side = n[2] == 1 ? flat[axis] : deep[axis], r = job->patch[axis];
    job->tile[axis] = side < n[axis] ? side : n[axis];
    walk->tiles[axis] = cm_chunk_count(n[axis], job->tile[axis]);
    job->step[axis] = walk->p->block_step < 2 * r + 1 ? walk->p->block_step : 2 * r + 1;
  }
}

static bool open_walk(const CmCall *call, Walk *walk, CmMask *mask, float *taps[3], CmError **err) {
  const NlmParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmNlm *job = &walk->nlm;
  if (!cm__mask_open(mask, &call->in[1], image, err)) return false;
  if (!cm__axis_radii(&p->patch_radius, p->units, image, job->patch, err)) return false;
  if (!cm__axis_radii(&p->search_radius, p->units, image, job->search, err)) return false;
  for (int axis = 0; axis < 3; axis++)
    if (job->patch[axis] > 20 || job->search[axis] > 60) {
      cm_error_set(err, CM_ERR_PARAMETER,
                   "patch_radius is %lld and search_radius %lld voxels along %c; at most 20 and 60 can be searched",
                   (long long)job->patch[axis], (long long)job->search[axis], "xyz"[axis]);
      return false;
    }
  if (p->patch_weights == 1 && !make_taps(call->ctx, job, taps, err)) return false;
  choose_tiles(walk);
  job->blocks.out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)),
                                         cm_image_components(image), err);
  return job->blocks.out != NULL;
}

static bool run(const CmCall *call, CmError **err) {
  const NlmParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  float *taps[3] = {0};
  Walk walk = {.p = p,
               .nlm = {.ctx = call->ctx,
                       .absolute = p->distance == 1,
                       .rician = p->noise == 1,
                       .blocks = {.image = image,
                                  .grid = cm__grid(image),
                                  .mask = &mask,
                                  .border = (CmBorder)p->border,
                                  .border_value = p->border_value}}};
  const CmGrid *grid = &walk.nlm.blocks.grid;
  bool ok = open_walk(call, &walk, &mask, taps, err);
  for (int64_t k = 0; ok && k < grid->nt * grid->components; k++) {
    walk.t = k / grid->components;
    walk.component = k % grid->components;
    ok =
        set_scale(&walk, err) && cm_parallel_for(call->ctx, "non-local means",
                                                 walk.tiles[0] * walk.tiles[1] * walk.tiles[2], 1, do_tile, &walk, err);
  }
  for (int axis = 0; axis < 3; axis++) cm_free(taps[axis]);
  if (!ok) {
    cm_image_unref(&walk.nlm.blocks.out);
    return false;
  }
  call->out[0] = cm_value_image(walk.nlm.blocks.out);
  return true;
}

static bool check(const void *parameters, CmError **err) {
  const NlmParams *p = parameters;
  if (p->distance == 0 || !p->subtract_noise) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "subtract_noise is a variance and needs distance=l2");
  return false;
}

CM_OP(non_local_means) = {
    .name = "non_local_means",
    .family = "denoise",
    .since = "0.2",
    .summary = "Average each voxel with those whose surroundings look alike.",
    .details =
        "The mean of the voxels u in the box |offset| <= search_radius of each voxel v, weighted by exp(-D / h^2), D "
        "the mean squared difference of the patches around u and v (subtract_noise: max(D - 2 sigma^2, 0); "
        "distance=l1: "
        "the square of the mean absolute difference). v itself has weight 1; weights below 2^-126 stay there. "
        "blockwise: every block centred on each block_step-th voxel, counted from voxel 0 along each axis and going on "
        "beyond the border, is restored as a whole with one set of weights, and a voxel is the mean of the estimates "
        "of "
        "its blocks. rician: the same mean of squares, less 2 sigma^2, then the root. sigma not given: as "
        "estimate_noise gives it for each component "
        "and time point. Calculated in f32 for every type. " CM_BORDER_DETAILS CM_FILTER_MASK_DETAILS
        "NaN: spreads to every voxel that has it in its search box.",
    CM_OP_PARAMS(NlmParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Buades A, Coll B, Morel J-M. A non-local algorithm for image denoising. CVPR 2005; Coupe P et al. An "
        "optimized "
        "blockwise nonlocal means denoising filter for 3-D magnetic resonance images. IEEE TMI 27(4), 2008; "
        "Wiest-Daessle N et al. Rician noise removal by non-local means filtering. MICCAI 2008",
    .examples =
        "cormack non_local_means mr.nii.gz out.nii.gz --noise rician --method blockwise\n"
        "cormack non_local_means xray.png out.png --patch_radius 3 --search_radius 10 --h 8",
    .check = check,
    .run = run,
};
