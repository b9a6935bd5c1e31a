/* Edges from slopes: thinned, and followed from strong to weak; what canny and edges share. */
#ifndef CM_OPS_EDGE_FIND_H
#define CM_OPS_EDGE_FIND_H

#include "ops/filter/edge_kernels.h"
#include "ops/segment/hysteresis.h"

enum { CM_EDGE_SOBEL, CM_EDGE_PREWITT, CM_EDGE_SCHARR, CM_EDGE_ROBERTS };

typedef struct CmFindEdges {
  int32_t operator; /* of the slopes */
  bool thin;        /* keep only the largest along the steepest way */
  CmReals sigma;
  int32_t units;
  double truncate;
  int32_t per;
  int32_t thresholds;
  double lower, upper;
  bool slices;
  int64_t foreground;
  int32_t border;
  double border_value;
} CmFindEdges;

#define CM_FIND_EDGES_PARAMS(S, sigma_)                                                                            \
  CM_PARAM_REALS(                                                                                                  \
      S, sigma, sigma_, 0, 1000, 1, 3, "",                                                                         \
      "standard deviation of the smoothing, one for all axes or one each for x,y,z; 0 leaves an axis alone"),      \
      CM_UNITS_PARAM(S, "mm"),                                                                                     \
      CM_PARAM_REAL(S, truncate, 4, 1, 20, "1", "where the kernel ends, in standard deviations"), CM_PER_PARAM(S), \
      CM_HYSTERESIS_PARAMS(S),                                                                                     \
      CM_PARAM_BOOL(S, slices, "false", "each slice by itself: no smoothing, no slope and no connection along z"), \
      CM_PARAM_INT(S, foreground, 1, 1, 255, "1", "label of the edges"), CM_BORDER_PARAMS(S)

extern const CmPort cm__find_edges_inputs[2];
extern const CmPort cm__find_edges_outputs[1];
#define CM_FIND_EDGES_FIELDS                                                                               \
  .inputs = cm__find_edges_inputs, .input_count = 2, .outputs = cm__find_edges_outputs, .output_count = 1, \
  .geometry = CM_GEOMETRY_KEEP, .tolerance = 1e-6, .check = cm__find_edges_check

bool cm__find_edges_check(const void *params, CmError **err);
bool cm__find_edges(const CmCall *call, const CmFindEdges *p, CmError **err);

#endif
