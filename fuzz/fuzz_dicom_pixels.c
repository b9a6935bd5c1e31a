/* A whole data set and the decoding of its pixels at every stage: nothing may crash, hang, leak or take memory without
 * bound. */
#include <stddef.h>
#include <stdint.h>

#include "cormack/dicom.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  options.memory_limit = (uint64_t)256 << 20;
  CmContext *ctx = cm_context_create(&options, NULL);
  if (!ctx) return 0;
  CmDicom *dicom = cm_dicom_parse(ctx, bytes, size, "fuzz", CM_DICOM_WHOLE, NULL);
  CmDicomPixels pixels;
  /* a large picture of few bytes is honest work, and slow: not what is looked for here */
  if (dicom && cm_dicom_pixels(dicom, &pixels, NULL) && pixels.columns * pixels.rows <= 1 << 20) {
    static const CmPixelStage stages[] = {CM_PIXEL_STORED, CM_PIXEL_VALUES, CM_PIXEL_DISPLAY};
    for (int i = 0; i < CM_COUNT(stages); i++) {
      CmError *err = NULL;
      CmImage *image = cm_dicom_decode(ctx, dicom, stages[i], 0, pixels.frames < 3 ? pixels.frames : 3, &err);
      if (!image == !err) __builtin_trap(); /* an image or an error, never both or none */
      cm_image_unref(&image);
      cm_error_free(&err);
    }
  }
  cm_dicom_close(&dicom);
  if (cm_context_destroy(&ctx) != 0) __builtin_trap();
  return 0;
}
