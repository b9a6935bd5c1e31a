#include "learn/bins.h"

#include <string.h>

#include "cormack/parallel.h"
#include "learn/points.h"

typedef struct Job {
  const CmTraining *training;
  CmBins *bins;
  int most;
  CmPoint *points; /* of each worker: 3 x rows */
} Job;

static int64_t count_distinct(const CmPoint *points, int64_t n) {
  int64_t distinct = 0;
  for (int64_t i = 0; i < n; i++) distinct += i == 0 || (float)points[i].value != (float)points[i - 1].value;
  return distinct;
}

/* Of n values `taken` are in closed bins and `open` in the present one; so many bins are left, that one included. */
static bool is_full(int64_t n, int64_t taken, int64_t open, int bins) {
  return open * bins >= n - taken;
}

static void cut_feature(const Job *job, int j, CmPoint *points) {
  const CmTraining *t = job->training;
  uint8_t *code = job->bins->code + (int64_t)j * t->rows;
  float *low = job->bins->low + (int64_t)j * CM__MOST_BINS, *high = job->bins->high + (int64_t)j * CM__MOST_BINS;
  int64_t n = cm__sorted_column(t->x, t->rows, t->features, j, points, points + t->rows), taken = 0;
  bool each = count_distinct(points, n) <= job->most;
  int bin = 0;
  memset(code, CM__MISSING_BIN, (size_t)t->rows);
  for (int64_t i = 0; i < n; i++) {
    float value = (float)points[i].value;
    bool fresh = i > 0 && value != (float)points[i - 1].value;
    if (fresh && (each || is_full(n, taken, i - taken, job->most - bin))) {
      bin++;
      taken = i;
    }
    if (i == taken) low[bin] = value;
    high[bin] = value;
    code[points[i].row] = (uint8_t)bin;
  }
}

static bool cut_features(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Job *job = arg;
  for (int64_t j = range.begin; j < range.end; j++)
    cut_feature(job, (int)j, job->points + 3 * range.worker * job->training->rows);
  return true;
}

bool cm__bins_make(CmArena *hold, const CmTraining *training, int most, CmBins *bins, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  size_t cells, edges = (size_t)training->features * CM__MOST_BINS;
  if (!cm_size_multiply((size_t)training->rows, (size_t)training->features, &cells, err)) return false;
  *bins = (CmBins){.rows = training->rows, .features = training->features};
  bins->code = CM__NEW(hold, uint8_t, cells, err);
  bins->low = CM__NEW(hold, float, edges, err);
  bins->high = CM__NEW(hold, float, edges, err);
  Job job = {training, bins, most, CM__NEW(&scratch, CmPoint, 3 * training->rows * cm_context_threads(hold->ctx), err)};
  bool ok = bins->code && bins->low && bins->high && job.points &&
            cm_parallel_for(hold->ctx, NULL, training->features, 1, cut_features, &job, err);
  cm__arena_free(&scratch);
  return ok;
}
