#include "ops/segment/flood_queue.h"

#include <string.h>

#define NONE UINT32_MAX

bool cm__flood_open(CmContext *ctx, double low, double high, bool exact, CmFloodQueue *q, CmError **err) {
  *q = (CmFloodQueue){.ctx = ctx, .exact = exact, .low = low, .spare = NONE};
  q->per_unit = exact ? 1.0 : high > low ? (CM_FLOOD_LEVELS - 1) / (high - low) : 0.0;
  q->head = cm_alloc_array(ctx, CM_FLOOD_LEVELS, sizeof(uint32_t), err);
  q->tail = q->head ? cm_alloc_array(ctx, CM_FLOOD_LEVELS, sizeof(uint32_t), err) : NULL;
  if (!q->tail) return false;
  memset(q->head, 0xFF, CM_FLOOD_LEVELS * sizeof(uint32_t));
  return true;
}

void cm__flood_free(CmFloodQueue *q) {
  cm_free(q->item);
  cm_free(q->value);
  cm_free(q->order);
  cm_free(q->head);
  cm_free(q->tail);
  cm_free(q->heap);
  *q = (CmFloodQueue){.spare = NONE};
}

static bool grow(void **block, CmContext *ctx, uint32_t count, size_t size, CmError **err) {
  void *larger = cm_realloc(ctx, *block, (size_t)count * size, err);
  if (larger) *block = larger;
  return larger != NULL;
}

static bool make_room(CmFloodQueue *q, CmError **err) {
  if (q->capacity > NONE / 2) {
    cm_error_set(err, CM_ERR_DATA, "more than 2147483648 voxels wait to be flooded; crop the image first");
    return false;
  }
  const uint32_t capacity = q->capacity ? 2 * q->capacity : 4096;
  if (!grow((void **)&q->item, q->ctx, capacity, sizeof(*q->item), err)) return false;
  if (!q->exact && (!grow((void **)&q->value, q->ctx, capacity, sizeof(*q->value), err) ||
                    !grow((void **)&q->order, q->ctx, capacity, sizeof(*q->order), err) ||
                    !grow((void **)&q->heap, q->ctx, capacity, sizeof(*q->heap), err)))
    return false;
  q->capacity = capacity;
  return true;
}

static bool before(const CmFloodQueue *q, uint32_t a, uint32_t b) {
  return q->value[a] != q->value[b] ? q->value[a] < q->value[b] : q->order[a] < q->order[b];
}

static void heap_push(CmFloodQueue *q, uint32_t node) {
  uint32_t at = q->heap_count++;
  while (at > 0 && before(q, node, q->heap[(at - 1) / 2])) {
    q->heap[at] = q->heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  q->heap[at] = node;
}

static uint32_t heap_pop(CmFloodQueue *q) {
  const uint32_t top = q->heap[0], node = q->heap[--q->heap_count], count = q->heap_count;
  uint32_t at = 0;
  for (uint32_t child = 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && before(q, q->heap[child + 1], q->heap[child])) child++;
    if (!before(q, q->heap[child], node)) break;
    q->heap[at] = q->heap[child];
    at = child;
  }
  q->heap[at] = node;
  return top;
}

static int64_t level_of(const CmFloodQueue *q, double value) {
  const double where = (value - q->low) * q->per_unit;
  return where >= CM_FLOOD_LEVELS - 1 ? CM_FLOOD_LEVELS - 1 : where > 0.0 ? (int64_t)where : 0;
}

bool cm__flood_push(CmFloodQueue *q, double value, uint32_t index, uint32_t source, CmError **err) {
  if (q->spare == NONE && q->used == q->capacity && !make_room(q, err)) return false;
  const uint32_t node = q->spare != NONE ? q->spare : q->used++;
  if (node == q->spare) q->spare = q->item[node].next;
  q->item[node] = (CmFloodItem){index, source, NONE};
  const int64_t level = level_of(q, value);
  if (!q->exact) {
    q->value[node] = value;
    q->order[node] = q->pushed++;
    if (q->heap_count > 0 && level <= q->level) {
      heap_push(q, node);
      return true;
    }
  }
  if (q->head[level] == NONE)
    q->head[level] = node;
  else
    q->item[q->tail[level]].next = node;
  q->tail[level] = node;
  if (level < q->level) q->level = level;
  return true;
}

/* The next level that has items; in order of value too where a level has several. */
static bool find_level(CmFloodQueue *q) {
  while (q->level < CM_FLOOD_LEVELS && q->head[q->level] == NONE) q->level++;
  if (q->level == CM_FLOOD_LEVELS) return false;
  if (q->exact) return true;
  for (uint32_t node = q->head[q->level]; node != NONE; node = q->item[node].next) heap_push(q, node);
  q->head[q->level] = NONE;
  return true;
}

bool cm__flood_pop(CmFloodQueue *q, double *value, uint32_t *index, uint32_t *source) {
  if (q->heap_count == 0 && !find_level(q)) return false;
  uint32_t node;
  if (q->exact) {
    node = q->head[q->level];
    q->head[q->level] = q->item[node].next;
    *value = q->low + (double)q->level;
  } else {
    node = heap_pop(q);
    *value = q->value[node];
  }
  *index = q->item[node].index;
  *source = q->item[node].source;
  q->item[node].next = q->spare;
  q->spare = node;
  return true;
}
