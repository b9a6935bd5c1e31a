#include "ops/segment/order.h"

#include "cormack/parallel.h"

enum { PARTS = 8, MOST_BITS = 16, BUCKETS_A_CHUNK = 32, FEW = 24, DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

typedef struct Sort {
  CmOrdering *job;
  int shift;       /* of a key to its bucket */
  int64_t buckets; /* a power of two */
  uint32_t *from;  /* [parts][buckets] how many, then where to */
  uint32_t *begin; /* [buckets + 1] */
} Sort;

/* Counts a part's items by bucket, or puts them there. */
static bool do_part(void *arg, CmRange range, CmError **err) {
  const Sort *s = arg;
  CmOrdering *job = s->job;
  uint32_t *from = s->from + range.chunk * s->buckets;
  CmKeyed *row = cm_alloc_array(job->ctx, (size_t)job->most, sizeof(CmKeyed), err);
  for (int64_t k = range.begin; row && k < range.end; k++) {
    const int64_t count = job->read(job->arg, k, row);
    if (job->order)
      for (int64_t i = 0; i < count; i++) job->order[from[row[i].key >> s->shift]++] = row[i].item;
    else
      for (int64_t i = 0; i < count; i++) from[row[i].key >> s->shift]++;
  }
  cm_free(row);
  return row != NULL;
}

/* Where each part's items of each bucket begin. */
static void set_begins(Sort *s, int64_t parts) {
  uint32_t at = 0;
  for (int64_t k = 0; k < s->buckets; k++) {
    s->begin[k] = at;
    for (int64_t part = 0; part < parts; part++) {
      uint32_t *from = &s->from[part * s->buckets + k];
      const uint32_t count = *from;
      *from = at;
      at += count;
    }
  }
  s->begin[s->buckets] = at;
}

static void insert(CmKeyed *item, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    const CmKeyed one = item[i];
    int64_t at = i;
    for (; at > 0 && item[at - 1].key > one.key; at--) item[at] = item[at - 1];
    item[at] = one;
  }
}

/* By the digits in which keys differ; the sorted ones are returned. */
static CmKeyed *sort(CmKeyed *item, CmKeyed *spare, int64_t n, uint64_t differ) {
  if (n <= FEW) {
    insert(item, n);
    return item;
  }
  for (int shift = 0; shift < 64 && differ >> shift; shift += DIGIT_BITS) {
    uint32_t from[DIGITS] = {0}, begin = 0;
    if (!(differ >> shift & (DIGITS - 1))) continue;
    for (int64_t k = 0; k < n; k++) from[item[k].key >> shift & (DIGITS - 1)]++;
    for (int digit = 0; digit < DIGITS; digit++) {
      const uint32_t count = from[digit];
      from[digit] = begin;
      begin += count;
    }
    for (int64_t k = 0; k < n; k++) spare[from[item[k].key >> shift & (DIGITS - 1)]++] = item[k];
    CmKeyed *sorted = spare;
    spare = item;
    item = sorted;
  }
  return item;
}

typedef struct Room {
  CmKeyed *item;
  int64_t count;
} Room;

static bool make_room(CmContext *ctx, Room *room, int64_t count, CmError **err) {
  if (count <= room->count) return true;
  cm_free(room->item);
  room->item = cm_alloc_array(ctx, 2 * (size_t)count, sizeof(CmKeyed), err);
  room->count = room->item ? count : 0;
  return room->item != NULL;
}

/* The bits in which the keys of a bucket differ, without room for all of them. */
static uint64_t bits_apart(const CmOrdering *job, const uint32_t *item, int64_t n) {
  CmKeyed some[64];
  uint64_t differ = 0, first = 0;
  for (int64_t k = 0; k < n; k += CM_COUNT(some)) {
    const int64_t count = n - k < CM_COUNT(some) ? n - k : CM_COUNT(some);
    for (int64_t i = 0; i < count; i++) some[i].item = item[k + i];
    job->keys(job->arg, some, count);
    if (k == 0) first = some[0].key;
    for (int64_t i = 0; i < count; i++) differ |= some[i].key ^ first;
  }
  return differ;
}

static bool sort_bucket(const CmOrdering *job, int64_t begin, int64_t n, Room *room, CmError **err) {
  uint32_t *item = job->order + begin;
  const CmKeyed *sorted = NULL;
  const uint64_t differ = bits_apart(job, item, n);
  if (differ) {
    if (!make_room(job->ctx, room, n, err)) return false;
    for (int64_t k = 0; k < n; k++) room->item[k].item = item[k];
    job->keys(job->arg, room->item, n);
    sorted = sort(room->item, room->item + n, n, differ);
    for (int64_t k = 0; k < n; k++) item[k] = sorted[k].item;
  }
  if (job->sorted) job->sorted(job->arg, begin, n, sorted);
  return true;
}

static bool sort_buckets(void *arg, CmRange range, CmError **err) {
  const Sort *s = arg;
  Room room = {0};
  bool ok = true;
  for (int64_t k = range.begin; ok && k < range.end; k++)
    if (s->begin[k] < s->begin[k + 1])
      ok = sort_bucket(s->job, s->begin[k], (int64_t)s->begin[k + 1] - s->begin[k], &room, err);
  cm_free(room.item);
  return ok;
}

static void set_buckets(Sort *s) {
  int bits = 0, key_bits = 0;
  while (bits < MOST_BITS && INT64_C(1) << bits < s->job->rows * s->job->most) bits++;
  while (key_bits < 64 && s->job->high >> key_bits) key_bits++;
  s->shift = key_bits > bits ? key_bits - bits : 0;
  s->buckets = INT64_C(1) << bits;
}

bool cm__order(CmOrdering *job, bool (*ready)(CmOrdering *job, CmError **err), CmError **err) {
  Sort s = {.job = job};
  const int64_t chunk = (job->rows + PARTS - 1) / PARTS, parts = cm_chunk_count(job->rows, chunk);
  bool ok = false;
  job->order = NULL;
  set_buckets(&s);
  s.from = cm_calloc(job->ctx, (size_t)(parts * s.buckets), sizeof(uint32_t), err);
  s.begin = s.from ? cm_alloc_array(job->ctx, (size_t)s.buckets + 1, sizeof(uint32_t), err) : NULL;
  if (!s.begin || !cm_parallel_for(job->ctx, NULL, job->rows, chunk, do_part, &s, err)) goto done;
  set_begins(&s, parts);
  job->count = s.begin[s.buckets];
  job->order = cm_alloc_array(job->ctx, (size_t)job->count + 1, sizeof(uint32_t), err);
  ok = job->order && (!ready || ready(job, err)) &&
       cm_parallel_for(job->ctx, NULL, job->rows, chunk, do_part, &s, err) &&
       cm_parallel_for(job->ctx, NULL, s.buckets, BUCKETS_A_CHUNK, sort_buckets, &s, err);
done:
  cm_free(s.from);
  cm_free(s.begin);
  return ok;
}
