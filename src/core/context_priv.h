/* What the core itself knows of a context. */
#ifndef CORE_CONTEXT_PRIV_H
#define CORE_CONTEXT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "cormack/context.h"

typedef struct CmPool CmPool;

/* Large blocks that were freed and wait for the next of about their size: the first touch of fresh pages costs as much
 * as a fast filter. Oldest first. */
enum { CM_KEPT_BLOCKS = 8 };
typedef struct CmKept {
  pthread_mutex_t lock;
  void *block[CM_KEPT_BLOCKS]; /* headers of memory.c */
  int count;
  atomic_uint_least64_t bytes;
  bool wanted; /* not with an allocator of the caller's */
} CmKept;

struct CmContext {
  CmContextOptions options;
  atomic_uint_least64_t used, peak, allocations;
  atomic_uint_least64_t fail_at; /* number of the allocation that fails; 0: none */
  pthread_mutex_t callback;      /* held while a callback runs: never two at once */
  CmPool *pool;
  CmKept kept;
};

/* In context.c: a clock that is never set back, and how often a watch looks. */
int64_t cm__now_ms(void);
enum { CM_WATCH_MS = 20 };

/* In memory.c: gives the kept blocks back to the allocator. */
void cm__kept_release(CmContext *ctx);

/* In parallel.c: the threads that wait for loops. */
CmPool *cm__pool_create(int threads);
void cm__pool_destroy(CmPool *pool);

#endif
