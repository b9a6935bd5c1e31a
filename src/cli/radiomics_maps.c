/* cormack radiomics IMAGE MASK --mode voxel -o FOLDER: a map per feature. */
#include <string.h>

#include "cli/radiomics.h"
#include "cormack/file.h"
#include "cormack/io.h"

static const char *const classes[] = {"firstorder", "glcm", "glrlm", "glszm", "ngtdm", "gldm"};

static bool write_maps(const CmRadiomicsWork *work, CmImage *maps, const CmTable *names, CmError **err) {
  CmContext *ctx = work->cli->ctx;
  bool ok = true;
  for (int64_t k = 0; ok && k < cm_table_rows(names); k++) {
    char keep[32];
    snprintf(keep, sizeof keep, "keep=%lld", (long long)k + 1);
    CmImage *map = cm_op_apply(ctx, "components", keep, maps, err);
    char *path = map ? cm_sprintf(ctx, err, "%s/%s.nrrd", work->out, cm_table_text(names, k, 1)) : NULL;
    ok = path && cm_image_write(ctx, map, path, NULL, err);
    cm_free(path);
    cm_image_unref(&map);
  }
  return ok;
}

/* One class of the wanted ones, so that no more than its maps are kept at a time. */
static bool measure_class(const CmRadiomicsWork *work, const CmValue in[2], int which, CmError **err) {
  CmContext *ctx = work->cli->ctx;
  char wanted[CM_TEXT_MAX];
  const CmParam *param = cm_op_find_param(work->op, classes[which]);
  if (strcmp(cm_params_get(work->op, work->params, param, wanted, sizeof wanted), "none") == 0) return true;
  void *params = cm_params_create(ctx, work->op, err);
  CmValue out[2] = {{0}};
  bool ok = params != NULL;
  if (ok) memcpy(params, work->params, work->op->params_size);
  for (int k = 0; ok && k < CM_COUNT(classes); k++)
    ok = k == which || cm_params_set(work->op, params, classes[k], "none", err);
  ok = ok && cm_op_run(ctx, work->op, params, in, out, NULL, err) && write_maps(work, out[0].image, out[1].table, err);
  cm_value_unref(&out[0]);
  cm_value_unref(&out[1]);
  cm_free(params);
  return ok;
}

bool cm__radiomics_maps(const CmRadiomicsWork *work, const CmRadiomicsCase *one, CmError **err) {
  CmValue in[2] = {{0}};
  if (strcmp(work->out, "-") == 0 || cm_path_has_extension(work->out, ".csv") || *work->report || *work->regions ||
      work->resample) {
    cm_error_set(
        err, CM_ERR_USAGE,
        "maps go to a folder: --mode voxel -o FOLDER; of a label map, without --regions, --resample_mask, --sr");
    return false;
  }
  bool ok = cm_make_folder(work->out, err) && cm__cli_read(work->cli, CM_KIND_IMAGE, one->image, &in[0], err) &&
            cm__cli_read(work->cli, CM_KIND_LABELS, one->mask, &in[1], err);
  for (int k = 0; ok && k < CM_COUNT(classes); k++) ok = measure_class(work, in, k, err);
  cm_value_unref(&in[0]);
  cm_value_unref(&in[1]);
  return ok;
}
