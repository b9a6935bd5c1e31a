/* The filters of a stack on parts of an image: each part is filtered with a rim as wide as each filter reaches, so that
 * it holds the bits that the whole image would give. */
#ifndef CORMACK_LEARN_PIXELS_BLOCKS_H
#define CORMACK_LEARN_PIXELS_BLOCKS_H

#include "learn/pixels/stack.h"

typedef struct CmPixelSource {
  CmContext *ctx;
  const CmPixelStack *stack;
  CmImage *image;      /* borrowed */
  const bool *needed;  /* of each feature; NULL: all. Others are left as they are */
  int64_t (*reach)[3]; /* of each filter */
  CmImage **whole;     /* of filters without a reach: what they make of the image, f32; else NULL */
} CmPixelSource;

/* Runs the filters that need the whole image. Close also after failure. */
bool cm__pixel_open(CmPixelSource *source, CmContext *ctx, const CmPixelStack *stack, CmImage *image,
                    const bool *needed, CmError **err);
void cm__pixel_close(CmPixelSource *source);

/* Finds the parts of each filter on a corner of the image, and sums them up. */
bool cm__stack_measure(CmContext *ctx, CmPixelStack *stack, CmImage *image, CmError **err);

/* The image cut into blocks of one size, those at the end smaller. */
typedef struct CmPixelGrid {
  int64_t dims[4], size[3], blocks[3];
  int64_t count; /* of all blocks, of all time points */
} CmPixelGrid;

typedef struct CmPixelBox {
  int64_t begin[3], size[3], t, voxels;
} CmPixelBox;

/* Blocks whose features and temporaries fit the memory that there is for one at a time: filters and models work on it
 * with all threads. */
CmPixelGrid cm__pixel_grid(const CmPixelSource *source);
CmPixelBox cm__grid_box(const CmPixelGrid *grid, int64_t at);
/* Index of voxel v (x,y,z from the box's begin, x fastest) of the box in its image. */
int64_t cm__box_voxel(const CmPixelGrid *grid, const CmPixelBox *box, int64_t v);

/* plane[f * box->voxels + v]: feature f of voxel v; NaN where it is not finite. */
bool cm__pixel_features(const CmPixelSource *source, const CmPixelBox *box, float *plane, CmError **err);

#endif
