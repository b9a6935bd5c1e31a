/* One image and its regions: a row each. */
#include <string.h>

#include "cli/radiomics.h"
#include "cormack/dicom.h"
#include "cormack/io.h"

static bool copy_cell(const CmTable *from, int64_t row, int column, CmTable *to, int64_t to_row, int to_column,
                      CmError **err) {
  if (cm_table_is_missing(from, row, column)) return true;
  switch (cm_table_column_type(to, to_column)) {
    case CM_COLUMN_TEXT: {
      char cell[64];
      const char *text = cm_table_text(from, row, column);
      return cm_table_set_text(to, to_row, to_column, text ? text : cm_table_cell(from, row, column, cell, sizeof cell),
                               err);
    }
    case CM_COLUMN_INT:
      cm_table_set_int(to, to_row, to_column, cm_table_int(from, row, column));
      return true;
    default:
      cm_table_set_real(to, to_row, to_column,
                        cm_table_column_type(from, column) == CM_COLUMN_INT ? (double)cm_table_int(from, row, column)
                                                                            : cm_table_real(from, row, column));
      return true;
  }
}

/* What a measured column holds: numbers are whole, names and diagnostics are text, where they are; the rest is real. */
static CmColumnType type_of(const CmTable *found, int column) {
  const char *name = cm_table_column_name(found, column);
  if (strcmp(name, "label") == 0 || strcmp(name, "outside") == 0) return CM_COLUMN_INT;
  if (strcmp(name, "name") == 0 || strcmp(name, "overlaps") == 0) return CM_COLUMN_TEXT;
  return cm_table_column_type(found, column) == CM_COLUMN_TEXT ? CM_COLUMN_TEXT : CM_COLUMN_REAL;
}

bool cm__radiomics_copy_row(const CmTable *from, int64_t row, int first, CmTable *to, int64_t to_row, int guess,
                            CmError **err) {
  for (int c = first; c < cm_table_columns(from); c++, guess++) {
    const char *name = cm_table_column_name(from, c);
    int column = guess < cm_table_columns(to) && strcmp(cm_table_column_name(to, guess), name) == 0
                     ? guess
                     : cm_table_find_column(to, name);
    if (column < 0) column = cm_table_add_column(to, name, type_of(from, c), cm_table_column_unit(from, c), err);
    if (column < 0 || !copy_cell(from, row, c, to, to_row, column, err)) return false;
  }
  return true;
}

/* ---- regions
 */

typedef struct Job {
  const CmRadiomicsWork *work;
  void *params; /* label 0 */
  CmImage *image;
  CmRegions *regions;
  CmTable **found; /* of each layer; NULL: none of its regions can be measured */
  CmError *why;    /* the first that could not */
} Job;

CmTable *cm__radiomics_run(const CmRadiomicsWork *work, const void *params, CmImage *image, CmImage *mask,
                           CmError **err) {
  const CmValue in[CM_MAX_PORTS] = {cm_value_image(image), cm_value_labels(mask)};
  CmValue out[CM_MAX_PORTS] = {{0}};
  return cm_op_run(work->cli->ctx, work->op, params, in, out, NULL, err) ? out[0].table : NULL;
}

/* A layer without a region that can be measured is no failure where other layers have one. */
static bool measure_layers(Job *job, CmError **err) {
  const int layers = cm_regions_layers(job->regions);
  job->found = cm_calloc(job->work->cli->ctx, (size_t)layers, sizeof(*job->found), err);
  bool any = false;
  for (int k = 0; job->found && k < layers; k++) {
    CmError *why = NULL;
    job->found[k] = cm__radiomics_run(job->work, job->params, job->image, cm_regions_layer(job->regions, k), &why);
    any |= job->found[k] != NULL;
    if (!why) continue;
    const CmErrorCode code = cm_error_code(why);
    if (code != CM_ERR_DATA || !job->why)
      cm_error_free(&job->why), job->why = why;
    else
      cm_error_free(&why);
    if (code != CM_ERR_DATA) any = false;
    if (code != CM_ERR_DATA) break;
  }
  if (any) return true;
  if (job->why) cm_error_move(err, &job->why);
  return false;
}

static int64_t row_of(const CmTable *table, int64_t label) {
  for (int64_t row = 0; table && row < cm_table_rows(table); row++)
    if (cm_table_int(table, row, 0) == label) return row;
  return -1;
}

static void warn(const Job *job, const CmRegion *region, bool measured) {
  CmContext *ctx = job->work->cli->ctx;
  if (*region->overlaps)
    cm_log(ctx, CM_LOG_WARNING, "region %lld «%s» overlaps others: %s", (long long)region->number, region->name,
           region->overlaps);
  if (region->outside)
    cm_log(ctx, CM_LOG_WARNING,
           "region %lld «%s»: %lld of its %lld voxels lie outside of the image and are not measured",
           (long long)region->number, region->name, (long long)region->outside,
           (long long)(region->outside + region->voxels));
  if (!measured)
    cm_log(ctx, CM_LOG_WARNING, "region %lld «%s» cannot be measured: %s", (long long)region->number, region->name,
           region->voxels == 0 ? "it has no voxel in the image"
           : job->why          ? cm_error_text(job->why)
                               : "it is too small");
}

