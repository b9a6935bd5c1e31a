/* What a validation learns by fitting again and again: the optimism of a bootstrap, a permutation test, a learning
 * curve. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/numbers.h"
#include "learn/result.h"
#include "learn/rng.h"
#include "learn/split.h"
#include "learn/strata.h"

/* Numbers of training sets, for the draws of tuning; behind those of the folds. */
#define JOB_OPTIMISM (UINT64_C(1) << 32)
#define JOB_LABELS (UINT64_C(2) << 32)
#define JOB_CURVE (UINT64_C(3) << 32)

/* A training set that cannot carry the model is left out; other failures end the run. */
static bool passes(CmError **why, CmError **err) {
  bool passed = cm_error_code(*why) == CM_ERR_DATA;
  if (passed)
    cm_error_free(why);
  else
    cm_error_move(err, why);
  return passed;
}

/* Fits on train[] and predicts test[]; rows of `data`. */
static bool fit_predict(const CmTrial *trial, int learner, const CmLearnData *data, const int64_t *train,
                        int64_t trains, uint64_t job, const int64_t *test, int64_t tests, double *to, CmError **err) {
  CmModel *model = cm__learner_fit(trial->ctx, &trial->learners[learner], data, train, trains, job, NULL, err);
  bool ok = model && cm__model_rows(trial->ctx, model, data, test, tests, to, err);
  cm_model_unref(&model);
  return ok;
}

/* ---- optimism (Harrell, Lee, Mark: Stat. Med. 15, 1996) -------------------------------------------------------------
 */

/* Metrics of predictions of the places at[]; p: of all places of the pool. */
static bool judge_places(CmArena *hold, const CmTrial *trial, const int64_t *at, int64_t rows, const double *p,
                         CmMetricList *list, CmError **err) {
  int k = trial->width;
  int *y = CM__NEW(hold, int, rows, err);
  int64_t *subject = CM__NEW(hold, int64_t, rows, err), *row = CM__NEW(hold, int64_t, rows, err);
  double *own = CM__NEW(hold, double, rows *k, err);
  if (!y || !subject || !row || !own) return false;
  for (int64_t i = 0; i < rows; i++) {
    y[i] = trial->pool_y[at[i]];
    subject[i] = trial->pool_subject[at[i]];
    row[i] = trial->pool[at[i]];
    memcpy(own + i * k, p + at[i] * k, sizeof *own * (size_t)k);
  }
  CmScores scores = {rows, 0, k, 1, y, subject, own, row, trial->moments.count ? &trial->moments : NULL};
  return cm__compact_subjects(hold, subject, rows, &scores.subjects, err) &&
         cm__judge(hold, trial, &scores, 0, list, err);
}

/* p: pool x the trial's width. */
static bool predict_pool(CmArena *hold, const CmTrial *trial, const CmModel *model, double *p, CmError **err) {
  int d = trial->data.features;
  double *x = CM__NEW(hold, double, trial->pool_rows *d, err);
  if (!x) return false;
  for (int64_t i = 0; i < trial->pool_rows; i++)
    memcpy(x + i * d, trial->data.x + trial->pool[i] * d, sizeof *x * (size_t)d);
  return cm__trial_numbers(hold, trial, model, x, trial->pool_rows, p, err);
}

static bool every_place(CmArena *hold, const CmTrial *trial, int64_t **at, CmError **err) {
  *at = CM__NEW(hold, int64_t, trial->pool_rows, err);
  for (int64_t i = 0; *at && i < trial->pool_rows; i++) (*at)[i] = i;
  return *at != NULL;
}

/* Subjects drawn with putting back, all rows of each. */
static bool draw_places(CmArena *hold, const CmTrial *trial, uint64_t stream, int64_t **at, int64_t *rows,
                        CmError **err) {
  double *times = CM__NEW(hold, double, trial->pool_subjects, err);
  *rows = 0;
  if (!times) return false;
  cm__draw_times(stream, trial->pool_subjects, times);
  for (int64_t i = 0; i < trial->pool_rows; i++) *rows += (int64_t)times[trial->pool_subject[i]];
  *at = CM__NEW(hold, int64_t, *rows, err);
  *rows = 0;
  for (int64_t i = 0; *at && i < trial->pool_rows; i++)
    for (double n = times[trial->pool_subject[i]]; n > 0; n--) (*at)[(*rows)++] = i;
  return *at != NULL;
}

