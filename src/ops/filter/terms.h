/* Results made of several separable passes over one image: slopes, Laplacians. No temporary of the image's size. */
#ifndef CM_OPS_FILTER_TERMS_H
#define CM_OPS_FILTER_TERMS_H

#include "ops/filter/separable.h"

typedef struct CmTerm {
  CmTaps taps[3];
  double scale; /* applied to what the taps give */
} CmTerm;

typedef struct CmTerms {
  const char *what; /* for progress */
  CmTerm item[CM_SEPARABLE_MOST];
  int count;      /* 0: the result is 0 everywhere */
  bool magnitude; /* the root of the sum of squares; else the sum */
  int32_t border;
  double border_value;
  CmType type; /* of the result: CM_F32 or CM_F64 */
} CmTerms;

/* The whole call of an operation with the ports of a filter; voxels outside the mask are 0. Frees the taps, on failure
 * as well. */
bool cm__terms_call(const CmCall *call, CmTerms *terms, CmError **err);
void cm__terms_free(CmTerms *terms);

/* The terms of the steepest slope: along each axis the derivative of a Gaussian, smoothed along the others. */
bool cm__terms_gradient(const CmCall *call, CmTerms *terms, const CmReals *sigma, int32_t units, int32_t per,
                        double truncate, CmError **err);

/* The factor of an order-th derivative along an axis. per: 0 mm, 1 voxel. */
#define CM_PER_PARAM(S) CM_PARAM_ENUM(S, per, "mm|voxel", "mm", "whether slopes are per mm or per voxel")
double cm__per_factor(int32_t per, const CmImage *image, int axis, int order);

/* How terms of an operation with these parameters begin. */
#define CM_TERMS(what_, p) \
  { .what = what_, .border = (p)->border, .border_value = (p)->border_value, .type = (p)->type == 1 ? CM_F64 : CM_F32 }

/* What slopes of a smoothed image share beside sigma: units, per, truncate, border, border_value, type. */
#define CM_SLOPE_PARAMS(S)                                                                                             \
  CM_UNITS_PARAM(S, "mm"), CM_PER_PARAM(S),                                                                            \
      CM_PARAM_REAL(S, truncate, 4, 1, 20, "1", "where the kernel ends, in standard deviations"), CM_BORDER_PARAMS(S), \
      CM_TERMS_TYPE_PARAM(S)

#define CM_TERMS_TYPE_PARAM(S) CM_PARAM_ENUM(S, type, "f32|f64", "f32", "voxel type of the result")
#define CM_TERMS_DETAILS                                                                                     \
  CM_BORDER_DETAILS                                                                                          \
  "There is no slope along such an axis. Mask: voxels outside are 0; neighbourhoods inside still see them. " \
  "NaN: spreads to every voxel whose kernel holds it."

#endif
