#include "ops/segment/rank_flood.h"

enum { AHEAD = 4, TICKS = 1 << 18 };

/* Voxels of the rank that is being emptied: first in, first out. */
typedef struct Ring {
  uint32_t *item; /* [mask + 1], a power of two */
  uint64_t mask, head, tail;
} Ring;

static bool grow_ring(CmContext *ctx, Ring *ring, CmError **err) {
  const uint64_t count = ring->tail - ring->head, room = ring->item ? 2 * (ring->mask + 1) : 1024;
  uint32_t *larger = cm_alloc_array(ctx, (size_t)room, sizeof(uint32_t), err);
  if (!larger) return false;
  for (uint64_t k = 0; k < count; k++) larger[k] = ring->item[(ring->head + k) & ring->mask];
  cm_free(ring->item);
  *ring = (Ring){.item = larger, .mask = room - 1, .tail = count};
  return true;
}

static inline bool push_ring(CmContext *ctx, Ring *ring, uint32_t voxel, CmError **err) {
  if ((!ring->item || ring->tail - ring->head > ring->mask) && !grow_ring(ctx, ring, err)) return false;
  ring->item[ring->tail++ & ring->mask] = voxel;
  return true;
}

static inline void fetch(const CmRankFlood *f, uint32_t voxel) {
  const CmRankCell *cell = f->cell + voxel;
  __builtin_prefetch(cell, 1);
  __builtin_prefetch(cell - f->row, 1);
  __builtin_prefetch(cell + f->row, 1);
  __builtin_prefetch(cell - f->plane, 1);
  __builtin_prefetch(cell + f->plane, 1);
}

static inline void set_waits(CmRankFlood *f, uint32_t slot) {
  f->bits[slot >> 6].waits |= UINT64_C(1) << (slot & 63);
}

/* The slots of a shared rank hold how many wait, then who; the last to come takes the place of the number, which the
 * bit of the second slot tells. */
static void push_shared(CmRankFlood *f, uint32_t rank, uint32_t voxel) {
  const uint32_t next = rank + 1 + f->order[rank];
  if (cm__rank_same(f, next)) {
    f->order[next] = voxel;
    f->order[rank]++;
  } else {
    f->order[rank] = voxel;
    set_waits(f, rank + 1);
  }
}

static inline void push_rank(CmRankFlood *f, uint32_t rank, uint32_t voxel) {
  set_waits(f, rank);
  if (cm__rank_same(f, rank + 1)) push_shared(f, rank, voxel);
}

/* Those that wait at a rank, into the ring. */
static bool pop_shared(CmRankFlood *f, uint32_t rank, Ring *ring, CmError **err) {
  CmRankBits *flag = &f->bits[(rank + 1) >> 6];
  const uint64_t bit = UINT64_C(1) << ((rank + 1) & 63);
  const bool full = flag->waits & bit;
  uint32_t end = rank + 1;
  if (full)
    while (cm__rank_same(f, end)) end++;
  else
    end += f->order[rank];
  flag->waits &= ~bit;
  for (uint32_t slot = rank + 1; slot < end; slot++)
    if (!push_ring(f->ctx, ring, f->order[slot], err)) return false;
  return !full || push_ring(f->ctx, ring, f->order[rank], err);
}

/* Labels the free neighbours of a voxel that comes out at a rank. */
static inline __attribute__((always_inline)) bool visit(CmRankFlood *f, Ring *ring, uint32_t rank, uint32_t voxel,
                                                        int neighbours, CmError **err) {
  const int32_t label = f->cell[voxel].label;
  for (int n = 0; n < neighbours; n++) {
    CmRankCell *near = &f->cell[(int64_t)voxel + f->step[n]];
    if (near->label) continue;
    near->label = label;
    const uint32_t index = (uint32_t)(near - f->cell);
    if (near->rank <= rank) {
      if (!push_ring(f->ctx, ring, index, err)) return false;
      continue;
    }
    push_rank(f, near->rank, index);
    if (near->rank >> 6 <= (rank >> 6) + AHEAD) fetch(f, index);
  }
  return true;
}

static bool tick(const CmRankFlood *f, int64_t *visits, const char *what, CmError **err) {
  if (++*visits % TICKS) return true;
  cm_progress(f->ctx, what, *visits < f->slots ? *visits : f->slots - 1, f->slots);
  return !cm_context_cancelled(f->ctx, err);
}

/* Empties the ranks of a word of bits; others of the word may come to wait meanwhile. */
static inline __attribute__((always_inline)) bool empty_word(CmRankFlood *f, Ring *ring, int64_t word, int64_t *visits,
                                                             int neighbours, const char *what, CmError **err) {
  while (f->bits[word].waits) {
    const uint32_t rank = (uint32_t)(word * 64 + __builtin_ctzll(f->bits[word].waits));
    f->bits[word].waits &= f->bits[word].waits - 1;
    if (cm__rank_same(f, rank + 1)
            ? !pop_shared(f, rank, ring, err)
            : !visit(f, ring, rank, f->order[rank], neighbours, err) || !tick(f, visits, what, err))
      return false;
    while (ring->head < ring->tail)
      if (!visit(f, ring, rank, ring->item[ring->head++ & ring->mask], neighbours, err) || !tick(f, visits, what, err))
        return false;
  }
  return true;
}

static void fetch_word(const CmRankFlood *f, int64_t word) {
  for (uint64_t waits = f->bits[word].waits; waits; waits &= waits - 1)
    fetch(f, f->order[word * 64 + __builtin_ctzll(waits)]);
}

/* Markers with a free neighbour, in the order of their voxels. */
static void push_markers(CmRankFlood *f) {
  for (int64_t z = 0; z < f->dims[2]; z++)
    for (int64_t y = 0; y < f->dims[1]; y++) {
      const int64_t begin = (z + 1) * f->plane + (y + 1) * f->row + 1;
      for (int64_t at = begin; at < begin + f->dims[0]; at++) {
        if (f->cell[at].label == 0 || f->cell[at].label == CM_RANK_BLOCKED) continue;
        bool open = false;
        for (int n = 0; n < f->neighbours && !open; n++) open = f->cell[at + f->step[n]].label == 0;
        if (open) push_rank(f, f->cell[at].rank, (uint32_t)at);
      }
    }
}

bool cm__rank_flood(CmRankFlood *f, const char *what, CmError **err) {
  const int64_t words = f->slots / 64 + 1;
  Ring ring = {0};
  int64_t visits = 0;
  bool ok = true;
  push_markers(f);
  for (int64_t word = 0; ok && word < words; word++) {
    if (word + AHEAD < words) fetch_word(f, word + AHEAD);
    ok = f->neighbours == 6 ? empty_word(f, &ring, word, &visits, 6, what, err)
                            : empty_word(f, &ring, word, &visits, f->neighbours, what, err);
  }
  cm_free(ring.item);
  return ok;
}
