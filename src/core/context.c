#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/context_priv.h"

#define MAX_THREADS 256

void cm_context_default_options(CmContextOptions *options) {
  *options = (CmContextOptions){0};
}

static int machine_threads(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  if (count < 1) return 1;
  return count > MAX_THREADS ? MAX_THREADS : (int)count;
}

/* Images come in huge pages where the kernel has them: the first touch of 160 MB then takes 60 ms instead of 270. */
static void *default_allocate(size_t alignment, size_t size) {
  const size_t huge = (size_t)2 << 20;
  if (size < 4 * huge) return aligned_alloc(alignment, size);
  void *block = aligned_alloc(huge, (size + huge - 1) / huge * huge);
  if (block) madvise(block, size, MADV_HUGEPAGE); /* advice: a refusal changes nothing */
  return block;
}

CmContext *cm_context_create(const CmContextOptions *options, CmError **err) {
  CmContextOptions chosen;
  cm_context_default_options(&chosen);
  if (options) chosen = *options;
  if (chosen.threads < 0 || chosen.threads > MAX_THREADS) {
    cm_error_set(err, CM_ERR_PARAMETER, "threads is %d; give 1 to %d, or 0 for as many as the machine has",
                 chosen.threads, MAX_THREADS);
    return NULL;
  }
  if (!chosen.threads) chosen.threads = machine_threads();
  if (!chosen.allocate != !chosen.release) {
    cm_error_set(err, CM_ERR_USAGE, "an allocator needs both allocate and release");
    return NULL;
  }
  const bool own = chosen.allocate != NULL;
  if (!own) {
    chosen.allocate = default_allocate;
    chosen.release = free;
  }
  CmContext *ctx = calloc(1, sizeof *ctx);
  if (ctx) ctx->pool = cm__pool_create(chosen.threads);
  if (!ctx || !ctx->pool) {
    free(ctx);
    cm_error_set(err, CM_ERR_MEMORY, "no memory for a context");
    return NULL;
  }
  ctx->options = chosen;
  ctx->kept.wanted = !own;
  pthread_mutex_init(&ctx->callback, NULL);
  pthread_mutex_init(&ctx->kept.lock, NULL);
  return ctx;
}

uint64_t cm_context_destroy(CmContext **ctx) {
  if (!ctx || !*ctx) return 0;
  CmContext *gone = *ctx;
  *ctx = NULL;
  cm__pool_destroy(gone->pool);
  uint64_t left = atomic_load(&gone->used);
  cm__kept_release(gone);
  pthread_mutex_destroy(&gone->kept.lock);
  pthread_mutex_destroy(&gone->callback);
  free(gone);
  return left;
}

int cm_context_threads(const CmContext *ctx) {
  return ctx->options.threads;
}
uint64_t cm_context_memory_limit(const CmContext *ctx) {
  return ctx->options.memory_limit;
}
uint64_t cm_context_memory_used(const CmContext *ctx) {
  return atomic_load(&((CmContext *)(uintptr_t)ctx)->used);
}
uint64_t cm_context_memory_peak(const CmContext *ctx) {
  return atomic_load(&((CmContext *)(uintptr_t)ctx)->peak);
}
void cm_context_reset_peak(CmContext *ctx) {
  atomic_store(&ctx->peak, atomic_load(&ctx->used));
}

const char *cm_version(void) {
  return CM_VERSION;
}

bool cm_cancel_by_flag(void *user) {
  return __atomic_load_n((const int *)user, __ATOMIC_RELAXED) != 0;
}

int64_t cm__now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool cm_cancel_by_watch(void *user) {
  CmWatch *watch = user;
  if ((uint64_t)pthread_self() == watch->thread && cm__now_ms() >= watch->due) {
    watch->due = INT64_MAX; /* what look calls comes here, too */
    watch->look();
    watch->due = cm__now_ms() + CM_WATCH_MS;
  }
  return cm_cancel_by_flag(&watch->stop);
}

bool cm_context_cancelled(CmContext *ctx, CmError **err) {
  if (!ctx->options.cancel) return false;
  const bool own = ctx->options.cancel == cm_cancel_by_flag || ctx->options.cancel == cm_cancel_by_watch;
  if (!own) pthread_mutex_lock(&ctx->callback);
  const bool stop = ctx->options.cancel(ctx->options.user);
  if (!own) pthread_mutex_unlock(&ctx->callback);
  if (stop) cm_error_set(err, CM_ERR_CANCELLED, "stopped as asked");
  return stop;
}

void cm_log(CmContext *ctx, CmLogLevel level, const char *format, ...) {
  if (!ctx->options.log) return;
  char *text = NULL;
  va_list args;
  va_start(args, format);
  int size = vasprintf(&text, format, args);
  va_end(args);
  if (size < 0) return;
  pthread_mutex_lock(&ctx->callback);
  ctx->options.log(ctx->options.user, level, text);
  pthread_mutex_unlock(&ctx->callback);
  free(text);
}

void cm_progress(CmContext *ctx, const char *what, int64_t done, int64_t total) {
  if (!ctx->options.progress) return;
  pthread_mutex_lock(&ctx->callback);
  ctx->options.progress(ctx->options.user, what, done, total);
  pthread_mutex_unlock(&ctx->callback);
}

void cm_context_fail_allocation(CmContext *ctx, uint64_t nth) {
  atomic_store(&ctx->fail_at, nth ? atomic_load(&ctx->allocations) + nth : 0);
}

uint64_t cm_context_allocation_count(const CmContext *ctx) {
  return atomic_load(&((CmContext *)(uintptr_t)ctx)->allocations);
}
