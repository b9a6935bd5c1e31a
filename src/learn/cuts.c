#include "learn/cuts.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/points.h"

enum { TOGETHER = 8 }; /* columns that are gathered at once: as many numbers as a line of the cache holds */

/* Room of a worker. */
typedef struct Room {
  float *column; /* TOGETHER x rows */
  CmKey *key;    /* 2 x rows */
  float *value;  /* rows: the different ones */
  double *up_to; /* rows: the weight of the values up to each */
} Room;

typedef struct Job {
  const CmTraining *training;
  const float *weight;
  int most;
  CmCuts *cuts;
  uint16_t *code; /* features x rows */
  int *bins;      /* features */
  float *above;   /* features x most */
  uint8_t *holes; /* features: some value is missing */
  Room *room;
} Job;

/* A number whose text reads back. */
static float clamped(double value) {
  const double most = (double)nextafterf(FLT_MAX, 0);
  return (float)fmin(fmax(value, -most), most);
}

static float key_value(uint32_t bits) {
  float value;
  bits ^= bits >> 31 ? UINT32_C(1) << 31 : UINT32_MAX;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t value_key(float value) {
  uint32_t bits;
  value += 0.0F; /* -0 is 0 */
  memcpy(&bits, &value, sizeof bits);
  return bits ^ (bits >> 31 ? UINT32_MAX : UINT32_C(1) << 31);
}

/* The different values of sorted keys, and the weight up to each; how many. */
static int64_t sum_up(const Job *job, const CmKey *key, int64_t n, const Room *room) {
  int64_t different = 0;
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    double weight = job->weight ? (double)job->weight[key[i].at] : 1;
    if (weight == 0) continue;
    sum += weight;
    if (!different || key_value(key[i].bits) != room->value[different - 1])
      room->value[different++] = key_value(key[i].bits);
    room->up_to[different - 1] = sum;
  }
  return different;
}

/* Puts the values at which bins begin, but for the first, to `cut`; how many. Of `n` different values those nearest to
 * `most` equal steps of the weight begin bins: the first, the last and those between. */
static int choose_cuts(const Room *room, int64_t n, int most, float *cut) {
  const double *up_to = room->up_to;
  if (n <= most + 1) {
    int count = n < most ? (int)n : most;
    for (int i = 1; i < count; i++) cut[i - 1] = room->value[i];
    return count ? count - 1 : 0;
  }
  double begin = up_to[0], range = up_to[n - 2] - begin;
  int count = 0;
  int64_t at = 1, last = 0;
  for (int k = 1; k < most; k++) {
    double twice = 2 * (k * range / most + begin);
    while (at < n - 1 && twice >= up_to[at + 1] + up_to[at]) at++;
    if (at == n - 1) break;
    int64_t nearest = twice < 2 * up_to[at] ? at : at + 1;
    if (nearest == last) continue;
    last = nearest;
    cut[count++] = room->value[nearest];
  }
  if (last != n - 1 && count < most - 1) cut[count++] = room->value[n - 1];
  return count;
}

static void cut_feature(const Job *job, int j, const float *column, const Room *room) {
  int64_t rows = job->training->rows, n = 0;
  for (int64_t i = 0; i < rows; i++)
    if (!isnan(column[i])) room->key[n++] = (CmKey){value_key(column[i]), (uint32_t)i};
  const CmKey *key = n ? cm__sort_keys(room->key, room->key + rows, (uint32_t)n) : room->key;
  float *above = job->above + (int64_t)j * job->most;
  int most = n < job->most ? (int)n : job->most, bins = choose_cuts(room, sum_up(job, key, n, room), most, above),
      bin = 0;
  double least = n ? (double)key_value(key[0].bits) : 0, largest = n ? (double)key_value(key[n - 1].bits) : 0;
  above[bins] = clamped(largest + fabs(largest) + 1e-5);
  job->cuts->under[j] = clamped(least - fabs(least) - 1e-5);
  job->bins[j] = bins + 1;
  job->holes[j] = n < rows;
  uint16_t *code = job->code + j * rows;
  for (int64_t i = 0; job->holes[j] && i < rows; i++) code[i] = (uint16_t)job->bins[j];
  for (int64_t i = 0; i < n; i++) {
    while (bin < bins && key_value(key[i].bits) >= above[bin]) bin++;
    code[key[i].at] = (uint16_t)bin;
  }
}

