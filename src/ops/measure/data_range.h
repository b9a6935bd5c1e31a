/* The range of values that PSNR and SSIM are relative to. */
#ifndef CM_OPS_MEASURE_DATA_RANGE_H
#define CM_OPS_MEASURE_DATA_RANGE_H

#include "ops/measure/pairs.h"

typedef enum CmDataRange { CM_DATA_RANGE_REFERENCE, CM_DATA_RANGE_TYPE, CM_DATA_RANGE_FIXED } CmDataRange;

#define CM_DATA_RANGE_PARAMS(S)                                                                                      \
  CM_PARAM_ENUM(S, range, "reference|type|fixed", "reference",                                                       \
                "what the data range is: largest minus smallest value of the reference, that of its voxel type, or " \
                "data_range"),                                                                                       \
      CM_PARAM_REAL(S, data_range, 255, 1e-300, 1e300, "", "the data range where range is fixed, in the image's unit")
#define CM_DATA_RANGE_DETAILS                                                                                       \
  "Data range: of the reference, where it is measured; of its type (u8 255, i16 65535; reals have none and are an " \
  "error); or as given. "

/* CM_ERR_PARAMETER for the type's range of reals. */
bool cm__data_range_check(int32_t range, const CmImage *reference, CmError **err);
double cm__data_range(int32_t range, double fixed, const CmImage *reference, const CmPairMoments *moments);

#endif
