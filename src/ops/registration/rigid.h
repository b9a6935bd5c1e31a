/* Rigid alignment of two images of one patient.
 *
 * A transform carries a point of the fixed image's LPS space into the moving image's: y = rotation (x - centre) +
 * centre + shift. */
#ifndef OPS_REGISTRATION_RIGID_H
#define OPS_REGISTRATION_RIGID_H

#include "cormack/image.h"

typedef struct CmRigid {
  double rotation[9]; /* row-major */
  double shift[3];    /* mm */
  double centre[3];   /* mm, LPS of the fixed image */
} CmRigid;

typedef enum CmSimilarity {
  CM_SIMILARITY_MUTUAL_INFORMATION,
  CM_SIMILARITY_CORRELATION,
  CM_SIMILARITY_MEAN_SQUARES
} CmSimilarity;
typedef enum CmRigidStart { CM_START_CENTRE, CM_START_MASS, CM_START_IDENTITY } CmRigidStart;

typedef struct CmRigidOptions {
  CmSimilarity metric;
  CmRigidStart start;
  bool rotate;               /* false: shift alone */
  int64_t levels;            /* of the pyramid, coarse to fine, 1..6 */
  double finest_mm;          /* voxel spacing of the finest level; never finer than the images */
  int64_t samples;           /* voxels of the fixed image that are looked at a level, at most */
  int64_t bins;              /* of the joint histogram, mutual information */
  int64_t iterations;        /* a level, at most */
  const CmImage *fixed_mask; /* samples are taken where it is not 0; NULL: everywhere */
} CmRigidOptions;

typedef struct CmRigidResult {
  CmRigid transform;
  double metric; /* value at the end: mutual information in nats, correlation -1..1, mean squares in the unit squared */
  double overlap;     /* share of the samples that fall into the moving image */
  int64_t iterations; /* of all levels */
} CmRigidResult;

/* Aligns `moving` with `fixed` (2D with 2D, 3D with 3D). CM_ERR_DATA where they do not overlap or have no contrast. */
bool cm__register_rigid(CmContext *ctx, const CmImage *fixed, const CmImage *moving, const CmRigidOptions *options,
                        CmRigidResult *result, CmError **err);
void cm__rigid_point(const CmRigid *rigid, const double x[3], double y[3]);
/* Row-major 4x4 matrix of the same map. */
void cm__rigid_matrix(const CmRigid *rigid, double matrix[16]);

#endif