static bool draw_optimism(CmArena *hold, CmTrial *trial, int learner, int64_t b, CmError **err) {
  CmOptimism *o = &trial->outcome[learner].optimism;
  int64_t *at, *every, rows, *train;
  CmMetricList drawn, whole;
  CmError *why = NULL;
  double *p = CM__NEW(hold, double, trial->pool_rows * trial->width, err);
  if (!p || !every_place(hold, trial, &every, err) ||
      !draw_places(hold, trial, cm__stream((uint64_t)trial->params.seed, CM__STREAM_OPTIMISM, (uint64_t)b), &at, &rows,
                   err) ||
      !(train = CM__NEW(hold, int64_t, rows, err)))
    return false;
  for (int64_t i = 0; i < rows; i++) train[i] = trial->pool[at[i]];
  double *lost = o->lost + b * o->apparent.count;
  for (int m = 0; m < o->apparent.count; m++) lost[m] = NAN;
  CmModel *model = cm__learner_fit(trial->ctx, &trial->learners[learner], &trial->data, train, rows,
                                   JOB_OPTIMISM + (uint64_t)b, NULL, &why);
  bool fitted = model && predict_pool(hold, trial, model, p, &why);
  cm_model_unref(&model);
  if (!fitted) return passes(&why, err);
  if (!judge_places(hold, trial, at, rows, p, &drawn, err) ||
      !judge_places(hold, trial, every, trial->pool_rows, p, &whole, err))
    return false;
  for (int m = 0; m < o->apparent.count; m++) lost[m] = drawn.metric[m].value - whole.metric[m].value;
  return true;
}

/* What the models handed over say of the rows that they were trained on. */
static bool judge_apparent(CmTrial *trial, int learner, CmError **err) {
  CmOutcome *outcome = &trial->outcome[learner];
  CmArena *hold = &trial->data.hold;
  int64_t *every;
  double *p = CM__NEW(hold, double, trial->pool_rows * trial->width, err);
  if (!p || !every_place(hold, trial, &every, err) || !predict_pool(hold, trial, outcome->model, p, err) ||
      !judge_places(hold, trial, every, trial->pool_rows, p, &outcome->optimism.apparent, err))
    return false;
  outcome->optimism.lost = CM__NEW(hold, double, trial->params.optimism * outcome->optimism.apparent.count, err);
  return outcome->optimism.lost != NULL;
}

/* ---- permutation test ----------------------------------------------------------------------------------------------
 */

/* Rows of the pool by subject: those of s are row[first[s]..first[s + 1]). */
typedef struct BySubject {
  int64_t *first, *row;
  bool constant; /* each subject has one target */
} BySubject;

static bool same_target(const CmLearnData *data, int64_t a, int64_t b) {
  return (!data->y || data->y[a] == data->y[b]) && (!data->value || data->value[a] == data->value[b]) &&
         (!data->event || data->event[a] == data->event[b]);
}

static bool by_subject(CmArena *hold, const CmTrial *trial, BySubject *to, CmError **err) {
  int64_t n = trial->pool_subjects;
  int64_t *next = CM__NEW(hold, int64_t, n, err);
  *to = (BySubject){CM__NEW(hold, int64_t, n + 1, err), CM__NEW(hold, int64_t, trial->pool_rows, err), true};
  if (!next || !to->first || !to->row) return false;
  for (int64_t i = 0; i < trial->pool_rows; i++) to->first[trial->pool_subject[i] + 1]++;
  for (int64_t s = 0; s < n; s++) to->first[s + 1] += next[s] = to->first[s];
  for (int64_t i = 0; i < trial->pool_rows; i++) {
    int64_t s = trial->pool_subject[i];
    to->row[next[s]++] = trial->pool[i];
    to->constant = to->constant && same_target(&trial->data, trial->pool[i], to->row[to->first[s]]);
  }
  return true;
}

/* whose[s]: the subject whose targets s gets. Where targets differ within subjects, only subjects with equally many
 * rows change places. */
static bool shuffle_subjects(CmArena *hold, const BySubject *rows, int64_t subjects, uint64_t stream, int64_t *whose,
                             CmError **err) {
  int64_t *member = CM__NEW(hold, int64_t, subjects, err), *mixed = CM__NEW(hold, int64_t, subjects, err);
  uint8_t *done = CM__NEW(hold, uint8_t, subjects, err);
  if (!member || !mixed || !done) return false;
  for (int64_t s = 0; s < subjects; s++) {
    int64_t size = rows->first[s + 1] - rows->first[s], count = 0;
    if (done[s]) continue;
    for (int64_t t = s; t < subjects; t++) {
      if (done[t] || (!rows->constant && rows->first[t + 1] - rows->first[t] != size)) continue;
      done[t] = 1;
      mixed[count] = member[count] = t;
      count++;
    }
    cm__shuffle(cm__mix(stream + (uint64_t)s), mixed, count);
    for (int64_t i = 0; i < count; i++) whose[member[i]] = mixed[i];
  }
  return true;
}

