/* Structuring elements, kept as the row segments that they are made of. */
#ifndef CM_OPS_MORPHOLOGY_ELEMENT_H
#define CM_OPS_MORPHOLOGY_ELEMENT_H

#include "ops/lines.h"

#define CM_SHAPE_CHOICES "ball|box|cross"
typedef enum CmShape { CM_SHAPE_BALL, CM_SHAPE_BOX, CM_SHAPE_CROSS } CmShape;

typedef struct CmSegment {
  int32_t dy, dz;
  int32_t half; /* voxels dx - half .. dx + half along x */
  int32_t dx;
} CmSegment;

typedef struct CmElement {
  int64_t reach[3]; /* voxels along x,y,z, to either side */
  int64_t pad;      /* reach[0] where a segment is not centred, else 0 */
  int64_t count;
  CmSegment *items; /* longest first: what erosion looks at around a voxel */
  CmSegment *back;  /* the same mirrored: what dilation looks at; not to be freed */
} CmElement;

static inline const CmSegment *cm__element_segments(const CmElement *element, bool erode) {
  return erode ? element->items : element->back;
}

/* radii in voxels, may be fractional. Ball: sum of (d / r)^2 <= 1 over the axes; box and cross: |d| <= floor(r); axes
 * with a radius below 1 have d = 0 only. Cut one voxel beyond an image of dims: the rest of the element never meets it.
 * Free with cm_free(element->items). */
bool cm__element_create(CmContext *ctx, CmShape shape, const double radii[3], const int64_t dims[3], CmElement *element,
                        CmError **err);

/* The voxels of `shape` that are not 0, around its voxel (nx / 2, ny / 2, nz / 2), for use on `image`. CM_ERR_DATA
 * where there are none, where it is longer than one voxel along an axis of which the image has one, or longer than
 * 2001. */
bool cm__element_of_image(CmContext *ctx, const CmImage *shape, const CmImage *image, CmElement *element,
                          CmError **err);

#endif
