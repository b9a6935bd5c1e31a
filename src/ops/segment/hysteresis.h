/* Hysteresis: weak voxels count where strong ones touch them. */
#ifndef CM_OPS_SEGMENT_HYSTERESIS_H
#define CM_OPS_SEGMENT_HYSTERESIS_H

#include "ops/segment/components.h"

/* candidates: u8, one component, 0 no, 1 weak, 2 strong. out (u8, same grid) becomes `label` in the connected
 * components of candidates that hold a strong one, else 0. */
bool cm__hysteresis(CmContext *ctx, const CmImage *candidates, CmConnect connect, int64_t label, CmImage *out,
                    CmError **err);

/* The two thresholds of an operation: as they are, or percentiles (exact) of image inside the mask. */
#define CM_HYSTERESIS_PARAMS(S)                                                                                        \
  CM_PARAM_ENUM(S, thresholds, "percentile|value", "percentile", "whether lower and upper are percentiles or values"), \
      CM_PARAM_REAL(S, lower, 90, -1e30, 1e30, "",                                                                     \
                    "from here on a voxel counts if a path of such voxels leads to a strong one"),                     \
      CM_PARAM_REAL(S, upper, 95, -1e30, 1e30, "", "from here on a voxel is strong")
bool cm__hysteresis_check(int32_t thresholds, double lower, double upper, CmError **err);
bool cm__hysteresis_limits(CmContext *ctx, int32_t thresholds, const CmImage *image, const CmMask *mask, double *lower,
                           double *upper, CmError **err);

#endif
