#include "study/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 << 10)

struct CmArenaBlock {
  CmArenaBlock *next;
  size_t used, size;
  _Alignas(16) unsigned char bytes[];
};

void cm__arena_start(CmArena *arena, CmContext *ctx) {
  arena->ctx = ctx;
  arena->blocks = NULL;
}

void cm__arena_free(CmArena *arena) {
  while (arena->blocks) {
    CmArenaBlock *next = arena->blocks->next;
    cm_free(arena->blocks);
    arena->blocks = next;
  }
}

void *cm__arena_alloc(CmArena *arena, size_t count, size_t size, CmError **err) {
  size_t bytes;
  if (!cm_size_multiply(count ? count : 1, size ? size : 1, &bytes, err)) return NULL;
  if (bytes > SIZE_MAX - 64) {
    cm_error_set(err, CM_ERR_MEMORY, "%zu items of %zu bytes cannot be held", count, size);
    return NULL;
  }
  bytes = (bytes + 15) & ~(size_t)15;
  CmArenaBlock *block = arena->blocks;
  if (!block || block->size - block->used < bytes) {
    size_t room = bytes > BLOCK_SIZE / 4 ? bytes : BLOCK_SIZE;
    block = cm_alloc(arena->ctx, sizeof *block + room, err);
    if (!block) return NULL;
    block->used = 0;
    block->size = room;
    /* a large block goes behind the one that still has room */
    if (arena->blocks && room == bytes) {
      block->next = arena->blocks->next;
      arena->blocks->next = block;
    } else {
      block->next = arena->blocks;
      arena->blocks = block;
    }
  }
  void *given = block->bytes + block->used;
  block->used += bytes;
  return memset(given, 0, bytes);
}

char *cm__arena_strndup(CmArena *arena, const char *text, size_t length, CmError **err) {
  char *copy = cm__arena_alloc(arena, length + 1, 1, err);
  if (copy) memcpy(copy, text, length);
  return copy;
}

char *cm__arena_strdup(CmArena *arena, const char *text, CmError **err) {
  return cm__arena_strndup(arena, text ? text : "", text ? strlen(text) : 0, err);
}

char *cm__arena_printf(CmArena *arena, CmError **err, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  char *text = length < 0 ? NULL : cm__arena_alloc(arena, (size_t)length + 1, 1, err);
  if (text) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  va_end(args);
  return text;
}

void *cm__arena_grow(CmArena *arena, void *items, int count, size_t size, CmError **err) {
  /* sizes are powers of two from 8 on, so that the count alone says when the array is full */
  if (items && (count < 8 || (count & (count - 1)) != 0)) return items;
  size_t room = count < 8 ? 8 : (size_t)count * 2;
  void *larger = cm__arena_alloc(arena, room, size, err);
  if (larger && items && count > 0) memcpy(larger, items, (size_t)count * size);
  return larger;
}
