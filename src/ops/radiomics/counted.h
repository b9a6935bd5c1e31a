/* Many numbers of which many are equal: each value once, with how many there are. Of a CT these are some thousand. */
#ifndef CM_OPS_RADIOMICS_COUNTED_H
#define CM_OPS_RADIOMICS_COUNTED_H

#include "cormack/context.h"
#include "ops/measure/statistics.h"

typedef struct CmCounted {
  double *value;  /* rising, each once */
  int64_t *below; /* how many numbers are less than value[k]; below[distinct]: all */
  int64_t distinct, total;
} CmCounted;

/* Of the n numbers of a list, which is taken (also on failure). */
bool cm__counted_take(CmContext *ctx, double *list, int64_t n, CmCounted *to, CmError **err);
/* Of count[k] times the number first + k, k < n. */
bool cm__counted_from(CmContext *ctx, double first, const int64_t *count, int64_t n, CmCounted *to, CmError **err);
void cm__counted_free(CmCounted *counted);

/* How many numbers are less than v. */
int64_t cm__counted_below(const CmCounted *counted, double v);
/* These need at least one number. scatter: the sum of the squared distances from `mean`. */
double cm__counted_mean(const CmCounted *counted);
double cm__counted_scatter(const CmCounted *counted, double mean);
static inline double cm__counted_least(const CmCounted *counted) {
  return counted->value[0];
}
static inline double cm__counted_most(const CmCounted *counted) {
  return counted->value[counted->distinct - 1];
}
/* As cm__statistics() of the numbers one by one. */
void cm__counted_statistics(const CmCounted *counted, CmStatistics *out);

#endif
