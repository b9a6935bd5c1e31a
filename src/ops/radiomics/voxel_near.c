/* Tone differences and dependences (docs of PyRadiomics, «Neighbouring Gray Tone Difference Matrix», «Gray Level
 * Dependence Matrix»). What a voxel is to its neighbours is kept as long as the window does not cut into them. */
#include <math.h>

#include "ops/radiomics/voxel.h"

typedef struct Near {
  const CmWindow *window;
  int64_t reach;       /* of neighbours along x */
  int64_t plane;       /* voxels of a plane */
  bool *stale;         /* of each plane of the ring: x % size */
  double *apart;       /* of each voxel of the ring: its distance from the mean of its neighbours */
  uint16_t *like;      /* and how many of them are like it */
  double *share, *sum; /* ngtdm: of each slot */
  int *value;
  CmTally tally; /* gldm: slot and dependence */
  CmCells cells;
  CmSums sums;
} Near;

static void close_near(void *state) {
  Near *near = state;
  cm_free(near->stale);
  cm_free(near->apart);
  cm_free(near->like);
  cm_free(near->share);
  cm_free(near->value);
  cm__tally_close(&near->tally);
  cm__cells_close(&near->cells);
  cm__sums_close(&near->sums);
  cm_free(near);
}

static Near *open_near(const CmWindow *window, CmError **err) {
  const CmVoxelField *field = window->field;
  Near *near = cm_calloc(field->ctx, 1, sizeof(*near), err);
  if (!near) return NULL;
  near->window = window;
  near->plane = field->size[1] * field->size[2];
  for (int a = 0; a < field->distant.count; a++)
    near->reach = field->distant.step[a][0] > near->reach ? field->distant.step[a][0] : near->reach;
  if ((near->stale = cm_calloc(field->ctx, (size_t)field->size[0], sizeof(bool), err)) &&
      (near->apart = cm_alloc_array(field->ctx, (size_t)field->voxels, sizeof(double), err)) &&
      (near->like = cm_alloc_array(field->ctx, (size_t)field->voxels, sizeof(*near->like), err)))
    return near;
  close_near(near);
  return NULL;
}

static void *open_tones(const CmWindow *window, CmError **err) {
  const size_t slots = (size_t)window->field->slots;
  Near *near = open_near(window, err);
  if (!near) return NULL;
  near->share = cm_calloc(window->field->ctx, 2 * slots, sizeof(double), err);
  near->value = near->share ? cm_alloc_array(window->field->ctx, slots, sizeof(int), err) : NULL;
  near->sum = near->share + (near->share ? slots : 0);
  if (near->value) return near;
  close_near(near);
  return NULL;
}

static void *open_dependences(const CmWindow *window, CmError **err) {
  const CmVoxelField *field = window->field;
  Near *near = open_near(window, err);
  int bits = 0;
  if (!near) return NULL;
  while (1 << bits < 2 * field->distant.count + 1 && (int64_t)1 << bits < field->voxels) bits++;
  if (cm__tally_open(field->ctx, (int64_t)field->slots << bits, field->voxels, &near->tally, err) &&
      cm__cells_open(field->ctx, field->voxels, bits, 0, &near->cells, err) && cm__sums_open(window, &near->sums, err))
    return near;
  close_near(near);
  return NULL;
}

/* The planes that see the one that comes or goes. */
static void enter_near(void *state, int64_t x) {
  Near *near = state;
  const CmWindow *w = near->window;
  for (int64_t k = x - near->reach > w->x[0] ? x - near->reach : w->x[0]; k <= x; k++)
    near->stale[k % w->field->size[0]] = true;
}

static void leave_near(void *state, int64_t x) {
  Near *near = state;
  const CmWindow *w = near->window;
  for (int64_t k = x + 1; k <= x + near->reach && k <= w->x[1]; k++) near->stale[k % w->field->size[0]] = true;
}

typedef struct Box {
  int64_t lo[3], hi[3];
} Box;

static bool holds(const Box *box, int64_t x, int64_t y, int64_t z) {
  return x >= box->lo[0] && x <= box->hi[0] && y >= box->lo[1] && y <= box->hi[1] && z >= box->lo[2] && z <= box->hi[2];
}

