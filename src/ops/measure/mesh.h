/* The surface of a set of voxels by marching cubes at level 1/2: vertices halfway between voxel centres. */
#ifndef CM_OPS_MEASURE_MESH_H
#define CM_OPS_MEASURE_MESH_H

#include "cormack/context.h"

/* Corner k of a cube stands at (k & 1, k >> 1 & 1, k >> 2); a cube's case has bit k set where corner k is inside. Of
 * each case, with voxels of this spacing: */
typedef struct CmMeshCase {
  double area;    /* of its triangles, mm2 */
  double along_z; /* z component of their summed normals (area weighted, outwards), mm2 */
  double volume;  /* their share of the volume for a cube at z = 0, mm3: sum of normal_z * mean z */
} CmMeshCase;

void cm__mesh_cases(const double spacing[3], CmMeshCase cases[256]);

#endif
