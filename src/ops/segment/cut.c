#include "ops/segment/cut.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

const CmPort cm__cut_inputs[2] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "what is cut in two"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "where the threshold comes from: not 0"},
};
const CmPort cm__cut_outputs[2] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 1 above the threshold, 0 elsewhere"},
    {.name = "thresholds", .kind = CM_KIND_TABLE, .optional = true, .help = "time point, slice and threshold"},
};

/* ---- the histogram ---- */

static bool set_bins(int64_t bins, int64_t most, CmCut *cut, CmError **err) {
  const double low = cut->moments.min, high = cut->moments.max;
  cut->bins = (CmBins){.low = low, .high = high, .count = bins};
  if (bins > 0) return true;
  const double first = floor(low) - 0.5, end = ceil(high) + 0.5;
  if (end - first > (double)most) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "values from %g to %g are too many whole numbers for bins=0; give a number of bins", low, high);
    return false;
  }
  cut->bins = (CmBins){.low = first, .high = end, .count = (int64_t)(end - first)};
  return true;
}

bool cm__cut_open(CmContext *ctx, const CmPart *part, int64_t bins, int64_t most, CmCut *cut, CmError **err) {
  *cut = (CmCut){.ctx = ctx, .part = part};
  if (!cm__part_moments(ctx, part, &cut->moments, err)) return false;
  if (cut->moments.count == 0 || !isfinite(cut->moments.max - cut->moments.min)) {
    cm_error_set(err, CM_ERR_DATA,
                 cut->moments.count ? "the image has infinite values; clip it first"
                                    : "there is no voxel to measure: the mask is empty there, or all is NaN");
    return false;
  }
  if (bins < 0 || cut->moments.min == cut->moments.max) return true;
  if (!set_bins(bins, most, cut, err)) return false;
  cut->counts = cm_alloc_array(ctx, (size_t)cut->bins.count, sizeof(int64_t), err);
  cut->centre = cut->counts ? cm_alloc_array(ctx, (size_t)cut->bins.count, sizeof(double), err) : NULL;
  if (!cut->centre || !cm__part_histogram(ctx, part, &cut->bins, cut->counts, err)) return false;
  for (int64_t k = 0; k < cut->bins.count; k++) cut->centre[k] = cm__bin_centre(&cut->bins, k);
  return true;
}

void cm__cut_close(CmCut *cut) {
  cm_free(cut->counts);
  cm_free(cut->centre);
  *cut = (CmCut){.ctx = NULL};
}

/* ---- the classes ---- */

#define CM_TEMPLATE "ops/segment/cut_tmpl.c"
#include "ops/each_type.h"
static void (*const above[CM_TYPE_COUNT])(const void *, int64_t, double, uint8_t *) = CM_TYPE_TABLE(above);

typedef struct Apply {
  CmContext *ctx;
  const CmImage *image;
  const CmMask *mask;
  CmGrid grid, out_grid;
  CmScope scope;
  const double *thresholds;
  int64_t each;
  CmImage *out;
} Apply;

static bool apply_rows(void *arg, CmRange range, CmError **err) {
  const Apply *job = arg;
  uint8_t *inside = cm_alloc(job->ctx, (size_t)job->grid.nx, err);
  if (!inside) return false;
  for (int64_t row = range.begin; row < range.end; row++) {
    uint8_t *to = cm__row_mut(job->out, &job->out_grid, row);
    const double *threshold = job->thresholds + cm__part_of(&job->grid, job->scope, false, row, 0) * job->each;
    memset(to, 0, (size_t)job->grid.nx);
    for (int64_t k = 0; k < job->each; k++)
      above[cm_image_type(job->image)](cm__row(job->image, &job->grid, row), job->grid.nx, threshold[k], to);
    if (!job->mask->image) continue;
    cm__mask_row(job->mask, row, inside);
    for (int64_t x = 0; x < job->grid.nx; x++) to[x] = inside[x] ? to[x] : 0;
  }
  cm_free(inside);
  return true;
}

CmImage *cm__cut_apply(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmScope scope,
                       const double *thresholds, int64_t each, CmError **err) {
  Apply job = {.ctx = ctx,
               .image = image,
               .mask = mask,
               .grid = cm__grid(image),
               .scope = scope,
               .thresholds = thresholds,
               .each = each,
               .out = cm_image_create_like(ctx, image, CM_U8, 1, err)};
  if (!job.out) return NULL;
  job.out_grid = cm__grid(job.out);
  if (!cm_image_set_unit(job.out, "1", err) ||
      !cm_parallel_for(ctx, what, job.grid.rows, cm__row_chunk(&job.grid), apply_rows, &job, err))
    cm_image_unref(&job.out);
  return job.out;
}

/* ---- one threshold a part ---- */

static CmTable *make_table(CmContext *ctx, const CmGrid *grid, CmScope scope, const double *thresholds, int64_t parts,
                           CmError **err) {
  CmTable *table = cm_table_create(ctx, err);
  if (!table || cm_table_add_column(table, "t", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table, "z", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table, "threshold", CM_COLUMN_REAL, "", err) < 0)
    goto error;
  for (int64_t part = 0; part < parts; part++) {
    const int64_t row = cm_table_add_row(table, err);
    if (row < 0) goto error;
    if (scope != CM_SCOPE_IMAGE) cm_table_set_int(table, row, 0, scope == CM_SCOPE_TIME ? part : part / grid->nz);
    if (scope == CM_SCOPE_SLICE) cm_table_set_int(table, row, 1, part % grid->nz);
    cm_table_set_real(table, row, 2, thresholds[part]);
  }
  return table;
error:
  cm_table_unref(&table);
  return NULL;
}

bool cm__cut_run(const CmCall *call, const char *what, CmScope scope, int64_t bins, CmCutFn find, CmError **err) {
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const int64_t parts = cm__part_count(&grid, scope, false);
  CmMask mask;
  CmTable *table = NULL;
  CmImage *out = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  double *thresholds = cm_alloc_array(call->ctx, (size_t)parts, sizeof(double), err);
  if (!thresholds) return false;
  for (int64_t k = 0; k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &grid, scope, false, k);
    CmCut cut;
    bool found = cm__cut_open(call->ctx, &part, bins, CM_CUT_MOST_BINS, &cut, err);
    thresholds[k] = cut.moments.max;
    if (found && cut.moments.min < cut.moments.max) found = find(&cut, call->params, &thresholds[k], err);
    cm__cut_close(&cut);
    if (!found) goto done;
  }
  out = cm__cut_apply(call->ctx, what, image, &mask, scope, thresholds, 1, err);
  if (!out) goto done;
  if (call->wanted[1]) {
    table = make_table(call->ctx, &grid, scope, thresholds, parts, err);
    if (!table) goto done;
    call->out[1] = cm_value_table(cm_table_ref(table));
  }
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_table_unref(&table);
  cm_image_unref(&out);
  cm_free(thresholds);
  return ok;
}
