/* What folds are even in, and folds inside of a training set. */
#ifndef CORMACK_LEARN_STRATA_H
#define CORMACK_LEARN_STRATA_H

#include "learn/data.h"

/* Some rows of a data set with their subjects, numbered anew, and the parts that each fold has its share of: classes;
 * of numbers fifths of the target, or fewer where subjects are few; of survival those with the event and those without.
 */
typedef struct CmStrata {
  int64_t rows, subjects;
  int64_t *subject; /* rows; 0..subjects-1 */
  int strata;
  int *stratum;  /* rows */
  int64_t least; /* subjects that the smallest stratum has */
} CmStrata;

/* at: rows of the data, which may come twice; wanted: subjects that each stratum should have. */
bool cm__stratify(CmArena *hold, const CmLearnData *data, const int64_t *at, int64_t rows, double wanted, CmStrata *to,
                  CmError **err);

/* The same for several targets: each combination of labels that `wanted` subjects have, all their rows together, is a
 * stratum; the others are one, or go to the first where they are few. All rows of the data. */
bool cm__stratify_labels(CmArena *hold, const CmLearnData *data, double wanted, CmStrata *to, CmError **err);

/* Folds of a training set, for choices that are made inside of it. Fewer than `folds` where subjects are few;
 * CM_ERR_DATA where two are too many. */
typedef struct CmInner {
  int folds;
  int *fold; /* of each place of at[] */
} CmInner;
bool cm__inner_folds(CmArena *hold, const CmLearnData *data, const int64_t *at, int64_t rows, int64_t folds,
                     uint64_t stream, CmInner *to, CmError **err);

#endif
