/* What the core itself knows of a context. */
#ifndef CORE_CONTEXT_PRIV_H
#define CORE_CONTEXT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "cormack/context.h"

typedef struct CmPool CmPool;

struct CmContext {
  CmContextOptions options;
  atomic_uint_least64_t used, peak, allocations;
  atomic_uint_least64_t fail_at; /* number of the allocation that fails; 0: none */
  pthread_mutex_t callback;      /* held while a callback runs: never two at once */
  CmPool *pool;
};

/* In parallel.c: the threads that wait for loops. */
CmPool *cm__pool_create(int threads);
void cm__pool_destroy(CmPool *pool);

#endif
