#include "learn/pixels/blocks.h"

#include <math.h>
#include <string.h>

#define MOST_MEMORY ((int64_t)256 << 20)
#define LEAST_SIDE 8 /* voxels of a block along an axis */

/* Voxels begin..end-1 of time point t as an image. */
static CmImage *cut_out(CmContext *ctx, const CmImage *image, const int64_t begin[3], const int64_t end[3], int64_t t,
                        CmError **err) {
  const int64_t *dims = cm_image_dims(image), size[3] = {end[0] - begin[0], end[1] - begin[1], end[2] - begin[2]};
  const int rank = cm_image_rank(image) < 3 ? cm_image_rank(image) : 3;
  const size_t voxel = cm_type_size(cm_image_type(image)) * (size_t)cm_image_components(image),
               row = voxel * (size_t)size[0];
  CmImage *part = cm_image_create(ctx, cm_image_type(image), rank, size, cm_image_components(image), err);
  if (!part || !cm_image_set_geometry(part, cm_image_geometry(image), err) ||
      !cm_image_set_unit(part, cm_image_unit(image), err)) {
    cm_image_unref(&part);
    return NULL;
  }
  const char *from = cm_image_data(image);
  char *to = cm_image_data_mut(part);
  for (int64_t z = begin[2]; z < end[2]; z++)
    for (int64_t y = begin[1]; y < end[1]; y++, to += row)
      memcpy(to, from + voxel * (size_t)(((t * dims[2] + z) * dims[1] + y) * dims[0] + begin[0]), row);
  return part;
}

/* The filter's result as f32. */
static CmImage *filtered(CmContext *ctx, const CmPixelFilter *filter, CmImage *image, CmError **err) {
  CmValue in[CM_MAX_PORTS] = {cm_value_image(image)}, out[CM_MAX_PORTS] = {{0}};
  bool wanted[CM_MAX_PORTS] = {false};
  for (int i = 0; i < filter->op->output_count; i++) wanted[i] = !filter->op->outputs[i].optional;
  if (!cm_op_run(ctx, filter->op, filter->params, in, out, wanted, err)) {
    cm_error_context(err, "filter \"%s\"", filter->name);
    return NULL;
  }
  for (int i = 1; i < filter->op->output_count; i++) cm_value_unref(&out[i]);
  CmImage *result = out[0].image;
  if (cm_image_type(result) != CM_F32) {
    CmImage *reals = cm_image_convert(ctx, result, CM_F32, true, err);
    cm_image_unref(&result);
    result = reals;
  }
  const bool fits = result && (!filter->parts || cm_image_components(result) == filter->parts);
  if (result && !fits) {
    cm_error_set(err, CM_ERR_DATA,
                 "filter \"%s\" makes %d components of this image, and %d of those that it was trained on; give images "
                 "of the same kind",
                 filter->name, cm_image_components(result), filter->parts);
    cm_image_unref(&result);
  }
  return result;
}

bool cm__stack_measure(CmContext *ctx, CmPixelStack *stack, CmImage *image, CmError **err) {
  enum { CORNER = 16 };
  const int64_t *dims = cm_image_dims(image), begin[3] = {0};
  int64_t end[3];
  for (int axis = 0; axis < 3; axis++) end[axis] = dims[axis] < CORNER ? dims[axis] : CORNER;
  CmImage *corner = cut_out(ctx, image, begin, end, 0, err);
  bool ok = corner != NULL;
  stack->features = 0;
  for (int i = 0; ok && i < stack->count; i++) {
    CmImage *result = filtered(ctx, &stack->filter[i], corner, err);
    ok = result != NULL;
    if (ok) stack->features += stack->filter[i].parts = cm_image_components(result);
    cm_image_unref(&result);
  }
  cm_image_unref(&corner);
  return ok;
}

/* ---- a source ---------------------------------------------------------------------------------------------------- */

static bool is_needed(const CmPixelSource *source, int first, int parts) {
  bool needed = !source->needed;
  for (int k = 0; !needed && k < parts; k++) needed = source->needed[first + k];
  return needed;
}

bool cm__pixel_open(CmPixelSource *source, CmContext *ctx, const CmPixelStack *stack, CmImage *image,
                    const bool *needed, CmError **err) {
  *source = (CmPixelSource){.ctx = ctx, .stack = stack, .image = image, .needed = needed};
  source->reach = cm_calloc(ctx, (size_t)stack->count, sizeof *source->reach, err);
  source->whole = cm_calloc(ctx, (size_t)stack->count, sizeof(CmImage *), err);
  bool ok = source->reach && source->whole;
  for (int i = 0, first = 0; ok && i < stack->count; first += stack->filter[i++].parts) {
    const CmPixelFilter *filter = &stack->filter[i];
    if (cm_op_reach(filter->op, filter->params, image, source->reach[i]) || !is_needed(source, first, filter->parts))
      continue;
    ok = (source->whole[i] = filtered(ctx, filter, image, err));
  }
  return ok;
}

