#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/numbers.h"
#include "learn/result.h"
#include "learn/rng.h"
#include "learn/split.h"
#include "learn/strata.h"

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
    CM_PARAM_INT(CmValidateParams, calibration_bins, 10, 2, 100, "", "of equal width"),
    CM_PARAM_REAL(CmValidateParams, sensitivity, 0.9, 0, 1, "1", "that a threshold has to reach"),
    CM_PARAM_REAL(CmValidateParams, specificity, 0.9, 0, 1, "1", "that a threshold has to reach"),
    CM_PARAM_BOOL(CmValidateParams, explain, "true",
                  "contributions of the features for each row, by a model that has not seen it"),
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

/* ---- who is held out, who is in which fold
 * ---------------------------------------------------------------------------- */

static bool check_params(const CmTrial *trial, const CmLearnColumns *columns, CmError **err) {
  const CmValidateParams *p = &trial->params;
  bool held = p->hold_out > 0 || columns->hold_out;
  const char *wrong = p->folds == 1            ? "folds: one fold leaves no training rows; use 2 or more, or 0 for none"
                      : p->folds == 0 && !held ? "folds: without folds a hold-out is needed; set folds or hold_out"
                      : p->hold_out > 0 && columns->hold_out
                          ? "hold_out: a share and a column are given; give one of them"
                      : p->temporal && !held ? "temporal: it needs a hold-out; set hold_out, or name its column"
                      : p->temporal && !columns->time ? "temporal: it needs a time column; name it"
                                                      : NULL;
  if (wrong) cm_error_set(err, CM_ERR_PARAMETER, "%s", wrong);
  return !wrong;
}

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

/* Hold-out and folds have their share of each stratum, if each has subjects enough. */
static bool set_strata(CmTrial *trial, CmStrata *all, CmError **err) {
  CmLearnData *data = &trial->data;
  const CmValidateParams *p = &trial->params;
  int64_t *every = CM__NEW(&data->hold, int64_t, data->rows, err);
  if (!every) return false;
  for (int64_t i = 0; i < data->rows; i++) every[i] = i;
  trial->width = cm__width(data->task, data->classes);
  if (!cm__stratify(&data->hold, data, every, data->rows, (double)(p->folds + 2) / (1 - p->hold_out), all, err))
    return false;
  trial->strata = all->strata;
  trial->stratum = all->stratum;
  return true;
}

static bool choose_held(CmTrial *trial, CmError **err) {
  CmLearnData *data = &trial->data;
  const CmValidateParams *p = &trial->params;
  if (!data->held && p->hold_out > 0) {
    data->held = CM__NEW(&data->hold, uint8_t, data->rows, err);
    if (!data->held || !cm__split_hold_out(trial->ctx, trial->stratum, trial->strata, data->subject, data->subjects,
                                           data->rows, p->hold_out, p->temporal ? data->when : NULL,
                                           cm__stream((uint64_t)p->seed, CM__STREAM_HOLD_OUT, 0), data->held, err))
      return false;
  }
  return !data->held || cm__leak_check_split(data, data->held, p->temporal, p->allow.value, err);
}

/* Takes the rows whose mark is `mark`. */
static bool take_rows(CmTrial *trial, uint8_t mark, int64_t *count, int64_t **rows, int **y, int64_t **subject,
                      int64_t *subjects, CmError **err) {
  CmLearnData *data = &trial->data;
  *rows = CM__NEW(&data->hold, int64_t, data->rows, err);
  *y = CM__NEW(&data->hold, int, data->rows, err);
  *subject = CM__NEW(&data->hold, int64_t, data->rows, err);
  if (!*rows || !*y || !*subject) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    if ((data->held ? data->held[i] : 0) != mark) continue;
    (*rows)[*count] = i;
    (*y)[*count] = trial->stratum[i];
    (*subject)[(*count)++] = data->subject[i];
  }
  return cm__compact_subjects(&data->hold, *subject, *count, subjects, err);
}

static bool enough_subjects(CmTrial *trial, CmError **err) {
  const CmLearnData *data = &trial->data;
  int64_t least = trial->params.folds > 2 ? trial->params.folds : 2, have;
  int few;
  if (!cm__fewest_subjects(trial->ctx, trial->pool_y, trial->strata, trial->pool_subject, trial->pool_subjects,
                           trial->pool_rows, &few, &have, err))
    return false;
  if (have >= least) return true;
  cm_error_set(err, CM_ERR_DATA,
               "%s%s%s of %s has %lld subjects for training, too few for %lld folds; use fewer folds, a smaller "
               "hold-out or more subjects",
               data->classes ? "class \"" : "", data->classes ? data->class_name[few] : "a part",
               data->classes ? "\"" : "", data->target, (long long)have, (long long)trial->params.folds);
  return false;
}

