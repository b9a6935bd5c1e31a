/* Voxels to learn from. */
#ifndef CORMACK_LEARN_PIXELS_SET_H
#define CORMACK_LEARN_PIXELS_SET_H

#include "learn/pixels/blocks.h"

typedef struct CmPixelRow {
  int image, block, label;
  int64_t place[4];
} CmPixelRow;

struct CmPixelSet {
  CmContext *ctx;
  CmArena hold; /* the stack and the names */
  CmPixelParams params;
  CmPixelStack stack;
  const char **name; /* of each image */
  CmHash *hash;
  int images;
  CmPixelRow *row;
  float *x; /* rows x features */
  int64_t rows;
};

/* Which voxels: their indices in the image, rising; to be freed. */
typedef struct CmPixelDraw {
  int64_t *voxel;
  int *label;
  int64_t count;
  int64_t low[3], high[3]; /* the box around all that is labelled */
} CmPixelDraw;
bool cm__pixel_draw(CmContext *ctx, const CmPixelParams *params, int image, const CmImage *labels, CmPixelDraw *draw,
                    CmError **err);

#endif
