/* Two images of the same grid, value by value; and the table with a row per part that is measured of them. */
#ifndef CM_OPS_MEASURE_PAIRS_H
#define CM_OPS_MEASURE_PAIRS_H

#include "ops/intensity/stats.h"

typedef struct CmPairs {
  const CmImage *image, *reference;
  CmMask mask;
  CmGrid grid, other; /* of image and reference */
} CmPairs;

/* From the ports image, reference and mask. CM_ERR_GEOMETRY where time points or components do not agree. */
bool cm__pairs_open(CmPairs *pairs, const CmValue *image, const CmValue *reference, const CmValue *mask, CmError **err);

/* The values of a row where the mask has it and neither is NaN; how many. component -1: all. a, b: grid.row numbers
 * each, inside: nx bytes. */
int64_t cm__pairs_row(const CmPairs *pairs, int64_t component, int64_t row, double *a, double *b, uint8_t *inside);

typedef struct CmPairMoments {
  double count;
  double squares, absolute, most; /* of the difference: sums, and the largest */
  double low[2], high[2];         /* of image and reference; NaN where count is 0 */
} CmPairMoments;
/* part: rows and component of pairs->image. */
bool cm__pairs_moments(CmContext *ctx, const CmPairs *pairs, const CmPart *part, CmPairMoments *moments, CmError **err);

extern const CmPort cm__pair_inputs[3]; /* image, reference, mask */

/* Fills out[0..columns) of one part, NaN: missing. */
typedef bool (*CmPartFn)(void *arg, const CmPart *part, double *out, CmError **err);
typedef struct CmPartColumn {
  const char *name, *unit; /* unit: "@" stands for the image's, "@2" for its square */
} CmPartColumn;
/* A table with a row per part: t, z (scope slice) and component where they are apart, then the columns. Becomes output
 * number `output` of the call. */
bool cm__part_table(const CmCall *call, int output, const char *what, const CmImage *image, const CmMask *mask,
                    CmScope scope, bool per_component, const CmPartColumn *columns, int count, CmPartFn fn, void *arg,
                    CmError **err);

#endif
