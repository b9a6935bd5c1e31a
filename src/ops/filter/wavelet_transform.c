#include "ops/filter/wavelet_transform.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

/* One level, down or up. */
typedef struct Level {
  CmContext *ctx;
  const CmBank *bank;
  int32_t border;
  bool active[3], only_high;
  int64_t size[3], half[3], wide[3]; /* of the volume; of a band; of the volume's bands side by side */
  int64_t start[3], row[2];          /* of the details in `packed`; packed values along x, and rows of a plane */
  const CmImage *image;              /* the volume, or NULL and `volume` */
  int64_t t, component;
  const void *volume;
  void *approximation, *packed, *mixed, *volume_out;
} Level;

static int64_t bank_shift(const CmBank *bank, int32_t border) {
  return border == CM_WAVELET_PERIODIZATION ? bank->length / 2 - 1 : bank->length - 2;
}

#define R float
#define X(name) name##_f32
#define to_line_f32 cm__line_to_f32
#include "ops/filter/mix_tmpl.c"
#include "ops/filter/wavelet_filter_tmpl.c"
#include "ops/filter/wavelet_level_tmpl.c"
#undef R
#undef X
#define R double
#define X(name) name##_f64
#define to_line_f64 cm__line_to_f64
#include "ops/filter/mix_tmpl.c"
#include "ops/filter/wavelet_filter_tmpl.c"
#include "ops/filter/wavelet_level_tmpl.c"
#undef R
#undef X

static int64_t product(const int64_t n[3]) {
  return n[0] * n[1] * n[2];
}

int64_t cm__wavelet_values(const CmWavelet *plan) {
  return product(plan->packed);
}

int cm__wavelet_most_levels(const CmWavelet *plan, const int64_t dims[3]) {
  int64_t least = INT64_MAX;
  int levels = 0;
  for (int axis = 0; axis < 3; axis++)
    if (plan->active[axis] && dims[axis] < least) least = dims[axis];
  while (least != INT64_MAX && (least >> (levels + 1)) >= plan->bank.length - 1 && levels < CM_WAVELET_LEVELS - 1)
    levels++;
  return levels;
}

bool cm__wavelet_plan(CmWavelet *plan, int32_t wavelet, int32_t border, int32_t axes, int64_t levels,
                      const int64_t dims[3], bool wide, CmError **err) {
  cm__wavelet_bank(wavelet, &plan->bank);
  plan->border = border;
  plan->wide = wide;
  for (int axis = 0; axis < 3; axis++) {
    plan->active[axis] = dims[axis] > 1 && (axis < 2 || axes == 0);
    plan->size[0][axis] = dims[axis];
  }
  plan->levels = levels ? (int)levels : cm__wavelet_most_levels(plan, dims);
  if (plan->levels == 0) plan->levels = 1;
  for (int axis = 0; axis < 3; axis++) {
    for (int j = 1; j <= plan->levels; j++) {
      const int64_t n = plan->size[j - 1][axis];
      plan->size[j][axis] = !plan->active[axis]                  ? n
                            : border == CM_WAVELET_PERIODIZATION ? (n + 1) / 2
                                                                 : (n + plan->bank.length - 1) / 2;
    }
    int64_t sum = plan->size[plan->levels][axis];
    for (int j = plan->levels; j >= 1; j--) {
      plan->start[j][axis] = plan->active[axis] ? sum : 0;
      sum += plan->active[axis] ? plan->size[j][axis] : 0;
    }
    plan->packed[axis] = sum;
    if (sum > CM_MAX_DIM) {
      cm_error_set(err, CM_ERR_PARAMETER, "%lld coefficients along %c are too many for an image; give fewer levels",
                   (long long)sum, "xyz"[axis]);
      return false;
    }
  }
  return true;
}