/* The same data with targets of the pool exchanged. */
static bool permute_targets(CmArena *hold, const CmTrial *trial, uint64_t stream, CmLearnData *to, CmError **err) {
  const CmLearnData *data = &trial->data;
  size_t n = (size_t)(data->rows + data->unlabelled);
  BySubject rows;
  int64_t *whose = CM__NEW(hold, int64_t, trial->pool_subjects, err);
  *to = *data;
  if (!whose || !by_subject(hold, trial, &rows, err) ||
      !shuffle_subjects(hold, &rows, trial->pool_subjects, stream, whose, err))
    return false;
  if (data->y && !(to->y = CM__NEW(hold, int, n, err))) return false;
  if (data->value && !(to->value = CM__NEW(hold, double, n, err))) return false;
  if (data->event && !(to->event = CM__NEW(hold, uint8_t, n, err))) return false;
  for (int64_t s = 0; s < trial->pool_subjects; s++) {
    for (int64_t i = rows.first[s]; i < rows.first[s + 1]; i++) {
      int64_t from = rows.row[rows.first[whose[s]] + (rows.constant ? 0 : i - rows.first[s])], row = rows.row[i];
      if (to->y) to->y[row] = data->y[from];
      if (to->value) to->value[row] = data->value[from];
      if (to->event) to->event[row] = data->event[from];
    }
  }
  return true;
}

/* A whole cross-validation of the permuted data, on folds that are even in its targets. */
static bool permuted_worth(CmArena *hold, CmTrial *trial, int learner, int64_t b, double *worth, CmError **err) {
  uint64_t seed = (uint64_t)trial->params.seed;
  int64_t n = trial->pool_rows, k = cm__width(trial->data.task, trial->data.classes), folds = trial->params.folds;
  CmLearnData data;
  CmStrata strata;
  int *fold = CM__NEW(hold, int, n, err);
  int64_t *train = CM__NEW(hold, int64_t, n, err), *test = CM__NEW(hold, int64_t, n, err),
          *place = CM__NEW(hold, int64_t, n, err);
  double *p = CM__NEW(hold, double, n *k, err), *some = CM__NEW(hold, double, n *k, err);
  if (!fold || !train || !test || !place || !p || !some ||
      !permute_targets(hold, trial, cm__stream(seed, CM__STREAM_LABELS, (uint64_t)b), &data, err) ||
      !cm__stratify(hold, &data, trial->pool, n, (double)folds, &strata, err))
    return false;
  if (trial->fold_name)
    memcpy(fold, trial->fold, sizeof *fold * (size_t)n);
  else if (!cm__split_folds(trial->ctx, strata.stratum, strata.strata, strata.subject, strata.subjects, n, (int)folds,
                            cm__stream(seed, CM__STREAM_FOLDS, 0), fold, err))
    return false;
  for (int f = 0; f < folds; f++) {
    int64_t trains = 0, tests = 0;
    for (int64_t i = 0; i < n; i++) {
      if (fold[i] != f) {
        train[trains++] = trial->pool[i];
        continue;
      }
      place[tests] = i;
      test[tests++] = trial->pool[i];
    }
    if (!fit_predict(trial, learner, &data, train, trains, JOB_LABELS + (uint64_t)(b * folds + f), test, tests, some,
                     err))
      return false;
    for (int64_t i = 0; i < tests; i++) memcpy(p + place[i] * k, some + i * k, sizeof *p * (size_t)k);
  }
  return cm__worth(trial->ctx, &data, trial->pool, n, p, worth, err);
}

static bool draw_permuted(CmArena *hold, CmTrial *trial, int learner, int64_t b, CmError **err) {
  CmError *why = NULL;
  double *to = &trial->outcome[learner].permuted[b];
  *to = NAN;
  return permuted_worth(hold, trial, learner, b, to, &why) || passes(&why, err);
}

/* ---- learning curve ------------------------------------------------------------------------------------------------
 */

/* Part of the training rows of a fold of the first repeat, by subject and even in classes; a larger part holds the
 * smaller ones. */
