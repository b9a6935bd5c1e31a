#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/counts.h"
#include "ops/intensity/look_up.h"
#include "ops/intensity/points.h"

typedef struct Job {
  CmContext *ctx;
  CmGrid grid;
  const CmMapped *map;
  const CmImage *image;
  const CmMask *mask;
  CmOutsideMask outside;
  CmImage *out;
  char *tables;   /* per part, values of out's type; NULL: voxel by voxel */
  int64_t values; /* of a table */
  CmStraight straight;
  bool is_straight; /* rows are worked out, which is quicker and gives what the table has */
} Job;

static void map_row(void *arg, int64_t row, double *line, int64_t n) {
  const Job *job = arg;
  const CmMapped *map = job->map;
  const int64_t step = map->per_component ? job->grid.components : 1;
  for (int64_t c = 0; c < step; c++)
    map->fn(map->arg, cm__part_of(&job->grid, map->scope, map->per_component, row, c), line + c, n - c, step);
}

enum { PIECE = 1024 }; /* values of a row that stay in the first-level cache as doubles */

/* Without a mask: rows in pieces of whole voxels. */
static bool piece_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const CmMapped *map = job->map;
  const CmGrid *grid = &job->grid, out_grid = cm__grid(job->out);
  const int64_t c = grid->components, step = map->per_component ? c : 1, piece = c > PIECE ? c : PIECE / c * c;
  double *line = cm_alloc_array(job->ctx, (size_t)piece, sizeof(double), err);
  for (int64_t row = range.begin; line && row < range.end; row++) {
    const char *from = cm__row(job->image, grid, row);
    char *to = cm__row_mut(job->out, &out_grid, row);
    for (int64_t x = 0; x < grid->row; x += piece) {
      const int64_t n = grid->row - x < piece ? grid->row - x : piece;
      cm__line_to_f64(cm_image_type(job->image), from + (size_t)x * grid->size, n, line);
      for (int64_t k = 0; k < step; k++)
        map->fn(map->arg, cm__part_of(grid, map->scope, map->per_component, row, k), line + k, n - k, step);
      cm__line_from_f64(cm_image_type(job->out), line, n, to + (size_t)x * out_grid.size);
    }
  }
  cm_free(line);
  return line != NULL;
}

static bool table_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const CmGrid *grid = &job->grid, out_grid = cm__grid(job->out);
  const CmType type = cm_image_type(job->image), out_type = cm_image_type(job->out);
  const bool masked = job->mask && job->mask->image && job->outside != CM_OUTSIDE_MAP;
  const int64_t step = job->map->per_component ? grid->components : 1;
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  double *scratch = cm_alloc_array(job->ctx, masked ? (size_t)grid->row : 0, sizeof(double), err);
  const bool ok = inside && scratch;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const char *from = cm__row(job->image, grid, row);
    char *to = cm__row_mut(job->out, &out_grid, row);
    if (job->is_straight) cm__straight_integers(type, from, grid->row, &job->straight, out_type, to);
    for (int64_t c = 0; c < step && !job->is_straight; c++) {
      const int64_t part = cm__part_of(grid, job->map->scope, job->map->per_component, row, c);
      cm__look_up(type, from + (size_t)c * grid->size, grid->row - c, step, out_grid.size,
                  job->tables + (size_t)(part * job->values) * out_grid.size, to + (size_t)c * out_grid.size);
    }
    if (!masked) continue;
    cm__mask_row(job->mask, row, inside);
    if (job->outside == CM_OUTSIDE_KEEP)
      cm__mask_restore(inside, grid, type, from, out_type, to, scratch);
    else
      for (int64_t x = 0; x < grid->nx; x++)
        if (!inside[x])
          memset(to + (size_t)(x * grid->components) * out_grid.size, 0, (size_t)grid->components * out_grid.size);
  }
  cm_free(inside);
  cm_free(scratch);
  return ok;
}

