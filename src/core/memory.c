#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/context_priv.h"

#define ALIGNMENT ((size_t)64)

/* Stands before every block; one alignment unit, so that the block itself is aligned. */
typedef struct Header {
  _Alignas(64) CmContext *ctx;
  size_t size;  /* as asked for */
  size_t whole; /* with this header, as allocated; more than size where a kept block serves again */
} Header;

/* What is kept: blocks from 1 MiB, 256 MiB in all. Nothing where a sanitizer watches for use after free. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEEP_MOST ((uint64_t)0)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KEEP_MOST ((uint64_t)0)
#endif
#endif
#ifndef KEEP_MOST
#define KEEP_MOST ((uint64_t)256 << 20)
#endif
#define KEEP_LEAST ((size_t)1 << 20)

static size_t whole_size(size_t size) {
  return (sizeof(Header) + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void raise_peak(CmContext *ctx, uint64_t used) {
  uint64_t peak = atomic_load(&ctx->peak);
  while (used > peak && !atomic_compare_exchange_weak(&ctx->peak, &peak, used)) continue;
}

/* Takes number `at` out of the kept blocks; the lock is held. */
static Header *take_kept(CmKept *kept, int at) {
  Header *header = kept->block[at];
  kept->count--;
  for (int k = at; k < kept->count; k++) kept->block[k] = kept->block[k + 1];
  atomic_fetch_sub(&kept->bytes, header->whole);
  return header;
}

/* A kept block of at least `whole` bytes and little more, or NULL; the newest, since it is most likely in the cache. */
static Header *reuse(CmContext *ctx, size_t whole) {
  CmKept *kept = &ctx->kept;
  Header *found = NULL;
  if (whole < KEEP_LEAST) return NULL;
  pthread_mutex_lock(&kept->lock);
  for (int k = kept->count - 1; k >= 0 && !found; k--) {
    const Header *header = kept->block[k];
    if (header->whole >= whole && header->whole - whole <= whole / 16) found = take_kept(kept, k);
  }
  pthread_mutex_unlock(&kept->lock);
  return found;
}

/* false: the block is not worth keeping, or what the ceiling leaves has no room for it. */
static bool keep(CmContext *ctx, Header *header) {
  CmKept *kept = &ctx->kept;
  uint64_t most = KEEP_MOST;
  if (ctx->options.memory_limit && ctx->options.memory_limit / 4 < most) most = ctx->options.memory_limit / 4;
  if (!ctx->kept.wanted || header->whole < KEEP_LEAST || header->whole > most) return false;
  Header *gone[CM_KEPT_BLOCKS];
  int count = 0;
  pthread_mutex_lock(&kept->lock);
  while (kept->count == CM_KEPT_BLOCKS || atomic_load(&kept->bytes) + header->whole > most)
    gone[count++] = take_kept(kept, 0);
  kept->block[kept->count++] = header;
  atomic_fetch_add(&kept->bytes, header->whole);
  pthread_mutex_unlock(&kept->lock);
  for (int k = 0; k < count; k++) ctx->options.release(gone[k]);
  return true;
}

void cm__kept_release(CmContext *ctx) {
  pthread_mutex_lock(&ctx->kept.lock);
  while (ctx->kept.count) ctx->options.release(take_kept(&ctx->kept, 0));
  pthread_mutex_unlock(&ctx->kept.lock);
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
  if (ctx->options.memory_limit && used + atomic_load(&ctx->kept.bytes) > ctx->options.memory_limit)
    cm__kept_release(ctx);
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
  Header *header = reuse(ctx, whole);
  if (!header) {
    header = ctx->options.allocate(ALIGNMENT, whole);
    if (!header) {
      cm__kept_release(ctx);
      header = ctx->options.allocate(ALIGNMENT, whole);
    }
    if (header) header->whole = whole;
  }
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
  const size_t whole = whole_size(header->size);
  /* kept before it is counted off: together they never exceed the ceiling */
  const bool kept = keep(ctx, header);
  atomic_fetch_sub(&ctx->used, whole);
  if (!kept) ctx->options.release(header);
}
