#include "core/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 << 10)

struct CmArenaBlock {
  _Alignas(64) CmArenaBlock *next;
  size_t used, size;
  _Alignas(64) unsigned char bytes[];
};

void cm__arena_free(CmArena *arena) {
  while (arena->blocks) {
    CmArenaBlock *next = arena->blocks->next;
    cm_free(arena->blocks);
    arena->blocks = next;
  }
}

/* A large item has a block of its own, behind the one that still has room. */
static void *alloc_large(CmArena *arena, size_t bytes, CmError **err) {
  CmArenaBlock *block = cm_alloc(arena->ctx, sizeof *block + bytes, err);
  if (!block) return NULL;
  block->used = block->size = bytes;
  CmArenaBlock **place = arena->blocks ? &arena->blocks->next : &arena->blocks;
  block->next = *place;
  *place = block;
  return block->bytes;
}

static void *alloc_small(CmArena *arena, size_t bytes, CmError **err) {
  CmArenaBlock *block = arena->blocks;
  if (!block || block->size - block->used < bytes) {
    block = cm_alloc(arena->ctx, sizeof *block + BLOCK_SIZE, err);
    if (!block) return NULL;
    *block = (CmArenaBlock){.next = arena->blocks, .size = BLOCK_SIZE};
    arena->blocks = block;
  }
  void *given = block->bytes + block->used;
  block->used += bytes;
  return given;
}

static void *alloc_raw(CmArena *arena, size_t count, size_t size, size_t *bytes, CmError **err) {
  if (!cm_size_multiply(count ? count : 1, size ? size : 1, bytes, err)) return NULL;
  if (*bytes > SIZE_MAX / 2) {
    cm_error_set(err, CM_ERR_MEMORY, "%zu items of %zu bytes are more than the machine can address", count, size);
    return NULL;
  }
  *bytes = (*bytes + 15) & ~(size_t)15;
  return *bytes > BLOCK_SIZE / 4 ? alloc_large(arena, *bytes, err) : alloc_small(arena, *bytes, err);
}

void *cm__arena_alloc(CmArena *arena, size_t count, size_t size, CmError **err) {
  size_t bytes;
  void *given = alloc_raw(arena, count, size, &bytes, err);
  return given ? memset(given, 0, bytes) : NULL;
}

void *cm__arena_alloc_raw(CmArena *arena, size_t count, size_t size, CmError **err) {
  size_t bytes;
  return alloc_raw(arena, count, size, &bytes, err);
}

char *cm__arena_strndup(CmArena *arena, const char *text, size_t length, CmError **err) {
  char *copy = cm__arena_alloc(arena, length + 1, 1, err);
  if (copy) memcpy(copy, text, length);
  return copy;
}

char *cm__arena_strdup(CmArena *arena, const char *text, CmError **err) {
  return text ? cm__arena_strndup(arena, text, strlen(text), err) : NULL;
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
