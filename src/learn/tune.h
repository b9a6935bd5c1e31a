/* The choice of parameters on inner folds. */
#ifndef CORMACK_LEARN_TUNE_H
#define CORMACK_LEARN_TUNE_H

#include "learn/data.h"

/* A candidate as it was judged in one stage (only halving has several). */
typedef struct CmTried {
  const char *parameters;
  int candidate, stage; /* from 0 */
  int64_t subjects;     /* that it was judged with */
  double score, spread; /* mean and standard deviation over the inner folds; NaN where it could not be fitted */
  bool chosen;
} CmTried;

typedef struct CmTuning {
  CmArena hold; /* holds everything below */
  int folds, count;
  CmTried *tried;
  CmLearner learner; /* with the chosen parameters */
} CmTuning;

/* Judges the candidates of learner->search on folds of the rows at[0..count); job: which training set it is, for the
 * draws. Candidates and folds run beside each other. Free with cm__tuning_free() also after failure. */
bool cm__tune(CmContext *ctx, const CmLearner *learner, const CmLearnData *data, const int64_t *at, int64_t count,
              uint64_t job, CmTuning *tuning, CmError **err);
void cm__tuning_free(CmTuning *tuning);
/* What candidates are judged by: "auc", "c_index", "log_loss" … */
const char *cm__tune_metric(const CmLearner *learner, const CmLearnData *data);

/* Tunes where the learner asks for it, fits on the rows at[0..count), and recalibrates where asked. tuning: keeps what
 * was tried, zero where nothing was to choose; NULL: not wanted. */
struct CmModel *cm__learner_fit(CmContext *ctx, const CmLearner *learner, const CmLearnData *data, const int64_t *at,
                                int64_t count, uint64_t job, CmTuning *tuning, CmError **err);

#endif
