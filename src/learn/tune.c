#include "learn/tune.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/model.h"
#include "learn/numbers.h"
#include "learn/rng.h"
#include "learn/search.h"
#include "learn/split.h"
#include "learn/strata.h"

/* ---- one number for how good a candidate is -------------------------------------------------------------------------
 */

const char *cm__tune_metric(const CmLearner *learner, const CmLearnData *data) {
  static const char *const names[] = {"", "accuracy", "log_loss", "brier", "mae", "rmse"};
  if (learner->tune && learner->tune->metric) return names[learner->tune->metric];
  return data->classes ? "auc" : data->event ? "c_index" : "r2";
}

static bool less_is_better(int metric) {
  return metric > CM__SCORE_ACCURACY;
}

static double class_loss(int metric, const double *p, int classes, int y) {
  if (metric == CM__SCORE_ACCURACY) return cm__most_probable(p, classes) == y;
  if (metric == CM__SCORE_LOG_LOSS) return -log(fmin(fmax(p[y], DBL_EPSILON), 1 - DBL_EPSILON));
  double sum = 0;
  for (int c = classes == 2; c < classes; c++) sum += (p[c] - (c == y)) * (p[c] - (c == y));
  return sum;
}

static bool score_rows(CmContext *ctx, const CmLearnData *data, int metric, const int64_t *row, int64_t rows,
                       const double *numbers, double *score, CmError **err) {
  if (metric == CM__SCORE_AUTO) return cm__worth(ctx, data, row, rows, numbers, score, err);
  double sum = 0;
  for (int64_t i = 0; i < rows; i++) {
    if (data->classes) {
      sum += class_loss(metric, numbers + i * data->classes, data->classes, data->y[row[i]]);
      continue;
    }
    double error = fabs(data->value[row[i]] - numbers[i]);
    sum += metric == CM__SCORE_MAE ? error : error * error;
  }
  *score = metric == CM__SCORE_RMSE ? sqrt(sum / (double)rows) : sum / (double)rows;
  return true;
}

static bool check_metric(const CmLearnData *data, int metric, CmError **err) {
  bool number = metric == CM__SCORE_MAE || metric == CM__SCORE_RMSE;
  if (metric == CM__SCORE_AUTO || (number ? data->task == CM_TASK_REGRESSION : data->classes > 0)) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "tune: metric is of %s; leave it away, or use %s",
               number ? "numbers" : "probabilities",
               data->classes                      ? "accuracy, log_loss or brier"
               : data->task == CM_TASK_REGRESSION ? "mae or rmse"
                                                  : "auto");
  return false;
}

/* ---- a stage: candidates judged on the folds of some rows -----------------------------------------------------------
 */

typedef struct Stage {
  CmContext *ctx;
  const CmLearnData *data;
  const CmCandidates *candidates;
  int metric, count;
  int *alive; /* count: the candidates in this stage */
  const int64_t *at;
  int64_t rows, subjects;
  CmInner inner;
  double *score; /* count x inner folds */
} Stage;

static bool judge_fold(const Stage *s, CmArena *hold, int candidate, int fold, double *score, CmError **err) {
  int64_t *train = CM__NEW(hold, int64_t, s->rows, err), *test = CM__NEW(hold, int64_t, s->rows, err), trains = 0,
          tests = 0;
  if (!train || !test) return false;
  for (int64_t i = 0; i < s->rows; i++) {
    if (s->inner.fold[i] == fold)
      test[tests++] = s->at[i];
    else
      train[trains++] = s->at[i];
  }
  double *numbers = CM__NEW(hold, double, tests *cm__width(s->data->task, s->data->classes), err);
  if (!numbers) return false;
  CmModel *model =
      cm__model_fit_rows(s->ctx, &s->candidates->candidate[candidate].learner, s->data, train, trains, err);
  bool ok = model && cm__model_rows(s->ctx, model, s->data, test, tests, numbers, err) &&
            score_rows(s->ctx, s->data, s->metric, test, tests, numbers, score, err);
  cm_model_unref(&model);
  return ok;
}

