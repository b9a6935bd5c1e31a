/* Structuring elements: symmetric, convex along x; kept as half lengths of the row segments they are made of. */
#ifndef CM_OPS_MORPHOLOGY_ELEMENT_H
#define CM_OPS_MORPHOLOGY_ELEMENT_H

#include "ops/lines.h"

#define CM_SHAPE_CHOICES "ball|box|cross"
typedef enum CmShape { CM_SHAPE_BALL, CM_SHAPE_BOX, CM_SHAPE_CROSS } CmShape;

typedef struct CmSegment {
  int32_t dy, dz;
  int32_t half; /* voxels -half..half along x */
} CmSegment;

typedef struct CmElement {
  int64_t reach[3]; /* voxels along x,y,z */
  int64_t count;
  CmSegment *items; /* longest first */
} CmElement;

/* radii in voxels, may be fractional. Ball: sum of (d / r)^2 <= 1 over the axes; box and cross: |d| <= floor(r); axes
 * with a radius below 1 have d = 0 only. Free with cm_free(element->items). */
bool cm__element_create(CmContext *ctx, CmShape shape, const double radii[3], CmElement *element, CmError **err);

#endif
