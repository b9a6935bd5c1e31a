/* Sums over the box around each voxel, and of the squares, in a time that hardly grows with the box: sums over 1, 2, 4,
 * 8 ... voxels along an axis make up any length, without a difference that would lose digits or keep a NaN. */
#ifndef CM_OPS_BOX_H
#define CM_OPS_BOX_H

#include "ops/lines.h"

/* Voxels x .. x + n - 1 of a row. */
typedef struct CmBoxPiece {
  double *values, *sum; /* less origin; to be overwritten at will */
  double *squares;      /* sums of (value - origin)^2; NULL unless asked for */
  int64_t row, x, n;
} CmBoxPiece;

typedef struct CmBox {
  const char *what; /* for progress */
  const CmImage *image;
  double origin; /* taken from all values: squares of what lies far from 0 keep their digits */
  bool squares;
  int64_t radius[3];
  CmBorder border;
  double border_value;
  void (*piece)(void *arg, const CmBoxPiece *piece); /* of each row once, from several threads */
  void *arg;
} CmBox;

/* Of one component of time point t. Sums of integers are exact (up to 2^53). CM_ERR_PARAMETER where a tile with what
 * lies around it has more than 32 Mi values. */
bool cm__box(CmContext *ctx, const CmBox *job, int64_t t, int64_t component, CmError **err);

#endif
