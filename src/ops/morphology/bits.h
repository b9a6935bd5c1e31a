/* Binary morphology on bits: 64 voxels to a word. */
#ifndef CM_OPS_MORPHOLOGY_BITS_H
#define CM_OPS_MORPHOLOGY_BITS_H

#include "ops/morphology/element.h"

typedef enum CmMorph { CM_MORPH_DILATE, CM_MORPH_ERODE, CM_MORPH_OPEN, CM_MORPH_CLOSE } CmMorph;

/* A volume of bits; bit x of row (y, z) is bit x % 64 of word (z * ny + y) * words + x / 64; bits beyond nx are 0. */
typedef struct CmBits {
  int64_t nx, ny, nz, words;
  uint64_t *word;
} CmBits;

bool cm__bits_create(CmContext *ctx, int64_t nx, int64_t ny, int64_t nz, CmBits *bits,
                     CmError **err); /* undefined; cm_free(word) */
/* Dilates or erodes in into out (same size). What lies outside the volume takes no part; with zero_outside it counts as
 * 0. */
bool cm__bits_morph(CmContext *ctx, const CmBits *in, CmBits *out, const CmElement *element, bool erode,
                    bool zero_outside, CmError **err);

/* The four operations on the voxels that are not 0, each time point by itself: out (integer type, same grid) becomes
 * `value` or 0. out may not be image. At most a bit per voxel is allocated. */
bool cm__morph_binary(CmContext *ctx, const CmImage *image, CmMorph morph, const CmElement *element, bool zero_outside,
                      int64_t value, CmImage *out, CmError **err);
/* The same for calls from C: u8 image of 0 and 1. Radii in voxels. */
CM_NODISCARD CmImage *cm__morph_mask(CmContext *ctx, const CmImage *image, CmMorph morph, CmShape shape,
                                     const double radii[3], CmError **err);

#endif
