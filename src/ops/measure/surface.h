/* Two sets of voxels against each other: how far their surfaces lie apart. */
#ifndef CM_OPS_MEASURE_SURFACE_H
#define CM_OPS_MEASURE_SURFACE_H

#include "ops/lines.h"

/* What the surface of a set is made of. An axis of the image that is one voxel long has no neighbours. */
typedef enum CmSurfaceOf {
  CM_SURFACE_VOXELS,  /* voxels with a neighbour by a face that is outside; the image's rim is outside. Weight 1 */
  CM_SURFACE_SURFELS, /* corners of voxels that some but not all neighbours of are inside; weight: the area (2D: length)
                         of marching cubes in the cell around the corner */
  CM_SURFACE_SET,     /* all voxels of the set. Weight 1 */
} CmSurfaceOf;

/* From the elements of one surface to the nearest of the other, mm. */
typedef struct CmSurfaceSide {
  double weight; /* of all elements */
  double sum;    /* of weight times distance */
  double within; /* weight of the elements that are no farther than the tolerance */
  double most, percentile;
} CmSurfaceSide;

typedef struct CmSurfaceJob {
  CmContext *ctx;
  CmSurfaceOf of;
  double spacing[3];
  bool flat[3];      /* axes of the image that are one voxel long */
  double percentile; /* 0..1 */
  double tolerance;  /* mm */
} CmSurfaceJob;

/* a, b: bytes 0 and 1, n[0] * n[1] * n[2], neither empty; the outermost layer of axes that are not flat is 0. sides:
 * from a to b, from b to a, and both together. Percentiles: of weight 1 linear between order statistics; of areas the
 * least distance that has so much of the area below or at it. */
bool cm__surface_distances(const CmSurfaceJob *job, const int64_t n[3], const uint8_t *a, const uint8_t *b,
                           CmSurfaceSide sides[3], CmError **err);

#endif
