/* The slopes of three voxels to the side: sobel, prewitt and scharr, which differ in their smoothing only. */
#ifndef CM_OPS_FILTER_EDGE_KERNELS_H
#define CM_OPS_FILTER_EDGE_KERNELS_H

#include "ops/filter/terms.h"

typedef struct CmEdgeParams {
  int32_t output;
  int32_t weights;
  int32_t per;
  int32_t border;
  double border_value;
  int32_t type;
} CmEdgeParams;

extern const CmParam cm__edge_params[6];

/* Differences along one axis, side:middle:side along the others. */
bool cm__edge_call(const CmCall *call, const char *what, double side, double middle, CmError **err);

bool cm__edge_reach(const void *params, const CmImage *image, int64_t reach[3]);
/* The same, and with slices true x and y only: neither smoothed nor differentiated along z. */
bool cm__edge_magnitude(const CmCall *call, const char *what, double side, double middle, bool slices, CmError **err);

#define CM_EDGE_FIELDS(op_name, summary_, smoothing)                                                               \
  .name = #op_name, .family = "filter", .since = "0.1", .summary = summary_,                                       \
  .details = "The slope along an axis is v[i+1] - v[i-1], smoothed with " smoothing                                \
             " along each of the other axes that are longer "                                                      \
             "than one voxel. weights=unit: scaled so that a ramp gives its slope; weights=raw: whole numbers as " \
             "they stand. The "                                                                                    \
             "magnitude is the root of the sum over the axes of the squared slopes. Each slope is divided by the " \
             "spacing unless "                                                                                     \
             "per=voxel. " CM_TERMS_DETAILS,                                                                       \
  .params = cm__edge_params, .param_count = CM_COUNT(cm__edge_params), .params_size = sizeof(CmEdgeParams),        \
  CM_FILTER_PORTS, .reach = cm__edge_reach, .tolerance = 1e-6,                                                     \
  .examples = "cormack " #op_name " ct.nii.gz edges.nii.gz\ncormack " #op_name                                     \
              " xray.png dx.nii.gz --output x --weights raw --per voxel"

#endif
