/* Non-local means of one tile of an image; what the voxelwise and the blockwise way share. */
#ifndef CM_OPS_DENOISE_NLM_H
#define CM_OPS_DENOISE_NLM_H

#include "ops/block.h"

typedef struct CmNlm {
  CmContext *ctx;
  CmBlocks blocks;
  int64_t patch[3], search[3]; /* radii, voxels */
  const float *taps[3];        /* 2 * patch + 1 weights an axis, of sum 1; NULL: all the same */
  bool absolute;               /* the mean of |d| squared, not the mean of d^2 */
  float scale, less;           /* weight 2^-max(scale * D - less, 0), D the (weighted) sum over the patch */
  bool rician;
  float bias;      /* 2 sigma^2 */
  int64_t step[3]; /* between the centres of blocks */
  int64_t tile[3];
} CmNlm;

/* The result of the tile block->start, block->size (without what it needs around) into `result`. */
bool cm__nlm_voxels(const CmNlm *job, const CmBlock *block, float *result, CmError **err);
bool cm__nlm_blocks(const CmNlm *job, const CmBlock *block, float *result, CmError **err);

/* The tile with `halo` voxels around it; the caller frees. squared may be NULL, else gets the squares (or, not rician,
 * the same block). */
float *cm__nlm_load(const CmNlm *job, const CmBlock *tile, const int64_t halo[3], CmBlock *padded, float **squared,
                    CmError **err);
/* d^2 or |d| of two lines. */
void cm__nlm_differences(const float *a, const float *b, bool absolute, float *to, int64_t n);
/* From sums over patches to weights. */
void cm__nlm_weights(const CmNlm *job, const float *sums, float *weights, int64_t n);
/* Takes the bias off squares and the root of the rest, where the noise is Rician. */
void cm__nlm_finish(const CmNlm *job, float *line, int64_t n);

#endif
