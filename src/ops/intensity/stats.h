/* Statistics of parts of an image: moments, exact order statistics, without a copy of the voxels. NaN is left out
 * everywhere. */
#ifndef CM_OPS_INTENSITY_STATS_H
#define CM_OPS_INTENSITY_STATS_H

#include "ops/lines.h"

typedef struct CmPart {
  const CmImage *image;
  const CmMask *mask;         /* may be NULL or without image: everywhere */
  int64_t row_begin, row_end; /* rows [row_begin, row_end) */
  int64_t component;          /* -1: all of them */
} CmPart;

typedef struct CmMoments {
  int64_t count;         /* values that are not NaN */
  double mean, variance; /* variance divided by count */
  double min, max;       /* NaN where count is 0 */
} CmMoments;

/* The part's values of one row as doubles (NaN left out); how many. values: row values of room; inside: nx bytes. */
int64_t cm__part_row(const CmPart *part, int64_t row, double *values, uint8_t *inside);

bool cm__part_moments(CmContext *ctx, const CmPart *part, CmMoments *moments, CmError **err);
/* Count, mean, min and max alone, in one walk; the variance is not to be used. */
bool cm__part_mean(CmContext *ctx, const CmPart *part, CmMoments *moments, CmError **err);
/* The same without the mean. */
bool cm__part_ends(CmContext *ctx, const CmPart *part, CmMoments *moments, CmError **err);
/* Quantiles 0..1 with linear interpolation between order statistics: the value at (count - 1) * q. With centre not
 * NULL, of |v - *centre|. CM_ERR_DATA where the part has no value. */
bool cm__part_quantiles(CmContext *ctx, const CmPart *part, const double *centre, const double *q, int n,
                        double *values, CmError **err);

/* How an operation cuts an image into parts that are treated by themselves. */
#define CM_SCOPE_CHOICES "image|time|slice"
typedef enum CmScope { CM_SCOPE_IMAGE, CM_SCOPE_TIME, CM_SCOPE_SLICE } CmScope;
#define CM_SCOPE_PARAMS(S)                                                               \
  CM_PARAM_ENUM(S, per, CM_SCOPE_CHOICES, "image",                                       \
                "what is measured together: the image, each time point, or each slice"), \
      CM_PARAM_BOOL(S, per_component, "false", "each component by itself")
int64_t cm__part_count(const CmGrid *grid, CmScope scope, bool per_component);
CmPart cm__part_at(const CmImage *image, const CmMask *mask, const CmGrid *grid, CmScope scope, bool per_component,
                   int64_t at);
/* The part that component c of a row belongs to. */
int64_t cm__part_of(const CmGrid *grid, CmScope scope, bool per_component, int64_t row, int64_t c);

#endif
