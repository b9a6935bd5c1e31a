/* Counts of values of parts of an image. NaN is left out. */
#ifndef CM_OPS_INTENSITY_COUNTS_H
#define CM_OPS_INTENSITY_COUNTS_H

#include "ops/intensity/stats.h"

/* Equal bins over low..high; the last holds high as well. Values beyond are not counted. */
typedef struct CmBins {
  double low, high;
  int64_t count;
} CmBins;

/* A bin per value for integers whose bins would be narrower than 1; else `bins` between the two values. */
CmBins cm__bins_between(CmType type, double low, double high, int64_t bins);
double cm__bin_centre(const CmBins *bins, int64_t at);
double cm__bin_edge(const CmBins *bins, int64_t at);

/* Adds n values, none NaN, to the counts. */
void cm__count_values(const CmBins *bins, const double *values, int64_t n, int64_t *counts);
/* counts: bins->count numbers, set. */
bool cm__part_histogram(CmContext *ctx, const CmPart *part, const CmBins *bins, int64_t *counts, CmError **err);

/* counts[v - smallest value of the type] of u8, i8, u16 and i16: 256 or 65536 numbers, set. */
bool cm__part_counts(CmContext *ctx, const CmPart *part, int64_t *counts, CmError **err);
bool cm__type_is_counted(CmType type);
int64_t cm__type_values(CmType type); /* 256 or 65536 */

#endif
