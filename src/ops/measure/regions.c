#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/measure/gather.h"

typedef struct RegionsParams {
  int64_t label;
  int64_t ddof;
  CmReals percentiles;
} RegionsParams;

static const CmParam params[] = {
    CM_LABEL_PARAM(RegionsParams),
    CM_PARAM_INT(RegionsParams, ddof, 0, 0, 1, "1", "for sd, the squared differences are divided by count - ddof"),
    CM_PARAM_REALS(RegionsParams, percentiles, "5,25,50,75,95", 0, 100, 0, 16, "%", "which percentiles become columns"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is measured"},
    {.name = "labels", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "mask or label map; 0 is background"},
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per label"}};

/* Where in the row the parts stand; percentiles follow. */
enum {
  COUNT,
  NAN_COUNT,
  VOLUME,
  MEAN,
  SD,
  LEAST,
  MOST,
  SUM,
  INDEX_X,
  MM_X = INDEX_X + 3,
  BOX_MIN = MM_X + 3,
  BOX_MAX = BOX_MIN + 3,
  FIXED = BOX_MAX + 3
};
static const CmFeature fixed[FIXED] = {
    {"count", "voxel", true},
    {"nan_count", "voxel", true},
    {"volume_mm3", "mm3", false},
    {"mean", "@", false},
    {"sd", "@", false},
    {"min", "@", false},
    {"max", "@", false},
    {"sum", "@", false},
    {"centroid_x", "voxel", false},
    {"centroid_y", "voxel", false},
    {"centroid_z", "voxel", false},
    {"centroid_lps_x", "mm", false},
    {"centroid_lps_y", "mm", false},
    {"centroid_lps_z", "mm", false},
    {"box_min_x", "voxel", true},
    {"box_min_y", "voxel", true},
    {"box_min_z", "voxel", true},
    {"box_max_x", "voxel", true},
    {"box_max_y", "voxel", true},
    {"box_max_z", "voxel", true},
};

typedef struct Regions {
  CmContext *ctx;
  const RegionsParams *p;
  const CmGeometry *geometry;
} Regions;

static bool measure(void *arg, const CmRegion *region, double *out, CmError **err) {
  const Regions *job = arg;
  const RegionsParams *p = job->p;
  const double *spacing = job->geometry->spacing, n = (double)region->count, voxels = (double)region->box.voxels;
  double sum = 0.0, squares = 0.0, index[3];
  for (int k = 0; k < FIXED + p->percentiles.count; k++) out[k] = NAN;
  out[COUNT] = voxels;
  out[NAN_COUNT] = (double)region->nan_count;
  out[VOLUME] = voxels * spacing[0] * spacing[1] * spacing[2];
  for (int axis = 0; axis < 3; axis++) {
    out[INDEX_X + axis] = index[axis] = region->sum[axis] / voxels;
    out[BOX_MIN + axis] = (double)region->box.box_min[axis];
    out[BOX_MAX + axis] = (double)region->box.box_max[axis];
  }
  cm_geometry_to_physical(job->geometry, index, &out[MM_X]);
  if (region->count == 0) return true;
  for (int64_t i = 0; i < region->count; i++) sum += region->value[i];
  const double mean = sum / n;
  for (int64_t i = 0; i < region->count; i++) squares += (region->value[i] - mean) * (region->value[i] - mean);
  double *sorted = region->value, *spare = cm_alloc_array(job->ctx, (size_t)region->count, sizeof(double), err);
  if (!spare) return false;
  cm__sort_reals(sorted, spare, region->count);
  cm_free(spare);
  out[MEAN] = mean;
  out[SD] = region->count > p->ddof ? sqrt(squares / (n - (double)p->ddof)) : NAN;
  out[SUM] = sum;
  out[LEAST] = sorted[0];
  out[MOST] = sorted[region->count - 1];
  for (int k = 0; k < p->percentiles.count; k++)
    out[FIXED + k] = cm__sorted_quantile(sorted, region->count, p->percentiles.value[k] / 100.0);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const RegionsParams *p = call->params;
  Regions job = {.ctx = call->ctx, .p = p, .geometry = cm_image_geometry(call->in[0].image)};
  CmFeature features[FIXED + 16];
  char names[16][40];
  memcpy(features, fixed, sizeof(fixed));
  for (int k = 0; k < p->percentiles.count; k++) {
    snprintf(names[k], sizeof(names[k]), "p%g", p->percentiles.value[k]);
    features[FIXED + k] = (CmFeature){names[k], "@", false};
  }
  return cm__region_table(call, "regions", call->in[0].image, call->in[1].image, p->label, features,
                          FIXED + p->percentiles.count, measure, &job, err);
}

CM_OP(regions) = {
    .name = "regions",
    .family = "measure",
    .since = "0.1",
    .summary = "Statistics of an image in each labelled region.",
    .details =
        "A row per label that occurs, in rising order; per time point and component where there is more than one "
        "(columns t, component). "
        "count and volume_mm3 are those of the label's voxels. NaN is left out of the statistics and counted in "
        "nan_count. Percentiles: "
        "linear between order statistics. centroid: mean of the voxel indices, from 0, and its place in LPS; box_min, "
        "box_max: first and "
        "last voxel index. name is the label's in the map. An empty map gives a table without rows.",
    CM_OP_PARAMS(RegionsParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .cite = "Hyndman RJ, Fan Y. Sample quantiles in statistical packages. Am Stat 50(4), 1996 (definition 7)",
    .examples =
        "cormack regions pet.nii.gz organs.nii.gz uptake.csv\ncormack regions ct.nii.gz mask.nii.gz t.csv "
        "--percentiles 10,90 --ddof 1",
    .run = run,
};
