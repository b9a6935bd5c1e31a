#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/texture/cooccur.h"

enum { MOST_WINDOW = 150000 }; /* voxels: sums of whole numbers stay far from their end */

typedef struct GlcmParams {
  CmText features;
  CmReals radius;
  int32_t units;
  int64_t distance, levels;
  CmReals range;
  bool symmetric;
  int32_t aggregate;
} GlcmParams;

static const CmParam params[] = {
    CM_PARAM_TEXT(GlcmParams, features, "contrast,correlation,energy,homogeneity,entropy",
                  "which, of contrast, dissimilarity, homogeneity, ASM, energy, correlation, mean, variance, std, "
                  "entropy; or all"),
    CM_PARAM_REALS(GlcmParams, radius, "2", 0, 1e4, 1, 3, "",
                   "of the window, one for all axes or one each for x,y,z; 0 along z looks at each slice by itself"),
    CM_UNITS_PARAM(GlcmParams, "voxel"),
    CM_PARAM_INT(GlcmParams, distance, 1, 1, 1000, "voxel", "between the voxels of a pair, along each axis"),
    CM_PARAM_INT(GlcmParams, levels, 16, 2, CM_MOST_LEVELS, "1", "grey levels"),
    CM_PARAM_REALS(GlcmParams, range, "", -1e30, 1e30, 0, 2, "",
                   "values where the lowest level begins and the highest ends; empty: lowest and highest value"),
    CM_PARAM_BOOL(GlcmParams, symmetric, "true", "each pair counts in both orders"),
    CM_PARAM_ENUM(GlcmParams, aggregate, "average|merge|separate", "average",
                  "the mean of the directions' features, the features of one matrix of all directions, or all "
                  "directions' features as components"),
};

static const CmPort outputs[] = {
    {.name = "features",
     .kind = CM_KIND_IMAGE,
     .components = true,
     .help = "f32, a component a feature as they are named; for each direction, and each component of the image, in "
             "turn"},
};

/* ---- names ----------------------------------------------------------------------------------------------------- */

static const char *const names[] = {"contrast",    "dissimilarity", "homogeneity", "ASM", "energy",
                                    "correlation", "mean",          "variance",    "std", "entropy"};

static int find_name(const char *word, size_t length) {
  for (int k = 0; k < CM_COUNT(names); k++)
    if (strlen(names[k]) == length && strncmp(names[k], word, length) == 0) return k;
  return -1;
}

static bool unknown(const char *word, size_t length, CmError **err) {
  char text[64] = "";
  memcpy(text, word, length < sizeof(text) ? length : sizeof(text) - 1);
  const char *near = cm_nearest_name(text, names, CM_COUNT(names));
  cm_error_set(err, CM_ERR_PARAMETER, "features: there is no feature «%s»%s%s", text, near ? "; did you mean " : "",
               near ? near : "; see cormack ops glcm_map");
  return false;
}

static bool parse_features(const char *text, CmCooccurFeature *feature, int *count, CmError **err) {
  *count = 0;
  if (strcmp(text, "all") == 0)
    for (; *count < CM_COOCCUR_FEATURES; ++*count) feature[*count] = (CmCooccurFeature)*count;
  while (*text && *count < CM_COOCCUR_FEATURES) {
    const size_t length = strcspn(text, ", ");
    if (length > 0) {
      const int at = find_name(text, length);
      if (at < 0) return unknown(text, length, err);
      feature[(*count)++] = (CmCooccurFeature)at;
    }
    text += length + (text[length] != 0);
  }
  if (*count > 0 && (*text == 0 || strcmp(text, "all") == 0)) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "features names %s; name each feature once, at least one",
               *count ? "more features than there are" : "none");
  return false;
}

static bool check(const void *values, CmError **err) {
  const GlcmParams *p = values;
  CmCooccurFeature feature[CM_COOCCUR_FEATURES];
  int count;
  if (!parse_features(p->features.value, feature, &count, err)) return false;
  if (p->range.count == 0 || (p->range.count == 2 && p->range.value[0] < p->range.value[1])) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "range needs two numbers, the first below the second");
  return false;
}

/* ---- grey levels ----------------------------------------------------------------------------------------------- */

