/* Two search trees, from the source and from the sink, that are kept from one augmenting path to the next: Boykov Y,
 * Kolmogorov V. An experimental comparison of min-cut/max-flow algorithms for energy minimization in vision. IEEE TPAMI
 * 26(9), 2004; with time stamps and distances that keep paths short (Kolmogorov V. Graph based algorithms for scene
 * reconstruction from two or more views. PhD thesis, Cornell, 2004, section 2.3). */
#include "ops/segment/maxflow.h"

#include <string.h>

enum { FREE = 255, ROOT = 254, ORPHAN = 253 }; /* instead of a direction */
#define NOT_QUEUED UINT32_MAX

/* How many axes a step may change, and whether it may go along z. */
static void make_directions(CmMaxflow *g, const int64_t n[3], CmConnect connect) {
  static const int most[] = {
      [CM_CONNECT_6] = 1, [CM_CONNECT_18] = 2, [CM_CONNECT_26] = 3, [CM_CONNECT_4] = 1, [CM_CONNECT_8] = 2};
  const bool flat = connect == CM_CONNECT_4 || connect == CM_CONNECT_8;
  g->directions = 0;
  for (int code = 14; code < 27; code++) { /* half of them; the others are their opposites */
    const int step[3] = {code % 3 - 1, code / 3 % 3 - 1, code / 9 - 1};
    int changed = 0;
    bool there = !(flat && step[2]);
    for (int axis = 0; axis < 3; axis++) {
      changed += step[axis] != 0;
      there = there && !(step[axis] && n[axis] == 1);
    }
    if (!there || changed > most[connect]) continue;
    for (int sign = 1; sign >= -1; sign -= 2) {
      const int k = g->directions++;
      for (int axis = 0; axis < 3; axis++) g->step[k][axis] = sign * step[axis];
      g->offset[k] = ((int64_t)g->step[k][2] * g->size[1] + g->step[k][1]) * g->size[0] + g->step[k][0];
    }
  }
}

bool cm__maxflow_open(CmContext *ctx, const int64_t n[3], CmConnect connect, CmMaxflow *g, CmError **err) {
  *g = (CmMaxflow){.ctx = ctx, .nodes = 1};
  for (int axis = 0; axis < 3; axis++) {
    g->rim[axis] = n[axis] > 1;
    g->size[axis] = n[axis] + 2 * g->rim[axis];
    if (g->size[axis] > (int64_t)UINT32_MAX / 2 / g->nodes) {
      cm_error_set(err, CM_ERR_DATA, "the image has more than 2^31 voxels; crop it or resample it to larger ones");
      return false;
    }
    g->nodes *= g->size[axis];
  }
  make_directions(g, n, connect);
  const size_t nodes = (size_t)g->nodes;
  return (g->edge = cm_calloc(ctx, nodes * (size_t)g->directions, sizeof(int32_t), err)) != NULL &&
         (g->terminal = cm_calloc(ctx, nodes, sizeof(int32_t), err)) != NULL &&
         (g->parent = cm_alloc(ctx, nodes, err)) != NULL && (g->sink = cm_calloc(ctx, nodes, 1, err)) != NULL &&
         (g->stamp = cm_calloc(ctx, nodes, sizeof(uint32_t), err)) != NULL &&
         (g->distance = cm_calloc(ctx, nodes, sizeof(uint32_t), err)) != NULL &&
         (g->next = cm_alloc_array(ctx, nodes, sizeof(uint32_t), err)) != NULL;
}

void cm__maxflow_close(CmMaxflow *g) {
  void *const blocks[] = {g->edge, g->terminal, g->parent, g->sink, g->stamp, g->distance, g->next, g->orphans};
  for (int k = 0; k < CM_COUNT(blocks); k++) cm_free(blocks[k]);
  *g = (CmMaxflow){.ctx = g->ctx};
}

bool cm__maxflow_is_source(const CmMaxflow *g, int64_t node) {
  return g->parent[node] != FREE && !g->sink[node];
}

/* ---- active nodes: two queues in turn, linked by next[]; the last of a queue points to itself ---- */

