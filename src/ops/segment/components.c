#include "ops/segment/components.h"

#include <float.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/segment/components_bits.h"
#include "ops/simd.h"

enum { WORD = 8 }; /* voxels looked at together */
enum { NEIGHBOURS = 4, UP = 2, UP_BACK = 4, DOWN_BACK = 8 };

#define CM_TEMPLATE "ops/segment/components_tmpl.c"
#include "ops/each_type.h"

static int64_t (*const count_row[CM_TYPE_COUNT])(const void *, int64_t) = CM_TYPE_TABLE(count_row);
static int64_t (*const row_runs[CM_TYPE_COUNT])(const void *, int64_t, uint8_t *, CmRun *) = CM_TYPE_TABLE(row_runs);
static void (*const paint_row[CM_TYPE_COUNT])(void *, int64_t, const CmRun *, const CmRun *,
                                              const int64_t *) = CM_TYPE_TABLE(paint_row);
static void (*const paint_over[CM_TYPE_COUNT])(void *, const CmRun *, const CmRun *,
                                               const int64_t *) = CM_TYPE_TABLE(paint_over);

typedef struct Find {
  CmContext *ctx;
  const CmImage *image;
  CmComponents *found;
  CmConnect connect;
  int64_t chunk; /* rows */
} Find;

const CmRowNeighbour cm__row_neighbours[5][5] = {
    [CM_CONNECT_6] = {{0, -1, 0, 0}, {-1, 0, 0, 0}},
    [CM_CONNECT_18] = {{0, -1, 1, UP_BACK | DOWN_BACK}, {-1, 0, 1, UP_BACK}, {-1, -1, 0, 0}, {1, -1, 0, 0}},
    [CM_CONNECT_26] = {{0, -1, 1, UP | UP_BACK | DOWN_BACK}, {-1, 0, 1, UP_BACK}, {-1, -1, 1, 0}, {1, -1, 1, 0}},
    [CM_CONNECT_4] = {{-1, 0, 0, 0}},
    [CM_CONNECT_8] = {{-1, 0, 1, 0}},
};

static bool count_runs(void *arg, CmRange range, CmError **err) {
  Find *find = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    find->found->row_begin[row + 1] =
        count_row[cm_image_type(find->image)](cm__row(find->image, &find->found->grid, row), find->found->grid.nx);
  return true;
}

static uint32_t root_of(CmRun *runs, uint32_t at) {
  while (runs[at].component != at) {
    runs[at].component = runs[runs[at].component].component;
    at = runs[at].component;
  }
  return at;
}

/* The root of a set is its first run, whatever the order of the unions. */
static void unite(CmRun *runs, uint32_t a, uint32_t b) {
  const uint32_t root_a = root_of(runs, a), root_b = root_of(runs, b), root = root_a < root_b ? root_a : root_b;
  runs[root_a].component = root;
  runs[root_b].component = root;
  runs[a].component = root; /* the next comparison of the two ends at once */
  runs[b].component = root;
}

/* Unites run `a` with those of another row that it touches, from *at on; true where one of them covers it. */
static bool unite_run(CmRun *runs, int64_t a, int64_t *at, int64_t end, int reach) {
  const int32_t x0 = runs[a].x0, x1 = runs[a].x1;
  const uint32_t value = runs[a].value;
  bool covered = false;
  while (*at < end && runs[*at].x1 + reach <= x0) ++*at;
  /* the last run that touches this one may touch the next one as well */
  for (int64_t k = *at; k < end && runs[k].x0 < x1 + reach; k++) {
    if (runs[k].value != value) continue;
    if (runs[k].component != runs[a].component) unite(runs, (uint32_t)a, (uint32_t)k);
    covered |= runs[k].x0 <= x0 && runs[k].x1 >= x1;
  }
  return covered;
}

