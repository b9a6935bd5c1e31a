/* CmContext: thread count, memory ceiling, allocator, log, progress and cancel. There are no mutable globals.
 *
 * A context must outlive everything that was made with it. All functions may be called from several threads with
 * the same context, unless said otherwise. Callbacks may come from any thread, never two at once. */
#ifndef CORMACK_CONTEXT_H
#define CORMACK_CONTEXT_H

#include "cormack/error.h"

typedef enum CmLogLevel { CM_LOG_ERROR, CM_LOG_WARNING, CM_LOG_INFO, CM_LOG_DEBUG } CmLogLevel;

typedef void (*CmLogFn)(void *user, CmLogLevel level, const char *text);
/* `what` names the task, e.g. the operation; total 0 when unknown. done == total ends it. */
typedef void (*CmProgressFn)(void *user, const char *what, int64_t done, int64_t total);
/* Asked between pieces of work; true stops the call with CM_ERR_CANCELLED. */
typedef bool (*CmCancelFn)(void *user);
/* A CmCancelFn for callers that set a flag from elsewhere, such as another language whose own functions would hold up
 * the workers: `user` is an int that is 0 until somebody stores another number. */
CM_API bool cm_cancel_by_flag(void *user);
/* A CmCancelFn for languages whose handlers of signals run in one thread only: `user` is a CmWatch. That thread, where
 * it has called the library, calls `look` from time to time while it works or waits, never inside itself and not under
 * the lock of the callbacks, so that look may call the library. */
typedef struct CmWatch {
  int stop;           /* as for cm_cancel_by_flag */
  uint64_t thread;    /* pthread_self() of the thread */
  void (*look)(void); /* every 20 ms or so; may set stop */
  int64_t due;        /* the library's: begins as 0 */
} CmWatch;
CM_API bool cm_cancel_by_watch(void *user);

typedef struct CmContextOptions {
  int threads;           /* 1..256; 0: as many as the machine has */
  uint64_t memory_limit; /* bytes that may be allocated at a time; 0: no ceiling */
  CmLogFn log;
  CmProgressFn progress;
  CmCancelFn cancel;
  void *user;                                       /* given to each callback */
  void *(*allocate)(size_t alignment, size_t size); /* NULL: aligned_alloc; size is a multiple of alignment */
  void (*release)(void *block);                     /* NULL: free */
  uint64_t reserved[8];
} CmContextOptions;

CM_API void cm_context_default_options(CmContextOptions *options);
/* NULL options: the defaults. Destroy with cm_context_destroy(). */
CM_API CM_NODISCARD CmContext *cm_context_create(const CmContextOptions *options, CmError **err);
/* Stops the threads and nulls *ctx. Returns the bytes that were still allocated (0 unless something leaked). */
CM_API uint64_t cm_context_destroy(CmContext **ctx);

CM_API int cm_context_threads(const CmContext *ctx);
CM_API uint64_t cm_context_memory_limit(const CmContext *ctx);
CM_API uint64_t cm_context_memory_used(const CmContext *ctx);
CM_API uint64_t cm_context_memory_peak(const CmContext *ctx);
CM_API void cm_context_reset_peak(CmContext *ctx);
CM_API bool cm_context_cancelled(CmContext *ctx, CmError **err); /* true, and CM_ERR_CANCELLED set, if asked to stop */
CM_API void cm_log(CmContext *ctx, CmLogLevel level, const char *format, ...) CM_PRINTF(3, 4);
CM_API void cm_progress(CmContext *ctx, const char *what, int64_t done, int64_t total);

/* Memory. Every block is 64-byte aligned and counted against the ceiling of its context. On failure NULL and
 * CM_ERR_MEMORY. A size of 0 gives a valid block. cm_free(NULL) does nothing. Contents of cm_alloc are undefined. */
CM_API CM_NODISCARD void *cm_alloc(CmContext *ctx, size_t size, CmError **err);
CM_API CM_NODISCARD void *cm_calloc(CmContext *ctx, size_t count, size_t size,
                                    CmError **err); /* checked product, zeroed */
CM_API CM_NODISCARD void *cm_alloc_array(CmContext *ctx, size_t count, size_t size,
                                         CmError **err); /* checked product */
/* On failure NULL and `block` stays valid. `block` may be NULL. */
CM_API CM_NODISCARD void *cm_realloc(CmContext *ctx, void *block, size_t size, CmError **err);
CM_API CM_NODISCARD char *cm_strdup(CmContext *ctx, const char *text, CmError **err);
CM_API CM_NODISCARD char *cm_strndup(CmContext *ctx, const char *text, size_t length, CmError **err);
CM_API CM_NODISCARD char *cm_sprintf(CmContext *ctx, CmError **err, const char *format, ...) CM_PRINTF(3, 4);
CM_API void cm_free(void *block);
/* false, and CM_ERR_MEMORY, where a*b does not fit. */
CM_API bool cm_size_multiply(size_t a, size_t b, size_t *product, CmError **err);

/* For tests: the allocation number `nth` from now (1 = the next) fails, once; 0 switches it off. */
CM_API void cm_context_fail_allocation(CmContext *ctx, uint64_t nth);
CM_API uint64_t cm_context_allocation_count(const CmContext *ctx);

#endif
