/* Exact Euclidean distance transform. */
#ifndef CM_OPS_MORPHOLOGY_DISTANCE_H
#define CM_OPS_MORPHOLOGY_DISTANCE_H

#include "ops/lines.h"

/* Which voxels get a distance; the others are 0. Values that are 0 or NaN are background. */
typedef enum CmDistanceOf {
  CM_DISTANCE_INSIDE,  /* foreground */
  CM_DISTANCE_OUTSIDE, /* background */
  CM_DISTANCE_BOTH,
} CmDistanceOf;

typedef struct CmDistance {
  const char *what; /* for progress */
  const CmImage *image;
  CmDistanceOf of;
  bool by_label;     /* of an integer image: to the nearest voxel of any other value, else of the other kind */
  bool beyond;       /* what lies beyond the border is background */
  double spacing[3]; /* of the voxel centres */
  bool root;         /* not squared */
  int sign;          /* with BOTH: 1 foreground negative, -1 background negative, 0 none */
  CmImage *out;      /* f32, grid of image, one component */
} CmDistance;

/* The distance, squared unless root, between voxel centres; INFINITY where there is nothing to measure to. Time points
 * stay apart. */
bool cm__distance(CmContext *ctx, const CmDistance *distance, CmError **err);

/* f32 image of the squared distance, in mm (spacing of image), from every voxel's centre to the nearest centre of a
 * voxel that is 0 (to_zero) or is not 0; 0 on those voxels, INFINITY where there are none. One component; time points
 * stay apart. */
CM_NODISCARD CmImage *cm__distance_squared(CmContext *ctx, const CmImage *image, bool to_zero, CmError **err);

#endif