/* Unites the runs of a row with those of the rows before it in [first, last). */
static void unite_row(const Find *find, int64_t row, int64_t first, int64_t last) {
  const CmGrid *grid = &find->found->grid;
  const int64_t *row_begin = find->found->row_begin, y = row % grid->ny, z = row / grid->ny % grid->nz;
  const CmRowNeighbour *near = cm__row_neighbours[find->connect];
  int64_t at[NEIGHBOURS], end[NEIGHBOURS];
  unsigned there = 0;
  for (int k = 0; k < NEIGHBOURS; k++) {
    if ((near[k].dy == 0 && near[k].dz == 0) || y + near[k].dy < 0 || y + near[k].dy >= grid->ny || z + near[k].dz < 0)
      continue;
    const int64_t other = row + near[k].dy + near[k].dz * grid->ny;
    if (other < first || other >= last) continue;
    at[k] = row_begin[other];
    end[k] = row_begin[other + 1];
    there |= at[k] < end[k] ? 1u << k : 0;
  }
  for (int64_t a = row_begin[row]; there && a < row_begin[row + 1]; a++) {
    unsigned wanted = there;
    for (int k = 0; k < NEIGHBOURS; k++)
      if (wanted >> k & 1 && unite_run(find->found->runs, a, &at[k], end[k], near[k].reach)) wanted &= ~near[k].spares;
  }
}

static bool find_runs(void *arg, CmRange range, CmError **err) {
  Find *find = arg;
  CmComponents *found = find->found;
  uint8_t *change = cm_calloc(find->ctx, (size_t)(found->grid.nx + WORD), 1, err);
  for (int64_t row = range.begin; change && row < range.end; row++) {
    int64_t begin = found->row_begin[row], end = found->row_begin[row + 1];
    row_runs[cm_image_type(find->image)](cm__row(find->image, &found->grid, row), found->grid.nx, change,
                                         found->runs + begin);
    for (int64_t run = begin; run < end; run++) found->runs[run].component = (uint32_t)run;
    unite_row(find, row, range.begin, row);
  }
  cm_free(change);
  return change != NULL;
}

void cm__component_add(CmComponent *item, const CmGrid *grid, const CmRun *run, int64_t row) {
  const int64_t n = run->x1 - run->x0, at[3] = {run->x0, row % grid->ny, row / grid->ny % grid->nz};
  if (item->voxels == 0) {
    item->first = row * grid->nx + run->x0;
    item->value = 1;
    item->t = row / (grid->ny * grid->nz);
    memcpy(item->box_min, at, sizeof(at));
    memcpy(item->box_max, at, sizeof(at));
  }
  for (int axis = 0; axis < 3; axis++) {
    int64_t last = axis == 0 ? run->x1 - 1 : at[axis];
    item->box_min[axis] = at[axis] < item->box_min[axis] ? at[axis] : item->box_min[axis];
    item->box_max[axis] = last > item->box_max[axis] ? last : item->box_max[axis];
  }
  item->voxels += n;
  item->sum[0] += 0.5 * (double)n * (double)(run->x0 + run->x1 - 1);
  item->sum[1] += (double)(n * at[1]);
  item->sum[2] += (double)(n * at[2]);
}

bool cm__components_room(CmContext *ctx, CmComponents *found, CmError **err) {
  const int64_t rows = found->grid.rows;
  for (int64_t row = 0; row < rows; row++) found->row_begin[row + 1] += found->row_begin[row];
  if (found->row_begin[rows] > (int64_t)UINT32_MAX) {
    cm_error_set(err, CM_ERR_DATA, "more than 4294967295 runs of voxels; smooth or crop the image first");
    return false;
  }
  found->runs = cm_alloc_array(ctx, (size_t)found->row_begin[rows], sizeof(CmRun), err);
  return found->runs != NULL;
}

/* Numbers the roots in order, and measures. */
static bool number(CmContext *ctx, const Find *find, CmError **err) {
  CmComponents *found = find->found;
  const CmGrid *grid = &found->grid;
  const int64_t total = found->row_begin[grid->rows];
  int64_t count = 0;
  for (int64_t run = 0; run < total; run++) count += found->runs[run].component == run;
  found->items = cm_calloc(ctx, (size_t)count, sizeof(CmComponent), err);
  if (!found->items) return false;
  found->count = count;
  count = 0;
  for (int64_t row = 0; row < grid->rows; row++)
    for (int64_t at = found->row_begin[row]; at < found->row_begin[row + 1]; at++) {
      CmRun *run = &found->runs[at];
      /* what a run points to stands before it and has its number already */
      run->component = run->component == at ? (uint32_t)count++ : found->runs[run->component].component;
      CmComponent *item = &found->items[run->component];
      cm__component_add(item, grid, run, row);
      if (item->first == row * grid->nx + run->x0) item->value = (int64_t)cm_image_value(find->image, item->first);
    }
  return true;
}