static void activate(CmMaxflow *g, uint32_t node) {
  if (g->next[node] != NOT_QUEUED) return;
  if (g->last[1] == NOT_QUEUED)
    g->first[1] = node;
  else
    g->next[g->last[1]] = node;
  g->last[1] = node;
  g->next[node] = node;
}

/* The next active node that is still in a tree; NOT_QUEUED where there is none. */
static uint32_t take_active(CmMaxflow *g) {
  for (;;) {
    if (g->first[0] == NOT_QUEUED) {
      g->first[0] = g->first[1];
      g->last[0] = g->last[1];
      g->first[1] = g->last[1] = NOT_QUEUED;
      if (g->first[0] == NOT_QUEUED) return NOT_QUEUED;
    }
    const uint32_t node = g->first[0];
    if (g->next[node] == node)
      g->first[0] = g->last[0] = NOT_QUEUED;
    else
      g->first[0] = g->next[node];
    g->next[node] = NOT_QUEUED;
    if (g->parent[node] != FREE) return node;
  }
}

static bool add_orphan(CmMaxflow *g, uint32_t node, CmError **err) {
  if (g->orphan_end == g->orphan_room) {
    const int64_t room = g->orphan_room ? 2 * g->orphan_room : 4096;
    uint32_t *items = cm_realloc(g->ctx, g->orphans, (size_t)room * sizeof(uint32_t), err);
    if (!items) return false;
    g->orphans = items;
    g->orphan_room = room;
  }
  g->parent[node] = ORPHAN;
  g->orphans[g->orphan_end++] = node;
  return true;
}

static int32_t *edge_of(const CmMaxflow *g, uint32_t node, int k) {
  return g->edge + (int64_t)node * g->directions + k;
}
static uint32_t along(const CmMaxflow *g, uint32_t node, int k) {
  return (uint32_t)((int64_t)node + g->offset[k]);
}
/* What can flow away from the root of the tree from node to its neighbour k, or in the tree of the sink the other way.
 */
static int32_t outward(const CmMaxflow *g, uint32_t node, uint32_t to, int k) {
  return g->sink[node] ? *edge_of(g, to, k ^ 1) : *edge_of(g, node, k);
}

/* ---- growth ---- */

/* Grows the tree of `node`. true: an edge to the other tree was found; direction *k. */
static bool grow(CmMaxflow *g, uint32_t node, int *found) {
  for (int k = 0; k < g->directions; k++) {
    const uint32_t to = along(g, node, k);
    if (outward(g, node, to, k) <= 0) continue;
    if (g->parent[to] == FREE) {
      g->sink[to] = g->sink[node];
    } else if (g->sink[to] != g->sink[node]) {
      *found = k;
      return true;
    } else if (g->stamp[to] > g->stamp[node] || g->distance[to] <= g->distance[node]) {
      continue;
    }
    const bool fresh = g->parent[to] == FREE;
    g->parent[to] = (uint8_t)(k ^ 1);
    g->stamp[to] = g->stamp[node];
    g->distance[to] = g->distance[node] + 1;
    if (fresh) activate(g, to);
  }
  return false;
}

/* ---- augmentation ---- */

/* The most that can flow between `node` and its root, at most `most`. */
static int32_t bottleneck(const CmMaxflow *g, uint32_t node, int32_t most) {
  for (;;) {
    const int d = g->parent[node];
    int32_t room;
    if (d == ROOT) {
      room = g->sink[node] ? -g->terminal[node] : g->terminal[node];
      return room < most ? room : most;
    }
    const uint32_t up = along(g, node, d);
    room = g->sink[node] ? *edge_of(g, node, d) : *edge_of(g, up, d ^ 1);
    most = room < most ? room : most;
    node = up;
  }
}

static bool push(CmMaxflow *g, uint32_t node, int32_t amount, CmError **err) {
  for (;;) {
    const int d = g->parent[node];
    if (d == ROOT) {
      g->terminal[node] += g->sink[node] ? amount : -amount;
      return g->terminal[node] != 0 || add_orphan(g, node, err);
    }
    const uint32_t up = along(g, node, d);
    int32_t *down = edge_of(g, up, d ^ 1), *back = edge_of(g, node, d);
    if (g->sink[node]) {
      int32_t *const swap = down;
      down = back;
      back = swap;
    }
    *down -= amount;
    *back += amount;
    if (*down == 0 && !add_orphan(g, node, err)) return false;
    node = up;
  }
}

