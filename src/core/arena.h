/* Memory that is freed together: the plan of a study, one model, one data set, one job. Zero with .ctx set is an empty
 * arena. Not for growing from several threads at once. */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include "cormack/context.h"

typedef struct CmArenaBlock CmArenaBlock;

typedef struct CmArena {
  CmContext *ctx;
  CmArenaBlock *blocks;
} CmArena;

void cm__arena_free(CmArena *arena); /* everything that it gave; the arena can be used again */

/* Zeroed, aligned for any plain type; NULL and CM_ERR_MEMORY on failure. */
CM_NODISCARD void *cm__arena_alloc(CmArena *arena, size_t count, size_t size, CmError **err);
/* `count` zeroed items of a type. */
#define CM__NEW(arena, type, count, err) ((type *)cm__arena_alloc((arena), (size_t)(count), sizeof(type), (err)))
/* The same without the zeros, where all is written before it is read: whole tables are cleared for nothing. */
CM_NODISCARD void *cm__arena_alloc_raw(CmArena *arena, size_t count, size_t size, CmError **err);
#define CM__NEW_RAW(arena, type, count, err) \
  ((type *)cm__arena_alloc_raw((arena), (size_t)(count), sizeof(type), (err)))
CM_NODISCARD char *cm__arena_strndup(CmArena *arena, const char *text, size_t length, CmError **err);
/* A copy; NULL stays NULL without an error. */
CM_NODISCARD char *cm__arena_strdup(CmArena *arena, const char *text, CmError **err);
CM_NODISCARD char *cm__arena_printf(CmArena *arena, CmError **err, const char *format, ...) CM_PRINTF(3, 4);
/* Room for one more item in an array that has `count`: the array itself, or a copy twice as large. */
CM_NODISCARD void *cm__arena_grow(CmArena *arena, void *items, int count, size_t size, CmError **err);

#endif
