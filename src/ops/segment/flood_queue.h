/* A queue by level for flooding: items come out by rising value, equal ones in the order they went in. Values never go
 * below that of the item that came out last. */
#ifndef CM_OPS_SEGMENT_FLOOD_QUEUE_H
#define CM_OPS_SEGMENT_FLOOD_QUEUE_H

#include "cormack/image.h"

enum { CM_FLOOD_LEVELS = 65536 };

typedef struct CmFloodItem {
  uint32_t index, source; /* voxel, and the marker's voxel it is flooded from */
  uint32_t next;
} CmFloodItem;

typedef struct CmFloodQueue {
  CmContext *ctx;
  bool exact;           /* a level is one value: no order by value within it */
  double low, per_unit; /* level of a value: (value - low) * per_unit */
  CmFloodItem *item;
  double *value;   /* [capacity] where not exact */
  uint64_t *order; /* likewise */
  uint32_t capacity, used, spare;
  uint32_t *head, *tail; /* [levels] lists */
  int64_t level;
  uint32_t *heap; /* items of the level that is being emptied, where not exact */
  uint32_t heap_count;
  uint64_t pushed;
} CmFloodQueue;

/* low, high: the range of all values; exact: they are whole numbers and high - low < CM_FLOOD_LEVELS. */
bool cm__flood_open(CmContext *ctx, double low, double high, bool exact, CmFloodQueue *queue, CmError **err);
void cm__flood_free(CmFloodQueue *queue);
bool cm__flood_push(CmFloodQueue *queue, double value, uint32_t index, uint32_t source, CmError **err);
/* False where it is empty. */
bool cm__flood_pop(CmFloodQueue *queue, double *value, uint32_t *index, uint32_t *source);

#endif