static bool augment(CmMaxflow *g, uint32_t node, int k, CmError **err) {
  uint32_t a = node, b = along(g, node, k);
  if (g->sink[node]) {
    a = b;
    b = node;
    k ^= 1;
  }
  int32_t *edge = edge_of(g, a, k);
  const int32_t amount = bottleneck(g, b, bottleneck(g, a, *edge));
  *edge -= amount;
  *edge_of(g, b, k ^ 1) += amount;
  g->flow += amount;
  return push(g, a, amount, err) && push(g, b, amount, err);
}

/* ---- adoption ---- */

/* Steps from `node` to the root of its tree; UINT32_MAX where an orphan is in between. */
static uint32_t origin(CmMaxflow *g, uint32_t node) {
  uint32_t steps = 0, at = node;
  for (;;) {
    if (g->stamp[at] == g->time) {
      steps += g->distance[at];
      break;
    }
    steps++;
    if (g->parent[at] == ROOT) {
      g->stamp[at] = g->time;
      g->distance[at] = 1;
      break;
    }
    if (g->parent[at] == ORPHAN) return UINT32_MAX;
    at = along(g, at, g->parent[at]);
  }
  for (uint32_t d = steps; g->stamp[node] != g->time; node = along(g, node, g->parent[node])) {
    g->stamp[node] = g->time;
    g->distance[node] = d--;
  }
  return steps;
}

static bool adopt(CmMaxflow *g, uint32_t node, CmError **err) {
  uint32_t least = UINT32_MAX;
  int best = -1;
  for (int k = 0; k < g->directions; k++) {
    const uint32_t from = along(g, node, k);
    if (g->parent[from] == FREE || g->sink[from] != g->sink[node] || outward(g, from, node, k ^ 1) <= 0) continue;
    const uint32_t steps = origin(g, from);
    if (steps < least) {
      least = steps;
      best = k;
    }
  }
  if (best >= 0) {
    g->parent[node] = (uint8_t)best;
    g->stamp[node] = g->time;
    g->distance[node] = least + 1;
    return true;
  }
  g->parent[node] = FREE;
  g->stamp[node] = 0;
  for (int k = 0; k < g->directions; k++) {
    const uint32_t other = along(g, node, k);
    if (g->parent[other] == FREE || g->sink[other] != g->sink[node]) continue;
    if (outward(g, other, node, k ^ 1) > 0) activate(g, other);
    if (g->parent[other] == (k ^ 1) && !add_orphan(g, other, err)) return false;
  }
  return true;
}

bool cm__maxflow_run(CmMaxflow *g, CmError **err) {
  const uint32_t nodes = (uint32_t)g->nodes;
  memset(g->next, 0xff, (size_t)nodes * sizeof(uint32_t));
  g->first[0] = g->first[1] = g->last[0] = g->last[1] = NOT_QUEUED;
  for (uint32_t node = 0; node < nodes; node++) {
    g->parent[node] = g->terminal[node] ? ROOT : FREE;
    if (!g->terminal[node]) continue;
    g->sink[node] = g->terminal[node] < 0;
    g->distance[node] = 1;
    activate(g, node);
  }
  uint32_t current = NOT_QUEUED;
  for (uint64_t turn = 0;; turn++) {
    if (turn % 16384 == 0 && cm_context_cancelled(g->ctx, err)) return false;
    int k = 0;
    if (current == NOT_QUEUED || g->parent[current] == FREE) current = take_active(g);
    if (current == NOT_QUEUED) return true;
    const bool met = grow(g, current, &k);
    g->time++;
    if (!met) {
      current = NOT_QUEUED;
      continue;
    }
    g->orphan_begin = g->orphan_end = 0;
    if (!augment(g, current, k, err)) return false;
    while (g->orphan_begin < g->orphan_end)
      if (!adopt(g, g->orphans[g->orphan_begin++], err)) return false;
  }
}
