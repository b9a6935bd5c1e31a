#include "learn/bootstrap.h"

#include "cormack/parallel.h"
#include "learn/rng.h"

enum { RESAMPLES_A_CHUNK = 16 };

typedef struct Job {
  CmContext *ctx;
  const CmBootstrap *boot;
  double *drawn;
} Job;

static bool resample(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const CmBootstrap *b = job->boot;
  CmArena hold = {.ctx = job->ctx};
  double *times = CM__NEW(&hold, double, b->subjects, err), *scratch = CM__NEW(&hold, double, b->scratch, err),
         *to = CM__NEW(&hold, double, b->size, err);
  bool ok = times && scratch && to;
  for (int64_t r = range.begin; ok && r < range.end; r++) {
    cm__draw_times(cm__stream(b->seed, CM__STREAM_BOOTSTRAP, (uint64_t)r), b->subjects, times);
    b->weigh(b->arg, times, scratch, to);
    for (int m = 0; m < b->size; m++) job->drawn[m * b->resamples + r] = to[m];
  }
  cm__arena_free(&hold);
  return ok;
}

bool cm__bootstrap(CmArena *hold, const CmBootstrap *boot, double *point, double **drawn, CmError **err) {
  Job job = {hold->ctx, boot, NULL};
  double *scratch = CM__NEW(hold, double, boot->scratch, err);
  *drawn = job.drawn = CM__NEW(hold, double, boot->size * boot->resamples, err);
  if (!scratch || !job.drawn) return false;
  boot->weigh(boot->arg, NULL, scratch, point);
  return !boot->resamples || cm_parallel_for(hold->ctx, NULL, boot->resamples, RESAMPLES_A_CHUNK, resample, &job, err);
}
