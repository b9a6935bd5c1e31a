/* Runs, zones and what is told of them (docs of PyRadiomics, «Gray Level Run Length Matrix», «Gray Level Size Zone
 * Matrix»). Runs grow and shrink by the voxels that enter and leave; zones are found anew, since they merge and split.
 */
#include <string.h>

#include "ops/radiomics/voxel.h"

static int bits_for(int64_t count) {
  int bits = 0;
  while ((int64_t)1 << bits < count) bits++;
  return bits;
}

/* ---- runs ---- */

typedef struct Runs {
  const CmWindow *window;
  int bits;       /* of a length - 1 */
  CmTally *tally; /* of each direction: slot and length - 1 */
  int64_t *lines; /* of each direction: lines with two voxels inside or more; without one it does not count */
  CmCells cells;
  CmSums sums;
} Runs;

static void close_runs(void *state) {
  Runs *runs = state;
  for (int a = 0; runs->tally && a < runs->window->field->near.count; a++) cm__tally_close(&runs->tally[a]);
  cm_free(runs->tally);
  cm_free(runs->lines);
  cm__cells_close(&runs->cells);
  cm__sums_close(&runs->sums);
  cm_free(runs);
}

static void *open_runs(const CmWindow *window, CmError **err) {
  const CmVoxelField *field = window->field;
  const size_t angles = (size_t)field->near.count;
  Runs *runs = cm_calloc(field->ctx, 1, sizeof(*runs), err);
  if (!runs) return NULL;
  int64_t longest = field->size[0];
  for (int k = 1; k < 3; k++) longest = field->size[k] > longest ? field->size[k] : longest;
  runs->window = window;
  runs->bits = bits_for(longest);
  const int64_t keys = (int64_t)field->slots << runs->bits;
  bool ok = (runs->tally = cm_calloc(field->ctx, angles + 1, sizeof(*runs->tally), err)) &&
            (runs->lines = cm_calloc(field->ctx, angles + 1, sizeof(*runs->lines), err)) &&
            cm__cells_open(field->ctx, keys, runs->bits, field->view->p->weightingNorm == CM__PYRAD_NONE ? 0 : keys,
                           &runs->cells, err) &&
            cm__sums_open(window, &runs->sums, err);
  for (size_t a = 0; ok && a < angles; a++) ok = cm__tally_open(field->ctx, keys, field->voxels, &runs->tally[a], err);
  if (ok) return runs;
  close_runs(runs);
  return NULL;
}

static void clear_runs(void *state) {
  Runs *runs = state;
  for (int a = 0; a < runs->window->field->near.count; a++) {
    cm__tally_clear(&runs->tally[a]);
    runs->lines[a] = 0;
  }
}

static uint32_t run_key(const Runs *runs, uint16_t level, int64_t length) {
  return (uint32_t)runs->window->slot_of[level] << runs->bits | (uint32_t)(length - 1);
}

/* Voxels from one on to the end of the window along a step of one voxel. */
static int64_t way(int64_t at, int step, const int64_t range[2]) {
  return step > 0 ? range[1] - at : step < 0 ? at - range[0] : INT64_MAX;
}

static int64_t way_out(const CmWindow *w, const int step[3], int64_t x, int64_t y, int64_t z) {
  const int64_t a = way(x, step[0], w->x), b = way(y, step[1], w->y), c = way(z, step[2], w->z);
  const int64_t least = a < b ? a : b;
  return least < c ? least : c;
}

/* A voxel at the end of its line comes (sign 1) or goes (-1); the others lie along the step. */
static void change_end(Runs *runs, int a, const int step[3], int64_t x, int64_t y, int64_t z, int sign) {
  const CmVoxelField *field = runs->window->field;
  const uint16_t *at = field->level + cm__field_at(field, x, y, z), own = *at;
  const int64_t next = cm__field_at(field, step[0], step[1], step[2]), most = way_out(runs->window, step, x, y, z);
  int64_t length = 0, inside = 0;
  if (own == 0) return;
  for (int64_t k = 0; k < most && (inside < 2 || length == k); k++) {
    at += next;
    inside += *at != 0;
    length += length == k && *at == own;
  }
  runs->lines[a] += inside == 1 ? sign : 0;
  if (sign > 0) {
    if (length > 0) cm__tally_remove(&runs->tally[a], run_key(runs, own, length));
    cm__tally_add(&runs->tally[a], run_key(runs, own, length + 1));
  } else {
    cm__tally_remove(&runs->tally[a], run_key(runs, own, length + 1));
    if (length > 0) cm__tally_add(&runs->tally[a], run_key(runs, own, length));
  }
}