static bool plan(CmTrial *trial, CmError **err) {
  CmLearnData *data = &trial->data;
  const CmValidateParams *p = &trial->params;
  CmStrata all;
  if (!set_strata(trial, &all, err) || !choose_held(trial, err)) return false;
  if (!take_rows(trial, 0, &trial->pool_rows, &trial->pool, &trial->pool_y, &trial->pool_subject, &trial->pool_subjects,
                 err))
    return false;
  if (data->held && !take_rows(trial, 1, &trial->held_rows, &trial->held, &trial->held_y, &trial->held_subject,
                               &trial->held_subjects, err))
    return false;
  if (!enough_subjects(trial, err)) return false;
  if (!p->folds) return true;
  size_t cells;
  if (!cm_size_multiply((size_t)p->repeats, (size_t)trial->pool_rows, &cells, err) ||
      !(trial->fold = CM__NEW(&data->hold, int, cells, err)))
    return false;
  for (int64_t r = 0; r < p->repeats; r++)
    if (!cm__split_folds(trial->ctx, trial->pool_y, trial->strata, trial->pool_subject, trial->pool_subjects,
                         trial->pool_rows, (int)p->folds, cm__stream((uint64_t)p->seed, CM__STREAM_FOLDS, (uint64_t)r),
                         trial->fold + r * trial->pool_rows, err))
      return false;
  return true;
}

/* Room for what comes out, before the jobs start: they must not share a growing hold. */
static bool make_room(CmTrial *trial, CmError **err) {
  CmArena *hold = &trial->data.hold;
  const CmValidateParams *p = &trial->params;
  int64_t k = trial->width, d = trial->data.features, outputs = cm__outputs(trial->data.task, trial->data.classes),
          width = outputs * (d + 1);
  trial->drop_is_held = p->folds == 0;
  trial->drops = (int)p->permutations * (trial->drop_is_held ? 1 : (int)p->folds);
  trial->jobs = 1 + p->folds * p->repeats;
  trial->outcome = CM__NEW(hold, CmOutcome, trial->count, err);
  if (!trial->outcome) return false;
  for (int l = 0; l < trial->count; l++) {
    CmOutcome *o = &trial->outcome[l];
    bool shap = p->explain && trial->learners[l].kind->explains_rows;
    o->p = CM__NEW(hold, double, p->folds ? p->repeats * trial->pool_rows *k : 0, err);
    o->held_p = CM__NEW(hold, double, trial->held_rows *k, err);
    o->drop = CM__NEW(hold, double, d * trial->drops, err);
    o->tuning = CM__NEW(hold, CmTuning, trial->jobs, err);
    if (!o->p || !o->held_p || !o->drop || !o->tuning) return false;
    if (!shap) continue;
    o->shap = CM__NEW(hold, double, p->folds ? trial->pool_rows *width : 0, err);
    o->held_shap = CM__NEW(hold, double, trial->held_rows *width, err);
    if (!o->shap || !o->held_shap) return false;
  }
  return true;
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

/* Predicts and explains; to: places x the trial's width, shap: places x width or NULL. */
static bool judge(const CmTrial *trial, CmArena *hold, const CmModel *model, const Unseen *unseen, double *to,
                  double *shap, CmError **err) {
  int k = trial->width;
  int64_t width = (int64_t)cm__outputs(trial->data.task, trial->data.classes) * (trial->data.features + 1);
  double *numbers = CM__NEW(hold, double, unseen->rows *k, err),
         *phi = shap ? CM__NEW(hold, double, unseen->rows *width, err) : NULL;
  if (!numbers || (shap && !phi)) return false;
  if (!cm__model_numbers(trial->ctx, model, unseen->x, unseen->rows, numbers, err)) return false;
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
  bool ok = model &&
            judge(trial, hold, model, &unseen, outcome->p + repeat * trial->pool_rows * trial->width,
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
         judge(trial, hold, outcome->model, &unseen, outcome->held_p, outcome->held_shap, err) &&
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

CmLearnResult *cm_learn_validate(CmContext *ctx, const CmLearner *learners, int count, const CmTable *table,
                                 const CmLearnColumns *columns, const CmValidateParams *params, CmError **err) {
  if (!check_learners(learners, count, err)) return NULL;
  CmTrial trial = {.ctx = ctx, .columns = columns, .learners = learners, .count = count};
  CmLearnResult *result = NULL;
  void *defaults = params ? NULL : cm_params_create(ctx, &about, err);
  if (!params && !defaults) return NULL;
  trial.params = params ? *params : *(const CmValidateParams *)defaults;
  cm_free(defaults);
  if (!check_params(&trial, columns, err) || !check_subgroups(columns, table, err)) return NULL;
  if (!cm__data_read(ctx, table, columns, cm__ability(learners, count), &trial.data, err) ||
      !check_task(&trial.data, err) || !cm__leak_check(&trial.data, columns, trial.params.allow.value, err))
    goto done;
  if (!plan(&trial, err) || !make_room(&trial, err)) goto done;
  bool ok = cm_parallel_for(ctx, "validate", count * trial.jobs, 1, run_jobs, &trial, err);
  for (int l = 0; ok && l < count; l++) ok = cm__prepare_note(&trial.data, &trial.outcome[l].model->prepare, err);
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
