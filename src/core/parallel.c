/* Loops over a pool of threads that the context keeps. POSIX threads rather than OpenMP, so that ThreadSanitizer sees
 * every hand-over and the library does not bring a second runtime into a process that has one. */
#include "cormack/parallel.h"

#include <stdlib.h>
#include <time.h>

#include "core/context_priv.h"

typedef struct Loop {
  CmContext *ctx;
  const char *what;
  CmRangeFn fn;
  void *arg;
  int64_t count, chunk, chunks;
  atomic_int_least64_t next, done;
  atomic_bool stop;
  pthread_mutex_t lock; /* guards the fields below */
  int64_t failed_chunk;
  CmError *error;
  int64_t last_report_ms;
} Loop;

typedef struct Worker {
  CmPool *pool;
  pthread_t thread;
  int index; /* 1..threads-1; the caller of the loop is 0 */
} Worker;

struct CmPool {
  int threads, started;
  atomic_flag busy;
  pthread_mutex_t lock;
  pthread_cond_t wake, finished;
  uint64_t generation;
  int active; /* workers still on the present loop */
  bool quit;
  Loop *loop;
  Worker *workers;
};

static void loop_fail(Loop *loop, int64_t chunk, CmError **error) {
  pthread_mutex_lock(&loop->lock);
  if (loop->failed_chunk < 0 || chunk < loop->failed_chunk) {
    cm_error_free(&loop->error);
    loop->error = *error;
    *error = NULL;
    loop->failed_chunk = chunk;
  }
  pthread_mutex_unlock(&loop->lock);
  cm_error_free(error);
  atomic_store(&loop->stop, true);
}

static void loop_report(Loop *loop) {
  int64_t done = atomic_fetch_add(&loop->done, 1) + 1;
  if (!loop->what || !loop->ctx->options.progress || done == loop->chunks) return;
  if (pthread_mutex_trylock(&loop->lock)) return;
  int64_t now = cm__now_ms();
  bool due = now - loop->last_report_ms >= 100;
  if (due) loop->last_report_ms = now;
  pthread_mutex_unlock(&loop->lock);
  if (due) cm_progress(loop->ctx, loop->what, done, loop->chunks);
}

static void loop_work(Loop *loop, int worker) {
  while (!atomic_load(&loop->stop)) {
    int64_t chunk = atomic_fetch_add(&loop->next, 1);
    if (chunk >= loop->chunks) return;
    CmRange range = {.begin = chunk * loop->chunk, .chunk = chunk, .worker = worker};
    range.end = loop->count - range.begin < loop->chunk ? loop->count : range.begin + loop->chunk;
    CmError *error = NULL;
    bool good = !cm_context_cancelled(loop->ctx, &error) && loop->fn(loop->arg, range, &error);
    if (!good && !error) cm_error_set(&error, CM_ERR_FAULT, "a loop failed without saying why");
    if (!good)
      loop_fail(loop, chunk, &error);
    else
      loop_report(loop);
  }
}

static void *worker_main(void *arg) {
  Worker *self = arg;
  CmPool *pool = self->pool;
  uint64_t seen = 0;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    while (!pool->quit && pool->generation == seen) pthread_cond_wait(&pool->wake, &pool->lock);
    if (pool->quit) break;
    seen = pool->generation;
    Loop *loop = pool->loop;
    pthread_mutex_unlock(&pool->lock);
    loop_work(loop, self->index);
    pthread_mutex_lock(&pool->lock);
    if (--pool->active == 0) pthread_cond_signal(&pool->finished);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

CmPool *cm__pool_create(int threads) {
  CmPool *pool = calloc(1, sizeof *pool);
  Worker *workers = calloc((size_t)threads, sizeof *workers);
  if (!pool || !workers) {
    free(pool);
    free(workers);
    return NULL;
  }
  pool->threads = threads;
  pool->workers = workers;
  atomic_flag_clear(&pool->busy);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&pool->finished, &monotonic);
  pthread_condattr_destroy(&monotonic);
  return pool;
}

void cm__pool_destroy(CmPool *pool) {
  pthread_mutex_lock(&pool->lock);
  pool->quit = true;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_cond_destroy(&pool->finished);
  pthread_mutex_destroy(&pool->lock);
  free(pool->workers);
  free(pool);
}

/* Threads are started by the first loop that can use them; a machine that gives fewer is served with fewer. */
static void pool_start(CmPool *pool) {
  while (pool->started < pool->threads - 1) {
    Worker *worker = &pool->workers[pool->started];
    *worker = (Worker){.pool = pool, .index = pool->started + 1};
    if (pthread_create(&worker->thread, NULL, worker_main, worker)) return;
    pool->started++;
  }
}

/* For the last workers, and on the way for a watch: its thread may be this one. The lock is held. */
static void pool_wait(CmPool *pool, CmContext *ctx) {
  if (ctx->options.cancel != cm_cancel_by_watch) {
    pthread_cond_wait(&pool->finished, &pool->lock);
    return;
  }
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += CM_WATCH_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  if (!pthread_cond_timedwait(&pool->finished, &pool->lock, &until)) return;
  pthread_mutex_unlock(&pool->lock);
  cm_context_cancelled(ctx, NULL);
  pthread_mutex_lock(&pool->lock);
}

static void pool_run(CmPool *pool, Loop *loop) {
  pthread_mutex_lock(&pool->lock);
  pool_start(pool);
  pool->loop = loop;
  pool->active = pool->started;
  pool->generation++;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  loop_work(loop, 0);
  pthread_mutex_lock(&pool->lock);
  while (pool->active) pool_wait(pool, loop->ctx);
  pthread_mutex_unlock(&pool->lock);
}

int64_t cm_chunk_count(int64_t count, int64_t chunk) {
  return count <= 0 ? 0 : (count - 1) / chunk + 1;
}

bool cm_parallel_for(CmContext *ctx, const char *what, int64_t count, int64_t chunk, CmRangeFn fn, void *arg,
                     CmError **err) {
  if (count <= 0) return true;
  if (chunk < 1) chunk = 1;
  Loop loop = {.ctx = ctx, .what = what, .fn = fn, .arg = arg, .count = count, .chunk = chunk, .failed_chunk = -1};
  loop.chunks = cm_chunk_count(count, chunk);
  loop.last_report_ms = what && ctx->options.progress ? cm__now_ms() : 0;
  pthread_mutex_init(&loop.lock, NULL);
  CmPool *pool = ctx->pool;
  /* A loop inside a loop finds the pool busy and runs where it is. */
  bool mine = pool->threads > 1 && loop.chunks > 1 && !atomic_flag_test_and_set(&pool->busy);
  if (mine) {
    pool_run(pool, &loop);
    atomic_flag_clear(&pool->busy);
  } else {
    loop_work(&loop, 0);
  }
  pthread_mutex_destroy(&loop.lock);
  if (loop.error) {
    cm_error_move(err, &loop.error);
    return false;
  }
  if (what) cm_progress(ctx, what, loop.chunks, loop.chunks);
  return true;
}
