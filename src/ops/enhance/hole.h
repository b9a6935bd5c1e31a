/* Repair of marked voxels: a box of one component with what is known of it, and two ways to fill the rest. */
#ifndef CM_OPS_ENHANCE_HOLE_H
#define CM_OPS_ENHANCE_HOLE_H

#include "ops/lines.h"

typedef struct CmHole {
  CmContext *ctx;
  int64_t dims[3]; /* of the image */
  int64_t begin[3],
      size[3];       /* the box: all that is marked, and at least two voxels around it where the image has them */
  double spacing[3]; /* of voxels; only the ratios count for the biharmonic way */
  uint8_t *marked;   /* of the box: 1 where a value is sought */
  double *value;     /* of the box: finite where not marked; the solution is put where marked */
} CmHole;

/* The values whose biharmonic operator is 0 at all marked voxels. */
bool cm__hole_biharmonic(const CmHole *hole, CmError **err);
/* Telea's: from the rim inwards, each a weighted mean of what is known within radius (in units of spacing). */
bool cm__hole_march(const CmHole *hole, double radius, CmError **err);

#endif
