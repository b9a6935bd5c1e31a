#include <string.h>

#include "cormack/parallel.h"
#include "ops/segment/components.h"
#include "ops/segment/slic.h"

#define SEEN 0x80000000U /* marks voxels of a small piece that have been looked at */

typedef struct Pieces {
  CmSlic *slic;
  CmComponents found;
  int64_t *final;  /* label of each piece */
  int64_t *voxels; /* of each label */
  int64_t *parent; /* of labels that are one */
  int64_t *queue;
} Pieces;

/* The piece that the voxels of number `piece` touch last, breadth first from its first voxel, of those before it, or,
 * `after`, of those with another label; -1: none. Marks its voxels as seen, or takes the mark away again. */
static int64_t last_touched(const Pieces *p, int64_t piece, bool after) {
  uint32_t *id = p->slic->label;
  const int64_t *n = p->slic->n, step[6] = {1, -1, n[0], -n[0], n[0] * n[1], -n[0] * n[1]};
  const uint32_t own = (uint32_t)piece + 1, from = after ? own | SEEN : own;
  int64_t head = 0, tail = 0, found = -1;
  p->queue[tail++] = p->found.items[piece].first;
  id[p->queue[0]] ^= SEEN;
  while (head < tail) {
    const int64_t at = p->queue[head++], x = at % n[0], y = at / n[0] % n[1], z = at / (n[0] * n[1]);
    const bool there[6] = {x + 1 < n[0], x > 0, y + 1 < n[1], y > 0, z + 1 < n[2], z > 0};
    for (int k = 0; k < 6; k++) {
      if (!there[k]) continue;
      const int64_t near = at + step[k];
      const int64_t other = (int64_t)(id[near] & ~SEEN) - 1;
      if (id[near] == from) {
        id[near] ^= SEEN;
        p->queue[tail++] = near;
      } else if (other >= 0 && (after ? p->final[other] != p->final[piece] : other < piece)) {
        found = other;
      }
    }
  }
  return found;
}

static bool rename_rows(void *arg, CmRange range, CmError **err) {
  const Pieces *p = arg;
  const int64_t nx = p->slic->n[0];
  (void)err;
  for (int64_t at = range.begin * nx; at < range.end * nx; at++) {
    const uint32_t id = p->slic->label[at] & ~SEEN;
    p->slic->label[at] = id ? (uint32_t)p->final[id - 1] : 0;
  }
  return true;
}

static int64_t root_of(int64_t *parent, int64_t label) {
  while (parent[label] != label) label = parent[label] = parent[parent[label]];
  return label;
}

/* Small pieces with none before them have begun a label; where it stayed small it joins another one after all. Labels
 * are numbered anew; how many there are. */
static int64_t join_first(const Pieces *p, int64_t count, double least) {
  int64_t next = 0;
  for (int64_t label = 0; label <= count; label++) p->parent[label] = label;
  for (int64_t k = 0; k < p->found.count; k++) p->voxels[p->final[k]] += p->found.items[k].voxels;
  for (int64_t k = 0, begun = 0; k < p->found.count; k++) {
    if (p->final[k] <= begun) continue;
    begun = p->final[k];
    if ((double)p->found.items[k].voxels >= least || (double)p->voxels[begun] >= least) continue;
    const int64_t other = last_touched(p, k, true);
    if (other < 0) continue;
    const int64_t a = root_of(p->parent, begun), b = root_of(p->parent, p->final[other]);
    p->parent[a > b ? a : b] = a > b ? b : a;
  }
  /* a root stands before what hangs on it */
  for (int64_t label = 1; label <= count; label++)
    p->voxels[label] = p->parent[label] == label ? ++next : p->voxels[root_of(p->parent, label)];
  for (int64_t k = 0; k < p->found.count; k++) p->final[k] = p->voxels[p->final[k]];
  return next;
}

static void keep(void *user) {
  (void)user;
}

bool cm__slic_pieces(CmSlic *slic, double least, int64_t *count, CmError **err) {
  Pieces p = {.slic = slic};
  bool ok = false;
  int64_t largest = 1;
  *count = 0;
  CmImage *labels = cm_image_wrap(slic->ctx, CM_U32, 3, slic->n, 1, slic->label, keep, NULL, err);
  if (!labels || !cm__components_find(slic->ctx, labels, CM_CONNECT_6, CM_COMPONENTS_VALUE, &p.found, err)) goto done;
  if (p.found.count >= (int64_t)SEEN) {
    cm_error_set(err, CM_ERR_DATA, "%lld pieces are too many; give a larger compactness or smooth the image first",
                 (long long)p.found.count);
    goto done;
  }
  p.final = cm_alloc_array(slic->ctx, (size_t)p.found.count + 1, sizeof(int64_t), err);
  if (!p.final) goto done;
  for (int64_t k = 0; k < p.found.count; k++) {
    p.final[k] = k + 1;
    const int64_t voxels = p.found.items[k].voxels;
    if ((double)voxels < least && voxels > largest) largest = voxels;
  }
  p.queue = cm_alloc_array(slic->ctx, (size_t)largest, sizeof(int64_t), err);
  if (!p.queue || !cm__components_paint(slic->ctx, &p.found, p.final, false, labels, err)) goto done;
  for (int64_t k = 0; k < p.found.count; k++) {
    const int64_t before = (double)p.found.items[k].voxels < least ? last_touched(&p, k, false) : -1;
    p.final[k] = before >= 0 ? p.final[before] : ++*count;
  }
  p.voxels = cm_calloc(slic->ctx, (size_t)(*count + 1) * 2, sizeof(int64_t), err);
  if (!p.voxels) goto done;
  p.parent = p.voxels + *count + 1;
  *count = join_first(&p, *count, least);
  ok = cm_parallel_for(slic->ctx, NULL, slic->n[1] * slic->n[2], cm__row_chunk(&p.found.grid), rename_rows, &p, err);
done:
  cm_free(p.final);
  cm_free(p.queue);
  cm_free(p.voxels);
  cm__components_free(&p.found);
  cm_image_unref(&labels);
  return ok;
}
