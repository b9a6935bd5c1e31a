#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/context_priv.h"

#define ALIGNMENT ((size_t)64)

/* Stands before every block; one alignment unit, so that the block itself is aligned. */
typedef struct Header {
  _Alignas(64) CmContext *ctx;
  size_t size; /* as asked for */
} Header;

static size_t whole_size(size_t size) {
  return (sizeof(Header) + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void raise_peak(CmContext *ctx, uint64_t used) {
  uint64_t peak = atomic_load(&ctx->peak);
  while (used > peak && !atomic_compare_exchange_weak(&ctx->peak, &peak, used)) continue;
}

static bool reserve(CmContext *ctx, size_t size, CmError **err) {
  uint64_t number = atomic_fetch_add(&ctx->allocations, 1) + 1;
  if (number == atomic_load(&ctx->fail_at)) {
    cm_error_set(err, CM_ERR_MEMORY, "allocation of %zu bytes failed; this failure was asked for", size);
    return false;
  }
  uint64_t used = atomic_fetch_add(&ctx->used, size) + size;
  if (ctx->options.memory_limit && used > ctx->options.memory_limit) {
    atomic_fetch_sub(&ctx->used, size);
    cm_error_set(err, CM_ERR_MEMORY, "%.1f MB more are needed, %.1f of %.1f MB are in use; raise the memory ceiling",
                 (double)size / 1e6, (double)(used - size) / 1e6, (double)ctx->options.memory_limit / 1e6);
    return false;
  }
  raise_peak(ctx, used);
  return true;
}

void *cm_alloc(CmContext *ctx, size_t size, CmError **err) {
  if (size > SIZE_MAX - sizeof(Header) - ALIGNMENT) {
    cm_error_set(err, CM_ERR_MEMORY, "%zu bytes are more than can be addressed", size);
    return NULL;
  }
  size_t whole = whole_size(size);
  if (!reserve(ctx, whole, err)) return NULL;
  Header *header = ctx->options.allocate(ALIGNMENT, whole);
  if (!header) {
    atomic_fetch_sub(&ctx->used, whole);
    cm_error_set(err, CM_ERR_MEMORY, "the machine has no %.1f MB left", (double)whole / 1e6);
    return NULL;
  }
  header->ctx = ctx;
  header->size = size;
  return header + 1;
}

bool cm_size_multiply(size_t a, size_t b, size_t *product, CmError **err) {
  if (!__builtin_mul_overflow(a, b, product)) return true;
  cm_error_set(err, CM_ERR_MEMORY, "%zu x %zu bytes are more than can be addressed", a, b);
  return false;
}

void *cm_alloc_array(CmContext *ctx, size_t count, size_t size, CmError **err) {
  size_t bytes;
  return cm_size_multiply(count, size, &bytes, err) ? cm_alloc(ctx, bytes, err) : NULL;
}

void *cm_calloc(CmContext *ctx, size_t count, size_t size, CmError **err) {
  size_t bytes;
  if (!cm_size_multiply(count, size, &bytes, err)) return NULL;
  void *block = cm_alloc(ctx, bytes, err);
  if (block) memset(block, 0, bytes);
  return block;
}

void *cm_realloc(CmContext *ctx, void *block, size_t size, CmError **err) {
  void *grown = cm_alloc(ctx, size, err);
  if (!grown || !block) return grown;
  size_t old = ((Header *)block - 1)->size;
  memcpy(grown, block, old < size ? old : size);
  cm_free(block);
  return grown;
}

char *cm_strndup(CmContext *ctx, const char *text, size_t length, CmError **err) {
  char *copy = cm_alloc(ctx, length + 1, err);
  if (!copy) return NULL;
  memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

char *cm_strdup(CmContext *ctx, const char *text, CmError **err) {
  return cm_strndup(ctx, text, strlen(text), err);
}

char *cm_sprintf(CmContext *ctx, CmError **err, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = cm_alloc(ctx, length > 0 ? (size_t)length + 1 : 1, err);
  if (text) {
    text[0] = 0;
    if (length > 0) vsnprintf(text, (size_t)length + 1, format, again);
  }
  va_end(again);
  return text;
}

void cm_free(void *block) {
  if (!block) return;
  Header *header = (Header *)block - 1;
  CmContext *ctx = header->ctx;
  atomic_fetch_sub(&ctx->used, whole_size(header->size));
  ctx->options.release(header);
}
