#include "ops/radiomics/perturb.h"

#include <math.h>

#include "ops/denoise/noise.h"
#include "ops/intensity/stats.h"
#include "ops/transform/warp.h"

typedef struct PerturbParams {
  double rotation;
  CmReals translation;
  int32_t noise;
  double noise_sigma;
  double growth;
  bool contour;
  CmReals range;
  int32_t interpolation;
  int64_t seed;
} PerturbParams;

static const CmParam params[] = {
    CM_PARAM_REAL(PerturbParams, rotation, 0, -360, 360, "deg",
                  "about z, around the middle of the regions; positive: from the x axis towards the y axis"),
    CM_PARAM_REALS(PerturbParams, translation, "", -1000, 1000, 0, 3, "voxel",
                   "shift, as parts of a voxel, one for all axes or one each for x,y,z"),
    CM_PARAM_ENUM(PerturbParams, noise, "none|estimate|sigma", "none",
                  "Gaussian noise to add: as much as the image has, or of noise_sigma"),
    CM_PARAM_REAL(PerturbParams, noise_sigma, 1, 0, 1e30, "", "standard deviation, for noise=sigma"),
    CM_PARAM_REAL(PerturbParams, growth, 0, -0.999, 1000, "1",
                  "part of its volume that each region grows by; negative: shrinks"),
    CM_PARAM_BOOL(PerturbParams, contour, "false", "draw each region's contour anew along supervoxels"),
    CM_PARAM_REALS(PerturbParams, range, "", -1e30, 1e30, 0, 2, "",
                   "LOW,HIGH: intensities are clipped to it before supervoxels are made of them"),
    CM_PARAM_ENUM(PerturbParams, interpolation, "linear|cubic", "linear", "of the image, when it is moved"),
    CM_PARAM_INT(PerturbParams, seed, 0, 0, 9007199254740991, "1", "of noise, growth and contours"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "what is measured"},
    {.name = "labels", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "mask or label map; 0 is background"},
};
static const CmPort outputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "the image, perturbed, on the same grid"},
    {.name = "regions", .kind = CM_KIND_LABELS, .help = "the label map, perturbed"},
};

enum { NOISE_NONE, NOISE_ESTIMATE, NOISE_SIGMA };
enum { COIF1 = 39 }; /* of CM_WAVELET_CHOICES */

typedef struct Job {
  CmContext *ctx;
  const PerturbParams *p;
  CmImage *image, *labels; /* ours, as they are so far */
} Job;

static bool add_noise(Job *job, CmError **err) {
  const CmNoiseMethod method = {.wavelet = COIF1, .border = CM_BORDER_REFLECT, .axes = 1};
  double sigma = job->p->noise_sigma;
  if (job->p->noise == NOISE_NONE) return true;
  if (job->p->noise == NOISE_ESTIMATE && !cm__estimate_noise(job->ctx, job->image, NULL, method, 0, 0, &sigma, err))
    return false;
  CmImage *noisy = cm_image_copy(job->ctx, job->image, err);
  const bool good = noisy && cm__perturb_noise(job->ctx, noisy, sigma, (uint64_t)job->p->seed, err);
  if (good) {
    cm_image_unref(&job->image);
    job->image = noisy;
  } else
    cm_image_unref(&noisy);
  return good;
}

/* The middle of the box around all labels. */
static void find_middle(const CmLabelList *list, double middle[3]) {
  for (int k = 0; k < 3; k++) {
    int64_t low = INT64_MAX, high = 0;
    for (int64_t i = 0; i < list->count; i++) {
      if (list->items[i].box_min[k] < low) low = list->items[i].box_min[k];
      if (list->items[i].box_max[k] > high) high = list->items[i].box_max[k];
    }
    middle[k] = list->count ? 0.5 * (double)(low + high) : 0.0;
  }
}

/* Index in the image from index in the result: the movement backwards. */
static bool make_map(const Job *job, const CmLabelList *list, double map[12]) {
  const double *spacing = cm_image_geometry(job->image)->spacing;
  const double quarter = job->p->rotation / 90.0, angle = job->p->rotation * (acos(-1.0) / 180.0);
  const double c = quarter == rint(quarter) ? rint(cos(angle)) : cos(angle),
               s = quarter == rint(quarter) ? rint(sin(angle)) : sin(angle);
  const double turn[9] = {c, s * spacing[1] / spacing[0], 0, -s * spacing[0] / spacing[1], c, 0, 0, 0, 1};
  double middle[3], shift[3];
  bool moves = fmod(job->p->rotation, 360.0) != 0.0;
  find_middle(list, middle);
  for (int k = 0; k < 3; k++) {
    const CmReals *t = &job->p->translation;
    const bool flat = cm_image_dims(job->image)[k] == 1;
    shift[k] = flat || t->count == 0 ? 0.0 : t->value[t->count == 1 ? 0 : k];
    moves |= shift[k] != 0.0;
  }
  for (int r = 0; r < 3; r++) {
    map[4 * r + 3] = middle[r];
    for (int k = 0; k < 3; k++) {
      map[4 * r + k] = turn[3 * r + k];
      map[4 * r + 3] -= turn[3 * r + k] * (middle[k] + shift[k]);
    }
  }
  return moves;
}

