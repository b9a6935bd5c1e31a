#include "ops/segment/label_list.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"

/* A hash table of labels (open addressing) over a growing list. One per chunk of rows; chunks are merged in order. */
typedef struct Lister {
  CmContext *ctx;
  CmGrid grid;
  CmLabelBox *items;
  int64_t *slots; /* index + 1 of the item, 0 empty */
  int64_t count, room, last;
} Lister;

static uint64_t hash_label(int64_t t, int64_t value) {
  uint64_t h = (uint64_t)value * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)t * UINT64_C(0xC2B2AE3D27D4EB4F);
  return h ^ h >> 29;
}

/* Slots: a power of two, twice the room. */
static bool grow(Lister *lister, CmError **err) {
  int64_t room = lister->room ? 2 * lister->room : 32;
  size_t size;
  if (!cm_size_multiply((size_t)room, sizeof(CmLabelBox), &size, err)) return false;
  CmLabelBox *items = cm_realloc(lister->ctx, lister->items, size, err);
  if (!items) return false;
  lister->items = items;
  int64_t *slots = cm_calloc(lister->ctx, (size_t)(2 * room), sizeof(int64_t), err);
  if (!slots) return false;
  cm_free(lister->slots);
  lister->slots = slots;
  lister->room = room;
  for (int64_t k = 0; k < lister->count; k++) {
    uint64_t at = hash_label(items[k].t, items[k].value) & (uint64_t)(2 * room - 1);
    while (slots[at]) at = (at + 1) & (uint64_t)(2 * room - 1);
    slots[at] = k + 1;
  }
  return true;
}

/* The item of a label, made where it is new; NULL: no memory. */
static CmLabelBox *item_of(Lister *lister, int64_t t, int64_t value, CmError **err) {
  if (lister->count) {
    CmLabelBox *last = &lister->items[lister->last];
    if (last->value == value && last->t == t) return last;
  }
  if (lister->count == lister->room && !grow(lister, err)) return NULL;
  uint64_t mask = (uint64_t)(2 * lister->room - 1), at = hash_label(t, value) & mask;
  for (; lister->slots[at]; at = (at + 1) & mask) {
    CmLabelBox *item = &lister->items[lister->slots[at] - 1];
    if (item->value == value && item->t == t) {
      lister->last = lister->slots[at] - 1;
      return item;
    }
  }
  lister->last = lister->count;
  lister->slots[at] = ++lister->count;
  CmLabelBox *item = &lister->items[lister->last];
  *item = (CmLabelBox){.value = value, .t = t};
  for (int axis = 0; axis < 3; axis++) {
    item->box_min[axis] = INT64_MAX;
    item->box_max[axis] = -1;
  }
  return item;
}

static void widen_box(CmLabelBox *item, const int64_t low[3], const int64_t high[3]) {
  for (int axis = 0; axis < 3; axis++) {
    item->box_min[axis] = low[axis] < item->box_min[axis] ? low[axis] : item->box_min[axis];
    item->box_max[axis] = high[axis] > item->box_max[axis] ? high[axis] : item->box_max[axis];
  }
}

static bool add_run(Lister *lister, int64_t value, int64_t row, int64_t begin, int64_t end, CmError **err) {
  const int64_t y = row % lister->grid.ny, z = row / lister->grid.ny % lister->grid.nz;
  CmLabelBox *item = item_of(lister, row / (lister->grid.ny * lister->grid.nz), value, err);
  if (!item) return false;
  item->voxels += end - begin;
  widen_box(item, (int64_t[]){begin, y, z}, (int64_t[]){end - 1, y, z});
  return true;
}

#define CM_TEMPLATE "ops/segment/label_list_tmpl.c"
#include "ops/each_type.h"
static bool (*const list_row[CM_TYPE_COUNT])(Lister *, const void *, int64_t, CmError **) = CM_TYPE_TABLE(list_row);

typedef struct Listing {
  const CmImage *labels;
  Lister *listers; /* per chunk */
} Listing;

