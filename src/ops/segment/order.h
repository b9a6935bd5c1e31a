/* Sorting what an image holds by keys, where only the order is kept: items go to buckets by the highest bits of their
 * keys, which are worked out anew when a bucket is sorted in the cache. Four bytes an item instead of key and item
 * twice. */
#ifndef CM_OPS_SEGMENT_ORDER_H
#define CM_OPS_SEGMENT_ORDER_H

#include "cormack/context.h"

typedef struct CmKeyed {
  uint64_t key;
  uint32_t item;
} CmKeyed;

typedef struct CmOrdering {
  CmContext *ctx;
  void *arg;
  int64_t rows; /* items come in rows, of at most `most` */
  int64_t most;
  uint64_t high; /* no key is larger */
  /* The items of a row by rising number, and their keys; how many. From several workers at once, like the others. */
  int64_t (*read)(void *arg, int64_t row, CmKeyed *to);
  /* Fills in the keys of n items. */
  void (*keys)(void *arg, CmKeyed *of, int64_t n);
  /* May be NULL: told of order[begin .. begin + n), with the keys, or with NULL where they are all the same. Equal keys
   * are all told of at once. */
  void (*sorted)(void *arg, int64_t begin, int64_t n, const CmKeyed *items);
  /* made by the call: */
  uint32_t *order; /* by rising key, equal ones by rising number; free with cm_free() */
  int64_t count;
} CmOrdering;

/* `ready` (may be NULL) is called when count is known and order has room, before anything is sorted. */
bool cm__order(CmOrdering *job, bool (*ready)(CmOrdering *job, CmError **err), CmError **err);

#endif