static bool fill_tables(Job *job, int64_t parts, CmError **err) {
  const CmType type = cm_image_type(job->image), out_type = cm_image_type(job->out);
  const size_t size = cm_type_size(out_type);
  double *line = cm_alloc_array(job->ctx, (size_t)job->values, sizeof(double), err);
  job->tables = cm_alloc_array(job->ctx, (size_t)(parts * job->values), size, err);
  for (int64_t k = 0; line && job->tables && k < parts; k++) {
    for (int64_t i = 0; i < job->values; i++) line[i] = (double)i + cm_type_min(type);
    job->map->fn(job->map->arg, k, line, job->values, 1);
    cm__line_from_f64(out_type, line, job->values, job->tables + (size_t)(k * job->values) * size);
  }
  cm_free(line);
  return line && job->tables;
}

/* Clamped to what the table reaches, which are its ends. */
static bool find_straight(Job *job) {
  const CmType type = cm_image_type(job->image), out_type = cm_image_type(job->out);
  const size_t size = cm_type_size(out_type);
  double first, last;
  if (size == 1 && cm_type_size(type) == 1) return false; /* looked up as fast */
  cm__line_to_f64(out_type, job->tables, 1, &first);
  cm__line_to_f64(out_type, job->tables + (size_t)(job->values - 1) * size, 1, &last);
  job->straight = *job->map->straight;
  job->straight.low = first < last ? first : last;
  job->straight.high = first < last ? last : first;
  return cm__straight_agrees(type, &job->straight, out_type, job->tables);
}

/* f32 without a mask, to what is worked out in one go. */
static bool real_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const CmGrid *grid = &job->grid, out_grid = cm__grid(job->out);
  const CmType type = cm_image_type(job->out);
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const void *from = cm__row(job->image, grid, row);
    void *to = cm__row_mut(job->out, &out_grid, row);
    if (type == CM_F32)
      job->map->floats(job->map->arg, from, grid->row, to);
    else
      cm__straight_rounded(from, grid->row, job->map->straight, type, to);
  }
  return true;
}

static bool goes_by_reals(const CmMapped *map, const CmImage *image, const CmImage *out, int64_t parts) {
  const CmType type = cm_image_type(out);
  if (cm_image_type(image) != CM_F32 || parts != 1) return false;
  return type == CM_F32 ? map->floats != NULL : map->straight && cm__straight_rounds_to(type);
}

bool cm__mapped(CmContext *ctx, const char *what, const CmImage *image, const CmMask *mask, CmOutsideMask outside,
                const CmMapped *map, CmImage *out, CmError **err) {
  Job job = {
      .ctx = ctx, .grid = cm__grid(image), .map = map, .image = image, .mask = mask, .outside = outside, .out = out};
  const int64_t parts = cm__part_count(&job.grid, map->scope, map->per_component);
  const bool masked = mask && mask->image && outside != CM_OUTSIDE_MAP;
  job.values = cm__type_is_counted(cm_image_type(image)) ? cm__type_values(cm_image_type(image)) : 0;
  if (!masked && goes_by_reals(map, image, out, parts))
    return cm_parallel_for(ctx, what, job.grid.rows, cm__row_chunk(&job.grid), real_rows, &job, err);
  /* small parts are quicker without a table */
  if (job.values == 0 || parts * job.values > 4 * cm_image_values(image) + 65536)
    return masked ? cm__points(ctx, what, image, mask, outside, map_row, &job, out, err)
                  : cm_parallel_for(ctx, what, job.grid.rows, cm__row_chunk(&job.grid), piece_rows, &job, err);
  bool ok = fill_tables(&job, parts, err);
  job.is_straight = ok && map->straight && parts == 1 && find_straight(&job);
  ok = ok && cm_parallel_for(ctx, what, job.grid.rows, cm__row_chunk(&job.grid), table_rows, &job, err);
  cm_free(job.tables);
  return ok;
}
