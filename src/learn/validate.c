#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/numbers.h"
#include "learn/result.h"
#include "learn/rng.h"

static const CmParam params_table[] = {
    CM_PARAM_INT(CmValidateParams, folds, 5, 0, 1000, "",
                 "of the cross-validation, by subject and even in classes; 0: none"),
    CM_PARAM_INT(CmValidateParams, repeats, 1, 1, 1000, "", "of the cross-validation, each with other folds"),
    CM_PARAM_REAL(CmValidateParams, hold_out, 0, 0, 0.9, "1", "share of the subjects that is kept apart"),
    CM_PARAM_BOOL(CmValidateParams, temporal, "false",
                  "hold out the subjects seen last, and refuse training rows later than a held-out one"),
    CM_PARAM_INT(CmValidateParams, seed, 1, 0, 2147483647, "", "of folds, hold-out, bootstrap and permutations"),
    CM_PARAM_INT(CmValidateParams, resamples, 2000, 0, 1000000, "", "of the bootstrap by subject; 0: no intervals"),
    CM_PARAM_REAL(CmValidateParams, confidence, 0.95, 0.5, 0.9999, "1", "of the intervals"),
    CM_PARAM_INT(CmValidateParams, permutations, 5, 0, 1000, "", "of each feature for permutation importance; 0: none"),
    CM_PARAM_INT(CmValidateParams, permutation_rows, 500, 10, 1000000000, "",
                 "unseen rows of a fold that it uses at most"),
    CM_PARAM_REALS(
        CmValidateParams, horizons, "", 0, 1e300, 0, 16, "",
        "times, in the target's unit, at which survival is judged; otherwise the quartiles of the event times"),
    CM_PARAM_INT(CmValidateParams, calibration_bins, 10, 2, 100, "", "of equal width"),
    CM_PARAM_REAL(CmValidateParams, sensitivity, 0.9, 0, 1, "1", "that a threshold has to reach"),
    CM_PARAM_REAL(CmValidateParams, specificity, 0.9, 0, 1, "1", "that a threshold has to reach"),
    CM_PARAM_BOOL(CmValidateParams, explain, "true",
                  "contributions of the features for each row, by a model that has not seen it"),
    CM_PARAM_INT(CmValidateParams, optimism, 0, 0, 100000, "",
                 "bootstrap samples of subjects for Harrell's correction of the metrics for optimism; 0: none"),
    CM_PARAM_INT(CmValidateParams, permutation_test, 0, 0, 1000000, "",
                 "cross-validations of targets exchanged between subjects, against chance; 0: none"),
    CM_PARAM_INT(CmValidateParams, learning_curve, 0, 0, 100, "",
                 "points of the curve of the AUC, R2 or C-index over the number of subjects; 0: none"),
    CM_PARAM_TEXT(CmValidateParams, allow, "", "leaks to let pass, by name, with commas between"),
};

static const CmOp about = {
    .name = "validate",
    .family = "learn",
    .since = "0.1",
    .summary = "Judge models on rows that they have not seen.",
    .details =
        "Grouped, stratified cross-validation, with a hold-out if asked for. Preparation is fitted inside each fold. "
        "Leaks are refused by name.",
    CM_OP_PARAMS(CmValidateParams, params_table),
};
const CmOp *cm_validate_about(void) {
  return &about;
}

/* ---- jobs: one model fitted and judged
 * -------------------------------------------------------------------------------- */

typedef struct Unseen {
  int64_t rows;
  double *x;    /* rows x features */
  int64_t *row; /* of the data */
  int64_t *at;  /* place in the pool or among the held */
} Unseen;

static bool gather(const CmTrial *trial, CmArena *hold, const int64_t *rows, const int64_t *at, int64_t count,
                   Unseen *unseen, CmError **err) {
  int d = trial->data.features;
  *unseen = (Unseen){count, CM__NEW(hold, double, count *d, err), CM__NEW(hold, int64_t, count, err),
                     CM__NEW(hold, int64_t, count, err)};
  if (!unseen->x || !unseen->row || !unseen->at) return false;
  for (int64_t i = 0; i < count; i++) {
    int64_t place = at ? at[i] : i;
    unseen->at[i] = place;
    unseen->row[i] = rows[place];
    memcpy(unseen->x + i * d, trial->data.x + rows[place] * d, sizeof(double) * (size_t)d);
  }
  return true;
}

/* Keeps a random part of the rows, in their order. */
static void thin(Unseen *unseen, int64_t most, int d, uint64_t stream) {
  int64_t kept = 0, wanted = most, left = unseen->rows;
  if (unseen->rows <= most) return;
  for (int64_t i = 0; i < unseen->rows; i++, left--) { /* selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S) */
    if (cm__draw_below(stream, (uint64_t)i, left) >= wanted) continue;
    wanted--;
    memmove(unseen->x + kept * d, unseen->x + i * d, sizeof(double) * (size_t)d);
    unseen->row[kept++] = unseen->row[i];
  }
  unseen->rows = kept;
}

