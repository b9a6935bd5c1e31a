/* One image and its regions: a row each. */
#include <string.h>

#include "cli/radiomics.h"
#include "cormack/dicom.h"
#include "cormack/io.h"
#include "ops/segment/label_list.h"

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
  const char *folder; /* of maps */
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

static CmTable *measure_layer(Job *job, int layer, CmError **err) {
  return job->work->maps
             ? cm__radiomics_map_layer(job->work, job->params, job->image, job->regions, layer, job->folder, &job->why,
                                       err)
             : cm__radiomics_run(job->work, job->params, job->image, cm_regions_layer(job->regions, layer), err);
}

/* A layer without a region that can be measured is no failure where other layers have one. */
static bool measure_layers(Job *job, CmError **err) {
  const int layers = cm_regions_layers(job->regions);
  job->found = cm_calloc(job->work->cli->ctx, (size_t)layers, sizeof(*job->found), err);
  bool any = false;
  for (int k = 0; job->found && k < layers; k++) {
    CmError *why = NULL;
    job->found[k] = measure_layer(job, k, &why);
    any |= job->found[k] && cm_table_rows(job->found[k]) > 0;
    if (!why) continue;
    const CmErrorCode code = cm_error_code(why);
    if (code != CM_ERR_DATA || !job->why)
      cm_error_free(&job->why), job->why = why;
    else
      cm_error_free(&why);
    if (code != CM_ERR_DATA) any = false;
    if (code != CM_ERR_DATA) break;
  }
  if (any || !job->found) return any;
  if (job->why)
    cm_error_move(err, &job->why);
  else
    cm_error_set(err, CM_ERR_DATA, "none of its regions has a voxel in the image");
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
  CmTable *table = cm__radiomics_table(job->work->cli->ctx, err);
  bool good = table && cm_table_add_column(table, "outside", CM_COLUMN_INT, "voxel", err) >= 0 &&
              cm_table_add_column(table, "overlaps", CM_COLUMN_TEXT, "", err) >= 0;
  for (int k = 0; good && k < cm_regions_count(job->regions); k++)
    good = add_region_row(job, cm_regions_at(job->regions, k), table, err);
  if (!good) cm_table_unref(&table);
  return table;
}

