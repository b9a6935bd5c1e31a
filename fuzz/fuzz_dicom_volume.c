/* Headers to stacks: whatever a DICOM file says about its frames, they are sorted into volumes or refused. The input is
 * one file or several, each behind the bytes «CM» and a length of 16 bits, so that instances meet in one series. */
#include <string.h>

#include "io/dicom/scan_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST_FILES 16
#define MOST_FRAMES 4096

static void read_one(CmPool *pool, const uint8_t *data, size_t size, int32_t file, CmInstance *instance) {
  CmDicom *dicom = cm_dicom_parse(pool->ctx, data, size, "input", CM_DICOM_HEADER, NULL);
  instance->frame_count = 0;
  if (dicom && !cm__instance_read(pool, dicom, "input", file, instance, NULL)) instance->frame_count = 0;
  cm_dicom_close(&dicom);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  options.memory_limit = (uint64_t)1 << 30;
  CmContext *ctx = cm_context_create(&options, NULL);
  if (!ctx) return 0;
  CmPool pool;
  cm__pool_start(&pool, ctx);
  static CmInstance instances[MOST_FILES];
  static const CmFrame *frames[MOST_FRAMES];
  int32_t files = 0;
  int64_t count = 0;
  while (files < MOST_FILES && size > 4 && data[0] == 'C' && data[1] == 'M') {
    size_t length = (size_t)data[2] | (size_t)data[3] << 8;
    if (length > size - 4) length = size - 4;
    read_one(&pool, data + 4, length, files, &instances[files]);
    files++;
    data += 4 + length;
    size -= 4 + length;
  }
  if (!files && size) read_one(&pool, data, size, files, &instances[0]), files = 1;
  for (int32_t i = 0; i < files; i++)
    for (int64_t f = 0; f < instances[i].frame_count && count < MOST_FRAMES; f++)
      frames[count++] = &instances[i].frames[f];
  CmStackList list = {0};
  CmError *err = NULL;
  if (count) {
    bool ok = cm__frames_to_stacks(&pool, frames, count, &list, &err);
    /* Every frame is in one stack, and every stack can be read or says why not. */
    int64_t placed = 0;
    for (int i = 0; ok && i < list.count; i++) {
      placed += list.items[i].slices * list.items[i].times;
      if (!list.items[i].defect && !cm_geometry_check(&list.items[i].geometry, NULL)) __builtin_trap();
    }
    if (ok && placed != count) __builtin_trap();
  }
  cm_error_free(&err);
  if (files == 1 && instances[0].segmentation && instances[0].frame_count && instances[0].frame_count <= MOST_FRAMES &&
      !cm__segments_to_stacks(&pool, frames, count, &list, &err))
    cm_error_free(&err);
  cm__pool_free(&pool);
  if (cm_context_destroy(&ctx)) __builtin_trap();
  return 0;
}
