#include "learn/pixels/set.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/pixels/params.h"

static const CmParam param_table[] = {CM__PIXEL_PARAMS(CmPixelParams, )};

static const CmOp about = {
    .name = "pixels",
    .family = "learning",
    .since = "0.2",
    .summary = "How voxels are drawn and filtered to learn from.",
    CM_OP_PARAMS(CmPixelParams, param_table),
};

const CmOp *cm_pixel_about(void) {
  return &about;
}

const char *const *cm_pixel_default_filters(void) {
  static const char *const filters[] = {"gaussian sigma=0,1,2,4,8,16", "gradient_magnitude sigma=1,2,4,8,16",
                                        "hessian_eigenvalues sigma=1,2,4,8,16 normalize=true",
                                        "local_deviation radius=2,5", NULL};
  return filters;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool add_filters(CmPixelSet *set, const char *const *filters, int count, CmError **err) {
  const char *units = set->params.units ? "voxel" : "mm";
  const char *const *from = filters ? filters : cm_pixel_default_filters();
  for (int i = 0; filters ? i < count : from[i] != NULL; i++)
    if (!cm__stack_words(&set->hold, &set->stack, from[i], units, err)) return false;
  if (!set->stack.count) cm_error_set(err, CM_ERR_USAGE, "no filter is named; name some, or none at all");
  return set->stack.count > 0;
}

CmPixelSet *cm_pixel_set_create(CmContext *ctx, const char *const *filters, int count, const CmPixelParams *params,
                                CmError **err) {
  CmPixelSet *set = cm_calloc(ctx, 1, sizeof *set, err);
  if (!set) return NULL;
  set->ctx = ctx;
  set->hold.ctx = ctx;
  void *defaults = params ? NULL : cm_params_create(ctx, &about, err);
  if (params || defaults) set->params = params ? *params : *(const CmPixelParams *)defaults;
  const bool ok = (params || defaults) && add_filters(set, filters, count, err);
  cm_free(defaults);
  if (!ok) cm_pixel_set_free(&set);
  return set;
}

void cm_pixel_set_free(CmPixelSet **set) {
  if (!set || !*set) return;
  cm_free((*set)->row);
  cm_free((*set)->x);
  cm__arena_free(&(*set)->hold);
  cm_free(*set);
  *set = NULL;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

static bool take_first(CmPixelSet *set, CmImage *image, CmError **err) {
  CmPixelStack *stack = &set->stack;
  stack->components = cm_image_components(image);
  stack->flat = cm_image_dims(image)[2] == 1;
  memcpy(stack->spacing, cm_image_geometry(image)->spacing, sizeof stack->spacing);
  stack->unit = cm__arena_strdup(&set->hold, cm_image_unit(image), err);
  return stack->unit && cm__stack_measure(set->ctx, stack, image, err);
}

static bool check_pair(const CmImage *image, const CmImage *labels, CmError **err) {
  if (!cm_type_is_integer(cm_image_type(labels)) || cm_image_components(labels) != 1) {
    cm_error_set(err, CM_ERR_DATA, "the labels are no label map: give integers, one a voxel (cormack convert --type)");
    return false;
  }
  if (!cm_image_same_grid(image, "the image", labels, "its labels", err)) return false;
  if (cm_image_dims(image)[3] == cm_image_dims(labels)[3]) return true;
  cm_error_set(err, CM_ERR_GEOMETRY, "the image has %lld time points and its labels have %lld; label each",
               (long long)cm_image_dims(image)[3], (long long)cm_image_dims(labels)[3]);
  return false;
}

/* The number of an image; one that was there before keeps the number that it had. */
static int number_image(CmPixelSet *set, const CmImage *image, const char *name, CmError **err) {
  CmHash hash;
  cm_image_hash(image, &hash);
  for (int i = 0; i < set->images; i++)
    if (!memcmp(&set->hash[i], &hash, sizeof hash)) return i;
  CmHash *hashes = cm__arena_grow(&set->hold, set->hash, set->images, sizeof hash, err);
  if (hashes) set->hash = hashes;
  const char **names = hashes ? cm__arena_grow(&set->hold, set->name, set->images, sizeof *names, err) : NULL;
  if (names) set->name = names;
  if (!names || !(names[set->images] = cm__arena_strdup(&set->hold, name, err))) return -1;
  set->hash[set->images] = hash;
  return set->images++;
}

/* ---- features of drawn voxels ------------------------------------------------------------------------------------ */

typedef struct Gather {
  const CmPixelSource *source;
  const CmPixelGrid *grid;
  const CmPixelDraw *draw;
  const int64_t *first, *order; /* drawn voxels by block: order[first[b]..first[b + 1]) */
  float *x;
} Gather;

static int64_t block_of(const CmPixelGrid *grid, int64_t voxel, int64_t *inside) {
  int64_t block = 0, at = 0, place[3], rest = voxel, size[3], stride = 1;
  for (int axis = 0; axis < 3; axis++) {
    place[axis] = rest % grid->dims[axis];
    rest /= grid->dims[axis];
  }
  for (int axis = 0; axis < 3; axis++) {
    const int64_t k = place[axis] / grid->size[axis], left = grid->dims[axis] - k * grid->size[axis];
    size[axis] = left < grid->size[axis] ? left : grid->size[axis];
    block += k * stride;
    stride *= grid->blocks[axis];
    place[axis] -= k * grid->size[axis];
  }
  at = (place[2] * size[1] + place[1]) * size[0] + place[0];
  *inside = at;
  return block + rest * stride;
}

static bool gather_block(const Gather *job, int64_t block, CmError **err) {
  const int features = job->source->stack->features;
  const CmPixelBox box = cm__grid_box(job->grid, block);
  float *plane = cm_alloc_array(job->source->ctx, (size_t)(box.voxels * features), sizeof *plane, err);
  const bool ok = plane && cm__pixel_features(job->source, &box, plane, err);
  for (int64_t k = job->first[block]; ok && k < job->first[block + 1]; k++) {
    int64_t inside;
    block_of(job->grid, job->draw->voxel[job->order[k]], &inside);
    for (int f = 0; f < features; f++) job->x[job->order[k] * features + f] = plane[f * box.voxels + inside];
  }
  cm_free(plane);
  return ok;
}

/* Sorts the drawn voxels by block. */
static bool sort_draw(CmArena *scratch, const CmPixelGrid *grid, const CmPixelDraw *draw, int64_t **first,
                      int64_t **order, CmError **err) {
  int64_t inside;
  *first = CM__NEW(scratch, int64_t, grid->count + 2, err);
  *order = CM__NEW(scratch, int64_t, draw->count, err);
  if (!*first || !*order) return false;
  for (int64_t i = 0; i < draw->count; i++) (*first)[block_of(grid, draw->voxel[i], &inside) + 2]++;
  for (int64_t b = 0; b < grid->count; b++) (*first)[b + 2] += (*first)[b + 1];
  for (int64_t i = 0; i < draw->count; i++) (*order)[(*first)[block_of(grid, draw->voxel[i], &inside) + 1]++] = i;
  return true;
}

/* x: of each drawn voxel, features beside each other. */
static bool gather_features(CmPixelSet *set, CmImage *image, const CmPixelDraw *draw, float *x, CmError **err) {
  CmArena scratch = {.ctx = set->ctx};
  CmPixelSource source;
  int64_t *first, *order;
  bool ok = cm__pixel_open(&source, set->ctx, &set->stack, image, NULL, err);
  const CmPixelGrid grid = ok ? cm__pixel_grid(&source) : (CmPixelGrid){.count = 0};
  ok = ok && sort_draw(&scratch, &grid, draw, &first, &order, err);
  for (int64_t b = 0; ok && b < grid.count; b++) {
    const Gather job = {&source, &grid, draw, first, order, x};
    ok = first[b] == first[b + 1] || gather_block(&job, b, err);
    cm_progress(set->ctx, "features", b + 1, grid.count);
  }
  cm__pixel_close(&source);
  cm__arena_free(&scratch);
  return ok;
}

/* The part of the labelled extent that a voxel lies in: quarters along axes of 8 voxels and more. */
static int part_of(const CmPixelDraw *draw, const int64_t place[4]) {
  int part = 0;
  for (int axis = 2; axis >= 0; axis--) {
    const int64_t extent = draw->high[axis] - draw->low[axis] + 1;
    part = part * 4 + (extent < 8 ? 0 : (int)((place[axis] - draw->low[axis]) * 4 / extent));
  }
  return part;
}

static bool make_room(CmPixelSet *set, int64_t more, CmError **err) {
  size_t rows = (size_t)(set->rows + more), bytes, cells;
  if (!cm_size_multiply(rows, (size_t)set->stack.features, &cells, err) ||
      !cm_size_multiply(cells, sizeof *set->x, &bytes, err))
    return false;
  float *x = cm_realloc(set->ctx, set->x, bytes, err);
  if (x) set->x = x;
  CmPixelRow *row = x ? cm_realloc(set->ctx, set->row, rows * sizeof *row, err) : NULL;
  if (row) set->row = row;
  return row != NULL;
}

static void put_rows(CmPixelSet *set, int image, const CmImage *like, const CmPixelDraw *draw) {
  const int64_t *dims = cm_image_dims(like);
  for (int64_t i = 0; i < draw->count; i++) {
    CmPixelRow *row = &set->row[set->rows + i];
    *row = (CmPixelRow){.image = image, .label = draw->label[i]};
    int64_t rest = draw->voxel[i];
    for (int axis = 0; axis < 4; axis++) {
      row->place[axis] = rest % dims[axis];
      rest /= dims[axis];
    }
    row->block = image * 64 + part_of(draw, row->place);
  }
  set->rows += draw->count;
}

bool cm_pixel_set_add(CmPixelSet *set, CmImage *image, const CmImage *labels, const char *name, CmError **err) {
  CmPixelDraw draw = {.count = 0};
  bool ok = check_pair(image, labels, err) &&
            (set->images ? cm__stack_fits(&set->stack, image, err) : take_first(set, image, err));
  const int number = ok ? number_image(set, image, name, err) : -1;
  ok = number >= 0 && cm__pixel_draw(set->ctx, &set->params, number, labels, &draw, err) &&
       make_room(set, draw.count, err) &&
       gather_features(set, image, &draw, set->x + set->rows * set->stack.features, err);
  if (ok) put_rows(set, number, image, &draw);
  cm_free(draw.voxel);
  cm_free(draw.label);
  if (!ok) cm_error_context(err, "%s", name);
  return ok;
}

/* ---- as a table -------------------------------------------------------------------------------------------------- */

static bool put_column(CmTable *table, const char *name, const int64_t *value, CmError **err) {
  const int at = cm_table_add_column(table, name, CM_COLUMN_INT, "", err);
  for (int64_t i = 0; at >= 0 && i < cm_table_rows(table); i++) cm_table_set_int(table, i, at, value[i]);
  return at >= 0;
}

static bool put_words(const CmPixelSet *set, CmTable *table, int64_t *ints, CmError **err) {
  static const char *const axis_name[] = {"x", "y", "z", "t"};
  const int image = cm_table_add_column(table, "image", CM_COLUMN_TEXT, "", err);
  if (image < 0) return false;
  for (int64_t i = 0; i < set->rows; i++) {
    if (!cm_table_set_text(table, i, image, set->name[set->row[i].image], err)) return false;
    ints[i] = set->row[i].block;
  }
  if (!put_column(table, "block", ints, err)) return false;
  for (int axis = 0; axis < 4; axis++) {
    for (int64_t i = 0; i < set->rows; i++) ints[i] = set->row[i].place[axis];
    if (!put_column(table, axis_name[axis], ints, err)) return false;
  }
  for (int64_t i = 0; i < set->rows; i++) ints[i] = set->row[i].label;
  return put_column(table, "class", ints, err);
}

CmTable *cm_pixel_set_table(const CmPixelSet *set, CmError **err) {
  CmArena scratch = {.ctx = set->ctx};
  CmTable *table = cm_table_create(set->ctx, err);
  int64_t *ints = CM__NEW(&scratch, int64_t, set->rows, err);
  double *reals = CM__NEW(&scratch, double, set->rows, err);
  bool ok = table && ints && reals && cm_table_add_rows(table, set->rows, err) && put_words(set, table, ints, err);
  for (int f = 0; ok && f < set->stack.features; f++) {
    const char *name = cm__stack_feature(&scratch, &set->stack, f, err);
    const int at = name ? cm_table_add_column(table, name, CM_COLUMN_REAL, "", err) : -1;
    ok = at >= 0;
    for (int64_t i = 0; i < set->rows; i++) reals[i] = (double)set->x[i * set->stack.features + f];
    if (ok) cm_table_set_reals(table, at, reals);
  }
  cm__arena_free(&scratch);
  if (!ok) cm_table_unref(&table);
  return table;
}
