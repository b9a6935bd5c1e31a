/* Thinning: layers of voxels that the topology can do without are taken away, again and again. */
#ifndef CM_OPS_MORPHOLOGY_THIN_H
#define CM_OPS_MORPHOLOGY_THIN_H

#include "ops/morphology/bits.h"

typedef enum CmThin {
  CM_THIN_ZHANG,    /* each slice by itself: Zhang and Suen 1984 */
  CM_THIN_GUO_HALL, /* each slice by itself: Guo and Hall 1989 */
  CM_THIN_LEE,      /* the volume, or the one slice that it has: Lee, Kashyap and Chu 1994 */
} CmThin;

/* Bits with a border of zeros, so that every voxel has its neighbours: row (y, z), with -1 <= y <= ny and
 * -1 <= z <= nz, has its words 0 .. words - 1 at cm__thin_row(), and a zero word before and behind them. */
typedef struct CmThinBits {
  int64_t nx, ny, nz, words, stride; /* stride: words from row to row */
  uint64_t *word;
} CmThinBits;

static inline uint64_t *cm__thin_row(const CmThinBits *bits, int64_t y, int64_t z) {
  return bits->word + ((z + 1) * (bits->ny + 2) + y + 1) * bits->stride + 1;
}
/* All zero; free with cm_free(bits->word). */
bool cm__thin_create(CmContext *ctx, int64_t nx, int64_t ny, int64_t nz, CmThinBits *bits, CmError **err);

/* In place; at most `most` rounds of all directions (0: until nothing changes). */
bool cm__thin_slices(CmContext *ctx, CmThinBits *bits, CmThin how, int64_t most, CmError **err);
bool cm__thin_volume(CmContext *ctx, CmThinBits *bits, int64_t most, CmError **err);

#endif
