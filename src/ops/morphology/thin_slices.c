/* Thinning of slices, 64 pixels at a time: the conditions on the eight neighbours become a few operations on words. */
#include <string.h>

#include "cormack/parallel.h"
#include "ops/morphology/thin.h"
#include "ops/simd.h"

enum { BLOCK = 8 }; /* words side by side */

bool cm__thin_create(CmContext *ctx, int64_t nx, int64_t ny, int64_t nz, CmThinBits *bits, CmError **err) {
  *bits = (CmThinBits){.nx = nx, .ny = ny, .nz = nz, .words = (nx + 63) / 64};
  bits->stride = (bits->words + BLOCK - 1) / BLOCK * BLOCK + 2;
  bits->word = cm_calloc(ctx, (size_t)((ny + 2) * (nz + 2) * bits->stride), sizeof(uint64_t), err);
  return bits->word != NULL;
}

/* The neighbours of 64 pixels: n[0] right, then anticlockwise with y downwards: right above, above, ... */
static inline void neighbours(const uint64_t *above, const uint64_t *here, const uint64_t *below, int64_t w,
                              uint64_t n[8]) {
  n[0] = here[w] >> 1 | here[w + 1] << 63;
  n[1] = above[w] >> 1 | above[w + 1] << 63;
  n[2] = above[w];
  n[3] = above[w] << 1 | above[w - 1] >> 63;
  n[4] = here[w] << 1 | here[w - 1] >> 63;
  n[5] = below[w] << 1 | below[w - 1] >> 63;
  n[6] = below[w];
  n[7] = below[w] >> 1 | below[w + 1] << 63;
}

/* Neighbourhoods, bit k for n[k], that ImageJ's table decides otherwise than the paper's conditions do, in the first
 * and the second half of a round: steps of two pixels go, blocks of two by two keep a pixel more often. */
static const uint8_t otherwise[2][16] = {
    {0x05, 0x0d, 0x14, 0x16, 0x18, 0x30, 0x34, 0x36, 0x41, 0x50, 0x58, 0x60, 0x70, 0x81, 0xc0, 0xc1},
    {0x03, 0x05, 0x06, 0x07, 0x0c, 0x14, 0x18, 0x1c, 0x41, 0x50, 0x61, 0x63, 0x85, 0xc0, 0xd0, 0xd0},
};

/* Zhang and Suen's conditions: two to six neighbours, one change from 0 to 1 around, a side that is free. */
static inline uint64_t zhang_goes(const uint64_t n[8], bool second) {
  uint64_t once = 0, twice = 0, ones = 0, twos = 0, fours = 0, eights = 0;
  for (int k = 0; k < 8; k++) {
    const uint64_t rise = ~n[k] & n[(k + 1) % 8], carry = ones & n[k], carry2 = twos & carry;
    twice |= once & rise;
    once |= rise;
    ones ^= n[k];
    twos ^= carry;
    eights |= fours & carry2;
    fours ^= carry2;
  }
  const uint64_t two_to_six = (twos | fours) & ~(ones & twos & fours) & ~eights;
  const uint64_t taken = second ? n[2] & n[4] & (n[0] | n[6]) : n[0] & n[6] & (n[2] | n[4]);
  return two_to_six & once & ~twice & ~taken;
}

CM_SIMD static void zhang_row(const uint64_t *above, const uint64_t *here, const uint64_t *below, bool second,
                              int64_t words, uint64_t *restrict to) {
  for (int64_t begin = 0; begin < words; begin += BLOCK) {
    uint64_t around[8][BLOCK], goes[BLOCK], open = 0;
    memcpy(to + begin, here + begin, BLOCK * sizeof(uint64_t));
    for (int i = 0; i < BLOCK; i++) {
      const int64_t w = begin + i; /* within objects and beside them nothing goes */
      open |=
          here[w] & ~(above[w] & below[w] & (here[w] >> 1 | here[w + 1] << 63) & (here[w] << 1 | here[w - 1] >> 63));
    }
    if (!open) continue;
    for (int i = 0; i < BLOCK; i++) {
      uint64_t n[8];
      neighbours(above, here, below, begin + i, n);
      for (int k = 0; k < 8; k++) around[k][i] = n[k];
      goes[i] = zhang_goes(n, second);
    }
    for (int e = 0; e < 16 - second; e++) {
      uint64_t same[BLOCK];
      for (int i = 0; i < BLOCK; i++) same[i] = ~(uint64_t)0;
      for (int k = 0; k < 8; k++) {
        const uint64_t flip = otherwise[second][e] >> k & 1 ? 0 : ~(uint64_t)0;
        for (int i = 0; i < BLOCK; i++) same[i] &= around[k][i] ^ flip;
      }
      for (int i = 0; i < BLOCK; i++) goes[i] ^= same[i];
    }
    for (int i = 0; i < BLOCK; i++) to[begin + i] = here[begin + i] & ~goes[i];
  }
}

/* Guo and Hall: one object around (by faces), two or three neighbours in the lesser of both ways to pair them, and a
 * side that is free. */