static bool move_one(Job *job, CmImage **image, const double map[12], CmInterpolation interpolation, double outside,
                     CmError **err) {
  CmImage *moved = cm_image_create_like(job->ctx, *image, cm_image_type(*image), 1, err);
  CmWarp warp = {.image = *image, .interpolation = interpolation, .outside = outside, .out = moved};
  for (int k = 0; k < 12; k++) warp.map[k] = map[k];
  if (!moved || !cm__warp(job->ctx, &warp, err)) {
    cm_image_unref(&moved);
    return false;
  }
  cm_image_unref(image);
  *image = moved;
  return true;
}

static bool move(Job *job, CmError **err) {
  CmLabelList list = {0};
  CmMoments moments;
  double map[12];
  if (!cm__label_list(job->ctx, job->labels, &list, err)) return false;
  const bool moves = make_map(job, &list, map);
  cm_free(list.items);
  if (!moves) return true;
  const CmPart whole = {.image = job->image, .row_end = cm__grid(job->image).rows, .component = 0};
  return cm__part_ends(job->ctx, &whole, &moments, err) &&
         move_one(job, &job->image, map, job->p->interpolation ? CM_INTERPOLATE_CUBIC : CM_INTERPOLATE_LINEAR,
                  moments.count ? moments.min : 0.0, err) &&
         move_one(job, &job->labels, map, CM_INTERPOLATE_LABEL, 0.0, err);
}

/* Label by label, in rising order: each sees what those before it have become. */
static bool change_regions(Job *job, CmError **err) {
  const PerturbParams *p = job->p;
  const bool ranged = p->range.count == 2;
  const double range[2] = {ranged ? p->range.value[0] : -INFINITY, ranged ? p->range.value[1] : INFINITY};
  for (int step = 0; step < 2; step++) {
    CmLabelList list = {0};
    if (step == 0 ? p->growth == 0.0 : !p->contour) continue;
    bool good = cm__label_list(job->ctx, job->labels, &list, err);
    for (int64_t k = 0; good && k < list.count; k++)
      good = step == 0 ? cm__perturb_grow(job->ctx, job->labels, &list.items[k], p->growth, (uint64_t)p->seed, err)
                       : cm__perturb_contour(job->ctx, job->image, job->labels, &list.items[k], range,
                                             (uint64_t)p->seed, err);
    cm_free(list.items);
    if (!good) return false;
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const CmImage *labels = call->in[1].image;
  Job job = {.ctx = call->ctx, .p = call->params};
  if (cm_image_dims(call->in[0].image)[3] > 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the image has several time points; crop one of them");
    return false;
  }
  CmImage *own = cm_image_convert(call->ctx, labels, CM_I32, false, err);
  job.labels = own ? cm_image_copy(call->ctx, own, err) : NULL;
  cm_image_unref(&own);
  job.image = cm_image_ref(call->in[0].image);
  bool good = job.labels && add_noise(&job, err) && move(&job, err) && change_regions(&job, err);
  CmImage *regions = good ? cm_image_convert(call->ctx, job.labels, cm_image_type(labels), false, err) : NULL;
  CmImage *image = regions ? cm_image_share(call->ctx, job.image, err) : NULL;
  if (image) {
    call->out[0] = cm_value_image(image);
    call->out[1] = cm_value_labels(regions);
  } else
    cm_image_unref(&regions);
  cm_image_unref(&job.image);
  cm_image_unref(&job.labels);
  return image != NULL;
}

static bool check(const void *values, CmError **err) {
  const PerturbParams *p = values;
  if (p->range.count == 1 || (p->range.count == 2 && p->range.value[0] >= p->range.value[1])) {
    cm_error_set(err, CM_ERR_PARAMETER, "range must be LOW,HIGH with LOW below HIGH");
    return false;
  }
  if (p->translation.count != 2) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "translation has 2 numbers; give one, or one each for x,y,z");
  return false;
}

CM_OP(perturb) = {
    .name = "perturb",
    .family = "radiomics",
    .since = "0.2",
    .summary = "Perturb an image and its regions, to see how much their features change.",
    .details =
        "In this order: noise; rotation and translation of image and regions together, by interpolation (the image "
        "beyond its border is its lowest value; a voxel gets the label with the largest sum of linear weights); growth "
        "or shrinkage; new contours. Noise is Gaussian and white; noise=estimate takes the median of |d| over 0.6745 "
        "of the finest coif1 coefficients of x and y together. Growth adds layers of voxels by faces, of the last one "
        "by lot as many as it takes for volume x (1 + growth), into background only; shrinkage takes them off. "
        "Contours: supervoxels (slic, compactness 0.05, of at least 20 voxels and 250 mm3, of the image clipped to "
        "`range` and smoothed by one voxel) within 25 mm of the region are in it with the probability "
        "of their share in it: surely from 0.9, never below 0.2, the largest always; gaps of one voxel are closed. "
        "Labels are changed in rising order and leave each other's voxels alone. Numbers are drawn by seed, voxel and "
        "label, so that threads do not matter. Integers are rounded and clamped. NaN: moves as in resample; counts as "
        "0 for supervoxels.",
    CM_OP_PARAMS(PerturbParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite =
        "Zwanenburg A et al. Assessing robustness of radiomic features by image perturbation. Sci Rep 9:614, 2019; "
        "noise: Chang SG et al. IEEE Trans Image Process 9(9), 2000",
    .examples =
        "cormack perturb ct.nii.gz gtv.nii.gz ct2.nii.gz gtv2.nii.gz --rotation 6 --growth 0.1 --contour --seed 1\n"
        "cormack perturb mr.nii.gz mask.nii.gz mr2.nii.gz mask2.nii.gz --noise estimate --translation 0.5",
    .check = check,
    .run = run,
};
