/* Operations on one voxel at a time. */
#ifndef CM_OPS_INTENSITY_POINTS_H
#define CM_OPS_INTENSITY_POINTS_H

#include "ops/intensity/stats.h"
#include "ops/intensity/whole.h"

/* Changes the n values of one row, given as doubles. */
typedef void (*CmPointFn)(void *arg, int64_t row, double *line, int64_t n);

typedef enum CmOutsideMask { CM_OUTSIDE_MAP, CM_OUTSIDE_KEEP, CM_OUTSIDE_ZERO } CmOutsideMask;

/* out: same grid and components, any type (integers rounded to nearest and clamped, NaN 0). What becomes of voxels
 * outside the mask: changed like the others, kept, or 0. */
bool cm__points(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmOutsideMask outside,
                CmPointFn fn, void *arg, CmImage *out, CmError **err);

/* A function of the value and of the part (cm__part_of) alone: changes every step-th of the n values. */
typedef void (*CmMapFn)(const void *arg, int64_t part, double *line, int64_t n, int64_t step);
/* From n reals to as many. */
typedef void (*CmFloatsFn)(const void *arg, const float *from, int64_t n, float *to);
typedef struct CmMapped {
  CmScope scope;
  bool per_component;
  CmMapFn fn;
  const void *arg;
  const CmStraight *straight; /* the same, where it is linear and there is one part; NULL: not */
  CmFloatsFn floats;          /* the same, where float is as good and there is one part; NULL: it is not */
} CmMapped;
/* The same for those; 8 and 16 bit images go through a table of all values that they can have. */
bool cm__mapped(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmOutsideMask outside,
                const CmMapped *map, CmImage *out, CmError **err);

/* v -> (v - from) / range * span + to, clamped to low..high; one per part (cm__part_of). */
typedef struct CmLinear {
  double from, range, span, to, low, high;
} CmLinear;
/* A linear map of each part, measured in the part (CM_FILTER_PORTS: image, mask -> image of unit 1). `map` sets the
 * part's map, or an error. */
typedef struct CmLinearOp {
  const char *what;
  CmScope per;
  bool per_component;
  CmOutsideMask outside;
  CmType type; /* of the result */
  bool (*map)(CmContext *ctx, const void *params, const CmPart *part, CmLinear *map, CmError **err);
} CmLinearOp;
bool cm__linear_run(const CmCall *call, const CmLinearOp *op, CmError **err);

#endif
