/* What the operations dilate, erode, open and close share: parameters and the run. */
#ifndef CM_OPS_MORPHOLOGY_CALL_H
#define CM_OPS_MORPHOLOGY_CALL_H

#include "ops/morphology/bits.h"

typedef struct CmMorphParams {
  int32_t shape;
  CmReals radius;
  int32_t units;
  int32_t mode;
  int32_t border;
  int32_t type; /* of differences only */
} CmMorphParams;

extern const CmParam cm__morph_params[5];
extern const CmPort cm__morph_inputs[3];
#define CM_MORPH_PORTS                                                                            \
  .inputs = cm__morph_inputs, .input_count = 3, .outputs = cm__filter_outputs, .output_count = 1, \
  .geometry = CM_GEOMETRY_KEEP

#define CM_MORPH_DETAILS                                                                                              \
  "Element: ball, all d with sum (d / r)^2 <= 1 over the axes (an ellipsoid for anisotropic radii or spacing); box, " \
  "all |d| <= r; "                                                                                                    \
  "cross, the axes of the box; or the image `element`, in voxels around its middle (size / 2, rounded down), "        \
  "mirrored "                                                                                                         \
  "for dilation, so that opening and closing are what they should be. mode=grey: the largest (dilate) or smallest "   \
  "(erode) value under the element, for "                                                                             \
  "masks the same "                                                                                                   \
  "as binary morphology. mode=binary: what is not 0 counts as set, the result is 1 or 0. mode=label: each label by "  \
  "itself, as if "                                                                                                    \
  "the others were background; it may grow into background only, and where two claim a voxel the smaller label has "  \
  "it; "                                                                                                              \
  "dilate and close take no label away. "                                                                             \
  "Border: ignore, what lies beyond takes no part; zero, it counts as 0. Mask: voxels outside keep their value. NaN " \
  "takes no "                                                                                                         \
  "part, and stays where the element holds nothing else (binary: counts as 0). Time points and components stay apart."

/* CmOp.reach of one walk of the element, and of two. */
bool cm__morph_reach(const void *params, const CmImage *image, int64_t reach[3]);
bool cm__morph_reach_twice(const void *params, const CmImage *image, int64_t reach[3]);
bool cm__morph_call(const CmCall *call, CmMorph morph, CmError **err);

/* .name to .run of one of the four. */
#define CM_MORPH_OP(op_name, summary_, run_)                                                                   \
  .name = #op_name, .family = "morphology", .since = "0.1", .summary = summary_, .details = CM_MORPH_DETAILS,  \
  .params = cm__morph_params, .param_count = CM_COUNT(cm__morph_params), .params_size = sizeof(CmMorphParams), \
  CM_MORPH_PORTS, .cite = "Soille P. Morphological Image Analysis, 2nd ed., chapters 3 and 4", .run = run_

#endif
