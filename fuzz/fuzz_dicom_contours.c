/* A structure set on a small grid: a label map or an error with a text, never both. */
#include <stdlib.h>

#include "cormack/dicom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  options.memory_limit = (uint64_t)1 << 30;
  CmContext *ctx = cm_context_create(&options, NULL);
  const int64_t dims[3] = {24, 20, 6};
  CmImage *image = ctx ? cm_image_create(ctx, CM_U8, 3, dims, 1, NULL) : NULL;
  CmDicom *file = image ? cm_dicom_parse(ctx, data, size, "input", CM_DICOM_WHOLE, NULL) : NULL;
  if (file) {
    CmError *err = NULL;
    CmTable *table = NULL;
    CmContourOptions how;
    cm_contour_default_options(&how);
    how.overlap = (CmOverlap)(size & 1);
    CmImage *labels = cm_dicom_contours(ctx, file, image, &how, &table, &err);
    if ((labels != NULL) == (err != NULL) || (labels != NULL) != (table != NULL) || (err && !*cm_error_text(err)))
      abort();
    cm_error_free(&err);
    cm_table_unref(&table);
    cm_image_unref(&labels);
  }
  cm_dicom_close(&file);
  cm_image_unref(&image);
  cm_context_destroy(&ctx);
  return 0;
}
