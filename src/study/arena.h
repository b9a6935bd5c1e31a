/* Memory that lives as long as one study: many small blocks, freed together. Not for use from several threads. */
#ifndef STUDY_ARENA_H
#define STUDY_ARENA_H

#include "cormack/context.h"

typedef struct CmArenaBlock CmArenaBlock;

typedef struct CmArena {
  CmContext *ctx;
  CmArenaBlock *blocks;
} CmArena;

void cm__arena_start(CmArena *arena, CmContext *ctx);
void cm__arena_free(CmArena *arena); /* everything that it gave; the arena can be used again */

/* Zeroed, aligned for any plain type; NULL and CM_ERR_MEMORY on failure. */
CM_NODISCARD void *cm__arena_alloc(CmArena *arena, size_t count, size_t size, CmError **err);
CM_NODISCARD char *cm__arena_strndup(CmArena *arena, const char *text, size_t length, CmError **err);
CM_NODISCARD char *cm__arena_strdup(CmArena *arena, const char *text, CmError **err);
CM_NODISCARD char *cm__arena_printf(CmArena *arena, CmError **err, const char *format, ...) CM_PRINTF(3, 4);
/* Room for one more item in an array that has `count`: the array itself, or a copy twice as large. */
CM_NODISCARD void *cm__arena_grow(CmArena *arena, void *items, int count, size_t size, CmError **err);

#endif
