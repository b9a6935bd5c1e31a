/* A learner as a whole: its choice of parameters, then the model. */
#include "learn/model.h"
#include "learn/tune.h"

CmModel *cm__learner_fit(CmContext *ctx, const CmLearner *learner, const CmLearnData *data, const int64_t *at,
                         int64_t count, uint64_t job, CmTuning *tuning, CmError **err) {
  CmTuning own = {.hold = {.ctx = ctx}};
  CmTuning *tuned = tuning ? tuning : &own;
  bool chooses = learner->search && *learner->search;
  CmModel *model = NULL;
  if (!chooses || cm__tune(ctx, learner, data, at, count, job, tuned, err))
    model = cm__model_fit_rows(ctx, chooses ? &tuned->learner : learner, data, at, count, err);
  cm__tuning_free(&own);
  return model;
}