static CmTable *measure_regions(const CmRadiomicsWork *work, void *params, CmImage *image, const CmRadiomicsCase *one,
                                const char *only, CmError **err) {
  const CmRegionOptions options = {.only = only, .resample = work->resample};
  Job job = {.work = work, .params = params, .image = image, .folder = one->folder};
  job.regions = cm_regions_read(work->cli->ctx, one->mask, image, &options, err);
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

/* Says how a mask on another grid can be used all the same. */
static void tell_resampling(const char *mask, CmError **err) {
  CmError *why = NULL;
  if (cm_error_code(*err) == CM_ERR_GEOMETRY) {
    cm_error_move(&why, err);
    cm_error_set(err, CM_ERR_GEOMETRY,
                 "%s; give the image that the mask was drawn on, or bring it to the image's grid with --resample_mask",
                 cm_error_text(why));
    cm_error_free(&why);
  }
  cm_error_context(err, "%s", mask);
}

static CmTable *map_label(const CmRadiomicsWork *work, const void *params, CmImage *image, CmImage *map,
                          const char *label, const char *folder, CmError **err) {
  const CmValue in[2] = {cm_value_image(image), cm_value_labels(map)};
  CmTable *table = cm__radiomics_table(work->cli->ctx, err);
  if (table && !cm__radiomics_map_label(work, params, in, label, folder, table, err)) cm_table_unref(&table);
  return table;
}

/* An image given for a mask would be measured value by value. */
enum { MOST_OF_IMAGE = 255 };

/* `alone`: label 1 is measured since nobody has named one, which is told where there are others. */
static bool check_map(const CmRadiomicsWork *work, const CmImage *map, bool alone, CmError **err) {
  CmLabelList list = {0};
  bool one = false;
  if (!cm_type_is_integer(cm_image_type(map)) || cm_image_components(map) != 1) return true;
  if (!cm__label_list(work->cli->ctx, map, &list, err)) return false;
  for (int64_t k = 0; k < list.count; k++) one = one || list.items[k].value == 1;
  const bool image = list.count > MOST_OF_IMAGE && strcmp(cm_image_unit(map), "1") != 0;
  cm_free(list.items);
  if (image)
    cm_error_set(err, CM_ERR_DATA,
                 "it is an image (%lld values, in %s), not a mask; give a label map, a DICOM segmentation or a "
                 "structure set",
                 (long long)list.count, cm_image_unit(map));
  else if (list.count == 0)
    cm_error_set(err, CM_ERR_DATA, "the label map is empty: no voxel differs from 0");
  if (image || list.count == 0) return false;
  if (alone && one && list.count > 1)
    cm_log(work->cli->ctx, CM_LOG_WARNING,
           "label 1 alone is measured, as PyRadiomics does; --label 0 measures all %lld of the map, --label N one",
           (long long)list.count);
  return true;
}

static CmTable *measure_map(const CmRadiomicsWork *work, const void *params, CmImage *image, const CmRadiomicsCase *one,
                            const char *label, CmError **err) {
  CmImage *map = cm_image_read(work->cli->ctx, one->mask, NULL, err);
  if (!map) return NULL;
  CmTable *table = NULL;
  if (check_map(work, map, !one->label_named && strcmp(label, "1") == 0, err))
    table = work->maps ? map_label(work, params, image, map, label, one->folder, err)
                       : cm__radiomics_run(work, params, image, map, err);
  if (!table) tell_resampling(one->mask, err);
  cm_image_unref(&map);
  return table;
}

/* By whose book: maps are PyRadiomics'. */
static bool is_theirs(const CmRadiomicsWork *work, const void *params) {
  const CmParam *param = cm_op_find_param(work->op, "convention");
  char convention[32];
  return !param || strcmp(cm_params_get(work->op, params, param, convention, sizeof convention), "pyradiomics") == 0;
}

/* A label map of the image's own grid is measured as it is; everything else region by region. PyRadiomics measures
 * label 1 of a map where nobody names one, and so do we. */
static CmTable *measure(const CmRadiomicsWork *work, void *params, CmImage *image, const CmRadiomicsCase *one,
                        CmError **err) {
  char number[64] = "0";
  if (one->label_named) cm_params_get(work->op, params, cm_op_find_param(work->op, "label"), number, sizeof number);
  const bool chosen = one->region && *one->region, all = one->label_named && strcmp(number, "0") == 0;
  if (work->resample || chosen || (work->maps && all) || cm_region_source(work->cli->ctx, one->mask) != CM_REGIONS_MAP)
    return measure_regions(work, params, image, one,
                           chosen                     ? one->region
                           : strcmp(number, "0") != 0 ? number
                                                      : NULL,
                           err);
  if (is_theirs(work, params) && !one->label_named) number[0] = '1';
  return cm_params_set(work->op, params, "label", number, err) ? measure_map(work, params, image, one, number, err)
                                                               : NULL;
}

CmImage *cm__radiomics_image(const CmRadiomicsWork *work, const CmRadiomicsCase *one, CmError **err) {
  CmReadOptions read;
  cm_read_default_options(&read);
  read.select = *work->select ? work->select : NULL;
  return cm_image_read(work->cli->ctx, one->image, &read, err);
}

CmTable *cm__radiomics_measure(const CmRadiomicsWork *work, const void *params, const CmRadiomicsCase *one,
                               CmError **err) {
  CmImage *image = cm__radiomics_image(work, one, err);
  void *own = image ? cm_params_create(work->cli->ctx, work->op, err) : NULL;
  if (own) memcpy(own, params, work->op->params_size);
  CmTable *table = own ? measure(work, own, image, one, err) : NULL;
  if (image && !table) cm_error_context(err, "%s", one->image);
  cm_free(own);
  cm_image_unref(&image);
  return table;
}

bool cm__radiomics_reportable(const CmRadiomicsWork *work, const CmRadiomicsCase *one, CmError **err) {
  if (cm_region_source(work->cli->ctx, one->mask) != CM_REGIONS_MAP) return true;
  cm_error_set(err, CM_ERR_USAGE,
               "%s: a structured report cannot refer to a label map; make a DICOM segmentation of it (cormack "
               "segmentation %s %s seg.dcm) and measure that, or leave --sr away",
               one->mask, one->mask, one->image);
  return false;
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
                                   .uid_seed = "cormack",
                                   .select = *work->select ? work->select : NULL};
  const bool good = told && cm_dicom_write_report(work->cli->ctx, table, path, &options, err);
  cm_free(told);
  return good;
}