typedef struct Map {
  CmContext *ctx;
  const GlcmParams *p;
  const CmImage *image;
  const CmMask *mask;
  CmGrid grid;
  int64_t component, t, band, bands;
  double low, scale;
  uint8_t *level;
  CmCooccur cooccur;
  CmImage *out;
} Map;

static bool find_range(Map *map, CmError **err) {
  const CmPart part = {.image = map->image, .mask = map->mask, .row_end = map->grid.rows, .component = map->component};
  CmMoments moments;
  double high = map->p->range.value[1];
  map->low = map->p->range.value[0];
  if (map->p->range.count == 0) {
    if (!cm__part_moments(map->ctx, &part, &moments, err)) return false;
    map->low = moments.count ? moments.min : 0.0;
    high = moments.count ? moments.max : 0.0;
    if (!isfinite(map->low) || !isfinite(high) || !isfinite(high - map->low)) {
      cm_error_set(err, CM_ERR_DATA, "the values have no finite range; give one by range=low,high");
      return false;
    }
  }
  map->scale = high > map->low ? (double)map->p->levels / (high - map->low) : 0.0;
  return true;
}

static uint8_t level_of(const Map *map, double value) {
  if (value != value) return CM_NO_LEVEL;
  const double at = (value - map->low) * map->scale, last = (double)(map->p->levels - 1);
  return at >= last ? (uint8_t)last : at > 0.0 ? (uint8_t)at : 0;
}

static bool level_rows(void *arg, CmRange range, CmError **err) {
  const Map *map = arg;
  const CmGrid *grid = &map->grid;
  double *line = cm_alloc_array(map->ctx, (size_t)grid->row, sizeof(double), err);
  uint8_t *inside = cm_alloc(map->ctx, (size_t)grid->nx, err);
  const bool ok = line && inside;
  for (int64_t at = range.begin; ok && at < range.end; at++) {
    const int64_t row = map->t * grid->ny * grid->nz + at;
    uint8_t *to = map->level + at * grid->nx;
    cm__line_to_f64(cm_image_type(map->image), cm__row(map->image, grid, row), grid->row, line);
    for (int64_t x = 0; x < grid->nx; x++) to[x] = level_of(map, line[x * grid->components + map->component]);
    if (!map->mask->image) continue;
    cm__mask_row(map->mask, row, inside);
    for (int64_t x = 0; x < grid->nx; x++)
      if (!inside[x]) to[x] = CM_NO_LEVEL;
  }
  cm_free(line);
  cm_free(inside);
  return ok;
}

/* ---- the map --------------------------------------------------------------------------------------------------- */

static bool do_band(void *arg, CmRange range, CmError **err) {
  const Map *map = arg;
  const CmGrid grid = cm__grid(map->out);
  const int64_t z = range.begin / map->bands, y0 = range.begin % map->bands * map->band;
  const int64_t y1 = y0 + map->band < grid.ny ? y0 + map->band : grid.ny;
  float *to = cm__row_mut(map->out, &grid, (map->t * grid.nz + z) * grid.ny + y0);
  return cm__cooccur_band(&map->cooccur, z, y0, y1, to + map->component * cm__cooccur_values(&map->cooccur),
                          grid.components, err);
}

static bool do_volume(Map *map, CmError **err) {
  const CmGrid *grid = &map->grid;
  return cm_parallel_for(map->ctx, NULL, grid->ny * grid->nz, cm__row_chunk(grid), level_rows, map, err) &&
         cm_parallel_for(map->ctx, "co-occurrence", map->bands * grid->nz, 1, do_band, map, err);
}

static bool plan(Map *map, CmError **err) {
  const GlcmParams *p = map->p;
  CmCooccur *job = &map->cooccur;
  *job = (CmCooccur){.ctx = map->ctx,
                     .n = {map->grid.nx, map->grid.ny, map->grid.nz},
                     .levels = p->levels,
                     .symmetric = p->symmetric,
                     .aggregate = (CmCooccurAggregate)p->aggregate};
  if (!parse_features(p->features.value, job->feature, &job->features, err) ||
      !cm__axis_radii(&p->radius, p->units, map->image, job->radius, err))
    return false;
  double window = 1.0;
  for (int axis = 0; axis < 3; axis++) window *= (double)(2 * job->radius[axis] + 1);
  if (window > MOST_WINDOW) {
    cm_error_set(err, CM_ERR_PARAMETER, "a window of %.0f voxels is too large (at most %d); take a smaller radius",
                 window, MOST_WINDOW);
    return false;
  }
  job->directions = cm__cooccur_directions(job->radius, p->distance, job->offset);
  if (job->directions) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "the window holds no pair %lld voxels apart; take a larger radius",
               (long long)p->distance);
  return false;
}