/* How good the model is at the unseen rows: the AUC (mean over classes), R2 or C-index. */
static bool worth(const CmTrial *trial, const CmModel *model, const Unseen *unseen, double *numbers, double *to,
                  CmError **err) {
  return cm__model_numbers(trial->ctx, model, unseen->x, unseen->rows, numbers, err) &&
         cm__worth(trial->ctx, &trial->data, unseen->row, unseen->rows, numbers, to, err);
}

static bool permute(const CmTrial *trial, CmArena *hold, const CmModel *model, Unseen *unseen, int fold, double *drop,
                    CmError **err) {
  const CmValidateParams *p = &trial->params;
  int d = trial->data.features;
  if (!p->permutations) return true;
  thin(unseen, p->permutation_rows, d, cm__stream((uint64_t)p->seed, CM__STREAM_ROWS, (uint64_t)fold));
  int64_t n = unseen->rows;
  double *numbers = CM__NEW(hold, double, n * trial->width, err), *column = CM__NEW(hold, double, n, err);
  int64_t *order = CM__NEW(hold, int64_t, n, err);
  double whole, less;
  if (!numbers || !column || !order || !worth(trial, model, unseen, numbers, &whole, err)) return false;
  for (int j = 0; j < d; j++) {
    bool used = false;
    for (int i = 0; i < model->prepare.kept; i++) used = used || model->prepare.keep[i] == j;
    for (int64_t i = 0; i < n; i++) column[i] = unseen->x[i * d + j];
    for (int64_t q = 0; q < p->permutations; q++) {
      double *to = &drop[(int64_t)j * trial->drops + fold * p->permutations + q];
      *to = isnan(whole) ? (double)NAN : 0;
      if (!used || isnan(whole)) continue;
      for (int64_t i = 0; i < n; i++) order[i] = i;
      cm__shuffle(
          cm__stream((uint64_t)p->seed, CM__STREAM_PERMUTE, (uint64_t)((fold * (int64_t)d + j) * p->permutations + q)),
          order, n);
      for (int64_t i = 0; i < n; i++) unseen->x[i * d + j] = column[order[i]];
      if (!worth(trial, model, unseen, numbers, &less, err)) return false;
      *to = whole - less;
    }
    for (int64_t i = 0; i < n; i++) unseen->x[i * d + j] = column[i];
  }
  return true;
}

bool cm__trial_shares(CmArena *hold, const CmTrial *trial, const CmModel *model, const double *x, int64_t rows,
                      double *numbers, CmError **err) {
  const CmMoments *m = &trial->moments;
  int said = trial->width - m->count;
  if (!m->count) return true;
  double *share = CM__NEW(hold, double, rows * m->count, err);
  if (!share || !cm__model_survive(trial->ctx, model, x, rows, m->time, m->count, share, err)) return false;
  for (int64_t i = rows - 1; i >= 0; i--) { /* from the end: each row moves to where nothing is left to move */
    memmove(numbers + i * trial->width, numbers + i * said, sizeof *numbers * (size_t)said);
    memcpy(numbers + i * trial->width + said, share + i * m->count, sizeof *share * (size_t)m->count);
  }
  return true;
}

bool cm__trial_numbers(CmArena *hold, const CmTrial *trial, const CmModel *model, const double *x, int64_t rows,
                       double *to, CmError **err) {
  return cm__model_numbers(trial->ctx, model, x, rows, to, err) &&
         cm__trial_shares(hold, trial, model, x, rows, to, err);
}

/* Predicts and explains; to and raw (or NULL): places x the trial's width, shap: places x width or NULL. */
static bool judge(const CmTrial *trial, CmArena *hold, const CmModel *model, const Unseen *unseen, double *to,
                  double *raw, double *shap, CmError **err) {
  int k = trial->width;
  int64_t width = (int64_t)cm__outputs(trial->data.task, trial->data.classes) * (trial->data.features + 1);
  double *numbers = CM__NEW(hold, double, unseen->rows *k, err),
         *phi = shap ? CM__NEW(hold, double, unseen->rows *width, err) : NULL;
  if (!numbers || (shap && !phi)) return false;
  if (!cm__model_raw(trial->ctx, model, unseen->x, unseen->rows, numbers, err)) return false;
  for (int64_t i = 0; raw && i < unseen->rows; i++)
    memcpy(raw + unseen->at[i] * k, numbers + i * k, sizeof(double) * (size_t)k);
  cm__recalibration_apply(&model->recalibration, numbers, unseen->rows);
  if (!cm__trial_shares(hold, trial, model, unseen->x, unseen->rows, numbers, err)) return false;
  if (shap && !cm__model_contributions(trial->ctx, model, unseen->x, unseen->rows, phi, err)) return false;
  for (int64_t i = 0; i < unseen->rows; i++) {
    memcpy(to + unseen->at[i] * k, numbers + i * k, sizeof(double) * (size_t)k);
    if (shap) memcpy(shap + unseen->at[i] * width, phi + i * width, sizeof(double) * (size_t)width);
  }
  return true;
}

