#include "learn/hold.h"

#include <string.h>

struct CmHoldBlock {
  _Alignas(64) CmHoldBlock *before;
};

void *cm__hold_array(CmHold *hold, int64_t count, size_t size, CmError **err) {
  size_t bytes;
  if (!cm_size_multiply((size_t)count, size, &bytes, err)) return NULL;
  if (bytes > SIZE_MAX / 2) {
    cm_error_set(err, CM_ERR_MEMORY, "%zu bytes are more than the machine can address", bytes);
    return NULL;
  }
  CmHoldBlock *block = cm_calloc(hold->ctx, 1, sizeof *block + bytes, err);
  if (!block) return NULL;
  block->before = hold->last;
  hold->last = block;
  return block + 1;
}

char *cm__hold_text(CmHold *hold, const char *text, CmError **err) {
  if (!text) return NULL;
  size_t size = strlen(text) + 1;
  char *copy = cm__hold_array(hold, (int64_t)size, 1, err);
  if (copy) memcpy(copy, text, size);
  return copy;
}

void cm__hold_free(CmHold *hold) {
  while (hold->last) {
    CmHoldBlock *block = hold->last;
    hold->last = block->before;
    cm_free(block);
  }
}