/* NULL where entropy is not asked for. */
static bool open_steps(Map *map, int64_t **steps, CmError **err) {
  CmCooccur *job = &map->cooccur;
  bool wanted = false;
  for (int f = 0; f < job->features; f++) wanted = wanted || job->feature[f] == CM_COOCCUR_ENTROPY;
  if (!wanted) return true;
  *steps = cm__cooccur_steps(map->ctx, job, err);
  if (!*steps) return false;
  job->entropy_step[0] = *steps;
  job->entropy_step[1] = *steps + cm__cooccur_pairs(job) + 1;
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Map map = {.ctx = call->ctx, .p = call->params, .image = image, .mask = &mask, .grid = cm__grid(image)};
  int64_t *steps = NULL, components;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err) || !plan(&map, err)) return false;
  components = map.grid.components * cm__cooccur_values(&map.cooccur);
  if (components > CM_MAX_COMPONENTS) {
    cm_error_set(err, CM_ERR_PARAMETER, "%lld features are more than an image's %d components; name fewer",
                 (long long)components, CM_MAX_COMPONENTS);
    return false;
  }
  map.band = 64;
  map.bands = cm_chunk_count(map.grid.ny, map.band);
  if (!open_steps(&map, &steps, err)) goto done;
  map.level = cm_alloc_array(call->ctx, (size_t)map.grid.nx, (size_t)(map.grid.ny * map.grid.nz), err);
  map.out = cm_image_create_like(call->ctx, image, CM_F32, (int)components, err);
  if (!map.level || !map.out || !cm_image_set_unit(map.out, "1", err)) goto done;
  map.cooccur.level = map.level;
  for (; map.component < map.grid.components; map.component++) {
    if (!find_range(&map, err)) goto done;
    for (map.t = 0; map.t < map.grid.nt; map.t++)
      if (!do_volume(&map, err)) goto done;
  }
  ok = cm__mask_blank(call->ctx, &mask, map.out, err);
  if (ok) call->out[0] = cm_value_image(cm_image_ref(map.out));
done:
  cm_free(steps);
  cm_free(map.level);
  cm_image_unref(&map.out);
  return ok;
}

CM_OP(glcm_map) = {
    .name = "glcm_map",
    .family = "texture",
    .since = "0.2",
    .summary = "Haralick's features of the co-occurrence matrix in a window around each voxel.",
    .details =
        "Values become levels floor((v - low) / (high - low) levels), limited to 0 ... levels - 1. For each direction "
        "(4 in 2D: along x, both, y, and x back with y; 13 in 3D) and each voxel, all pairs of voxels `distance` apart "
        "of which both lie in the window, the image and the mask are counted in a matrix P(i, j), divided by its sum. "
        "contrast sum P (i - j)^2; dissimilarity sum P |i - j|; homogeneity sum P / (1 + (i - j)^2); ASM sum P^2; "
        "energy its root; mean sum P i; variance sum P (i - mean)^2; std its root; correlation sum P (i - mean_i) (j - "
        "mean_j) / (std_i std_j), 1 where a std is 0; entropy -sum P ln P. These are scikit-image's names and "
        "formulas. Directions with a step beyond the window are left out; diagonals go `distance` along each axis. At "
        "the border the window is cut off. Where a window has no pair (only beside masks and NaN) features are NaN. "
        "Mask: voxels outside take no part and get 0. The range is that of a component over all time points, inside "
        "the mask. Pairs enter and leave the matrix as the window moves: the time grows with the radius in 2D, and not "
        "with the levels.",
    CM_OP_PARAMS(GlcmParams, params),
    .inputs = cm__filter_inputs,
    .input_count = 2,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Haralick RM, Shanmugam K, Dinstein I. Textural features for image classification. IEEE Trans SMC 3(6), 1973",
    .examples =
        "cormack glcm_map xray.png texture.nii.gz --radius 4 --levels 32\n"
        "cormack glcm_map ct.nii.gz entropy.nii.gz --features entropy --radius 3,3,0 --range -1000,400",
    .check = check,
    .run = run,
};