static bool run_fold(CmTrial *trial, CmArena *hold, int learner, int64_t repeat, int fold, CmError **err) {
  const int *of = trial->fold + repeat * trial->pool_rows;
  CmOutcome *outcome = &trial->outcome[learner];
  int64_t *train = CM__NEW(hold, int64_t, trial->pool_rows, err), *test = CM__NEW(hold, int64_t, trial->pool_rows, err),
          trains = 0, tests = 0;
  if (!train || !test) return false;
  for (int64_t i = 0; i < trial->pool_rows; i++) {
    if (of[i] == fold)
      test[tests++] = i;
    else
      train[trains++] = trial->pool[i];
  }
  Unseen unseen;
  if (!gather(trial, hold, trial->pool, test, tests, &unseen, err)) return false;
  int64_t job = 1 + repeat * trial->params.folds + fold;
  CmModel *model = cm__learner_fit(trial->ctx, &trial->learners[learner], &trial->data, train, trains, (uint64_t)job,
                                   &outcome->tuning[job], err);
  int64_t place = repeat * trial->pool_rows * trial->width;
  bool ok = model &&
            judge(trial, hold, model, &unseen, outcome->p + place, outcome->raw_p ? outcome->raw_p + place : NULL,
                  repeat ? NULL : outcome->shap, err) &&
            (repeat || permute(trial, hold, model, &unseen, fold, outcome->drop, err));
  cm_model_unref(&model);
  if (!ok) cm_error_context(err, "repeat %lld, fold %d", (long long)repeat + 1, fold + 1);
  return ok;
}

static bool run_whole(CmTrial *trial, CmArena *hold, int learner, CmError **err) {
  CmOutcome *outcome = &trial->outcome[learner];
  outcome->model = cm__learner_fit(trial->ctx, &trial->learners[learner], &trial->data, trial->pool, trial->pool_rows,
                                   0, &outcome->tuning[0], err);
  if (!outcome->model) return false;
  if (!trial->held_rows) return true;
  Unseen unseen;
  return gather(trial, hold, trial->held, NULL, trial->held_rows, &unseen, err) &&
         judge(trial, hold, outcome->model, &unseen, outcome->held_p, outcome->raw_held_p, outcome->held_shap, err) &&
         (!trial->drop_is_held || permute(trial, hold, outcome->model, &unseen, 0, outcome->drop, err));
}

/* Job: the model of all rows, or a fold of a repeat of a learner. */
static bool run_jobs(void *arg, CmRange range, CmError **err) {
  CmTrial *trial = arg;
  int64_t folds = trial->params.folds;
  for (int64_t job = range.begin; job < range.end; job++) {
    CmArena hold = {.ctx = trial->ctx};
    int learner = (int)(job / trial->jobs);
    int64_t at = job % trial->jobs - 1;
    bool ok = at < 0 ? run_whole(trial, &hold, learner, err)
                     : run_fold(trial, &hold, learner, at / folds, (int)(at % folds), err);
    cm__arena_free(&hold);
    if (!ok) return false;
  }
  return true;
}

/* ---- the call
 * --------------------------------------------------------------------------------------------------------- */

static bool check_task(const CmLearnData *data, CmError **err) {
  if (data->target) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED, "validation judges predictions of a target, and %s has none; name one",
               cm_learn_task_name(data->task));
  return false;
}

static bool check_subgroups(const CmLearnColumns *columns, const CmTable *table, CmError **err) {
  for (int i = 0; i < columns->subgroup_count; i++)
    if (cm__named_column(table, columns->subgroups[i], "subgroups", err) < 0) return false;
  return true;
}

static bool check_learners(const CmLearner *learners, int count, CmError **err) {
  if (count < 1) cm_error_set(err, CM_ERR_USAGE, "no model is given; name at least one");
  for (int i = 0; i < count; i++) {
    if (!cm__learner_check(&learners[i], err)) return false;
    for (int j = 0; j < i; j++) {
      if (strcmp(cm__learner_name(&learners[i]), cm__learner_name(&learners[j]))) continue;
      cm_error_set(err, CM_ERR_USAGE, "two models are named \"%s\"; give each a name of its own",
                   cm__learner_name(&learners[i]));
      return false;
    }
  }
  return count >= 1;
}

