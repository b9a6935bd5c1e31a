/* Tables of images and masks. */
#include <string.h>

#include "cli/radiomics.h"
#include "core/text.h"

static bool is_ours(const char *name) {
  static const char *const ours[] = {"label", "name", "outside", "overlaps"};
  for (int k = 0; k < CM_COUNT(ours); k++)
    if (strcmp(name, ours[k]) == 0) return true;
  return false;
}

/* `folder`: what relative paths start from, with its slash. */
static char *read_path(CmContext *ctx, const CmTable *table, int64_t row, int column, const char *folder,
                       CmError **err) {
  char cell[64];
  const char *path = cm_table_is_missing(table, row, column) ? "" : cm_table_text(table, row, column);
  if (!path) path = cm_table_cell(table, row, column, cell, sizeof cell);
  return cm_sprintf(ctx, err, "%s%s", *path == '/' || !*path ? "" : folder, path);
}

static bool read_rows(CmContext *ctx, CmRadiomicsInputs *inputs, const int columns[3], const char *folder,
                      CmError **err) {
  inputs->items = cm_calloc(ctx, (size_t)inputs->count + 1, sizeof *inputs->items, err);
  for (int64_t k = 0; inputs->items && k < inputs->count; k++) {
    CmRadiomicsInput *one = &inputs->items[k];
    char cell[64];
    const char *label = columns[2] < 0 ? "" : cm_table_text(inputs->table, k, columns[2]);
    if (!label) label = cm_table_cell(inputs->table, k, columns[2], cell, sizeof cell);
    one->image = read_path(ctx, inputs->table, k, columns[0], folder, err);
    char *mask = one->image ? read_path(ctx, inputs->table, k, columns[1], folder, err) : NULL;
    one->mask = mask ? cm__radiomics_mask(ctx, mask, err) : NULL;
    cm_free(mask);
    one->label = one->mask ? cm_strdup(ctx, label, err) : NULL;
    if (!one->label) return false;
  }
  return inputs->items != NULL;
}

bool cm__radiomics_inputs_read(CmContext *ctx, const char *path, CmRadiomicsInputs *inputs, CmError **err) {
  *inputs = (CmRadiomicsInputs){.table = cm_table_read_csv(ctx, path, err)};
  if (!inputs->table) return false;
  inputs->count = cm_table_rows(inputs->table);
  const int columns[3] = {cm_table_find_column(inputs->table, "Image"), cm_table_find_column(inputs->table, "Mask"),
                          cm_table_find_column(inputs->table, "Label")};
  if (columns[0] < 0 || columns[1] < 0) {
    cm_error_set(err, CM_ERR_USAGE, "%s: a batch needs the columns Image and Mask (and may have Label)", path);
    return false;
  }
  for (int c = 0; c < cm_table_columns(inputs->table); c++)
    if (is_ours(cm_table_column_name(inputs->table, c))) {
      cm_error_set(err, CM_ERR_USAGE, "%s: the result has a column «%s» of its own; rename the table's", path,
                   cm_table_column_name(inputs->table, c));
      return false;
    }
  const char *slash = strrchr(path, '/');
  char *folder = cm_strndup(ctx, path, slash ? (size_t)(slash - path) + 1 : 0, err);
  const bool good = folder && read_rows(ctx, inputs, columns, folder, err);
  cm_free(folder);
  return good;
}

void cm__radiomics_inputs_free(CmRadiomicsInputs *inputs) {
  for (int64_t k = 0; inputs->items && k < inputs->count; k++) {
    cm_free(inputs->items[k].image);
    cm_free(inputs->items[k].mask);
    cm_free(inputs->items[k].label);
  }
  cm_free(inputs->items);
  cm_table_unref(&inputs->table);
}

bool cm__radiomics_input_check(const CmRadiomicsInput *input, CmError **err) {
  if (*input->image && *input->mask) return true;
  cm_error_set(err, CM_ERR_DATA, "its cell %s is empty; give the path of %s", *input->image ? "Mask" : "Image",
               *input->image ? "a label map, a segmentation or a structure set" : "an image");
  return false;
}

CmRadiomicsCase cm__radiomics_case_of(const CmRadiomicsWork *work, const CmRadiomicsInput *input) {
  int64_t number;
  const bool named = *input->label && !cm__parse_int(input->label, &number);
  return (CmRadiomicsCase){.image = input->image,
                           .mask = input->mask,
                           .region = named           ? input->label
                                     : *input->label ? NULL
                                                     : work->regions,
                           .label_named = *input->label || work->label_named};
}
