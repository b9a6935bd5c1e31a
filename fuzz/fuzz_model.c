/* Models from hostile bytes: whatever is accepted must predict, explain, and be written again to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/pixels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two rows with the columns that the model asks for. */
static CmTable *make_table(CmContext *ctx, const CmModel *model) {
  CmTable *table = cm_table_create(ctx, NULL);
  for (int j = 0; table && j < cm_model_features(model); j++)
    if (cm_table_add_column(table, cm_model_feature(model, j), CM_COLUMN_REAL, cm_model_feature_unit(model, j), NULL) <
        0)
      cm_table_unref(&table);
  for (int64_t i = 0; table && i < 2; i++) {
    if (cm_table_add_row(table, NULL) < 0) cm_table_unref(&table);
    for (int j = 0; table && i == 0 && j < cm_model_features(model); j++) cm_table_set_real(table, i, j, 0.5 * j);
  }
  return table;
}

/* Few voxels: whatever filters the file asks for must end. */
static void use_pixels(CmContext *ctx, const CmModel *model) {
  for (int rank = 2; rank < 4; rank++) {
    const int64_t dims[3] = {5, 4, rank == 3 ? 3 : 1};
    CmImage *image = cm_image_create(ctx, CM_F32, rank, dims, 1, NULL), *labels = NULL, *probabilities = NULL;
    for (int64_t at = 0; image && at < cm_image_values(image); at++)
      ((float *)cm_image_data_mut(image))[at] = (float)(at * 7 % 11);
    if (image && cm_pixel_predict(ctx, model, image, &labels, &probabilities, NULL)) {
      cm_image_unref(&labels);
      cm_image_unref(&probabilities);
    }
    cm_image_unref(&image);
  }
}

static void use(CmContext *ctx, const CmModel *model) {
  char *text = cm_model_to_json(ctx, model, NULL);
  CmModel *back = text ? cm_model_from_json(ctx, text, strlen(text), "again", NULL) : NULL;
  char *again = back ? cm_model_to_json(ctx, back, NULL) : NULL;
  if (text && (!again || strcmp(text, again))) abort();
  cm_free(again);
  cm_free(text);
  cm_model_unref(&back);
  CmTable *table = make_table(ctx, model), *result = table ? cm_model_predict(ctx, model, table, NULL) : NULL;
  cm_table_unref(&result);
  result = table ? cm_model_explain(ctx, model, table, NULL) : NULL;
  cm_table_unref(&result);
  result = table ? cm_model_survival(ctx, model, table, (const double[]){0, 3.5}, 2, NULL) : NULL;
  cm_table_unref(&result);
  result = table ? cm_model_forecast(ctx, model, table, 0.95, NULL) : NULL;
  cm_table_unref(&result);
  result = cm_model_weights(ctx, model, NULL);
  cm_table_unref(&result);
  for (int svg = 0; svg < 2; svg++) cm_free(cm_model_draw(ctx, model, svg, NULL));
  cm_table_unref(&table);
  use_pixels(ctx, model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  options.memory_limit = 256 << 20;
  CmContext *ctx = cm_context_create(&options, NULL);
  if (!ctx) return 0;
  CmError *err = NULL;
  CmModel *model = cm_model_from_json(ctx, (const char *)data, size, "fuzz", &err);
  if (!model != (err != NULL)) abort();
  if (model) use(ctx, model);
  cm_error_free(&err);
  cm_model_unref(&model);
  if (cm_context_destroy(&ctx)) abort();
  return 0;
}