void cm__pixel_close(CmPixelSource *source) {
  for (int i = 0; source->whole && i < source->stack->count; i++) cm_image_unref(&source->whole[i]);
  cm_free(source->whole);
  cm_free(source->reach);
  *source = (CmPixelSource){0};
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* Bytes that a block of this size takes: its features, and the widest filter's input, result and half of it again. */
static int64_t bytes_of(const CmPixelSource *source, const int64_t dims[4], const int64_t size[3]) {
  const int64_t input = (int64_t)cm_type_size(cm_image_type(source->image)) * cm_image_components(source->image);
  int64_t most = 0;
  for (int i = 0; i < source->stack->count; i++) {
    if (source->whole[i]) continue;
    int64_t voxels = 1;
    for (int axis = 0; axis < 3; axis++) {
      const int64_t wide = size[axis] + 2 * source->reach[i][axis];
      voxels *= wide < dims[axis] ? wide : dims[axis];
    }
    const int64_t bytes = voxels * (input + 6 * source->stack->filter[i].parts);
    most = bytes > most ? bytes : most;
  }
  return most + 4 * source->stack->features * size[0] * size[1] * size[2];
}

static bool count_blocks(CmPixelGrid *grid) {
  grid->count = grid->dims[3];
  for (int axis = 0; axis < 3; axis++) {
    grid->blocks[axis] = (grid->dims[axis] - 1) / grid->size[axis] + 1;
    grid->count *= grid->blocks[axis];
  }
  return true;
}

/* Halves the longest side; false where all are short. */
static bool halve(CmPixelGrid *grid) {
  int longest = 2;
  for (int axis = 1; axis >= 0; axis--)
    if (grid->size[axis] > grid->size[longest]) longest = axis;
  if (grid->size[longest] < 2 * LEAST_SIDE) return false;
  grid->size[longest] = (grid->size[longest] + 1) / 2;
  return count_blocks(grid);
}

CmPixelGrid cm__pixel_grid(const CmPixelSource *source) {
  const uint64_t limit = cm_context_memory_limit(source->ctx), used = cm_context_memory_used(source->ctx);
  int64_t budget = MOST_MEMORY;
  if (limit && limit > used && (int64_t)((limit - used) / 2) < budget) budget = (int64_t)((limit - used) / 2);
  CmPixelGrid grid = {.count = 0};
  memcpy(grid.dims, cm_image_dims(source->image), sizeof grid.dims);
  memcpy(grid.size, grid.dims, sizeof grid.size);
  count_blocks(&grid);
  while (bytes_of(source, grid.dims, grid.size) > budget && halve(&grid)) continue;
  return grid;
}

CmPixelBox cm__grid_box(const CmPixelGrid *grid, int64_t at) {
  CmPixelBox box = {.voxels = 1};
  for (int axis = 0; axis < 3; axis++) {
    box.begin[axis] = at % grid->blocks[axis] * grid->size[axis];
    const int64_t left = grid->dims[axis] - box.begin[axis];
    box.size[axis] = left < grid->size[axis] ? left : grid->size[axis];
    box.voxels *= box.size[axis];
    at /= grid->blocks[axis];
  }
  box.t = at;
  return box;
}

int64_t cm__box_voxel(const CmPixelGrid *grid, const CmPixelBox *box, int64_t v) {
  const int64_t x = box->begin[0] + v % box->size[0], y = box->begin[1] + v / box->size[0] % box->size[1],
                z = box->begin[2] + v / box->size[0] / box->size[1];
  return ((box->t * grid->dims[2] + z) * grid->dims[1] + y) * grid->dims[0] + x;
}

/* ---- features ---------------------------------------------------------------------------------------------------- */

/* Copies the box, which begins at `skip` in time point t of the result, feature by feature. */
static void spread(const CmImage *result, const int64_t skip[3], int64_t t, const CmPixelBox *box, float *plane) {
  const int64_t *dims = cm_image_dims(result), c = cm_image_components(result);
  for (int64_t z = 0; z < box->size[2]; z++)
    for (int64_t y = 0; y < box->size[1]; y++) {
      const float *from = (const float *)cm_image_data(result) +
                          (((t * dims[2] + skip[2] + z) * dims[1] + skip[1] + y) * dims[0] + skip[0]) * c;
      float *to = plane + (z * box->size[1] + y) * box->size[0];
      for (int64_t k = 0; k < c; k++)
        for (int64_t x = 0; x < box->size[0]; x++)
          to[k * box->voxels + x] = isfinite(from[x * c + k]) ? from[x * c + k] : NAN;
    }
}

static bool run_filter(const CmPixelSource *source, int at, const CmPixelBox *box, float *plane, CmError **err) {
  const CmPixelFilter *filter = &source->stack->filter[at];
  if (source->whole[at]) {
    spread(source->whole[at], box->begin, box->t, box, plane);
    return true;
  }
  const int64_t *dims = cm_image_dims(source->image);
  int64_t begin[3], end[3], skip[3];
  for (int axis = 0; axis < 3; axis++) {
    const int64_t reach = source->reach[at][axis];
    begin[axis] = box->begin[axis] > reach ? box->begin[axis] - reach : 0;
    end[axis] = box->begin[axis] + box->size[axis] + reach;
    end[axis] = end[axis] < dims[axis] ? end[axis] : dims[axis];
    if (end[axis] - begin[axis] == 1 && dims[axis] > 1) { /* along an axis of one voxel, filters do nothing */
      begin[axis] -= begin[axis] > 0;
      end[axis] += begin[axis] == box->begin[axis];
    }
    skip[axis] = box->begin[axis] - begin[axis];
  }
  CmImage *part = cut_out(source->ctx, source->image, begin, end, box->t, err);
  CmImage *result = part ? filtered(source->ctx, filter, part, err) : NULL;
  if (result) spread(result, skip, 0, box, plane);
  cm_image_unref(&part);
  const bool ok = result != NULL;
  cm_image_unref(&result);
  return ok;
}

bool cm__pixel_features(const CmPixelSource *source, const CmPixelBox *box, float *plane, CmError **err) {
  bool ok = true;
  for (int i = 0, first = 0; ok && i < source->stack->count; first += source->stack->filter[i++].parts)
    if (is_needed(source, first, source->stack->filter[i].parts))
      ok = run_filter(source, i, box, plane + (int64_t)first * box->voxels, err);
  return ok;
}