/* A candidate that these rows cannot carry is none; it must not end the search. */
static bool judge_jobs(void *arg, CmRange range, CmError **err) {
  const Stage *s = arg;
  for (int64_t job = range.begin; job < range.end; job++) {
    CmArena hold = {.ctx = s->ctx};
    CmError *why = NULL;
    bool ok = judge_fold(s, &hold, s->alive[job / s->inner.folds], (int)(job % s->inner.folds), &s->score[job], &why);
    cm__arena_free(&hold);
    if (ok) continue;
    if (cm_error_code(why) != CM_ERR_DATA) {
      cm_error_move(err, &why);
      return false;
    }
    s->score[job] = NAN;
    cm_error_free(&why);
  }
  return true;
}

/* Rows of about `share` of the subjects, even in classes; the same ones and more with a larger share. */
static bool take_subjects(CmArena *hold, Stage *s, const CmStrata *strata, const int64_t *at, double share,
                          uint64_t stream, CmError **err) {
  uint8_t *taken = CM__NEW(hold, uint8_t, strata->rows, err);
  int64_t *some = CM__NEW(hold, int64_t, strata->rows, err), *numbers = CM__NEW(hold, int64_t, strata->rows, err);
  s->rows = 0;
  if (!taken || !some || !numbers) return false;
  if (share < 1 && !cm__split_hold_out(hold->ctx, strata->stratum, strata->strata, strata->subject, strata->subjects,
                                       strata->rows, share, NULL, stream, taken, err))
    return false;
  for (int64_t i = 0; i < strata->rows; i++) {
    if (share < 1 && !taken[i]) continue;
    numbers[s->rows] = strata->subject[i];
    some[s->rows++] = at[i];
  }
  s->at = some;
  return cm__compact_subjects(hold, numbers, s->rows, &s->subjects, err);
}

typedef struct Rank {
  double worth;
  int candidate;
} Rank;

static int better_first(const void *a, const void *b) {
  const Rank *p = a, *q = b;
  if (p->worth != q->worth) return p->worth > q->worth ? -1 : 1;
  return p->candidate - q->candidate;
}

/* Puts the candidates of the stage into `tried`, and the better ones first. */
static void note_scores(Stage *s, int stage, CmTuning *tuning, Rank *rank) {
  int folds = s->inner.folds;
  for (int i = 0; i < s->count; i++) {
    double mean = 0, square = 0;
    for (int f = 0; f < folds; f++) mean += s->score[i * folds + f] / folds;
    for (int f = 0; f < folds; f++)
      square += (s->score[i * folds + f] - mean) * (s->score[i * folds + f] - mean) / folds;
    tuning->tried[tuning->count++] = (CmTried){
        s->candidates->candidate[s->alive[i]].text, s->alive[i], stage, s->subjects, mean, sqrt(square), false};
    rank[i] = (Rank){isnan(mean) ? -INFINITY : less_is_better(s->metric) ? -mean : mean, s->alive[i]};
  }
  qsort(rank, (size_t)s->count, sizeof *rank, better_first);
}

/* ---- the search ----------------------------------------------------------------------------------------------------
 */

/* How many stages, and the share of the subjects in the first: as many as leave fewer than `factor` candidates for the
 * last, which has all subjects, unless the first would then have too few for its folds. */
static int plan_stages(const CmTuneParams *tune, int candidates, int64_t least, double *share) {
  int stages = 1;
  *share = 1;
  double smallest = 2.0 * (double)tune->folds / (double)least;
  int64_t left = tune->search == CM__SEARCH_HALVING ? candidates : 1;
  for (; left >= tune->factor && *share / (double)tune->factor >= smallest; left /= tune->factor, stages++)
    *share /= (double)tune->factor;
  return stages;
}