static bool thin_training(CmArena *hold, const CmTrial *trial, double share, int fold, int64_t *train, int64_t *trains,
                          CmError **err) {
  CmStrata strata;
  uint8_t *taken = CM__NEW(hold, uint8_t, *trains, err);
  if (!taken || !cm__stratify(hold, &trial->data, train, *trains, 2, &strata, err)) return false;
  if (share < 1 &&
      !cm__split_hold_out(trial->ctx, strata.stratum, strata.strata, strata.subject, strata.subjects, *trains, share,
                          NULL, cm__stream((uint64_t)trial->params.seed, CM__STREAM_CURVE, (uint64_t)fold), taken, err))
    return false;
  int64_t kept = 0;
  for (int64_t i = 0; i < *trains; i++)
    if (share >= 1 || taken[i]) train[kept++] = train[i];
  *trains = kept;
  return true;
}

static bool judge_point(CmArena *hold, CmTrial *trial, int learner, int fold, int64_t point, CmCurvePoint *to,
                        CmError **err) {
  int64_t n = trial->pool_rows, trains = 0, tests = 0, subjects;
  int64_t *train = CM__NEW(hold, int64_t, n, err), *test = CM__NEW(hold, int64_t, n, err),
          *numbers = CM__NEW(hold, int64_t, n, err);
  double *p = CM__NEW(hold, double, n * trial->width, err);
  if (!train || !test || !numbers || !p) return false;
  for (int64_t i = 0; i < n; i++) {
    if (trial->fold[i] == fold)
      test[tests++] = trial->pool[i];
    else
      train[trains++] = trial->pool[i];
  }
  double share = (double)(point + 1) / (double)trial->params.learning_curve;
  if (!thin_training(hold, trial, share, fold, train, &trains, err)) return false;
  for (int64_t i = 0; i < trains; i++) numbers[i] = trial->data.subject[train[i]];
  if (!cm__compact_subjects(hold, numbers, trains, &subjects, err)) return false;
  CmModel *model = cm__learner_fit(trial->ctx, &trial->learners[learner], &trial->data, train, trains,
                                   JOB_CURVE + (uint64_t)(point * trial->params.folds + fold), NULL, err);
  *to = (CmCurvePoint){.rows = trains, .subjects = subjects, .training = NAN, .test = NAN};
  bool ok = model && cm__model_rows(trial->ctx, model, &trial->data, test, tests, p, err) &&
            cm__worth(trial->ctx, &trial->data, test, tests, p, &to->test, err) &&
            cm__model_rows(trial->ctx, model, &trial->data, train, trains, p, err) &&
            cm__worth(trial->ctx, &trial->data, train, trains, p, &to->training, err);
  cm_model_unref(&model);
  return ok;
}

static bool draw_point(CmArena *hold, CmTrial *trial, int learner, int64_t at, CmError **err) {
  int64_t folds = trial->params.folds;
  CmError *why = NULL;
  CmCurvePoint *to = &trial->outcome[learner].curve[at];
  *to = (CmCurvePoint){.training = NAN, .test = NAN};
  return judge_point(hold, trial, learner, (int)(at % folds), at / folds, to, &why) || passes(&why, err);
}

/* ---- all -----------------------------------------------------------------------------------------------------------
 */

typedef bool Draw(CmArena *hold, CmTrial *trial, int learner, int64_t at, CmError **err);

typedef struct Draws {
  CmTrial *trial;
  int64_t each; /* draws of a learner */
  Draw *draw;
} Draws;

static bool run_draws(void *arg, CmRange range, CmError **err) {
  const Draws *d = arg;
  bool ok = true;
  for (int64_t job = range.begin; ok && job < range.end; job++) {
    CmArena hold = {.ctx = d->trial->ctx};
    ok = d->draw(&hold, d->trial, (int)(job / d->each), job % d->each, err);
    cm__arena_free(&hold);
  }
  return ok;
}

static bool run_all(CmTrial *trial, const char *what, int64_t each, Draw *draw, CmError **err) {
  Draws draws = {trial, each, draw};
  return !each || cm_parallel_for(trial->ctx, what, trial->count * each, 1, run_draws, &draws, err);
}

bool cm__trial_resample(CmTrial *trial, CmError **err) {
  const CmValidateParams *p = &trial->params;
  int64_t points = p->learning_curve * p->folds, permuted = p->folds ? p->permutation_test : 0;
  for (int l = 0; l < trial->count; l++) {
    CmOutcome *o = &trial->outcome[l];
    o->permuted = CM__NEW(&trial->data.hold, double, permuted, err);
    o->curve = CM__NEW(&trial->data.hold, CmCurvePoint, points, err);
    if (!o->permuted || !o->curve || (p->optimism && !judge_apparent(trial, l, err))) return false;
  }
  return run_all(trial, "optimism", p->optimism, draw_optimism, err) &&
         run_all(trial, "permutation test", permuted, draw_permuted, err) &&
         run_all(trial, "learning curve", points, draw_point, err);
}