static bool cut_features(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Job *job = arg;
  const CmTraining *t = job->training;
  const Room *room = &job->room[range.worker];
  int64_t count = range.end - range.begin;
  for (int64_t i = 0; i < t->rows; i++)
    for (int64_t j = 0; j < count; j++) {
      double value = t->x[i * t->features + range.begin + j];
      room->column[j * t->rows + i] = isnan(value) ? NAN : clamped(value);
    }
  for (int64_t j = 0; j < count; j++) cut_feature(job, (int)(range.begin + j), room->column + j * t->rows, room);
  return true;
}

static bool make_rooms(CmArena *scratch, Job *job, CmError **err) {
  int64_t rows = job->training->rows;
  int workers = cm_context_threads(scratch->ctx);
  job->room = CM__NEW(scratch, Room, workers, err);
  for (int i = 0; job->room && i < workers; i++) {
    Room *room = &job->room[i];
    room->column = CM__NEW(scratch, float, TOGETHER *rows, err);
    room->key = CM__NEW(scratch, CmKey, 2 * rows, err);
    room->value = CM__NEW(scratch, float, rows, err);
    room->up_to = CM__NEW(scratch, double, rows, err);
    if (!room->column || !room->key || !room->value || !room->up_to) return false;
  }
  return job->room != NULL;
}

/* The bins of all features in a row. */
static bool gather(CmArena *hold, const Job *job, CmCuts *cuts, CmError **err) {
  cuts->whole = true;
  for (int j = 0; j < cuts->features; j++) {
    cuts->first[j + 1] = cuts->first[j] + job->bins[j] + 1;
    cuts->whole = cuts->whole && !job->holes[j];
    cuts->wide = cuts->wide || job->bins[j] - 1 + job->holes[j] > UINT8_MAX;
  }
  cuts->above = CM__NEW(hold, float, cuts->first[cuts->features], err);
  for (int j = 0; cuts->above && j < cuts->features; j++)
    memcpy(cuts->above + cuts->first[j], job->above + (int64_t)j * job->most, sizeof(float) * (size_t)job->bins[j]);
  cuts->code = job->code;
  int64_t cells = cuts->rows * cuts->features;
  for (int64_t i = 0; !cuts->wide && i < cells; i++) ((uint8_t *)cuts->code)[i] = (uint8_t)job->code[i];
  return cuts->above != NULL;
}

bool cm__cuts_make(CmArena *hold, const CmTraining *training, const float *weight, int most, CmCuts *cuts,
                   CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  size_t cells;
  if (training->rows > UINT32_MAX / 2) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "boosting takes at most %u rows; train on fewer", UINT32_MAX / 2);
    return false;
  }
  if (!cm_size_multiply((size_t)training->rows, (size_t)training->features, &cells, err)) return false;
  if (most > training->rows) most = (int)training->rows;
  *cuts = (CmCuts){.rows = training->rows, .features = training->features};
  cuts->first = CM__NEW(hold, int64_t, training->features + 1, err);
  cuts->under = CM__NEW(hold, float, training->features, err);
  Job job = {.training = training, .weight = weight, .most = most, .cuts = cuts};
  job.code = CM__NEW(hold, uint16_t, cells, err);
  job.bins = CM__NEW(&scratch, int, training->features, err);
  job.holes = CM__NEW(&scratch, uint8_t, training->features, err);
  job.above = CM__NEW(&scratch, float, (int64_t)training->features *most, err);
  bool ok = cuts->first && cuts->under && job.code && job.bins && job.holes && job.above &&
            make_rooms(&scratch, &job, err) &&
            cm_parallel_for(hold->ctx, NULL, training->features, TOGETHER, cut_features, &job, err) &&
            gather(hold, &job, cuts, err);
  cm__arena_free(&scratch);
  return ok;
}
