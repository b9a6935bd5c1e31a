/* Affine maps that are not aligned, linear, in float. */
#ifndef CM_OPS_TRANSFORM_SLANT_H
#define CM_OPS_TRANSFORM_SLANT_H

#include "ops/transform/warp.h"

/* Rows of the result walk through the image in steps of whole numbers of 2^-40 voxels. */
typedef struct CmSlant {
  const CmWarp *warp;
  CmGrid grid, out_grid;
} CmSlant;

/* false: the image is too large for it, or its values do not fit into float. */
bool cm__slant_open(CmSlant *slant, const CmWarp *warp);
typedef struct CmSpan {
  int64_t begin, end;
} CmSpan;
/* A row of out: where it begins in the image and how it goes on, along each axis; the part whose points all lie between
 * voxels, and the part outside of which no point is in the image. */
typedef struct CmSlantRow {
  int64_t first[3], step[3];
  CmSpan between, reached;
  const char *volume;
  char *to;
} CmSlantRow;
void cm__slant_row(const CmSlant *slant, int64_t row, CmSlantRow *about);
/* Values of the voxels begin..end of such a part. */
void cm__slant_part(const CmSlant *slant, const CmSlantRow *row, int64_t begin, int64_t end);

#endif
