/* A validation while it runs, and the tables that come of it. */
#ifndef CORMACK_LEARN_RESULT_H
#define CORMACK_LEARN_RESULT_H

#include "learn/metrics.h"
#include "learn/model.h"
#include "learn/survival.h"
#include "learn/tune.h"

/* Metrics on the training rows, and how much better those of models of bootstrap samples look on their own rows. */
typedef struct CmOptimism {
  CmMetricList apparent;
  double *lost; /* resamples x metrics; NaN where a sample cannot carry the model */
} CmOptimism;

typedef struct CmCurvePoint {
  double training, test; /* cm__worth() on both sides; NaN where undefined */
  int64_t rows, subjects;
} CmCurvePoint;

/* What one learner gave. Arrays are indexed by place in CmTrial.pool or .held, not by row of the data. */
typedef struct CmOutcome {
  double *p;                  /* repeats x pool x width */
  double *shap;               /* pool x outputs x (features + 1): first repeat; NULL without */
  double *drop;               /* features x (folds x permutations): AUC lost; NaN where undefined */
  double *held_p;             /* held x width */
  double *raw_p, *raw_held_p; /* the same before recalibration; NULL without */
  double *held_shap;
  CmOptimism optimism;
  double *permuted;    /* of each permutation of the targets: cm__worth() */
  CmCurvePoint *curve; /* points x folds */
  CmModel *model;      /* fitted on the pool */
  CmTuning *tuning;    /* jobs: of the pool, then of each fold of each repeat */
} CmOutcome;

typedef struct CmTrial {
  CmContext *ctx;
  CmLearnData data;
  int width;         /* numbers that are kept of a row: what a model predicts, and survival's shares at the moments */
  CmMoments moments; /* survival; else count 0 */
  int strata;   /* parts of the rows that each fold has its share of: classes, ranges of the target, events or not */
  int *stratum; /* of each row of the data */
  const CmLearnColumns *columns;
  const CmLearner *learners;
  int count;
  int64_t jobs; /* training sets of a learner: the pool, then each fold of each repeat */
  CmValidateParams params;
  int64_t pool_rows, held_rows, pool_subjects, held_subjects;
  int64_t *pool, *held;                 /* rows of the data */
  int *pool_y, *held_y;                 /* strata: the classes where there are any */
  int64_t *pool_subject, *held_subject; /* 0..subjects-1 */
  int *fold;                            /* repeats x pool */
  const char **fold_name;               /* the group that is left out; NULL: folds of subjects */
  int drops;                            /* numbers of CmOutcome.drop a feature */
  bool drop_is_held;                    /* no cross-validation: importance is of the hold-out */
  CmOutcome *outcome;
} CmTrial;

struct CmLearnResult {
  CmContext *ctx;
  atomic_int references;
  int models;
  CmModel **model;
  CmTable *table[CM_LEARN_TABLE_COUNT];
};

/* A validation of one target; see: gets the trial while its numbers stand (NULL: nobody). */
typedef bool CmTrialSee(void *arg, const CmTrial *trial, CmError **err);
CmLearnResult *cm__validate_target(CmContext *ctx, const CmLearner *learners, int count, const CmTable *table,
                                   const CmLearnColumns *columns, const CmValidateParams *params, CmTrialSee *see,
                                   void *arg, CmError **err);
/* Of several targets (CmLearnColumns.labels). */
CmLearnResult *cm__validate_labels(CmContext *ctx, const CmLearner *learners, int count, const CmTable *table,
                                   const CmLearnColumns *columns, const CmValidateParams *params, CmError **err);

/* Whether the parameters go together. */
bool cm__trial_check(const CmTrial *trial, CmError **err);
/* Hold-out, folds, and room for what the learners give; `data` is read. */
bool cm__trial_plan(CmTrial *trial, CmError **err);

/* What asks for more fits: optimism, permutation test, learning curve. After the folds. */
bool cm__trial_resample(CmTrial *trial, CmError **err);

/* What the trial keeps of rows, from their features: rows x width. */
bool cm__trial_numbers(CmArena *hold, const CmTrial *trial, const CmModel *model, const double *x, int64_t rows,
                       double *to, CmError **err);
/* Takes apart what a model predicted for the rows, and puts the shares behind it; numbers: room for rows x width. */
bool cm__trial_shares(CmArena *hold, const CmTrial *trial, const CmModel *model, const double *x, int64_t rows,
                      double *numbers, CmError **err);

/* Fills the tables of `result`. */
bool cm__result_tables(CmTrial *trial, CmLearnResult *result, CmError **err);
/* The larger ones: predictions, roc, calibration, confusion, importance, shap. NULL on failure. */
CmTable *cm__table_predictions(CmTrial *trial, CmError **err);
CmTable *cm__table_roc(CmTrial *trial, CmError **err);
CmTable *cm__table_calibration(CmTrial *trial, CmError **err);
CmTable *cm__table_confusion(CmTrial *trial, CmError **err);
CmTable *cm__table_importance(CmTrial *trial, CmError **err);
CmTable *cm__table_shap(CmTrial *trial, CmError **err);

CmTable *cm__table_decision(CmTrial *trial, CmError **err);
CmTable *cm__table_thresholds(CmTrial *trial, CmError **err);
/* Each model against each other one. */
CmTable *cm__table_comparisons(CmTrial *trial, CmError **err);

/* Predictions of numbers and of survival. */
CmTable *cm__table_numbers(CmTrial *trial, CmError **err);
CmTable *cm__table_survival(CmTrial *trial, CmError **err);

CmTable *cm__table_subgroups(CmTrial *trial, CmError **err);
CmTable *cm__table_tuning(CmTrial *trial, CmError **err);
CmTable *cm__table_optimism(CmTrial *trial, CmError **err);
CmTable *cm__table_permutation_test(CmTrial *trial, CmError **err);
CmTable *cm__table_learning_curve(CmTrial *trial, CmError **err);
CmTable *cm__table_recalibration(CmTrial *trial, CmError **err);

/* Metrics of classes or of numbers, as the task wants them. */
bool cm__judge(CmArena *hold, const CmTrial *trial, const CmScores *scores, int64_t resamples, CmMetricList *list,
               CmError **err);
/* What was predicted of unseen rows: in the cross-validation, in the hold-out, in one fold of one repeat (memory in
 * `hold`). */
CmScores cm__cross_scores(const CmTrial *trial, const CmOutcome *outcome);
CmScores cm__held_scores(const CmTrial *trial, const CmOutcome *outcome);
bool cm__fold_scores(CmArena *hold, const CmTrial *trial, const CmOutcome *outcome, int64_t repeat, int fold,
                     CmScores *scores, CmError **err);
/* The places whose of[place] is `wanted`, in all repeats. */
bool cm__pick_scores(CmArena *hold, const CmScores *all, const int *of, int wanted, CmScores *some, CmError **err);
/* The name of a class, "all" or "macro". */
const char *cm__class_text(const CmTrial *trial, int at);

#endif