CM_SIMD static void guo_hall_row(const uint64_t *above, const uint64_t *here, const uint64_t *below, bool second,
                                 int64_t words, uint64_t *restrict to) {
  const uint64_t turn = second ? ~(uint64_t)0 : 0;
  for (int64_t w = 0; w < words; w++) {
    uint64_t n[8], once = 0, twice = 0, odd1 = 0, odd2 = 0, odd4 = 0, even1 = 0, even2 = 0, even4 = 0;
    neighbours(above, here, below, w, n);
    for (int k = 0; k < 8; k += 2) {
      const uint64_t corner = n[k + 1], next = n[(k + 2) % 8], rise = ~n[k] & (corner | next);
      const uint64_t odd = n[k] | corner, even = corner | next;
      twice |= once & rise;
      once |= rise;
      odd4 |= odd1 & odd2 & odd;
      odd2 ^= odd1 & odd;
      odd1 ^= odd;
      even4 |= even1 & even2 & even;
      even2 ^= even1 & even;
      even1 ^= even;
    }
    /* the lesser count is 2 or 3: both are at least 2 and one is not 4 */
    const uint64_t both = (odd2 | odd4) & (even2 | even4), less = both & ~(odd4 & even4);
    const uint64_t first = (n[1] | n[2] | ~n[7]) & n[0], other = (n[5] | n[6] | ~n[3]) & n[4];
    to[w] = here[w] & ~(once & ~twice & less & ~((turn & other) | (~turn & first)));
  }
}

/* One half of a round. Rows near which nothing changed since the same half of the last round stay as they are: `to`
 * has them already. */
typedef struct Half {
  const CmThinBits *from, *to; /* a plane each */
  CmThin how;
  int64_t pass;
  const int64_t *before; /* per row, with one more at both ends: the pass that changed it last, as it was */
  int64_t *changed;      /* as it becomes */
} Half;

static bool half_rows(void *arg, CmRange range, CmError **err) {
  const Half *job = arg;
  const int64_t words = job->from->words, stride = job->from->stride;
  (void)err;
  for (int64_t y = range.begin; y < range.end; y++) {
    const int64_t since = job->pass - 2, *near = job->before + y;
    if (near[0] < since && near[1] < since && near[2] < since) continue;
    const uint64_t *here = cm__thin_row(job->from, y, 0);
    uint64_t *to = cm__thin_row(job->to, y, 0);
    (job->how == CM_THIN_ZHANG ? zhang_row : guo_hall_row)(here - stride, here, here + stride, job->pass % 2 != 0,
                                                           words, to);
    if (memcmp(to, here, (size_t)words * sizeof(uint64_t)) != 0) job->changed[y + 1] = job->pass;
  }
  return true;
}

typedef struct Slices {
  CmContext *ctx;
  CmThinBits *bits;
  CmThin how;
  int64_t most;
} Slices;

static bool thin_plane(const Slices *job, CmThinBits *plane, CmError **err) {
  const int64_t rows = plane->ny + 2, chunk = 65536 / plane->stride + 1;
  CmThinBits other;
  int64_t *changed = cm_calloc(job->ctx, (size_t)rows, 2 * sizeof(int64_t), err);
  bool ok = cm__thin_create(job->ctx, plane->nx, plane->ny, 1, &other, err) && changed;
  if (ok)
    memcpy(other.word + rows * plane->stride, plane->word + rows * plane->stride,
           (size_t)(rows * plane->stride) * sizeof(uint64_t));
  bool moved = true;
  for (int64_t round = 0; ok && moved && (job->most == 0 || round < job->most); round++) {
    for (int64_t pass = 2 * round; ok && pass < 2 * round + 2; pass++) {
      Half half = {.from = pass % 2 ? &other : plane, .to = pass % 2 ? plane : &other, .how = job->how, .pass = pass};
      half.changed = changed;
      half.before = memcpy(changed + rows, changed, (size_t)rows * sizeof(int64_t));
      ok = cm_parallel_for(job->ctx, NULL, plane->ny, chunk, half_rows, &half, err);
    }
    moved = round == 0;
    for (int64_t y = 0; y < rows; y++) moved |= changed[y] >= 2 * round;
  }
  cm_free(other.word);
  cm_free(changed);
  return ok;
}

static bool thin_planes(void *arg, CmRange range, CmError **err) {
  const Slices *job = arg;
  for (int64_t z = range.begin; z < range.end; z++) {
    CmThinBits plane = *job->bits;
    plane.nz = 1;
    plane.word += z * (plane.ny + 2) * plane.stride;
    if (!thin_plane(job, &plane, err)) return false;
  }
  return true;
}

bool cm__thin_slices(CmContext *ctx, CmThinBits *bits, CmThin how, int64_t most, CmError **err) {
  Slices job = {.ctx = ctx, .bits = bits, .how = how, .most = most};
  if (bits->nz == 1) return thin_plane(&job, bits, err);
  return cm_parallel_for(ctx, "thinning", bits->nz, 1, thin_planes, &job, err);
}
