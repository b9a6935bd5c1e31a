#include "ops/segment/bucket_flood.h"

#include <string.h>

enum { LEVELS = 65536, ITEMS = 61, SLAB = 1024, AHEAD = 12, TICKS = 4096 };

/* Voxels that wait at one level, in the order in which they came; 256 bytes. */
typedef struct Block {
  struct Block *next;
  uint32_t count;
  uint32_t item[ITEMS];
} Block;

typedef struct Slab {
  struct Slab *next;
  Block block[SLAB];
} Slab;

typedef struct Buckets {
  CmContext *ctx;
  Block **first, **last; /* [LEVELS] */
  Block *spare;
  Slab *slabs;
} Buckets;

static bool add_slab(Buckets *b, CmError **err) {
  Slab *slab = cm_alloc(b->ctx, sizeof(Slab), err);
  if (!slab) return false;
  slab->next = b->slabs;
  b->slabs = slab;
  for (int k = 0; k < SLAB; k++) {
    slab->block[k].next = b->spare;
    b->spare = &slab->block[k];
  }
  return true;
}

/* A new last block of a level. */
static Block *add_block(Buckets *b, uint32_t level, CmError **err) {
  if (!b->spare && !add_slab(b, err)) return NULL;
  Block *block = b->spare;
  b->spare = block->next;
  block->next = NULL;
  block->count = 0;
  if (b->last[level])
    b->last[level]->next = block;
  else
    b->first[level] = block;
  b->last[level] = block;
  return block;
}

static inline bool push(Buckets *b, uint32_t level, uint32_t voxel, CmError **err) {
  Block *block = b->last[level];
  if (!block || block->count == ITEMS) {
    block = add_block(b, level, err);
    if (!block) return false;
  }
  block->item[block->count++] = voxel;
  return true;
}

static inline void fetch(const uint32_t *cell, int64_t row, int64_t plane) {
  __builtin_prefetch(cell, 1);
  __builtin_prefetch(cell - row, 1);
  __builtin_prefetch(cell + row, 1);
  __builtin_prefetch(cell - plane, 1);
  __builtin_prefetch(cell + plane, 1);
}

/* Labels the free neighbours of a block's voxels; voxels may join the block meanwhile. */
static inline __attribute__((always_inline)) bool empty_block(const CmBucketFlood *f, Buckets *b, uint32_t level,
                                                              const Block *block, int neighbours, CmError **err) {
  uint32_t *cell = f->cell;
  for (uint32_t k = 0; k < block->count; k++) {
    if (k + AHEAD < block->count) fetch(cell + block->item[k + AHEAD], f->row, f->plane);
    const uint32_t at = block->item[k], label = cell[at] & 0xFFFF;
    for (int n = 0; n < neighbours; n++) {
      uint32_t *near = &cell[(int64_t)at + f->step[n]];
      if (*near & 0xFFFF) continue;
      const uint32_t own = *near >> 16;
      *near |= label;
      if (!push(b, own > level ? own : level, (uint32_t)(near - cell), err)) return false;
    }
  }
  return true;
}

static bool empty_level(const CmBucketFlood *f, Buckets *b, uint32_t level, int64_t *done, const char *what,
                        CmError **err) {
  const int64_t total = f->dims[0] * f->dims[1] * f->dims[2];
  while (b->first[level]) {
    Block *block = b->first[level];
    if (block->next)
      for (uint32_t k = 0; k < AHEAD && k < block->next->count; k++)
        fetch(f->cell + block->next->item[k], f->row, f->plane);
    if (!(f->neighbours == 6 ? empty_block(f, b, level, block, 6, err)
                             : empty_block(f, b, level, block, f->neighbours, err)))
      return false;
    b->first[level] = block->next;
    if (!block->next) b->last[level] = NULL;
    block->next = b->spare;
    b->spare = block;
    if (++*done % TICKS) continue;
    cm_progress(f->ctx, what, *done * ITEMS < total ? *done * ITEMS : total - 1, total);
    if (cm_context_cancelled(f->ctx, err)) return false;
  }
  return true;
}

/* Markers with a free neighbour, in the order of their voxels. */
static bool push_markers(const CmBucketFlood *f, Buckets *b, CmError **err) {
  for (int64_t z = 0; z < f->dims[2]; z++)
    for (int64_t y = 0; y < f->dims[1]; y++) {
      const int64_t begin = (z + 1) * f->plane + (y + 1) * f->row + 1;
      for (int64_t at = begin; at < begin + f->dims[0]; at++) {
        const uint32_t label = f->cell[at] & 0xFFFF;
        if (label == 0 || label == CM_BUCKET_BLOCKED) continue;
        bool open = false;
        for (int n = 0; n < f->neighbours && !open; n++) open = (f->cell[at + f->step[n]] & 0xFFFF) == 0;
        if (open && !push(b, f->cell[at] >> 16, (uint32_t)at, err)) return false;
      }
    }
  return true;
}

bool cm__bucket_flood(CmBucketFlood *flood, const char *what, CmError **err) {
  Buckets b = {.ctx = flood->ctx};
  int64_t done = 0;
  b.first = cm_calloc(flood->ctx, 2 * LEVELS, sizeof(Block *), err);
  if (!b.first) return false;
  b.last = b.first + LEVELS;
  bool ok = push_markers(flood, &b, err);
  for (uint32_t level = 0; ok && level < LEVELS; level++) ok = empty_level(flood, &b, level, &done, what, err);
  while (b.slabs) {
    Slab *next = b.slabs->next;
    cm_free(b.slabs);
    b.slabs = next;
  }
  cm_free(b.first);
  return ok;
}