/* A whole line within a plane comes or goes. */
static void change_line(Runs *runs, int a, const int step[3], int64_t x, int64_t y, int64_t z, int sign) {
  const CmVoxelField *field = runs->window->field;
  const uint16_t *at = field->level + cm__field_at(field, x, y, z);
  const int64_t next = cm__field_at(field, step[0], step[1], step[2]), most = way_out(runs->window, step, x, y, z);
  int64_t inside = 0;
  for (int64_t k = 0; k <= most;) {
    const uint16_t own = at[k * next];
    int64_t length = 1;
    while (k + length <= most && at[(k + length) * next] == own) length++;
    k += length;
    if (own == 0) continue;
    inside += length;
    if (sign > 0)
      cm__tally_add(&runs->tally[a], run_key(runs, own, length));
    else
      cm__tally_remove(&runs->tally[a], run_key(runs, own, length));
  }
  runs->lines[a] += inside > 1 ? sign : 0;
}

static void change_plane(Runs *runs, int64_t x, int sign) {
  const CmWindow *w = runs->window;
  for (int a = 0; a < w->field->near.count; a++) {
    const int *step = w->field->near.step[a];
    const int inwards[3] = {-sign * step[0], -sign * step[1], -sign * step[2]};
    for (int64_t z = w->z[0]; z <= w->z[1]; z++)
      for (int64_t y = w->y[0]; y <= w->y[1]; y++) {
        const bool starts =
            y - step[1] < w->y[0] || y - step[1] > w->y[1] || z - step[2] < w->z[0] || z - step[2] > w->z[1];
        if (step[0] > 0)
          change_end(runs, a, inwards, x, y, z, sign);
        else if (starts)
          change_line(runs, a, step, x, y, z, sign);
      }
  }
}

static void enter_runs(void *state, int64_t x) {
  change_plane(state, x, 1);
}

static void leave_runs(void *state, int64_t x) {
  change_plane(state, x, -1);
}

static void tell_runs(void *state, double out[CM__PYRAD_MOST]) {
  Runs *runs = state;
  const CmPyradView *view = runs->window->field->view;
  const CmPyradAngles *angles = &runs->window->field->near;
  CmFeatureMean mean = {0};
  double all[CM__EMPHASES];
  runs->cells.count = 0;
  for (int a = 0; a < angles->count; a++) {
    if (runs->lines[a] == 0) continue;
    if (runs->cells.sum) {
      const double length = cm__pyrad_length(view, angles->step[a]);
      cm__cells_add(&runs->cells, &runs->tally[a], view->p->weightingNorm == CM__PYRAD_NO_WEIGHTING ? 1.0 : length);
      continue;
    }
    cm__cells_take(&runs->cells, &runs->tally[a]);
    cm__cell_emphases(runs->window, &runs->cells, &runs->sums, 0.0, all);
    cm__feature_mean_add(&mean, all, CM__EMPHASES);
  }
  if (runs->cells.sum && runs->cells.count > 0) {
    cm__cells_finish(&runs->cells);
    cm__cell_emphases(runs->window, &runs->cells, &runs->sums, 0.0, all);
    cm__feature_mean_add(&mean, all, CM__EMPHASES);
  }
  cm__feature_mean_take(&mean, all, CM__EMPHASES);
  cm__pyrad_pick(all, cm__pyrad_glrlm_order, CM__PYRAD_GLRLM_COUNT, out);
}

const CmVoxelClass cm__voxel_glrlm = {open_runs, clear_runs, enter_runs, leave_runs, tell_runs, close_runs};

/* ---- zones ---- */

