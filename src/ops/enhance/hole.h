/* Repair of marked voxels: a box of one component with what is known of it, and two ways to fill the rest. */
#ifndef CM_OPS_ENHANCE_HOLE_H
#define CM_OPS_ENHANCE_HOLE_H

#include <string.h>

#include "ops/lines.h"

typedef struct CmHole {
  CmContext *ctx;
  int64_t dims[3]; /* of the image */
  int64_t begin[3],
      size[3];       /* the box: all that is marked, and at least two voxels around it where the image has them */
  double spacing[3]; /* of voxels; only the ratios count for the biharmonic way */
  uint8_t *marked;   /* of the box: not 0 where a value is sought */
  void *arg;
  /* The n values of the box from x, y, z on along x: finite where not marked. From several workers at once. */
  void (*read)(const void *arg, int64_t x, int64_t y, int64_t z, int64_t n, double *to);
  /* The value that a marked voxel gets. */
  void (*found)(const void *arg, int64_t x, int64_t y, int64_t z, double value);
} CmHole;

/* The first of n marks from x on that is not 0; n: there is none. */
static inline int64_t cm__next_mark(const uint8_t *marked, int64_t x, int64_t n) {
  for (uint64_t eight; x + 8 <= n; x += 8) {
    memcpy(&eight, marked + x, sizeof(eight));
    if (eight) break;
  }
  while (x < n && !marked[x]) x++;
  return x;
}

/* The values whose biharmonic operator is 0 at all marked voxels. */
bool cm__hole_biharmonic(const CmHole *hole, CmError **err);
/* Telea's: from the rim inwards, each a weighted mean of what is known within radius (in units of spacing). */
bool cm__hole_march(const CmHole *hole, double radius, CmError **err);

#endif
