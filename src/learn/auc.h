/* Rows in the order of a score, for areas under the ROC curve. */
#ifndef CORMACK_LEARN_AUC_H
#define CORMACK_LEARN_AUC_H

#include "learn/metrics.h"

typedef struct CmOrder {
  int64_t rows;
  int64_t *row;  /* by falling score; of equals by number */
  uint8_t *last; /* 1 at the last of each run of equal scores */
} CmOrder;

bool cm__order_make(CmArena *hold, const double *score, int stride, int64_t rows, CmOrder *order, CmError **err);
/* Area with each row counted times[subject[row]] times (NULL: once); ties count half; NaN without positives or
 * negatives. */
double cm__weighted_auc(const CmOrder *order, const int *y, int positive, const int64_t *subject, const double *times);

#endif