static Level level_of(const CmWavelet *plan, int j, void *packed) {
  Level level = {.ctx = plan->ctx,
                 .bank = &plan->bank,
                 .border = plan->border,
                 .packed = packed,
                 .row = {plan->packed[0], plan->packed[1]}};
  for (int axis = 0; axis < 3; axis++) {
    level.active[axis] = plan->active[axis];
    level.size[axis] = plan->size[j - 1][axis];
    level.half[axis] = plan->size[j][axis];
    level.wide[axis] = plan->size[j][axis] * (plan->active[axis] ? 2 : 1);
    level.start[axis] = plan->start[j][axis];
  }
  return level;
}

static size_t value_size(const CmWavelet *plan) {
  return plan->wide ? sizeof(double) : sizeof(float);
}

/* Room for the volume between the passes: filtered along x and y, not along z. */
static void *make_mixed(const CmWavelet *plan, const Level *level, CmError **err) {
  const int64_t planes = level->size[2];
  return cm_alloc_array(plan->ctx, (size_t)(level->wide[0] * level->wide[1] * planes), value_size(plan), err);
}

static int64_t lines_chunk(const int64_t wide[3], int64_t depth) {
  const int64_t lines = 65536 / (wide[0] * depth);
  return lines < 1 ? 1 : lines;
}

static bool run_down(const CmWavelet *plan, Level *level, CmError **err) {
  level->mixed = make_mixed(plan, level, err);
  const bool ok = level->mixed &&
                  cm_parallel_for(plan->ctx, plan->what, level->size[2], lines_chunk(level->wide, level->wide[1]),
                                  plan->wide ? plane_down_f64 : plane_down_f32, level, err) &&
                  cm_parallel_for(plan->ctx, plan->what, level->wide[1], lines_chunk(level->wide, level->wide[2]),
                                  plan->wide ? column_down_f64 : column_down_f32, level, err);
  cm_free(level->mixed);
  return ok;
}

bool cm__wavelet_finest(const CmWavelet *plan, const CmImage *image, int64_t t, int64_t component, void *band,
                        CmError **err) {
  Level level = level_of(plan, 1, band);
  level.image = image;
  level.t = t;
  level.component = component;
  level.only_high = true;
  memcpy(level.wide, level.half, sizeof(level.wide));
  return run_down(plan, &level, err);
}

/* The coarsest approximation goes between its volume and the first corner of `packed`, row by row. */
static void move_corner(const CmWavelet *plan, char *volume, char *packed, bool in) {
  const int64_t *n = plan->size[plan->levels];
  const size_t value = value_size(plan), row = (size_t)n[0] * value;
  for (int64_t k = 0; k < n[1] * n[2]; k++) {
    char *inner = volume + (size_t)k * row;
    char *outer = packed + (size_t)((k / n[1] * plan->packed[1] + k % n[1]) * plan->packed[0]) * value;
    memcpy(in ? outer : inner, in ? inner : outer, row);
  }
}

bool cm__wavelet_forward(const CmWavelet *plan, const CmImage *image, int64_t t, int64_t component, void *packed,
                         CmError **err) {
  void *volume = NULL, *next = NULL;
  bool ok = true;
  memset(packed, 0, (size_t)cm__wavelet_values(plan) * value_size(plan)); /* bands need not fill it */
  for (int j = 1; ok && j <= plan->levels; j++) {
    Level level = level_of(plan, j, packed);
    level.image = j == 1 ? image : NULL;
    level.t = t;
    level.component = component;
    next = cm_alloc_array(plan->ctx, (size_t)product(plan->size[j]), value_size(plan), err);
    level.volume = volume;
    level.approximation = next;
    ok = next && run_down(plan, &level, err);
    cm_free(volume);
    volume = next;
  }
  if (ok) move_corner(plan, volume, packed, true);
  cm_free(volume);
  return ok;
}

