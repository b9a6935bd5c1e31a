/* Flooding values of any kind from markers. Values are sorted once and each voxel gets its rank, so that what waits is
 * a bit at a rank: the next voxel is the next bit, and neighbourhoods are fetched ahead. Equal values share a rank and
 * come out in the order in which they went in. */
#ifndef CM_OPS_SEGMENT_RANK_FLOOD_H
#define CM_OPS_SEGMENT_RANK_FLOOD_H

#include "cormack/image.h"

#define CM_RANK_BLOCKED INT32_MIN

typedef struct CmRankCell {
  uint32_t rank; /* before ranking: the key of the value, where it has 32 bits */
  int32_t label; /* 0: none yet */
} CmRankCell;

typedef struct CmRankBits {
  uint64_t waits; /* a rank at which voxels wait */
  uint64_t same;  /* a slot whose value is that of the slot before */
} CmRankBits;

typedef struct CmRankFlood {
  CmContext *ctx;
  CmRankCell *cell;   /* with a border of one blocked voxel on all sides */
  uint64_t *wide;     /* keys of 64 bits, likewise; NULL: those in the cells */
  int64_t dims[3];    /* without the border */
  int64_t row, plane; /* steps in y and z, with it */
  int64_t step[26];   /* of the neighbours */
  int neighbours;
  uint64_t low, high; /* the ends of the keys */
  /* made by cm__rank_cells, freed by cm__rank_free: */
  uint32_t *order; /* [slots] voxels by rising value; of a shared rank: how many wait, then who, in their order */
  CmRankBits *bits;
  int64_t slots; /* voxels that are not blocked */
} CmRankFlood;

/* Keys that sort like the numbers; both zeros are one. */
static inline uint64_t cm__key_f32(double value) {
  const float v = (float)value + 0.0F;
  uint32_t bits;
  __builtin_memcpy(&bits, &v, sizeof(bits));
  return bits ^ (bits >> 31 ? UINT32_MAX : UINT32_C(1) << 31);
}

static inline uint64_t cm__key_f64(double value) {
  const double v = value + 0.0;
  uint64_t bits;
  __builtin_memcpy(&bits, &v, sizeof(bits));
  return bits ^ (bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63);
}

/* A word of bits beyond the last slot may be asked for. */
static inline bool cm__rank_same(const CmRankFlood *flood, uint32_t slot) {
  return flood->bits[slot >> 6].same >> (slot & 63) & 1;
}

/* Keys to ranks. */
bool cm__rank_cells(CmRankFlood *flood, CmError **err);
/* Gives every voxel that is not blocked, and to which a path leads, a label; the cells are ranked. */
bool cm__rank_flood(CmRankFlood *flood, const char *what, CmError **err);
void cm__rank_free(CmRankFlood *flood);

#endif
