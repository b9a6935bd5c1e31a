/* The table of a validation about parameters that were chosen. */
#include "learn/result.h"
#include "learn/rows.h"
#include "learn/tune.h"

static void put_tried(CmTableWriter *w, const CmTrial *trial, int learner, int64_t job, const CmTuning *tuning,
                      const CmTried *tried) {
  int64_t folds = trial->params.folds;
  cm__rows_next(w);
  cm__rows_text(w, trial->outcome[learner].model->name);
  cm__rows_text(w, job ? "cross_validation" : "final");
  if (job) {
    cm__rows_int(w, (job - 1) / folds + 1);
    cm__rows_int(w, (job - 1) % folds + 1);
  } else {
    cm__rows_skip(w);
    cm__rows_skip(w);
  }
  cm__rows_int(w, tried->candidate + 1);
  cm__rows_text(w, tried->parameters);
  cm__rows_int(w, tried->stage + 1);
  cm__rows_int(w, tried->subjects);
  cm__rows_int(w, tuning->folds);
  cm__rows_text(w, cm__tune_metric(&trial->learners[learner], &trial->data));
  cm__rows_real(w, tried->score);
  cm__rows_real(w, tried->spread);
  cm__rows_int(w, tried->chosen);
}

CmTable *cm__table_tuning(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w,
                   (const char *const[]){"model", "part", "repeat", "fold", "candidate", "parameters", "stage",
                                         "subjects", "inner_folds", "metric", "score", "spread", "chosen"},
                   "ttiiitiiitrri");
  for (int l = 0; l < trial->count; l++) {
    for (int64_t job = 0; job < trial->jobs; job++) {
      const CmTuning *tuning = &trial->outcome[l].tuning[job];
      for (int i = 0; i < tuning->count; i++) /* of a fold its choice, of the final model the whole search */
        if (!job || tuning->tried[i].chosen) put_tried(&w, trial, l, job, tuning, &tuning->tried[i]);
    }
  }
  return cm__rows_finish(&w);
}
