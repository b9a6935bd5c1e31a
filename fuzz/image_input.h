/* What the fuzz targets of the image formats share: one context with a small ceiling, bytes in memory, one reader. */
#ifndef FUZZ_IMAGE_INPUT_H
#define FUZZ_IMAGE_INPUT_H

#include "io/formats.h"

static inline int fuzz_image(const uint8_t *data, size_t size, CmFormatDetectFn *detect, CmFormatReadFn *read) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  options.memory_limit = (uint64_t)64 << 20;
  CmContext *ctx = cm_context_create(&options, NULL);
  if (!ctx) return 0;
  CmReadOptions how;
  cm_read_default_options(&how);
  CmSource source;
  CmError *err = NULL;
  detect(data, size);
  cm__source_memory(&source, ctx, data, size, "fuzz");
  CmImage *image = read(&source, &how, &err);
  if (!image == !err) __builtin_trap(); /* an image or an error, never both or none */
  cm_image_unref(&image);
  cm_error_free(&err);
  if (cm_context_destroy(&ctx)) __builtin_trap(); /* something leaked */
  return 0;
}

#endif
