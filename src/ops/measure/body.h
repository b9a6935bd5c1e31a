/* The body of a set of voxels: volume and surface by marching cubes, moments, and the corners for its hull. */
#ifndef CM_OPS_MEASURE_BODY_H
#define CM_OPS_MEASURE_BODY_H

#include "ops/measure/diameter.h"
#include "ops/measure/mesh.h"

/* Writes plane z of the box, nx * ny bytes 0 or 1. */
typedef void CmPlaneFn(void *arg, int64_t z, uint8_t *plane);

typedef struct CmBody {
  int64_t voxels;
  double volume, area;  /* of the surface halfway between voxel centres: mm3, mm2 */
  double centre[3];     /* mean of the voxels' indices in the box */
  double covariance[6]; /* of the voxels' centres, divided by n: xx, yy, zz, xy, xz, yz in mm2 */
} CmBody;

/* A box of n voxels whose outermost layer on each side is background. load is asked for planes 1, 2 ... n[2] - 1 in
 * turn. hull (with ctx set) gets the surface's corners, in mm from the centre of voxel (0, 0, 0). */
bool cm__body_measure(CmContext *ctx, const int64_t n[3], const double spacing[3], CmPlaneFn *load, void *arg,
                      CmHull *hull, CmBody *out, CmError **err);
/* The corners alone. */
bool cm__body_hull(CmContext *ctx, const int64_t n[3], const double spacing[3], CmPlaneFn *load, void *arg,
                   CmHull *hull, CmError **err);
/* Eigenvalues of the covariance divided by n - ddof, mm2, largest first, none below 0. */
void cm__body_axes(const CmBody *body, double ddof, double lambda[3]);

#endif