typedef struct Zones {
  const CmWindow *window;
  int64_t n[3], near[26]; /* of the copy of the window, with a margin of one voxel; to its neighbours */
  int nears;
  uint16_t *copy; /* levels; 0 once a voxel has been counted */
  int32_t *stack;
  CmTally tally;
  CmCells cells;
  CmSums sums;
} Zones;

static void close_zones(void *state) {
  Zones *zones = state;
  cm_free(zones->copy);
  cm_free(zones->stack);
  cm__tally_close(&zones->tally);
  cm__cells_close(&zones->cells);
  cm__sums_close(&zones->sums);
  cm_free(zones);
}

static void *open_zones(const CmWindow *window, CmError **err) {
  const CmVoxelField *field = window->field;
  Zones *zones = cm_calloc(field->ctx, 1, sizeof(*zones), err);
  if (!zones) return NULL;
  const int bits = bits_for(field->voxels);
  const int64_t keys = (int64_t)field->slots << bits;
  zones->window = window;
  for (int k = 0; k < 3; k++) zones->n[k] = field->size[k] + 2;
  for (int a = 0; a < field->near.count; a++) {
    const int *step = field->near.step[a];
    const int64_t next = step[0] + zones->n[0] * (step[1] + zones->n[1] * step[2]);
    zones->near[zones->nears++] = next;
    zones->near[zones->nears++] = -next;
  }
  const size_t count = (size_t)(zones->n[0] * zones->n[1] * zones->n[2]);
  if ((zones->copy = cm_calloc(field->ctx, count, sizeof(*zones->copy), err)) &&
      (zones->stack = cm_alloc_array(field->ctx, (size_t)field->voxels, sizeof(*zones->stack), err)) &&
      cm__tally_open(field->ctx, keys, field->voxels, &zones->tally, err) &&
      cm__cells_open(field->ctx, field->voxels, bits, 0, &zones->cells, err) &&
      cm__sums_open(window, &zones->sums, err))
    return zones;
  close_zones(zones);
  return NULL;
}

static int64_t fill(Zones *zones, int64_t start) {
  const uint16_t own = zones->copy[start];
  int64_t size = 0, top = 0;
  zones->stack[top++] = (int32_t)start;
  zones->copy[start] = 0;
  while (top > 0) {
    const int64_t at = zones->stack[--top];
    size++;
    for (int k = 0; k < zones->nears; k++) {
      const int64_t other = at + zones->near[k];
      if (zones->copy[other] != own) continue;
      zones->copy[other] = 0;
      zones->stack[top++] = (int32_t)other;
    }
  }
  return size;
}

static void tell_zones(void *state, double out[CM__PYRAD_MOST]) {
  Zones *zones = state;
  const CmWindow *w = zones->window;
  const CmVoxelField *field = w->field;
  double all[CM__EMPHASES];
  for (int64_t z = 0; z < field->size[2]; z++)
    for (int64_t y = 0; y < field->size[1]; y++)
      memcpy(zones->copy + 1 + zones->n[0] * (y + 1 + zones->n[1] * (z + 1)),
             field->level + cm__field_at(field, w->x[0], w->y[0] + y, w->z[0] + z),
             (size_t)field->size[0] * sizeof(*zones->copy));
  const int64_t end = zones->n[0] * zones->n[1] * (zones->n[2] - 1);
  for (int64_t k = zones->n[0] * zones->n[1]; k < end; k++) {
    if (zones->copy[k] == 0) continue;
    const uint16_t slot = w->slot_of[zones->copy[k]];
    cm__tally_add(&zones->tally, (uint32_t)slot << zones->cells.bits | (uint32_t)(fill(zones, k) - 1));
  }
  cm__cells_take(&zones->cells, &zones->tally);
  cm__cell_emphases(w, &zones->cells, &zones->sums, (double)w->voxels, all);
  cm__pyrad_pick(all, cm__pyrad_glszm_order, CM__PYRAD_GLSZM_COUNT, out);
  cm__tally_clear(&zones->tally);
}

const CmVoxelClass cm__voxel_glszm = {open_zones, NULL, NULL, NULL, tell_zones, close_zones};