static void look_around(Near *near, int64_t x, int64_t y, int64_t z, int64_t to) {
  const CmWindow *w = near->window;
  const CmVoxelField *field = w->field;
  const int *value = field->view->level_value;
  const uint16_t *own = field->level + cm__field_at(field, x, y, z);
  const Box box = {{w->x[0], w->y[0], w->z[0]}, {w->x[1], w->y[1], w->z[1]}};
  double sum = 0.0, count = 0.0;
  uint16_t like = 0;
  for (int a = 0; *own && a < field->distant.count; a++) {
    const int *step = field->distant.step[a];
    const int64_t next = cm__field_at(field, step[0], step[1], step[2]);
    for (int side = -1; side <= 1; side += 2) {
      if (!holds(&box, x + side * step[0], y + side * step[1], z + side * step[2]) || own[side * next] == 0) continue;
      const int64_t other = value[own[side * next] - 1], d = other - value[*own - 1];
      sum += (double)other;
      count += 1.0;
      like = (uint16_t)(like + ((d < 0 ? -d : d) <= field->view->p->gldm_a));
    }
  }
  near->apart[to] = count > 0.0 ? fabs(value[*own - 1] - sum / count) : 0.0;
  near->like[to] = like;
}

static void refresh(Near *near) {
  const CmWindow *w = near->window;
  const int64_t planes = w->field->size[0];
  for (int64_t x = w->x[0]; x <= w->x[1]; x++) {
    int64_t to = x % planes * near->plane;
    if (!near->stale[x % planes]) continue;
    near->stale[x % planes] = false;
    for (int64_t z = w->z[0]; z <= w->z[1]; z++)
      for (int64_t y = w->y[0]; y <= w->y[1]; y++) look_around(near, x, y, z, to++);
  }
}

typedef void VoxelFn(Near *near, uint16_t slot, int64_t at);

static void each_voxel(Near *near, VoxelFn *fn) {
  const CmWindow *w = near->window;
  refresh(near);
  for (int64_t x = w->x[0]; x <= w->x[1]; x++) {
    int64_t at = x % w->field->size[0] * near->plane;
    for (int64_t z = w->z[0]; z <= w->z[1]; z++)
      for (int64_t y = w->y[0]; y <= w->y[1]; y++, at++) {
        const uint16_t slot = cm__slot_at(w, cm__field_at(w->field, x, y, z));
        if (slot != CM__NO_SLOT) fn(near, slot, at);
      }
  }
}

static void add_tone(Near *near, uint16_t slot, int64_t at) {
  near->sum[slot] += near->apart[at];
}

static void tell_tones(void *state, double out[CM__PYRAD_MOST]) {
  Near *near = state;
  const CmWindow *w = near->window;
  int levels = 0;
  for (int slot = 0; slot < w->field->slots; slot++) near->sum[slot] = 0.0;
  each_voxel(near, add_tone);
  for (int slot = 0; slot < w->field->slots; slot++) {
    if (w->count[slot] == 0) continue;
    near->share[levels] = (double)w->count[slot] / (double)w->voxels;
    near->sum[levels] = near->sum[slot];
    near->value[levels++] = w->value[slot];
  }
  cm__pyrad_describe_tones(levels, near->share, near->sum, near->value, (double)w->voxels, out);
}

static void add_dependence(Near *near, uint16_t slot, int64_t at) {
  cm__tally_add(&near->tally, (uint32_t)slot << near->cells.bits | near->like[at]);
}

static void tell_dependences(void *state, double out[CM__PYRAD_MOST]) {
  Near *near = state;
  double all[CM__EMPHASES];
  each_voxel(near, add_dependence);
  cm__cells_take(&near->cells, &near->tally);
  cm__tally_clear(&near->tally);
  cm__cell_emphases(near->window, &near->cells, &near->sums, (double)near->window->voxels, all);
  cm__pyrad_pick(all, cm__pyrad_gldm_order, CM__PYRAD_GLDM_COUNT, out);
}

const CmVoxelClass cm__voxel_ngtdm = {open_tones, NULL, enter_near, leave_near, tell_tones, close_near};
const CmVoxelClass cm__voxel_gldm = {open_dependences, NULL, enter_near, leave_near, tell_dependences, close_near};