static bool add_region_row(const Job *job, const CmRegion *region, CmTable *table, CmError **err) {
  const CmTable *found = job->found[region->layer];
  const int64_t from = region->voxels ? row_of(found, region->label) : -1, row = cm_table_add_row(table, err);
  if (row < 0) return false;
  warn(job, region, from >= 0);
  cm_table_set_int(table, row, 0, region->number);
  cm_table_set_int(table, row, 2, region->outside);
  return (!*region->name || cm_table_set_text(table, row, 1, region->name, err)) &&
         (!*region->overlaps || cm_table_set_text(table, row, 3, region->overlaps, err)) &&
         (from < 0 || cm__radiomics_copy_row(found, from, 2, table, row, 4, err));
}

static CmTable *make_table(const Job *job, CmError **err) {
  CmTable *table = cm_table_create(job->work->cli->ctx, err);
  bool good = table && cm_table_add_column(table, "label", CM_COLUMN_INT, "", err) >= 0 &&
              cm_table_add_column(table, "name", CM_COLUMN_TEXT, "", err) >= 0 &&
              cm_table_add_column(table, "outside", CM_COLUMN_INT, "voxel", err) >= 0 &&
              cm_table_add_column(table, "overlaps", CM_COLUMN_TEXT, "", err) >= 0;
  for (int k = 0; good && k < cm_regions_count(job->regions); k++)
    good = add_region_row(job, cm_regions_at(job->regions, k), table, err);
  if (!good) cm_table_unref(&table);
  return table;
}

static CmTable *measure_regions(const CmRadiomicsWork *work, void *params, CmImage *image, const char *mask,
                                const char *only, CmError **err) {
  const CmRegionOptions options = {.only = only, .resample = work->resample};
  Job job = {.work = work, .params = params, .image = image};
  job.regions = cm_regions_read(work->cli->ctx, mask, image, &options, err);
  const bool good = job.regions && cm_params_set(work->op, params, "label", "0", err) && measure_layers(&job, err);
  CmTable *table = good ? make_table(&job, err) : NULL;
  for (int k = 0; job.found && k < cm_regions_layers(job.regions); k++) cm_table_unref(&job.found[k]);
  cm_free(job.found);
  cm_regions_free(&job.regions);
  cm_error_free(&job.why);
  return table;
}

/* ---- one image
 */

static CmTable *measure_map(const CmRadiomicsWork *work, const void *params, CmImage *image, const char *mask,
                            CmError **err) {
  CmImage *map = cm_image_read(work->cli->ctx, mask, NULL, err);
  CmTable *table = map ? cm__radiomics_run(work, params, image, map, err) : NULL;
  if (map && !table) cm_error_context(err, "%s", mask);
  cm_image_unref(&map);
  return table;
}

/* A label map of the image's own grid is measured as it is; everything else region by region. PyRadiomics measures
 * label 1 of a map where nobody names one, and so do we. */
static CmTable *measure(const CmRadiomicsWork *work, void *params, CmImage *image, const CmRadiomicsCase *one,
                        CmError **err) {
  const CmParam *label = cm_op_find_param(work->op, "label");
  char number[64], convention[32];
  cm_params_get(work->op, params, label, number, sizeof number);
  cm_params_get(work->op, params, cm_op_find_param(work->op, "convention"), convention, sizeof convention);
  const char *only = one->region && *one->region ? one->region : strcmp(number, "0") != 0 ? number : NULL;
  if (work->resample || (one->region && *one->region) || cm_region_source(work->cli->ctx, one->mask) != CM_REGIONS_MAP)
    return measure_regions(work, params, image, one->mask, only, err);
  if (strcmp(convention, "pyradiomics") == 0 && !one->label_named &&
      !cm_params_set(work->op, params, "label", "1", err))
    return NULL;
  return measure_map(work, params, image, one->mask, err);
}

CmTable *cm__radiomics_measure(const CmRadiomicsWork *work, const void *params, const CmRadiomicsCase *one,
                               CmError **err) {
  CmImage *image = cm_image_read(work->cli->ctx, one->image, NULL, err);
  void *own = image ? cm_params_create(work->cli->ctx, work->op, err) : NULL;
  if (own) memcpy(own, params, work->op->params_size);
  CmTable *table = own ? measure(work, own, image, one, err) : NULL;
  cm_free(own);
  cm_image_unref(&image);
  return table;
}

bool cm__radiomics_report(const CmRadiomicsWork *work, const CmTable *table, const CmRadiomicsCase *one,
                          const char *path, CmError **err) {
  char bins[32];
  cm_params_get(work->op, work->params, cm_op_find_param(work->op, "volume_bins"), bins, sizeof bins);
  char *told = cm_params_to_json(work->cli->ctx, work->op, work->params, err);
  const CmReportOptions options = {.image = one->image,
                                   .regions = one->mask,
                                   .parameters = told,
                                   .binned_volume = strcmp(bins, "count") == 0,
                                   .uid_seed = "cormack"};
  const bool good = told && cm_dicom_write_report(work->cli->ctx, table, path, &options, err);
  cm_free(told);
  return good;
}
