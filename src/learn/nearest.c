#include "learn/nearest.h"

#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "learn/lanes.h"

enum { TILE = 16, POINTS = 8, TILES_A_BLOCK = 16 };

/* ---- heap -----------------------------------------------------------------------------------------------------------
 */

static bool farther(CmNear a, CmNear b) {
  return a.distance != b.distance ? a.distance > b.distance : a.row > b.row;
}

static void sink(CmNear *near, int count, int at) {
  for (;;) {
    int child = 2 * at + 1;
    if (child >= count) return;
    if (child + 1 < count && farther(near[child + 1], near[child])) child++;
    if (!farther(near[child], near[at])) return;
    CmNear t = near[at];
    near[at] = near[child];
    near[child] = t;
    at = child;
  }
}

void cm__near_put(CmNearHeap *heap, CmNear near) {
  if (heap->count < heap->k) {
    heap->near[heap->count++] = near;
    if (heap->count == heap->k)
      for (int at = heap->k / 2 - 1; at >= 0; at--) sink(heap->near, heap->k, at);
  } else if (farther(heap->near[0], near)) {
    heap->near[0] = near;
    sink(heap->near, heap->k, 0);
  }
}

/* ---- rows -----------------------------------------------------------------------------------------------------------
 */

bool cm__nearest_make(CmArena *hold, const double *x, int64_t rows, int features, CmNearest *nearest, CmError **err) {
  int64_t tiles = (rows + TILE - 1) / TILE;
  size_t cells;
  *nearest = (CmNearest){.rows = rows, .features = features, .x = x};
  if (!cm_size_multiply((size_t)tiles * TILE, (size_t)features, &cells, err)) return false;
  nearest->tile = CM__NEW(hold, float, cells, err);
  nearest->half = CM__NEW(hold, float, tiles *TILE, err);
  if (!nearest->tile || !nearest->half) return false;
  for (int64_t i = 0; i < tiles * TILE; i++) nearest->half[i] = INFINITY;
  for (int64_t i = 0; i < rows; i++) {
    const double *row = x + i * features;
    double square = cm__lanes_dot(row, row, features);
    nearest->longest = fmax(nearest->longest, sqrt(square));
    if (!(square < 1e30)) nearest->longest = INFINITY;
    if (isinf(nearest->longest)) return true; /* the tiles are not used */
    float *to = nearest->tile + i / TILE * TILE * features + i % TILE;
    for (int j = 0; j < features; j++) to[j * TILE] = (float)row[j];
    nearest->half[i] = (float)(square / 2);
  }
  return true;
}

/* ---- search ---------------------------------------------------------------------------------------------------------
 */

typedef float Lanes __attribute__((vector_size(TILE * sizeof(float)), aligned(4), may_alias));

/* Half the squared length of each of TILE rows less its products with each of POINTS points. */
CM_SIMD static void multiply_tile(const float *point, const float *tile, const float *half, int features, float *to) {
  Lanes sum[POINTS] = {{0}};
  for (int j = 0; j < features; j++, tile += TILE, point += POINTS) {
    const Lanes row = *(const Lanes *)tile;
    for (int p = 0; p < POINTS; p++) sum[p] += point[p] * row;
  }
  for (int p = 0; p < POINTS; p++) ((Lanes *)to)[p] = *(const Lanes *)half - sum[p];
}

/* Points that are searched for together. */
typedef struct Group {
  int count;
  const double *x;
  float *point; /* features x POINTS */
  CmNearHeap *heap;
  double square[POINTS], slack[POINTS];
} Group;

/* slack: what the numbers of multiply_tile() can be wrong by, with both vectors rounded and features + 1 sums. */
static void fill_group(const CmNearest *n, const double *x, int count, CmNearHeap *heap, Group *group) {
  group->count = count;
  group->x = x;
  group->heap = heap;
  for (int p = 0; p < POINTS; p++) {
    const double *from = x + (p < count ? p : 0) * n->features;
    for (int j = 0; j < n->features; j++) group->point[j * POINTS + p] = (float)from[j];
    group->square[p] = cm__lanes_dot(from, from, n->features);
    group->slack[p] = ldexp(n->features + 8, -23) * (sqrt(group->square[p]) + n->longest) * n->longest;
  }
}

/* Numbers of multiply_tile() above this belong to rows that are too far. */
static float limit_of(const Group *group, int p) {
  const CmNearHeap *heap = &group->heap[p];
  if (heap->count < heap->k) return INFINITY;
  return nextafterf((float)((heap->near[0].distance - group->square[p]) / 2 + group->slack[p]), INFINITY);
}

static void put_row(const CmNearest *n, const double *x, int64_t row, CmNearHeap *heap) {
  CmNear near = {.row = row};
  cm__lanes_distances(x, n->x + row * n->features, 1, n->features, &near.distance);
  cm__near_put(heap, near);
}

static void search_tile(const CmNearest *n, int64_t tile, Group *group) {
  float number[POINTS * TILE];
  multiply_tile(group->point, n->tile + tile * TILE * n->features, n->half + tile * TILE, n->features, number);
  for (int p = 0; p < group->count; p++) {
    float limit = limit_of(group, p);
    uint32_t may = 0;
    for (int r = 0; r < TILE; r++) may |= (uint32_t)(number[p * TILE + r] <= limit) << r;
    for (; may; may &= may - 1) {
      int64_t row = tile * TILE + __builtin_ctz(may);
      if (row < n->rows) put_row(n, group->x + p * n->features, row, &group->heap[p]);
    }
  }
}

/* Values too large for single precision: each distance by itself. */
static void search_all(const CmNearest *n, const double *x, int64_t count, CmNearHeap *heap) {
  for (int64_t row = 0; row < n->rows; row++)
    for (int64_t i = 0; i < count; i++) put_row(n, x + i * n->features, row, &heap[i]);
}

bool cm__nearest_find(const CmNearest *n, CmContext *ctx, const double *x, int64_t count, CmNearHeap *heap,
                      CmError **err) {
  CmArena scratch = {.ctx = ctx};
  int64_t groups = (count + POINTS - 1) / POINTS, tiles = (n->rows + TILE - 1) / TILE;
  bool large = isinf(n->longest), ok = false;
  for (int64_t i = 0; i < count && !large; i++)
    large = !(cm__lanes_dot(x + i * n->features, x + i * n->features, n->features) < 1e30);
  if (large) {
    search_all(n, x, count, heap);
    return true;
  }
  Group *group = CM__NEW(&scratch, Group, groups, err);
  float *points = CM__NEW(&scratch, float, groups *POINTS * n->features, err);
  if (!group || !points) goto done;
  for (int64_t g = 0; g < groups; g++) {
    int64_t first = g * POINTS;
    group[g].point = points + first * n->features;
    fill_group(n, x + first * n->features, (int)(count - first < POINTS ? count - first : POINTS), heap + first,
               &group[g]);
  }
  for (int64_t first = 0; first < tiles; first += TILES_A_BLOCK) /* a block of tiles stays in the cache */
    for (int64_t g = 0; g < groups; g++)
      for (int64_t t = first; t < tiles && t < first + TILES_A_BLOCK; t++) search_tile(n, t, &group[g]);
  ok = true;
done:
  cm__arena_free(&scratch);
  return ok;
}
