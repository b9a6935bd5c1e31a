/* cormack radiomics … --mode voxel -o FOLDER: a map per feature. */
#include <stdlib.h>
#include <string.h>

#include "cli/radiomics.h"
#include "cormack/file.h"
#include "study/plan.h"

static const char *const classes[] = {"firstorder", "glcm", "glrlm", "glszm", "ngtdm", "gldm"};

CmTable *cm__radiomics_table(CmContext *ctx, CmError **err) {
  CmTable *table = cm_table_create(ctx, err);
  if (table && (cm_table_add_column(table, "label", CM_COLUMN_INT, "", err) < 0 ||
                cm_table_add_column(table, "name", CM_COLUMN_TEXT, "", err) < 0))
    cm_table_unref(&table);
  return table;
}

/* Where maps go, and the row that says so. */
typedef struct Place {
  const CmRadiomicsWork *work;
  const char *folder; /* within work->maps, with its slash */
  CmTable *table;
  int64_t row;
} Place;

static bool tell_map(const Place *to, const char *name, const char *file, CmError **err) {
  int column = cm_table_find_column(to->table, name);
  if (column < 0) column = cm_table_add_column(to->table, name, CM_COLUMN_TEXT, "", err);
  return column >= 0 && cm_table_set_text(to->table, to->row, column, file, err);
}

static bool write_map(const Place *to, CmImage *maps, int64_t component, const char *name, CmError **err) {
  CmContext *ctx = to->work->cli->ctx;
  char keep[32];
  snprintf(keep, sizeof keep, "keep=%lld", (long long)component + 1);
  CmImage *map = cm_op_apply(ctx, "components", keep, maps, err);
  char *file = map ? cm_sprintf(ctx, err, "%s%s.nrrd", to->folder, name) : NULL;
  char *path = file ? cm_sprintf(ctx, err, "%s/%s", to->work->maps, file) : NULL;
  const bool ok = path && cm_image_write(ctx, map, path, NULL, err) && tell_map(to, name, file, err);
  cm_free(path);
  cm_free(file);
  cm_image_unref(&map);
  return ok;
}

/* One class of the wanted ones, so that no more than its maps are kept at a time. */
static bool map_class(const Place *to, const void *given, const CmValue in[2], int which, CmError **err) {
  const CmRadiomicsWork *work = to->work;
  char wanted[CM_TEXT_MAX];
  const CmParam *param = cm_op_find_param(work->op, classes[which]);
  if (strcmp(cm_params_get(work->op, given, param, wanted, sizeof wanted), "none") == 0) return true;
  void *params = cm_params_create(work->cli->ctx, work->op, err);
  CmValue out[2] = {{0}};
  bool ok = params != NULL;
  if (ok) memcpy(params, given, work->op->params_size);
  for (int k = 0; ok && k < CM_COUNT(classes); k++)
    ok = k == which || cm_params_set(work->op, params, classes[k], "none", err);
  ok = ok && cm_op_run(work->cli->ctx, work->op, params, in, out, NULL, err);
  for (int64_t k = 0; ok && k < cm_table_rows(out[1].table); k++)
    ok = write_map(to, out[0].image, k, cm_table_text(out[1].table, k, 1), err);
  cm_value_unref(&out[0]);
  cm_value_unref(&out[1]);
  cm_free(params);
  return ok;
}

static bool map_classes(const Place *to, const void *params, const CmValue in[2], CmError **err) {
  char *path = cm_sprintf(to->work->cli->ctx, err, "%s/%s", to->work->maps, to->folder);
  bool ok = path && cm_make_folder(path, err);
  cm_free(path);
  for (int k = 0; ok && k < CM_COUNT(classes); k++) ok = map_class(to, params, in, k, err);
  return ok;
}

bool cm__radiomics_map_label(const CmRadiomicsWork *work, const void *given, const CmValue in[2], const char *label,
                             const char *folder, CmTable *table, CmError **err) {
  void *params = cm_params_create(work->cli->ctx, work->op, err);
  if (params) memcpy(params, given, work->op->params_size);
  bool ok = params && cm_params_set(work->op, params, "label", label, err);
  Place to = {.work = work, .folder = folder ? folder : "", .table = table};
  CmTable *row = ok ? cm__radiomics_table(work->cli->ctx, err) : NULL;
  ok = row && cm_table_add_row(row, err) == 0;
  if (ok) {
    to.table = row; /* a region that fails leaves no row */
    cm_table_set_int(row, 0, 0, strtoll(label, NULL, 10));
    ok = map_classes(&to, params, in, err);
  }
  const int64_t at = ok ? cm_table_add_row(table, err) : -1;
  ok = at >= 0 && cm__radiomics_copy_row(row, 0, 0, table, at, 0, err);
  cm_table_unref(&row);
  cm_free(params);
  return ok;
}

/* A folder that is the region's alone: its name, its number where it has none, both where others are called so. */
static char *region_folder(CmContext *ctx, const CmRegions *regions, int at, const char *within, CmError **err) {
  const CmRegion *region = cm_regions_at(regions, at);
  char word[800], number[32] = "";
  bool alone = *region->name != 0;
  for (int k = 0; k < cm_regions_count(regions); k++)
    alone = alone && (k == at || strcmp(cm_regions_at(regions, k)->name, region->name) != 0);
  cm__path_word(region->name, word, sizeof word);
  if (!alone) snprintf(number, sizeof number, "%s%lld", *word ? "-" : "", (long long)region->number);
  return cm_sprintf(ctx, err, "%s%s%s/", within ? within : "", word, number);
}

static bool map_region(const CmRadiomicsWork *work, const void *params, CmImage *image, const CmRegions *regions,
                       int at, const char *within, CmTable *table, CmError **err) {
  const CmRegion *region = cm_regions_at(regions, at);
  const CmValue in[2] = {cm_value_image(image), cm_value_labels(cm_regions_layer(regions, region->layer))};
  char label[32];
  snprintf(label, sizeof label, "%lld", (long long)region->label);
  char *folder = region_folder(work->cli->ctx, regions, at, within, err);
  const bool ok = folder && cm__radiomics_map_label(work, params, in, label, folder, table, err);
  cm_free(folder);
  return ok;
}

CmTable *cm__radiomics_map_layer(const CmRadiomicsWork *work, const void *params, CmImage *image,
                                 const CmRegions *regions, int layer, const char *folder, CmError **left_out,
                                 CmError **err) {
  CmTable *table = cm__radiomics_table(work->cli->ctx, err);
  CmError *why = NULL;
  for (int k = 0; table && k < cm_regions_count(regions); k++) {
    const CmRegion *region = cm_regions_at(regions, k);
    if (region->layer != layer || region->voxels == 0) continue;
    if (map_region(work, params, image, regions, k, folder, table, &why)) continue;
    if (cm_error_code(why) != CM_ERR_DATA) {
      cm_table_unref(&table);
      cm_error_move(err, &why);
    } else if (!*left_out)
      cm_error_move(left_out, &why);
    cm_error_free(&why);
  }
  return table;
}
