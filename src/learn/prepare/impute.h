/* Missing values from the other columns of the row. Works on standardised columns, so that units do not count. */
#ifndef CORMACK_LEARN_PREPARE_IMPUTE_H
#define CORMACK_LEARN_PREPARE_IMPUTE_H

#include "learn/prepare/prepare.h"

#define CM__MOST_NEIGHBOURS 100
#define CM__MOST_ROUNDS 1000

typedef struct CmRegressions {
  int rounds, targets;
  int *target;    /* places of columns, in the order in which they are filled */
  double *weight; /* rounds x targets x (columns + 1), the intercept last */
} CmRegressions;

struct CmImputer {
  int columns;
  double *mean, *deviation;
  int neighbours;   /* 0: regressions */
  int64_t rows;     /* with neighbours: training rows */
  double *row;      /* rows x columns, NaN where missing */
  CmRegressions by; /* with regressions */
};

/* column[i]: the values of a training column with NaN where missing; each is filled in place. */
CmImputer *cm__impute_fit(CmArena *hold, const CmPrepareParams *params, double *const *column, int columns,
                          int64_t rows, CmError **err);
/* Fills a row of `columns` numbers; what it cannot fill stays NaN. distance: room for as many numbers as there are
 * training rows; seen: for `columns` marks. */
void cm__impute_row(const CmImputer *imputer, double *row, double *distance, bool *seen);

/* x: rows x columns, standardised, NaN where missing; becomes what is filled. */
bool cm__regressions_fit(CmArena *hold, int64_t most_rounds, double *x, int64_t rows, int columns, CmRegressions *by,
                         CmError **err);
void cm__regressions_row(const CmRegressions *by, int columns, double *row, const bool *missing);

void cm__impute_write(const CmImputer *imputer, CmTextBuffer *json); /* NULL: null */
bool cm__impute_read(CmArena *hold, const json_t *json, int columns, CmImputer **imputer, CmError **err);

#endif
