#include "cormack/parallel.h"
#include "ops/segment/rank_flood.h"

/* Voxels go to buckets by the highest bits of their keys; then each bucket is sorted where it lies in the cache. */
enum { PARTS = 8, MOST_BITS = 16, BUCKETS_A_CHUNK = 32, FEW = 24, DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

typedef struct Pair {
  uint64_t key;
  uint32_t voxel;
} Pair;

typedef struct Ranking {
  CmRankFlood *flood;
  int shift;       /* of a key to its bucket */
  int64_t buckets; /* a power of two */
  int64_t planes;  /* of a part */
  uint32_t *from;  /* [parts][buckets] how many, then where to */
  uint32_t *begin; /* [buckets + 1] slots */
} Ranking;

static inline uint64_t key_of(const CmRankFlood *f, uint32_t voxel) {
  return (f->wide ? f->wide[voxel] : f->cell[voxel].rank) - f->low;
}

typedef void (*VoxelFn)(Ranking *r, uint32_t *from, uint32_t voxel, int64_t bucket);

static inline __attribute__((always_inline)) void each_voxel(Ranking *r, CmRange range, VoxelFn fn) {
  const CmRankFlood *f = r->flood;
  uint32_t *from = r->from + range.chunk * r->buckets;
  for (int64_t z = range.begin; z < range.end; z++)
    for (int64_t y = 0; y < f->dims[1]; y++) {
      const int64_t begin = (z + 1) * f->plane + (y + 1) * f->row + 1;
      for (int64_t at = begin; at < begin + f->dims[0]; at++)
        if (f->cell[at].label != CM_RANK_BLOCKED)
          fn(r, from, (uint32_t)at, (int64_t)(key_of(f, (uint32_t)at) >> r->shift));
    }
}

static inline void count_one(Ranking *r, uint32_t *from, uint32_t voxel, int64_t bucket) {
  (void)r;
  (void)voxel;
  from[bucket]++;
}

static inline void put_one(Ranking *r, uint32_t *from, uint32_t voxel, int64_t bucket) {
  r->flood->order[from[bucket]++] = voxel;
}

static bool count_part(void *arg, CmRange range, CmError **err) {
  (void)err;
  each_voxel(arg, range, count_one);
  return true;
}

static bool put_part(void *arg, CmRange range, CmError **err) {
  (void)err;
  each_voxel(arg, range, put_one);
  return true;
}

/* Where each part's voxels of each bucket begin. */
static void set_begins(Ranking *r, int64_t parts) {
  uint32_t slot = 0;
  for (int64_t k = 0; k < r->buckets; k++) {
    r->begin[k] = slot;
    for (int64_t part = 0; part < parts; part++) {
      uint32_t *from = &r->from[part * r->buckets + k];
      const uint32_t count = *from;
      *from = slot;
      slot += count;
    }
  }
  r->begin[r->buckets] = slot;
}

static void insert_pairs(Pair *pair, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    const Pair one = pair[i];
    int64_t at = i;
    for (; at > 0 && pair[at - 1].key > one.key; at--) pair[at] = pair[at - 1];
    pair[at] = one;
  }
}

/* By the digits in which keys differ; the sorted ones are returned. */
static Pair *sort_pairs(Pair *pair, Pair *spare, int64_t n, uint64_t differ) {
  if (n <= FEW) {
    insert_pairs(pair, n);
    return pair;
  }
  for (int shift = 0; shift < 64 && differ >> shift; shift += DIGIT_BITS) {
    uint32_t from[DIGITS] = {0}, begin = 0;
    if (!(differ >> shift & (DIGITS - 1))) continue;
    for (int64_t k = 0; k < n; k++) from[pair[k].key >> shift & (DIGITS - 1)]++;
    for (int digit = 0; digit < DIGITS; digit++) {
      const uint32_t count = from[digit];
      from[digit] = begin;
      begin += count;
    }
    for (int64_t k = 0; k < n; k++) spare[from[pair[k].key >> shift & (DIGITS - 1)]++] = pair[k];
    Pair *sorted = spare;
    spare = pair;
    pair = sorted;
  }
  return pair;
}

/* The slot has the value of the one before; words are shared with other buckets. */
static void mark_same(CmRankFlood *f, uint32_t slot) {
  __atomic_fetch_or(&f->bits[slot >> 6].same, UINT64_C(1) << (slot & 63), __ATOMIC_RELAXED);
}

