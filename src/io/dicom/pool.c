#include "io/dicom/pool.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)32768)
#define HEADER_SIZE ((size_t)16)

struct CmPoolBlock {
  struct CmPoolBlock *next;
};

void cm__pool_start(CmPool *pool, CmContext *ctx) {
  *pool = (CmPool){.ctx = ctx};
}

void cm__pool_free(CmPool *pool) {
  while (pool->blocks) {
    struct CmPoolBlock *next = pool->blocks->next;
    cm_free(pool->blocks);
    pool->blocks = next;
  }
  pool->left = 0;
  pool->next = NULL;
}

void *cm__pool_alloc(CmPool *pool, size_t count, size_t size, CmError **err) {
  size_t bytes;
  if (!cm_size_multiply(count, size, &bytes, err)) return NULL;
  if (bytes > SIZE_MAX - HEADER_SIZE - 16) {
    cm_error_set(err, CM_ERR_MEMORY, "%zu bytes are more than can be allocated", bytes);
    return NULL;
  }
  bytes = (bytes + 15) & ~(size_t)15;
  if (bytes == 0) bytes = 16;
  if (bytes > pool->left) {
    bool own = bytes > BLOCK_SIZE / 4; /* large ones get a block of their own, so that the current one is not wasted */
    size_t room = own ? bytes : BLOCK_SIZE - HEADER_SIZE;
    unsigned char *block = cm_alloc(pool->ctx, room + HEADER_SIZE, err);
    if (!block) return NULL;
    ((struct CmPoolBlock *)(void *)block)->next = pool->blocks;
    pool->blocks = (struct CmPoolBlock *)(void *)block;
    if (own) return memset(block + HEADER_SIZE, 0, bytes);
    pool->next = block + HEADER_SIZE;
    pool->left = room;
  }
  void *result = pool->next;
  pool->next += bytes;
  pool->left -= bytes;
  return memset(result, 0, bytes);
}

const char *cm__pool_text(CmPool *pool, const char *text, CmError **err) {
  size_t size = strlen(text) + 1;
  char *copy = cm__pool_alloc(pool, size, 1, err);
  return copy ? memcpy(copy, text, size) : NULL;
}

const char *cm__pool_printf(CmPool *pool, CmError **err, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = length < 0 ? NULL : cm__pool_alloc(pool, (size_t)length + 1, 1, err);
  if (text) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}
