/* Parallel loops whose results do not depend on the thread count: the work 0..count is cut into chunks of `chunk`
 * items (the last may be shorter), fixed by the caller from the data, never from the number of threads. */
#ifndef CORMACK_PARALLEL_H
#define CORMACK_PARALLEL_H

#include "cormack/context.h"

typedef struct CmRange {
  int64_t begin, end; /* items [begin, end) */
  int64_t chunk;      /* index of the chunk: begin / chunk size; use it to store partial results of reductions */
  int worker;         /* 0..threads-1: index of per-worker scratch */
} CmRange;

/* Does one chunk. On failure returns false and sets *err; the loop then stops early. */
typedef bool (*CmRangeFn)(void *arg, CmRange range, CmError **err);

/* Runs fn on all chunks and waits. Of several failures the one of the lowest chunk that ran is returned. Checks for
 * cancellation between chunks; reports progress as `what` unless `what` is NULL. A loop started inside a loop runs
 * on the calling thread alone. */
CM_API bool cm_parallel_for(CmContext *ctx, const char *what, int64_t count, int64_t chunk, CmRangeFn fn, void *arg,
                            CmError **err);
/* ceil(count / chunk): how many partial results a reduction stores. */
CM_API int64_t cm_chunk_count(int64_t count, int64_t chunk);

#endif