static CmLearnResult *make_result(CmTrial *trial, CmError **err) {
  CmLearnResult *result = cm_calloc(trial->ctx, 1, sizeof *result, err);
  if (!result) return NULL;
  result->ctx = trial->ctx;
  atomic_init(&result->references, 1);
  result->model = cm_calloc(trial->ctx, (size_t)trial->count, sizeof(CmModel *), err);
  bool ok = result->model != NULL;
  for (int l = 0; ok && l < trial->count; l++, result->models++)
    result->model[l] = cm_model_ref(trial->outcome[l].model);
  if (!ok || !cm__result_tables(trial, result, err)) cm_learn_result_unref(&result);
  return result;
}

CmLearnResult *cm__validate_target(CmContext *ctx, const CmLearner *learners, int count, const CmTable *table,
                                   const CmLearnColumns *columns, const CmValidateParams *params, CmTrialSee *see,
                                   void *arg, CmError **err) {
  CmTrial trial = {.ctx = ctx, .columns = columns, .learners = learners, .count = count, .params = *params};
  CmLearnResult *result = NULL;
  if (!cm__trial_check(&trial, err) || !check_subgroups(columns, table, err)) return NULL;
  if (!cm__data_read(ctx, table, columns, cm__ability(learners, count), &trial.data, err) ||
      !check_task(&trial.data, err) || !cm__leak_check(&trial.data, columns, trial.params.allow.value, err))
    goto done;
  if (!cm__trial_plan(&trial, err)) goto done;
  bool ok = cm_parallel_for(ctx, "validate", count * trial.jobs, 1, run_jobs, &trial, err);
  for (int l = 0; ok && l < count; l++) ok = cm__prepare_note(&trial.data, &trial.outcome[l].model->prepare, err);
  ok = ok && cm__trial_resample(&trial, err) && (!see || see(arg, &trial, err));
  if (ok) result = make_result(&trial, err);
done:
  for (int l = 0; trial.outcome && l < count; l++) {
    cm_model_unref(&trial.outcome[l].model);
    for (int64_t job = 0; trial.outcome[l].tuning && job < trial.jobs; job++)
      cm__tuning_free(&trial.outcome[l].tuning[job]);
  }
  cm__data_free(&trial.data);
  return result;
}

CmLearnResult *cm_learn_validate(CmContext *ctx, const CmLearner *learners, int count, const CmTable *table,
                                 const CmLearnColumns *columns, const CmValidateParams *params, CmError **err) {
  if (!check_learners(learners, count, err)) return NULL;
  if (columns->start) {
    cm_error_set(
        err, CM_ERR_UNSUPPORTED,
        "start: validation judges rows that are all at risk from 0 on; train without folds, or validate a row a "
        "subject");
    return NULL;
  }
  void *defaults = params ? NULL : cm_params_create(ctx, &about, err);
  if (!params && !(params = defaults)) return NULL;
  CmLearnResult *result = columns->label_count
                              ? cm__validate_labels(ctx, learners, count, table, columns, params, err)
                              : cm__validate_target(ctx, learners, count, table, columns, params, NULL, NULL, err);
  cm_free(defaults);
  return result;
}

CmLearnResult *cm_learn_result_ref(CmLearnResult *result) {
  if (result) atomic_fetch_add(&result->references, 1);
  return result;
}

void cm_learn_result_unref(CmLearnResult **result) {
  if (!result || !*result) return;
  CmLearnResult *gone = *result;
  *result = NULL;
  if (atomic_fetch_sub(&gone->references, 1) > 1) return;
  for (int i = 0; i < gone->models; i++) cm_model_unref(&gone->model[i]);
  for (int t = 0; t < CM_LEARN_TABLE_COUNT; t++) cm_table_unref(&gone->table[t]);
  cm_free(gone->model);
  cm_free(gone);
}

int cm_learn_result_models(const CmLearnResult *result) {
  return result->models;
}
CmModel *cm_learn_result_model(const CmLearnResult *result, int at) {
  return at >= 0 && at < result->models ? result->model[at] : NULL;
}

const char *cm_learn_table_name(CmLearnTable which) {
#define NAME(code, name) name,
  static const char *const names[] = {CM_LEARN_TABLES(NAME)};
#undef NAME
  return (int)which >= 0 && which < CM_LEARN_TABLE_COUNT ? names[which] : NULL;
}

const CmTable *cm_learn_result_table(const CmLearnResult *result, CmLearnTable which) {
  return (int)which >= 0 && which < CM_LEARN_TABLE_COUNT ? result->table[which] : NULL;
}
