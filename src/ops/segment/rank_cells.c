#include "ops/segment/order.h"
#include "ops/segment/rank_flood.h"

static inline uint64_t key_of(const CmRankFlood *f, int64_t voxel) {
  return (f->wide ? f->wide[voxel] : f->cell[voxel].rank) - f->low;
}

static int64_t read_row(void *arg, int64_t row, CmKeyed *to) {
  const CmRankFlood *f = arg;
  const int64_t begin = (row / f->dims[1] + 1) * f->plane + (row % f->dims[1] + 1) * f->row + 1;
  int64_t count = 0;
  for (int64_t at = begin; at < begin + f->dims[0]; at++)
    if (f->cell[at].label != CM_RANK_BLOCKED) to[count++] = (CmKeyed){key_of(f, at), (uint32_t)at};
  return count;
}

static void set_keys(void *arg, CmKeyed *of, int64_t n) {
  const CmRankFlood *f = arg;
  for (int64_t k = 0; k < n; k++) of[k].key = key_of(f, of[k].item);
}

/* A rank is the first slot of its value; where it is shared, that slot counts who waits. Words of bits may be shared
 * with what others sort. */
static void set_ranks(void *arg, int64_t begin, int64_t n, const CmKeyed *items) {
  CmRankFlood *f = arg;
  int64_t rank = begin;
  for (int64_t k = 0; k < n; k++) {
    const int64_t slot = begin + k;
    const bool same = k > 0 && (!items || items[k].key == items[k - 1].key);
    if (!same) rank = slot;
    f->cell[f->order[slot]].rank = (uint32_t)rank;
    if (!same) continue;
    f->order[rank] = 0;
    __atomic_fetch_or(&f->bits[slot >> 6].same, UINT64_C(1) << (slot & 63), __ATOMIC_RELAXED);
  }
}

/* A word beyond the last slot: it may be asked for. */
static bool make_bits(CmOrdering *job, CmError **err) {
  CmRankFlood *f = job->arg;
  f->order = job->order;
  f->slots = job->count;
  f->bits = cm_calloc(job->ctx, (size_t)(f->slots / 64) + 2, sizeof(CmRankBits), err);
  return f->bits != NULL;
}

bool cm__rank_cells(CmRankFlood *f, CmError **err) {
  CmOrdering job = {.ctx = f->ctx,
                    .arg = f,
                    .rows = f->dims[1] * f->dims[2],
                    .most = f->dims[0],
                    .high = f->high - f->low,
                    .read = read_row,
                    .keys = set_keys,
                    .sorted = set_ranks};
  const bool ok = cm__order(&job, make_bits, err);
  f->order = job.order;
  return ok;
}

void cm__rank_free(CmRankFlood *f) {
  cm_free(f->order);
  cm_free(f->bits);
  f->order = NULL;
  f->bits = NULL;
}
