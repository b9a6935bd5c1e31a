/* Co-occurrence matrices in a window that slides over grey levels: counts and sums are whole numbers that pairs enter
 * and leave, so that nothing drifts and the bits are the same at any thread count. */
#ifndef CM_OPS_TEXTURE_COOCCUR_H
#define CM_OPS_TEXTURE_COOCCUR_H

#include "ops/lines.h"

typedef enum CmCooccurFeature {
  CM_COOCCUR_CONTRAST,
  CM_COOCCUR_DISSIMILARITY,
  CM_COOCCUR_HOMOGENEITY,
  CM_COOCCUR_ASM,
  CM_COOCCUR_ENERGY,
  CM_COOCCUR_CORRELATION,
  CM_COOCCUR_MEAN,
  CM_COOCCUR_VARIANCE,
  CM_COOCCUR_STD,
  CM_COOCCUR_ENTROPY,
  CM_COOCCUR_FEATURES
} CmCooccurFeature;

enum { CM_NO_LEVEL = 255, CM_MOST_LEVELS = 255, CM_COOCCUR_DIRECTIONS = 13 };

typedef enum CmCooccurAggregate { CM_COOCCUR_AVERAGE, CM_COOCCUR_MERGE, CM_COOCCUR_SEPARATE } CmCooccurAggregate;

typedef struct CmCooccur {
  CmContext *ctx;
  int64_t n[3], radius[3]; /* of the volume, of the window */
  int64_t levels;
  const uint8_t *level; /* [z][y][x]: 0 ... levels - 1, or CM_NO_LEVEL: takes no part */
  int64_t offset[CM_COOCCUR_DIRECTIONS][3];
  int directions;
  bool symmetric;
  CmCooccurAggregate aggregate;
  CmCooccurFeature feature[CM_COOCCUR_FEATURES];
  int features;
  const int64_t *entropy_step[2]; /* cm__cooccur_steps(); NULL where entropy is not asked for */
} CmCooccur;

/* The directions of a distance that fit into the window; how many. */
int cm__cooccur_directions(const int64_t radius[3], int64_t distance, int64_t offset[CM_COOCCUR_DIRECTIONS][3]);
/* Most pairs of a matrix. */
int64_t cm__cooccur_pairs(const CmCooccur *job);
/* What one more pair adds to the sum of c ln c over the matrix, on the diagonal [0][pairs before] and beside it [1], in
 * 2^-32. One block for both; free with cm_free(). */
int64_t *cm__cooccur_steps(CmContext *ctx, const CmCooccur *job, CmError **err);
/* Values that a voxel gets: features, times directions where they are separate. */
int64_t cm__cooccur_values(const CmCooccur *job);
/* Rows y0 ... y1 - 1 of slice z: to[(y * nx + x) * step + value], y from 0 there. NaN where the window has no pair. */
bool cm__cooccur_band(const CmCooccur *job, int64_t z, int64_t y0, int64_t y1, float *to, int64_t step, CmError **err);

#endif
