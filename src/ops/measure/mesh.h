/* The surface of a set of voxels by marching cubes at level 1/2: vertices halfway between voxel centres. */
#ifndef CM_OPS_MEASURE_MESH_H
#define CM_OPS_MEASURE_MESH_H

#include "cormack/context.h"

/* Corner k of a cube stands at (k & 1, k >> 1 & 1, k >> 2); a cube's case has bit k set where corner k is inside. Of
 * each case, with voxels of this spacing: */
typedef struct CmMeshCase {
  double area;     /* of its triangles, mm2 */
  double along[3]; /* their summed normals (area weighted, outwards), mm2 */
  double volume;   /* their share of the volume for a cube at z = 0, mm3: sum of normal_z * mean z */
  double cone;     /* volume between them and the corner of the cube at the origin, mm3 */
} CmMeshCase;

/* CLOSED: on a face with two opposite corners inside, what is inside touches; the surface has no hole.
 * PYRADIOMICS: the surface of PyRadiomics' table, which has holes: cases with corner 6 inside are read as their
 * complement, and on an ambiguous face what the table takes for inside is kept apart. */
typedef enum CmMeshRule { CM_MESH_CLOSED, CM_MESH_PYRADIOMICS } CmMeshRule;

void cm__mesh_cases(const double spacing[3], CmMeshRule rule, CmMeshCase cases[256]);

#endif
