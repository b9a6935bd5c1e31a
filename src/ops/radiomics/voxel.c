/* The walk of windows over the voxels of a mask. */
#include "ops/radiomics/voxel.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"

static const CmVoxelClass *const classes[CM__PYRAD_CLASSES] = {
    [CM__PYRAD_FIRSTORDER] = &cm__voxel_firstorder, [CM__PYRAD_GLCM] = &cm__voxel_glcm,
    [CM__PYRAD_GLRLM] = &cm__voxel_glrlm,           [CM__PYRAD_GLSZM] = &cm__voxel_glszm,
    [CM__PYRAD_NGTDM] = &cm__voxel_ngtdm,           [CM__PYRAD_GLDM] = &cm__voxel_gldm,
};

typedef struct Job {
  const CmVoxelJob *of;
  CmVoxelField field;
} Job;

/* One window with the classes that are wanted. */
typedef struct Walker {
  const Job *job;
  CmWindow window;
  void *state[CM__PYRAD_CLASSES]; /* NULL: not wanted */
} Walker;

static void close_walker(Walker *walker) {
  for (int c = 0; c < CM__PYRAD_CLASSES; c++)
    if (walker->state[c]) classes[c]->close(walker->state[c]);
  cm_free(walker->window.slot_of);
  cm_free(walker->window.value);
  cm_free(walker->window.count);
  cm_free(walker->window.spare);
}

static bool open_walker(const Job *job, Walker *walker, CmError **err) {
  CmContext *ctx = job->field.ctx;
  CmWindow *w = &walker->window;
  const size_t slots = (size_t)job->field.slots, levels = (size_t)job->field.view->present + 1;
  *walker = (Walker){.job = job, .window.field = &job->field};
  bool ok = (w->slot_of = cm_alloc_array(ctx, levels, sizeof(*w->slot_of), err)) &&
            (w->value = cm_calloc(ctx, slots, sizeof(*w->value), err)) &&
            (w->count = cm_calloc(ctx, slots, sizeof(*w->count), err)) &&
            (w->spare = cm_alloc_array(ctx, slots, sizeof(*w->spare), err));
  if (ok) memset(w->slot_of, 0xff, levels * sizeof(*w->slot_of));
  for (int c = 0; ok && c < CM__PYRAD_CLASSES; c++)
    if (classes[c] && job->of->wanted[c]) ok = (walker->state[c] = classes[c]->open(w, err)) != NULL;
  if (!ok) close_walker(walker);
  return ok;
}

static void clear(Walker *walker) {
  CmWindow *w = &walker->window;
  const int slots = w->field->slots;
  for (int c = 0; c < CM__PYRAD_CLASSES; c++)
    if (walker->state[c] && classes[c]->clear) classes[c]->clear(walker->state[c]);
  memset(w->slot_of, 0xff, ((size_t)w->field->view->present + 1) * sizeof(*w->slot_of));
  memset(w->count, 0, (size_t)slots * sizeof(*w->count));
  w->spares = slots;
  for (int k = 0; k < slots; k++) w->spare[k] = (uint16_t)(slots - 1 - k);
  w->voxels = 0;
}

static void take_level(CmWindow *w, uint16_t level) {
  if (level == 0) return;
  if (w->slot_of[level] == CM__NO_SLOT) {
    w->slot_of[level] = w->spare[--w->spares];
    w->value[w->slot_of[level]] = w->field->view->level_value[level - 1];
  }
  w->count[w->slot_of[level]]++;
  w->voxels++;
}

static void drop_level(CmWindow *w, uint16_t level) {
  if (level == 0) return;
  w->voxels--;
  if (--w->count[w->slot_of[level]] > 0) return;
  w->spare[w->spares++] = w->slot_of[level];
  w->slot_of[level] = CM__NO_SLOT;
}

static void each_level(CmWindow *w, int64_t x, void (*fn)(CmWindow *, uint16_t)) {
  for (int64_t z = w->z[0]; z <= w->z[1]; z++)
    for (int64_t y = w->y[0]; y <= w->y[1]; y++) fn(w, w->field->level[cm__field_at(w->field, x, y, z)]);
}

static void enter(Walker *walker) {
  CmWindow *w = &walker->window;
  w->x[1]++;
  each_level(w, w->x[1], take_level);
  for (int c = 0; c < CM__PYRAD_CLASSES; c++)
    if (walker->state[c] && classes[c]->enter) classes[c]->enter(walker->state[c], w->x[1]);
}

static void leave(Walker *walker) {
  CmWindow *w = &walker->window;
  for (int c = 0; c < CM__PYRAD_CLASSES; c++)
    if (walker->state[c] && classes[c]->leave) classes[c]->leave(walker->state[c], w->x[0]);
  each_level(w, w->x[0], drop_level);
  w->x[0]++;
}

static void move_to(Walker *walker, int64_t first) {
  CmWindow *w = &walker->window;
  if (w->x[1] < first) {
    clear(walker);
    w->x[0] = first;
    w->x[1] = first - 1;
  }
  while (w->x[0] < first) leave(walker);
  while (w->x[1] < first + w->field->size[0] - 1) enter(walker);
}

static void write_features(const Walker *walker, float *to) {
  double out[CM__PYRAD_MOST];
  for (int c = 0; c < CM__PYRAD_CLASSES; c++) {
    if (!walker->state[c]) continue;
    for (int k = 0; k < CM__PYRAD_MOST; k++) out[k] = NAN;
    if (walker->window.voxels > 0) classes[c]->tell(walker->state[c], out);
    for (int k = 0; k < CM__PYRAD_MOST; k++)
      if (walker->job->of->wanted[c] >> k & 1u) *to++ = (float)out[k];
  }
}

static void do_row(Walker *walker, int64_t y, int64_t z) {
  const CmVoxelJob *of = walker->job->of;
  const CmVoxelField *field = &walker->job->field;
  const uint8_t *mask = of->mask + (z * of->size[1] + y) * of->size[0];
  CmWindow *w = &walker->window;
  /* The margin is as wide as the radius: the window of the box's first voxel begins at 0. */
  w->y[0] = y + of->offset[1];
  w->z[0] = z + of->offset[2];
  w->y[1] = w->y[0] + field->size[1] - 1;
  w->z[1] = w->z[0] + field->size[2] - 1;
  w->x[0] = 0;
  w->x[1] = -1;
  for (int64_t x = 0; x < of->size[0]; x++) {
    if (!mask[x]) continue;
    move_to(walker, x + of->offset[0]);
    write_features(walker, of->to + x * of->step[0] + y * of->step[1] + z * of->step[2]);
  }
}

static bool do_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  Walker walker;
  if (!open_walker(job, &walker, err)) return false;
  for (int64_t row = range.begin; row < range.end; row++)
    do_row(&walker, row % job->of->size[1], row / job->of->size[1]);
  close_walker(&walker);
  return true;
}

bool cm__voxel_features(CmContext *ctx, const CmVoxelJob *of, CmError **err) {
  Job job = {.of = of};
  int64_t radius[3];
  for (int k = 0; k < 3; k++) {
    const int64_t most = of->view->roi.hi[k] - of->view->roi.lo[k] - 1;
    radius[k] = of->radius < most ? of->radius : most;
    if (k == cm__pyrad_across(of->view->p, of->view->flat_image)) radius[k] = 0;
  }
  const int64_t rows = 200 / of->size[0] + 1;
  const bool ok = cm__field_open(ctx, of->view, radius, &job.field, err) &&
                  cm_parallel_for(ctx, "voxels", of->size[1] * of->size[2], rows, do_rows, &job, err);
  cm__field_close(&job.field);
  return ok;
}
