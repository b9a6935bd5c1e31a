/* A learner as a whole: its choice of parameters, the model, and the map of its probabilities. */
#include <string.h>

#include "cormack/parallel.h"
#include "learn/model.h"
#include "learn/rng.h"
#include "learn/strata.h"
#include "learn/tune.h"

typedef struct Unseen {
  CmContext *ctx;
  const CmLearner *learner;
  const CmLearnData *data;
  const int64_t *at;
  int64_t rows;
  CmInner inner;
  double *p; /* rows x classes: of each row by the model that has not seen it */
} Unseen;

static bool predict_fold(const Unseen *u, CmArena *hold, int fold, CmError **err) {
  int k = u->data->classes;
  int64_t *train = CM__NEW(hold, int64_t, u->rows, err), *test = CM__NEW(hold, int64_t, u->rows, err),
          *place = CM__NEW(hold, int64_t, u->rows, err), trains = 0, tests = 0;
  double *p = CM__NEW(hold, double, u->rows *k, err);
  if (!train || !test || !place || !p) return false;
  for (int64_t i = 0; i < u->rows; i++) {
    if (u->inner.fold[i] != fold) {
      train[trains++] = u->at[i];
      continue;
    }
    place[tests] = i;
    test[tests++] = u->at[i];
  }
  CmModel *model = cm__model_fit_rows(u->ctx, u->learner, u->data, train, trains, err);
  bool ok = model && cm__model_rows(u->ctx, model, u->data, test, tests, p, err);
  for (int64_t i = 0; ok && i < tests; i++) memcpy(u->p + place[i] * k, p + i * k, sizeof *p * (size_t)k);
  cm_model_unref(&model);
  return ok;
}

static bool predict_folds(void *arg, CmRange range, CmError **err) {
  const Unseen *u = arg;
  bool ok = true;
  for (int64_t fold = range.begin; ok && fold < range.end; fold++) {
    CmArena hold = {.ctx = u->ctx};
    ok = predict_fold(u, &hold, (int)fold, err);
    cm__arena_free(&hold);
  }
  return ok;
}

/* Fits the map to what models of inner folds predict, and gives it to `model`. */
static bool recalibrate(CmArena *hold, Unseen *u, uint64_t job, CmModel *model, CmError **err) {
  const CmRecalibrateParams *params = u->learner->recalibrate;
  int *y = CM__NEW(hold, int, u->rows, err);
  u->p = CM__NEW(hold, double, u->rows * u->data->classes, err);
  if (!y || !u->p) return false;
  for (int64_t i = 0; i < u->rows; i++) y[i] = u->data->y[u->at[i]];
  return cm__inner_folds(hold, u->data, u->at, u->rows, params->folds,
                         cm__stream((uint64_t)params->seed, CM__STREAM_RECALIBRATE, job), &u->inner, err) &&
         cm_parallel_for(u->ctx, NULL, u->inner.folds, 1, predict_folds, u, err) &&
         cm__recalibration_fit(&model->hold, params->method, u->p, y, u->rows, u->data->classes, &model->recalibration,
                               err);
}

static bool is_recalibrated(const CmLearner *learner) {
  return learner->recalibrate && learner->recalibrate->method;
}

static bool check_recalibration(const CmLearner *learner, const CmLearnData *data, CmError **err) {
  if (!is_recalibrated(learner) || (data->classes && data->target)) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED,
               "recalibration is of the probabilities of classes, and %s predicts none; drop it",
               cm__learner_name(learner));
  return false;
}

CmModel *cm__learner_fit(CmContext *ctx, const CmLearner *learner, const CmLearnData *data, const int64_t *at,
                         int64_t count, uint64_t job, CmTuning *tuning, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTuning own = {.hold = {.ctx = ctx}};
  CmTuning *tuned = tuning ? tuning : &own;
  bool chooses = learner->search && *learner->search, ok = check_recalibration(learner, data, err);
  CmModel *model = NULL;
  if (ok && (!chooses || cm__tune(ctx, learner, data, at, count, job, tuned, err))) {
    Unseen unseen = {.ctx = ctx, .learner = chooses ? &tuned->learner : learner, .data = data, .at = at, .rows = count};
    model = cm__model_fit_rows(ctx, unseen.learner, data, at, count, err);
    if (model && is_recalibrated(learner) && !recalibrate(&hold, &unseen, job, model, err)) cm_model_unref(&model);
  }
  cm__tuning_free(&own);
  cm__arena_free(&hold);
  return model;
}