/* Voxels join with equal ones only. */
static bool find_values(CmContext *ctx, const CmImage *image, CmConnect connect, CmComponents *found, CmError **err) {
  const CmGrid *grid = &found->grid;
  /* about 16 pieces of whole planes (rows in 2D): seams between them are united afterwards */
  const int64_t plane = grid->nz * grid->nt > 1 ? grid->ny : 1, planes = grid->rows / plane;
  Find find = {
      .ctx = ctx, .image = image, .found = found, .connect = connect, .chunk = plane * cm_chunk_count(planes, 16)};
  if (!cm_parallel_for(ctx, NULL, grid->rows, cm__row_chunk(grid), count_runs, &find, err) ||
      !cm__components_room(ctx, found, err) ||
      !cm_parallel_for(ctx, "connected components", grid->rows, find.chunk, find_runs, &find, err))
    return false;
  for (int64_t seam = find.chunk; seam < grid->rows; seam += find.chunk)
    for (int64_t row = seam; row < seam + plane && row < grid->rows; row++) unite_row(&find, row, 0, seam);
  return number(ctx, &find, err);
}

bool cm__components_find(CmContext *ctx, const CmImage *image, CmConnect connect, CmComponentsOf of,
                         CmComponents *found, CmError **err) {
  *found = (CmComponents){.grid = cm__grid(image)};
  const CmGrid *grid = &found->grid;
  if (grid->components != 1) {
    cm_error_set(err, CM_ERR_DATA, "the image has %lld components; give one with one", (long long)grid->components);
    return false;
  }
  found->row_begin = cm_calloc(ctx, (size_t)grid->rows + 1, sizeof(int64_t), err);
  if (found->row_begin &&
      (of == CM_COMPONENTS_VALUE ? find_values(ctx, image, connect, found, err)
                                 : cm__components_of_bits(ctx, image, connect, of == CM_COMPONENTS_ZERO, found, err)))
    return true;
  cm__components_free(found);
  return false;
}

void cm__components_free(CmComponents *found) {
  cm_free(found->runs);
  cm_free(found->row_begin);
  cm_free(found->items);
  *found = (CmComponents){.count = 0};
}

typedef struct Paint {
  const CmComponents *found;
  const int64_t *label;
  bool keep;
  CmImage *out;
} Paint;

static bool paint_rows(void *arg, CmRange range, CmError **err) {
  const Paint *paint = arg;
  const CmComponents *found = paint->found;
  const CmType type = cm_image_type(paint->out);
  CmGrid grid = found->grid;
  (void)err;
  grid.size = cm_type_size(type);
  for (int64_t row = range.begin; row < range.end; row++) {
    void *to = cm__row_mut(paint->out, &grid, row);
    const CmRun *run = found->runs + found->row_begin[row], *end = found->runs + found->row_begin[row + 1];
    if (paint->keep)
      paint_over[type](to, run, end, paint->label);
    else
      paint_row[type](to, grid.nx, run, end, paint->label);
  }
  return true;
}

bool cm__components_paint(CmContext *ctx, const CmComponents *found, const int64_t *label, bool keep, CmImage *out,
                          CmError **err) {
  Paint paint = {.found = found, .label = label, .keep = keep, .out = out};
  return cm_parallel_for(ctx, NULL, found->grid.rows, cm__row_chunk(&found->grid), paint_rows, &paint, err);
}

CmImage *cm__components_largest(CmContext *ctx, const CmImage *image, CmConnect connect, CmError **err) {
  CmComponents found;
  int64_t *label = NULL, best = -1;
  CmImage *out = NULL;
  if (!cm__components_find(ctx, image, connect, CM_COMPONENTS_NONZERO, &found, err)) return NULL;
  label = cm_calloc(ctx, (size_t)found.count, sizeof(int64_t), err);
  out = cm_image_create_like(ctx, image, CM_U8, 1, err);
  if (!label || !out) goto error;
  for (int64_t k = 0; k < found.count; k++)
    if (best < 0 || found.items[k].voxels > found.items[best].voxels) best = k;
  if (best >= 0) label[best] = 1;
  if (!cm__components_paint(ctx, &found, label, false, out, err)) goto error;
  cm_free(label);
  cm__components_free(&found);
  return out;
error:
  cm_image_unref(&out);
  cm_free(label);
  cm__components_free(&found);
  return NULL;
}
