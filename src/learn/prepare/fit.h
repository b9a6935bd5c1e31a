/* What the steps of fitting a preparation share: the columns of the training rows, and why some have gone. */
#ifndef CORMACK_LEARN_PREPARE_FIT_H
#define CORMACK_LEARN_PREPARE_FIT_H

#include "learn/prepare/prepare.h"

/* Why a column goes, in the words of the note. */
#define CM__GONE_BATCH "" /* never was a feature */
#define CM__GONE_EMPTY "without values"
#define CM__GONE_CONSTANT "constant"
#define CM__GONE_VARIANCE "of too little variance"
#define CM__GONE_CORRELATED "correlated with an earlier one"
#define CM__GONE_WORSE "not among the best"
#define CM__GONE_LASSO "without weight in the lasso"

typedef struct CmColumnFit {
  double *value; /* filled */
  double fill, mean, deviation;
  int64_t missing;
  double score, p;  /* the larger the score, the rather it stays */
  const char *gone; /* NULL: it stays so far */
} CmColumnFit;

typedef struct CmFit {
  CmArena *scratch;
  const CmPrepareParams *params;
  const CmTraining *training;
  int64_t rows;
  int features;
  double *work; /* 2 x rows of each worker */
  CmColumnFit *column;
} CmFit;

double cm__column_mean(const double *value, int64_t rows);
double cm__column_variance(const double *value, int64_t rows, double mean); /* of the population */
/* Mean and deviation of a column anew. */
void cm__column_moments(const CmFit *fit, CmColumnFit *column);
/* Pearson's correlation of two columns that vary. */
double cm__column_correlation(const CmFit *fit, const CmColumnFit *a, const CmColumnFit *b);

/* Lets columns go by what they say of each other and of the target. Its parts: */
bool cm__select(CmFit *fit, CmError **err);
bool cm__drop_clustered(CmFit *fit, CmError **err);
bool cm__score_columns(CmFit *fit, CmError **err);
bool cm__drop_insignificant(CmFit *fit, CmError **err); /* columns are scored */
bool cm__choose_mrmr(CmFit *fit, CmError **err);
bool cm__choose_lasso(CmFit *fit, CmError **err);
bool cm__choose_stable(CmFit *fit, CmError **err);
/* Lets go all but the best by their scores; of equals the last goes. */
void cm__keep_best(CmFit *fit, int64_t best, const char *why);

/* Writes the notes into `prepare`. */
bool cm__fit_notes(CmArena *hold, const CmFit *fit, const CmLearnData *data, bool fill, CmPrepare *prepare,
                   CmError **err);

#endif