bool cm__wavelet_inverse(const CmWavelet *plan, void *packed, CmError **err) {
  void *volume = cm_alloc_array(plan->ctx, (size_t)product(plan->size[plan->levels]), value_size(plan), err);
  bool ok = volume != NULL;
  if (ok) move_corner(plan, volume, packed, false);
  for (int j = plan->levels; ok && j >= 1; j--) {
    Level level = level_of(plan, j, packed);
    level.approximation = volume;
    level.mixed = make_mixed(plan, &level, err);
    ok = level.mixed && cm_parallel_for(plan->ctx, plan->what, level.wide[1], lines_chunk(level.wide, level.wide[2]),
                                        plan->wide ? column_up_f64 : column_up_f32, &level, err);
    cm_free(volume);
    volume = NULL;
    level.volume_out = packed; /* at the finest level all of it has been read */
    if (ok && j > 1)
      level.volume_out = volume = cm_alloc_array(plan->ctx, (size_t)product(plan->size[j - 1]), value_size(plan), err);
    ok = ok && level.volume_out &&
         cm_parallel_for(plan->ctx, plan->what, level.size[2], lines_chunk(level.wide, level.wide[1]),
                         plan->wide ? plane_up_f64 : plane_up_f32, &level, err);
    cm_free(level.mixed);
  }
  cm_free(volume);
  return ok;
}

typedef struct Move {
  CmContext *ctx;
  CmImage *to;         /* or NULL */
  const CmImage *from; /* or NULL */
  int64_t t, component;
  char *buffer;
  size_t value;
} Move;

/* Integers pass through a line of their own, since components lie apart. */
static bool move_rows(void *arg, CmRange range, CmError **err) {
  const Move *job = arg;
  const CmImage *image = job->to ? job->to : job->from;
  const CmGrid grid = cm__grid(image);
  const CmType type = cm_image_type(image);
  const bool wide = job->value == sizeof(double), alone = grid.components == 1;
  char *line = cm_alloc_array(job->ctx, (size_t)grid.nx, 8, err);
  for (int64_t k = range.begin; line && k < range.end; k++) {
    const int64_t row = job->t * grid.ny * grid.nz + k;
    char *at = job->buffer + (size_t)(k * grid.nx) * job->value;
    char *voxels = job->to ? cm__row_mut(job->to, &grid, row) : NULL;
    const char *given = job->from ? cm__row(job->from, &grid, row) : NULL;
    for (int64_t x = 0; given && !alone && x < grid.nx; x++)
      memcpy(line + (size_t)x * grid.size, given + (size_t)(x * grid.components + job->component) * grid.size,
             grid.size);
    if (given && wide) cm__line_to_f64(type, alone ? given : line, grid.nx, (double *)(void *)at);
    if (given && !wide) cm__line_to_f32(type, alone ? given : line, grid.nx, (float *)(void *)at);
    if (voxels && wide) cm__line_from_f64(type, (double *)(void *)at, grid.nx, alone ? voxels : line);
    if (voxels && !wide) cm__line_from_f32(type, (float *)(void *)at, grid.nx, alone ? voxels : line);
    for (int64_t x = 0; voxels && !alone && x < grid.nx; x++)
      memcpy(voxels + (size_t)(x * grid.components + job->component) * grid.size, line + (size_t)x * grid.size,
             grid.size);
  }
  cm_free(line);
  return line != NULL;
}

bool cm__wavelet_load(const CmWavelet *plan, const CmImage *image, int64_t t, int64_t component, void *buffer,
                      CmError **err) {
  Move job = {
      .ctx = plan->ctx, .from = image, .t = t, .component = component, .buffer = buffer, .value = value_size(plan)};
  const CmGrid grid = cm__grid(image);
  return cm_parallel_for(plan->ctx, NULL, grid.ny * grid.nz, cm__row_chunk(&grid), move_rows, &job, err);
}

bool cm__wavelet_store(const CmWavelet *plan, const void *buffer, CmImage *image, int64_t t, int64_t component,
                       CmError **err) {
  Move job = {.ctx = plan->ctx,
              .to = image,
              .t = t,
              .component = component,
              .buffer = (char *)(uintptr_t)buffer,
              .value = value_size(plan)};
  const CmGrid grid = cm__grid(image);
  return cm_parallel_for(plan->ctx, NULL, grid.ny * grid.nz, cm__row_chunk(&grid), move_rows, &job, err);
}