static bool list_rows(void *arg, CmRange range, CmError **err) {
  Listing *listing = arg;
  Lister *lister = &listing->listers[range.chunk];
  for (int64_t row = range.begin; row < range.end; row++)
    if (!list_row[cm_image_type(listing->labels)](lister, cm__row(listing->labels, &lister->grid, row), row, err))
      return false;
  return true;
}

static int by_time_and_label(const void *a, const void *b) {
  const CmLabelBox *la = a, *lb = b;
  if (la->t != lb->t) return la->t < lb->t ? -1 : 1;
  return la->value < lb->value ? -1 : la->value > lb->value;
}

bool cm__label_list(CmContext *ctx, const CmImage *labels, CmLabelList *list, CmError **err) {
  const CmGrid grid = cm__grid(labels);
  const int64_t chunk = cm_chunk_count(grid.rows, 16), chunks = cm_chunk_count(grid.rows, chunk);
  Listing listing = {.labels = labels};
  Lister all = {.ctx = ctx, .grid = grid};
  bool ok = false;
  *list = (CmLabelList){.count = 0};
  listing.listers = cm_calloc(ctx, (size_t)chunks, sizeof(Lister), err);
  if (!listing.listers) return false;
  for (int64_t k = 0; k < chunks; k++) listing.listers[k] = (Lister){.ctx = ctx, .grid = grid};
  if (!cm_parallel_for(ctx, NULL, grid.rows, chunk, list_rows, &listing, err)) goto done;
  for (int64_t k = 0; k < chunks; k++)
    for (int64_t i = 0; i < listing.listers[k].count; i++) {
      const CmLabelBox *part = &listing.listers[k].items[i];
      CmLabelBox *item = item_of(&all, part->t, part->value, err);
      if (!item) goto done;
      item->voxels += part->voxels;
      widen_box(item, part->box_min, part->box_max);
    }
  if (all.count) qsort(all.items, (size_t)all.count, sizeof(CmLabelBox), by_time_and_label);
  list->items = all.items;
  list->count = all.count;
  all.items = NULL;
  ok = true;
done:
  for (int64_t k = 0; k < chunks; k++) {
    cm_free(listing.listers[k].items);
    cm_free(listing.listers[k].slots);
  }
  cm_free(listing.listers);
  cm_free(all.items);
  cm_free(all.slots);
  return ok;
}

int64_t cm__label_find(const CmLabelList *list, int64_t t, int64_t value, int64_t hint) {
  if (hint >= 0 && hint < list->count && list->items[hint].value == value && list->items[hint].t == t) return hint;
  const CmLabelBox wanted = {.value = value, .t = t};
  const CmLabelBox *item =
      list->count ? bsearch(&wanted, list->items, (size_t)list->count, sizeof(CmLabelBox), by_time_and_label) : NULL;
  return item ? item - list->items : -1;
}

/* "1, 2, 5 and 12 more" */
static void name_labels(const CmLabelList *list, char *to, size_t size) {
  enum { MOST = 8 };
  size_t used = 0;
  for (int64_t k = 0; k < list->count && k < MOST; k++)
    used += (size_t)snprintf(to + used, size - used, "%s%lld", k ? ", " : "", (long long)list->items[k].value);
  if (list->count > MOST) snprintf(to + used, size - used, " and %lld more", (long long)list->count - MOST);
}

bool cm__label_choose(CmLabelList *list, int64_t only, CmError **err) {
  char there[256] = "";
  int64_t kept = 0;
  name_labels(list, there, sizeof there);
  for (int64_t k = 0; k < list->count; k++)
    if (only == 0 || list->items[k].value == only) list->items[kept++] = list->items[k];
  list->count = kept;
  if (kept > 0 || only == 0) return true;
  if (*there)
    cm_error_set(err, CM_ERR_DATA, "the label map has no voxel of label %lld; it has %s", (long long)only, there);
  else
    cm_error_set(err, CM_ERR_DATA, "the label map is empty: no voxel differs from 0");
  return false;
}