static int by_number(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

/* The better 1/factor goes on. */
static void drop_worse(Stage *s, const Rank *rank, int64_t factor) {
  s->count = (int)((s->count + factor - 1) / factor);
  for (int i = 0; i < s->count; i++) s->alive[i] = rank[i].candidate;
  qsort(s->alive, (size_t)s->count, sizeof *s->alive, by_number);
}

static bool run_stages(CmArena *hold, Stage *s, const CmTuneParams *tune, const int64_t *at, int64_t count,
                       uint64_t job, CmTuning *tuning, CmError **err) {
  CmStrata strata;
  double share;
  Rank *rank = CM__NEW(hold, Rank, s->count, err);
  if (!rank || !cm__stratify(hold, s->data, at, count, (double)tune->folds, &strata, err)) return false;
  int stages = plan_stages(tune, s->count, strata.least, &share);
  tuning->tried = CM__NEW(&tuning->hold, CmTried, (int64_t)stages * s->count, err);
  if (!tuning->tried) return false;
  for (int stage = 0; stage < stages; stage++, share *= (double)tune->factor) {
    if (stage) drop_worse(s, rank, tune->factor);
    if (!take_subjects(hold, s, &strata, at, stage == stages - 1 ? 1 : share,
                       cm__stream((uint64_t)tune->seed, CM__STREAM_TUNE_SUBJECTS, job), err) ||
        !cm__inner_folds(hold, s->data, s->at, s->rows, tune->folds,
                         cm__stream((uint64_t)tune->seed, CM__STREAM_TUNE_FOLDS, job), &s->inner, err))
      return false;
    int64_t jobs = (int64_t)s->count * s->inner.folds;
    s->score = CM__NEW(hold, double, jobs, err);
    if (!s->score || !cm_parallel_for(s->ctx, NULL, jobs, 1, judge_jobs, s, err)) return false;
    note_scores(s, stage, tuning, rank);
  }
  tuning->folds = s->inner.folds;
  for (int i = tuning->count - s->count; i < tuning->count; i++)
    tuning->tried[i].chosen = tuning->tried[i].candidate == rank[0].candidate;
  tuning->learner = s->candidates->candidate[rank[0].candidate].learner;
  if (rank[0].worth > -INFINITY) return true;
  double score; /* none could be fitted: says why the first cannot */
  if (judge_fold(s, hold, rank[0].candidate, 0, &score, err))
    cm_error_set(err, CM_ERR_DATA, "no candidate has a score; the inner folds are too small for the metric");
  return false;
}

bool cm__tune(CmContext *ctx, const CmLearner *learner, const CmLearnData *data, const int64_t *at, int64_t count,
              uint64_t job, CmTuning *tuning, CmError **err) {
  CmArena own = {.ctx = ctx};
  CmCandidates candidates;
  void *defaults = learner->tune ? NULL : cm_params_create(ctx, cm_tune_about(), err);
  const CmTuneParams *tune = learner->tune ? learner->tune : defaults;
  *tuning = (CmTuning){.hold = {.ctx = ctx}};
  bool ok =
      tune && check_metric(data, tune->metric, err) && cm__candidates(&tuning->hold, learner, tune, &candidates, err);
  if (ok) {
    Stage stage = {.ctx = ctx,
                   .data = data,
                   .candidates = &candidates,
                   .metric = tune->metric,
                   .count = candidates.count,
                   .alive = CM__NEW(&own, int, candidates.count, err)};
    for (int i = 0; stage.alive && i < candidates.count; i++) stage.alive[i] = i;
    ok = stage.alive && run_stages(&own, &stage, tune, at, count, job, tuning, err);
  }
  if (!ok) cm_error_context(err, "model \"%s\", tuning", cm__learner_name(learner));
  cm_free(defaults);
  cm__arena_free(&own);
  return ok;
}

void cm__tuning_free(CmTuning *tuning) {
  cm__arena_free(&tuning->hold);
  *tuning = (CmTuning){{0}, 0, 0, NULL, {0}};
}
