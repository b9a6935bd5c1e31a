#include <stdio.h>

#include "cormack/parallel.h"
#include "ops/intensity/nyul.h"

typedef struct LandmarksParams {
  CmReals percentiles;
  int32_t foreground;
} LandmarksParams;

static const CmParam params[] = {
    CM_LANDMARKS_PARAM(LandmarksParams),
    CM_FOREGROUND_PARAM(LandmarksParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "one image of the set"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "not 0 is inside; outside is not measured"},
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row with the landmarks"}};

bool cm__landmarks_check(const CmReals *percentiles, CmError **err) {
  for (int k = 1; k < percentiles->count; k++)
    if (!(percentiles->value[k] > percentiles->value[k - 1])) {
      cm_error_set(err, CM_ERR_PARAMETER, "percentiles must rise, but %g follows %g", percentiles->value[k],
                   percentiles->value[k - 1]);
      return false;
    }
  return true;
}

void cm__landmark_name(double percentile, char to[40]) {
  snprintf(to, 40, "p%g", percentile);
}

typedef struct Above {
  CmContext *ctx;
  const CmImage *image;
  const CmMask *mask;
  double mean;
  CmImage *out;
} Above;

/* 1 where any component of a voxel inside the mask is above the mean. */
static bool above_rows(void *arg, CmRange range, CmError **err) {
  const Above *job = arg;
  const CmGrid grid = cm__grid(job->image), out_grid = cm__grid(job->out);
  double *line = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  for (int64_t row = range.begin; line && row < range.end; row++) {
    uint8_t *to = cm__row_mut(job->out, &out_grid, row);
    cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, &grid, row), grid.row, line);
    for (int64_t x = 0; x < grid.nx; x++) to[x] = 1;
    if (job->mask->image) cm__mask_row(job->mask, row, to);
    for (int64_t x = 0; x < grid.nx; x++) {
      bool above = false;
      for (int64_t c = 0; c < grid.components; c++) above |= line[x * grid.components + c] > job->mean;
      to[x] = to[x] && above;
    }
  }
  cm_free(line);
  return line != NULL;
}

bool cm__landmarks(CmContext *ctx, const CmImage *image, const CmMask *mask, bool above_mean,
                   const CmReals *percentiles, double *values, CmError **err) {
  const CmGrid grid = cm__grid(image);
  CmPart part = {.image = image, .mask = mask, .row_end = grid.rows, .component = -1};
  double q[CM_LIST_MAX];
  CmMoments moments;
  Above above = {.ctx = ctx, .image = image, .mask = mask};
  CmMask foreground = {0};
  bool ok = true;
  for (int k = 0; k < percentiles->count; k++) q[k] = percentiles->value[k] / 100.0;
  if (above_mean) {
    if (!cm__part_mean(ctx, &part, &moments, err)) return false;
    above.mean = moments.mean;
    above.out = cm_image_create_like(ctx, image, CM_U8, 1, err);
    ok = above.out && cm_parallel_for(ctx, NULL, grid.rows, cm__row_chunk(&grid), above_rows, &above, err);
    if (ok) {
      foreground = (CmMask){.image = above.out, .grid = cm__grid(above.out)};
      part.mask = &foreground;
    }
  }
  ok = ok && cm__part_quantiles(ctx, &part, NULL, q, percentiles->count, values, err);
  cm_image_unref(&above.out);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const LandmarksParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  double values[CM_LIST_MAX];
  if (!cm__mask_open(&mask, &call->in[1], image, err) ||
      !cm__landmarks(call->ctx, image, &mask, p->foreground == 1, &p->percentiles, values, err))
    return false;
  CmTable *table = cm_table_create(call->ctx, err);
  bool ok = table && cm_table_add_row(table, err) == 0;
  for (int k = 0; ok && k < p->percentiles.count; k++) {
    char name[40];
    cm__landmark_name(p->percentiles.value[k], name);
    ok = cm_table_add_column(table, name, CM_COLUMN_REAL, cm_image_unit(image), err) == k;
    if (ok) cm_table_set_real(table, 0, k, values[k]);
  }
  if (!ok) {
    cm_table_unref(&table);
    return false;
  }
  call->out[0] = cm_value_table(table);
  return true;
}

static bool check(const void *values, CmError **err) {
  return cm__landmarks_check(&((const LandmarksParams *)values)->percentiles, err);
}

CM_OP(nyul_landmarks) = {
    .name = "nyul_landmarks",
    .family = "intensity",
    .since = "0.2",
    .summary = "Measure the landmarks of an image for Nyul's standardization.",
    .details =
        "A row with the percentiles p1, p10 ... p99 (exact, linear between order statistics). The rows of many images, "
        "one below the "
        "other (a study writes them as one table), are what nyul learns the standard scale from. NaN is left out.",
    CM_OP_PARAMS(LandmarksParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .cite =
        "Nyul LG, Udupa JK, Zhang X. New variants of a method of MRI scale standardization. IEEE Trans Med Imaging "
        "19(2), 2000",
    .examples = "cormack nyul_landmarks t1.nii.gz landmarks.csv --mask brain.nii.gz",
    .check = check,
    .run = run,
};