/* All values of the slots are one. */
static void share(CmRankFlood *f, uint32_t begin, uint32_t end) {
  for (uint32_t slot = begin; slot < end; slot++) {
    f->cell[f->order[slot]].rank = begin;
    if (slot > begin) mark_same(f, slot);
  }
  if (end - begin > 1) f->order[begin] = 0;
}

static void set_ranks(CmRankFlood *f, const Pair *pair, uint32_t begin, int64_t n) {
  uint32_t rank = begin;
  for (int64_t k = 0; k < n; k++) {
    const uint32_t slot = begin + (uint32_t)k;
    const bool same = k > 0 && pair[k].key == pair[k - 1].key;
    if (!same) rank = slot;
    f->order[slot] = pair[k].voxel;
    f->cell[pair[k].voxel].rank = rank;
    if (!same) continue;
    f->order[rank] = 0;
    mark_same(f, slot);
  }
}

typedef struct Room {
  Pair *pair;
  int64_t count;
} Room;

static bool make_room(CmContext *ctx, Room *room, int64_t count, CmError **err) {
  if (count <= room->count) return true;
  cm_free(room->pair);
  room->pair = cm_alloc_array(ctx, 2 * (size_t)count, sizeof(Pair), err);
  room->count = room->pair ? count : 0;
  return room->pair != NULL;
}

static bool rank_bucket(CmRankFlood *f, uint32_t begin, uint32_t end, Room *room, CmError **err) {
  const int64_t n = (int64_t)end - begin;
  const uint64_t first = key_of(f, f->order[begin]);
  uint64_t differ = 0;
  for (uint32_t slot = begin; slot < end; slot++) differ |= key_of(f, f->order[slot]) ^ first;
  if (!differ) {
    share(f, begin, end);
    return true;
  }
  if (!make_room(f->ctx, room, n, err)) return false;
  for (int64_t k = 0; k < n; k++) {
    const uint32_t voxel = f->order[begin + k];
    room->pair[k] = (Pair){key_of(f, voxel), voxel};
  }
  set_ranks(f, sort_pairs(room->pair, room->pair + n, n, differ), begin, n);
  return true;
}

static bool rank_buckets(void *arg, CmRange range, CmError **err) {
  const Ranking *r = arg;
  Room room = {0};
  bool ok = true;
  for (int64_t k = range.begin; ok && k < range.end; k++)
    if (r->begin[k] < r->begin[k + 1]) ok = rank_bucket(r->flood, r->begin[k], r->begin[k + 1], &room, err);
  cm_free(room.pair);
  return ok;
}

static void set_buckets(Ranking *r, int64_t voxels) {
  int bits = 0, key_bits = 0;
  while (bits < MOST_BITS && (INT64_C(1) << bits) < voxels) bits++;
  while (key_bits < 64 && (r->flood->high - r->flood->low) >> key_bits) key_bits++;
  r->shift = key_bits > bits ? key_bits - bits : 0;
  r->buckets = INT64_C(1) << bits;
}

bool cm__rank_cells(CmRankFlood *f, CmError **err) {
  Ranking r = {.flood = f, .planes = (f->dims[2] + PARTS - 1) / PARTS};
  const int64_t parts = cm_chunk_count(f->dims[2], r.planes);
  bool ok = false;
  set_buckets(&r, f->dims[0] * f->dims[1] * f->dims[2]);
  r.from = cm_calloc(f->ctx, (size_t)(parts * r.buckets), sizeof(uint32_t), err);
  r.begin = r.from ? cm_alloc_array(f->ctx, (size_t)r.buckets + 1, sizeof(uint32_t), err) : NULL;
  if (!r.begin || !cm_parallel_for(f->ctx, NULL, f->dims[2], r.planes, count_part, &r, err)) goto done;
  set_begins(&r, parts);
  f->slots = r.begin[r.buckets];
  f->order = cm_alloc_array(f->ctx, (size_t)f->slots + 1, sizeof(uint32_t), err);
  f->bits = f->order ? cm_calloc(f->ctx, (size_t)(f->slots / 64) + 2, sizeof(CmRankBits), err) : NULL;
  ok = f->bits && cm_parallel_for(f->ctx, NULL, f->dims[2], r.planes, put_part, &r, err) &&
       cm_parallel_for(f->ctx, NULL, r.buckets, BUCKETS_A_CHUNK, rank_buckets, &r, err);
done:
  cm_free(r.from);
  cm_free(r.begin);
  return ok;
}

void cm__rank_free(CmRankFlood *f) {
  cm_free(f->order);
  cm_free(f->bits);
  f->order = NULL;
  f->bits = NULL;
}
