#include "ops/intensity/nyul.h"

#include <math.h>
#include <string.h>

#include "ops/intensity/curve.h"

typedef struct NyulParams {
  CmReals percentiles;
  int32_t foreground;
  double out_min, out_max;
  CmReals scale;
  int32_t outside_mask;
  int32_t type;
} NyulParams;

static const CmParam params[] = {
    CM_LANDMARKS_PARAM(NyulParams),
    CM_FOREGROUND_PARAM(NyulParams),
    CM_PARAM_REAL(NyulParams, out_min, 0, -1e30, 1e30, "", "where the first landmark stands on the standard scale"),
    CM_PARAM_REAL(NyulParams, out_max, 100, -1e30, 1e30, "", "where the last landmark stands on it"),
    CM_PARAM_REALS(NyulParams, scale, "", -1e30, 1e30, 0, 32, "",
                   "the standard scale itself, a number per percentile, instead of the table"),
    CM_PARAM_ENUM(NyulParams, outside_mask, "map|keep|zero", "map",
                  "voxels outside the mask: mapped like the others, kept, or 0"),
    CM_PARAM_ENUM(NyulParams, type, "f32|f64", "f32", "voxel type of the result"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is standardized"},
    {.name = "landmarks",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "the rows of nyul_landmarks of a set of images; other columns are left aside"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "not 0 is inside; outside is not measured"},
};

typedef struct Nyul {
  CmContext *ctx;
  const NyulParams *p;
  double scale[CM_LIST_MAX];
} Nyul;

/* Each row is carried to out_min..out_max by its ends; the scale is the mean of the rows. */
static bool learn(const NyulParams *p, const CmTable *table, double *scale, CmError **err) {
  const int n = p->percentiles.count;
  const int64_t rows = cm_table_rows(table);
  int column[CM_LIST_MAX];
  for (int k = 0; k < n; k++) {
    char name[40];
    cm__landmark_name(p->percentiles.value[k], name);
    column[k] = cm_table_find_column(table, name);
    scale[k] = 0.0;
    if (column[k] >= 0) continue;
    cm_error_set(err, CM_ERR_DATA,
                 "the table of landmarks has no column %s; make it by nyul_landmarks with the same percentiles", name);
    return false;
  }
  for (int64_t row = 0; row < rows; row++) {
    double v[CM_LIST_MAX] = {0};
    for (int k = 0; k < n; k++) {
      v[k] = cm_table_real(table, row, column[k]);
      if (isfinite(v[k]) && (k == 0 || v[k] >= v[k - 1])) continue;
      cm_error_set(err, CM_ERR_DATA, "row %lld of the landmarks is not complete and rising; leave that image out",
                   (long long)row + 1);
      return false;
    }
    if (!(v[n - 1] > v[0])) {
      cm_error_set(err, CM_ERR_DATA, "row %lld of the landmarks has no contrast; leave that image out",
                   (long long)row + 1);
      return false;
    }
    for (int k = 0; k < n; k++)
      scale[k] += (p->out_min + (v[k] - v[0]) / (v[n - 1] - v[0]) * (p->out_max - p->out_min)) / (double)rows;
  }
  if (rows > 0) return true;
  cm_error_set(err, CM_ERR_DATA, "the table of landmarks has no row; give the rows of the images to learn from");
  return false;
}

/* Linear between the landmarks, beyond them as in the outermost piece. Landmarks that agree in the image make one. */
static bool find(void *arg, const CmPart *part, int64_t at, CmCurve *curve, CmError **err) {
  (void)at;
  const Nyul *job = arg;
  const CmReals *percentiles = &job->p->percentiles;
  double values[CM_LIST_MAX];
  if (!cm__landmarks(job->ctx, part->image, part->mask, job->p->foreground == 1, percentiles, values, err) ||
      !cm__curve_open(job->ctx, curve, percentiles->count, err))
    return false;
  int64_t n = 0;
  for (int k = 0; k < percentiles->count; k++) {
    if (n > 0 && !(values[k] > curve->at[n - 1])) continue;
    curve->at[n] = values[k];
    curve->to[n++] = job->scale[k];
  }
  curve->n = n;
  if (n < 2) {
    cm_error_set(err, CM_ERR_DATA, "all landmarks of the image are %g: there is no contrast to standardize", values[0]);
    return false;
  }
  curve->below = (curve->to[1] - curve->to[0]) / (curve->at[1] - curve->at[0]);
  curve->above = (curve->to[n - 1] - curve->to[n - 2]) / (curve->at[n - 1] - curve->at[n - 2]);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const NyulParams *p = call->params;
  Nyul job = {.ctx = call->ctx, .p = p};
  const bool table = call->in[1].kind != CM_KIND_NONE;
  if (table == (p->scale.count > 0)) {
    cm_error_set(err, CM_ERR_PARAMETER, "give either a table of landmarks or the standard scale as scale=...");
    return false;
  }
  if (table && !learn(p, call->in[1].table, job.scale, err)) return false;
  if (!table) memcpy(job.scale, p->scale.value, sizeof(job.scale));
  if (!cm__curve_call(call, "nyul", 2, (CmOutsideMask)p->outside_mask, CM_SCOPE_IMAGE, false,
                      p->type == 1 ? CM_F64 : CM_F32, find, &job, err))
    return false;
  return cm_image_set_unit(call->out[0].image, "1", err);
}

static bool check(const void *values, CmError **err) {
  const NyulParams *p = values;
  if (!cm__landmarks_check(&p->percentiles, err)) return false;
  if (!(p->out_min < p->out_max)) {
    cm_error_set(err, CM_ERR_PARAMETER, "out_min %g must be below out_max %g", p->out_min, p->out_max);
    return false;
  }
  if (p->scale.count > 0 && p->scale.count != p->percentiles.count) {
    cm_error_set(err, CM_ERR_PARAMETER, "scale has %d numbers for %d percentiles; give one for each", p->scale.count,
                 p->percentiles.count);
    return false;
  }
  for (int k = 1; k < p->scale.count; k++)
    if (p->scale.value[k] < p->scale.value[k - 1]) {
      cm_error_set(err, CM_ERR_PARAMETER, "scale must rise, but %g follows %g", p->scale.value[k],
                   p->scale.value[k - 1]);
      return false;
    }
  return true;
}

CM_OP(nyul) = {
    .name = "nyul",
    .family = "intensity",
    .since = "0.2",
    .summary = "Put MR images on one scale of values, learnt from a set of them (Nyul's standardization).",
    .details =
        "Learning: each row of landmarks is carried linearly to out_min..out_max by its first and last one, and the "
        "rows are averaged. "
        "Applying: the image's own landmarks become those of the standard scale, linear between them and, beyond, as "
        "in the outermost piece. "
        "A table that is a standard scale already stays what it is. Mask: landmarks are measured inside. All time "
        "points and components go "
        "together. NaN: left out, stays NaN. The result has unit 1.",
    CM_OP_PARAMS(NyulParams, params),
    CM_OP_INPUTS(inputs),
    .outputs = cm__filter_outputs,
    .output_count = 1,
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Nyul LG, Udupa JK. On standardizing the MR image intensity scale. Magnetic Resonance in Medicine 42(6), 1999; "
        "Nyul LG, Udupa "
        "JK, Zhang X. IEEE Trans Med Imaging 19(2), 2000",
    .examples =
        "cormack nyul t1.nii.gz out.nii.gz --landmarks landmarks.csv --mask brain.nii.gz\n"
        "cormack nyul t1.nii.gz out.nii.gz --percentiles 1,50,99 --scale 0,42,100",
    .check = check,
    .run = run,
};
