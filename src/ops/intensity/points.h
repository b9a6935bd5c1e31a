/* Operations on one voxel at a time. */
#ifndef CM_OPS_INTENSITY_POINTS_H
#define CM_OPS_INTENSITY_POINTS_H

#include "ops/intensity/stats.h"

/* Changes the n values of one row, given as doubles. */
typedef void (*CmPointFn)(void *arg, int64_t row, double *line, int64_t n);

typedef enum CmOutsideMask { CM_OUTSIDE_MAP, CM_OUTSIDE_KEEP, CM_OUTSIDE_ZERO } CmOutsideMask;

/* out: same grid and components, any type (integers rounded to nearest and clamped, NaN 0). What becomes of voxels
 * outside the mask: changed like the others, kept, or 0. */
bool cm__points(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmOutsideMask outside,
                CmPointFn fn, void *arg, CmImage *out, CmError **err);

/* v -> (v - from) / range * span + to, clamped to low..high; one per part (cm__part_of). */
typedef struct CmLinear {
  double from, range, span, to, low, high;
} CmLinear;
bool cm__linear(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmOutsideMask outside,
                CmScope scope, bool per_component, const CmLinear *maps, CmImage *out, CmError **err);

#endif
