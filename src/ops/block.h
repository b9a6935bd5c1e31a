/* Boxes of voxels, one component at a time, as float or double, with what lies beyond the
 * border filled in; and the way back. */
#ifndef CM_OPS_BLOCK_H
#define CM_OPS_BLOCK_H

#include "ops/lines.h"

/* Where blocks are read from and stored to. */
typedef struct CmBlocks {
  const CmImage *image;
  CmGrid grid; /* of image */
  const CmMask *mask;
  CmImage *out; /* same grid and components, any type */
  CmBorder border;
  double border_value;
} CmBlocks;

/* A box of one component of one time point; it may reach beyond the image. */
typedef struct CmBlock {
  int64_t t, component;
  int64_t start[3], size[3]; /* x,y,z */
} CmBlock;

/* Fills `to` (x fastest, size[0] * size[1] * size[2] numbers). scratch: nx * components floats. */
void cm__block_load(const CmBlocks *blocks, const CmBlock *block, float *scratch, float *to);
void cm__block_load_f64(const CmBlocks *blocks, const CmBlock *block, double *scratch, double *to);

/* How many doubles cm__block_store_line() needs as scratch. */
int64_t cm__block_store_scratch(const CmBlocks *blocks);
/* Stores n floats as the voxels x.. of row `row`, rounded and clamped as the type asks; voxels outside the mask get the
 * image's value. */
void cm__block_store_line(const CmBlocks *blocks, int64_t row, int64_t x, int64_t component, const float *line,
                          int64_t n, double *scratch);
void cm__block_store_line_f64(const CmBlocks *blocks, int64_t row, int64_t x, int64_t component, const double *line,
                              int64_t n, double *scratch);

#endif
