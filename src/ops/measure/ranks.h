/* Single values of many in rising order, without sorting them all. */
#ifndef CM_OPS_MEASURE_RANKS_H
#define CM_OPS_MEASURE_RANKS_H

#include "cormack/context.h"

/* The least and the largest of n > 0 values. */
void cm__ends(const double *values, int64_t n, double *least, double *most);
/* to[k] = the value that rank[k] others stand before, of n > 0 values without NaN between least and most. */
bool cm__values_at_ranks(CmContext *ctx, const double *values, int64_t n, double least, double most,
                         const int64_t *rank, int count, double *to, CmError **err);

#endif
