/* Values of any kind from and to files. */
#include <string.h>

#include "cli/cli.h"
#include "cormack/file.h"
#include "cormack/io.h"

bool cm__cli_read(CmCli *cli, CmKind kind, const char *path, CmValue *value, CmError **err) {
  *value = (CmValue){0};
  if (kind == CM_KIND_TABLE) {
    CmTable *table = cm_table_read_csv(cli->ctx, path, err);
    if (table) *value = cm_value_table(table);
    return table != NULL;
  }
  if (kind == CM_KIND_SIGNAL) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%s: signals are not read from files by this version", path);
    return false;
  }
  CmImage *image = cm_image_read(cli->ctx, path, NULL, err);
  if (image) *value = kind == CM_KIND_LABELS ? cm_value_labels(image) : cm_value_image(image);
  return image != NULL;
}

static bool print_table(CmCli *cli, const CmTable *table, CmError **err) {
  char *text = cli->json ? cm_table_to_json(cli->ctx, table, err) : cm_table_to_csv(cli->ctx, table, err);
  bool good = text && fputs(text, stdout) >= 0 && fflush(stdout) == 0;
  if (text && !good) cm_error_set(err, CM_ERR_IO, "standard output: cannot be written");
  cm_free(text);
  return good;
}

static bool write_table(CmCli *cli, const CmTable *table, const char *path, CmError **err) {
  if (strcmp(path, "-") == 0) return print_table(cli, table, err);
  if (cm_path_has_extension(path, ".csv")) return cm_table_write_csv(cli->ctx, table, path, err);
  if (cm_path_has_extension(path, ".json")) return cm_table_write_json(cli->ctx, table, path, err);
  cm_error_set(err, CM_ERR_USAGE, "%s: a table is written as .csv or .json, or to standard output as -", path);
  return false;
}

bool cm__cli_write(CmCli *cli, const CmValue *value, const char *path, CmError **err) {
  CmWriteOptions options;
  switch (value->kind) {
    case CM_KIND_IMAGE:
    case CM_KIND_LABELS:
      cm_write_default_options(&options);
      options.anonymous = true; /* «cormack convert --identity» is the way to write names on purpose */
      return cm_image_write(cli->ctx, value->image, path, &options, err);
    case CM_KIND_TABLE:
      return write_table(cli, value->table, path, err);
    case CM_KIND_NONE:
    case CM_KIND_SIGNAL:
      break;
  }
  cm_error_set(err, CM_ERR_UNSUPPORTED, "%s: a %s cannot be written to a file", path, cm_kind_name(value->kind));
  return false;
}
