#include "ops/intensity/stats.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/counts.h"
#include "ops/simd.h"

CM_SIMD static bool all_numbers(const double *v, int64_t n) {
  int64_t odd = 0;
  for (int64_t i = 0; i < n; i++) odd += v[i] != v[i];
  return odd == 0;
}

int64_t cm__part_row(const CmPart *part, int64_t row, double *values, uint8_t *inside) {
  const CmGrid grid = cm__grid(part->image);
  const int64_t c = grid.components;
  const bool masked = part->mask && part->mask->image;
  int64_t count = 0;
  cm__line_to_f64(cm_image_type(part->image), cm__row(part->image, &grid, row), grid.row, values);
  if (!masked && part->component < 0 &&
      (cm_type_is_integer(cm_image_type(part->image)) || all_numbers(values, grid.row)))
    return grid.row;
  if (masked) cm__mask_row(part->mask, row, inside);
  for (int64_t x = 0; x < grid.nx; x++) {
    if (masked && !inside[x]) continue;
    const int64_t begin = part->component < 0 ? 0 : part->component, end = part->component < 0 ? c : begin + 1;
    for (int64_t k = begin; k < end; k++) {
      const double v = values[x * c + k];
      values[count] = v;
      count += v == v;
    }
  }
  return count;
}

typedef enum Step { ENDS, SUMS, SQUARES } Step; /* count, min, max; and sum; squared differences to the mean */

typedef struct Measure {
  CmContext *ctx;
  const CmPart *part;
  Step step;
  double mean;
  double (*partial)[4];
} Measure;

enum { LANES = 16 }; /* sums side by side, always as many, so that their order does not depend on the machine */

typedef double Lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int32_t Key_f32;
typedef int64_t Key_f64;

static double sum_lanes(const Lanes *lanes) {
  double sum = 0.0;
  for (int k = 0; k < LANES; k++) sum += (*lanes)[k];
  return sum;
}

#define CM_TEMPLATE "ops/intensity/sums_tmpl.c"
#include "ops/each_type.h"
/* false: there is a NaN among them, the sums mean nothing. */
static bool (*const sum_values[CM_TYPE_COUNT])(const void *, int64_t, double *, double *,
                                               double *) = CM_TYPE_TABLE(sum_values);
static double (*const sum_squares[CM_TYPE_COUNT])(const void *, int64_t, double) = CM_TYPE_TABLE(sum_squares);

/* Are the values of a row those of the image, as they lie there? */
static bool lies_there(const CmPart *part) {
  return part->component < 0 && !(part->mask && part->mask->image);
}

/* Adds up a row; how many values. */
static int64_t measure_row(const Measure *job, const void *from, CmType type, int64_t n, double *sum, double ends[2]) {
  double part = 0.0, low = INFINITY, high = -INFINITY;
  if (job->step == SQUARES) {
    part = sum_squares[type](from, n, job->mean);
    if (part != part) return -1;
  } else if (!sum_values[type](from, n, job->step == ENDS ? NULL : &part, &low, &high)) {
    return -1;
  }
  *sum += part;
  ends[0] = low < ends[0] ? low : ends[0];
  ends[1] = high > ends[1] ? high : ends[1];
  return n;
}

static bool measure_rows(void *arg, CmRange range, CmError **err) {
  const Measure *job = arg;
  const CmGrid grid = cm__grid(job->part->image);
  double *values = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid.nx, err);
  bool ok = values && inside;
  double count = 0, sum = 0, ends[2] = {INFINITY, -INFINITY};
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const int64_t at = job->part->row_begin + row;
    int64_t n = -1;
    if (lies_there(job->part))
      n = measure_row(job, cm__row(job->part->image, &grid, at), cm_image_type(job->part->image), grid.row, &sum, ends);
    if (n < 0) {
      n = cm__part_row(job->part, at, values, inside);
      measure_row(job, values, CM_F64, n, &sum, ends);
    }
    count += (double)n;
  }
  if (ok) {
    const double result[4] = {count, sum, ends[0], ends[1]};
    memcpy(job->partial[range.chunk], result, sizeof(result));
  }
  cm_free(values);
  cm_free(inside);
  return ok;
}

/* Of all chunks, up to `last`; the variance takes a second walk. */
static bool measure(CmContext *ctx, const CmPart *part, Step last, CmMoments *moments, CmError **err) {
  const CmGrid grid = cm__grid(part->image);
  const int64_t rows = part->row_end - part->row_begin, chunk = cm__row_chunk(&grid),
                chunks = cm_chunk_count(rows, chunk);
  Measure job = {.ctx = ctx, .part = part, .step = last == ENDS ? ENDS : SUMS};
  job.partial = cm_alloc_array(ctx, (size_t)chunks, sizeof(double[4]), err);
  double count = 0, sum = 0, spread = 0, low = INFINITY, high = -INFINITY;
  bool ok = job.partial && cm_parallel_for(ctx, NULL, rows, chunk, measure_rows, &job, err);
  for (int64_t k = 0; ok && k < chunks; k++) {
    count += job.partial[k][0];
    sum += job.partial[k][1];
    low = job.partial[k][2] < low ? job.partial[k][2] : low;
    high = job.partial[k][3] > high ? job.partial[k][3] : high;
  }
  if (ok && count > 0) *moments = (CmMoments){(int64_t)count, last == ENDS ? NAN : sum / count, NAN, low, high};
  if (ok && count > 0 && last == SQUARES) {
    job.step = SQUARES;
    job.mean = moments->mean;
    ok = cm_parallel_for(ctx, NULL, rows, chunk, measure_rows, &job, err);
    for (int64_t k = 0; ok && k < chunks; k++) spread += job.partial[k][1];
    moments->variance = spread / count;
  }
  cm_free(job.partial);
  return ok;
}

/* The same from how often each value occurs. */
static bool measure_counts(CmContext *ctx, const CmPart *part, CmMoments *moments, CmError **err) {
  const CmType type = cm_image_type(part->image);
  const int64_t values = cm__type_values(type);
  int64_t *counts = cm_alloc_array(ctx, (size_t)values, sizeof(int64_t), err), count = 0, first = -1, last = 0;
  double sum = 0, spread = 0;
  const bool ok = counts && cm__part_counts(ctx, part, counts, err);
  for (int64_t k = 0; ok && k < values; k++) {
    if (counts[k] == 0) continue;
    if (first < 0) first = k;
    last = k;
    count += counts[k];
    sum += (double)counts[k] * ((double)k + cm_type_min(type));
  }
  if (ok && count > 0) {
    const double mean = sum / (double)count;
    for (int64_t k = first; k <= last; k++) {
      const double away = (double)k + cm_type_min(type) - mean;
      spread += (double)counts[k] * (away * away);
    }
    *moments = (CmMoments){count, mean, spread / (double)count, (double)first + cm_type_min(type),
                           (double)last + cm_type_min(type)};
  }
  cm_free(counts);
  return ok;
}

static bool moments_of(CmContext *ctx, const CmPart *part, Step last, CmMoments *moments, CmError **err) {
  const CmGrid grid = cm__grid(part->image);
  const CmType type = cm_image_type(part->image);
  *moments = (CmMoments){.mean = NAN, .variance = NAN, .min = NAN, .max = NAN};
  /* a table pays where it is small beside the part */
  if (cm__type_is_counted(type) && (last == SQUARES || !lies_there(part)) &&
      (part->row_end - part->row_begin) * grid.row >= 8 * cm__type_values(type))
    return measure_counts(ctx, part, moments, err);
  return measure(ctx, part, last, moments, err);
}

bool cm__part_moments(CmContext *ctx, const CmPart *part, CmMoments *moments, CmError **err) {
  return moments_of(ctx, part, SQUARES, moments, err);
}

bool cm__part_mean(CmContext *ctx, const CmPart *part, CmMoments *moments, CmError **err) {
  return moments_of(ctx, part, SUMS, moments, err);
}

bool cm__part_ends(CmContext *ctx, const CmPart *part, CmMoments *moments, CmError **err) {
  return moments_of(ctx, part, ENDS, moments, err);
}

/* ---- parts
 * ------------------------------------------------------------------------------------------------------------ */

static int64_t scope_rows(const CmGrid *grid, CmScope scope) {
  return scope == CM_SCOPE_IMAGE ? grid->rows : scope == CM_SCOPE_TIME ? grid->ny * grid->nz : grid->ny;
}

int64_t cm__part_count(const CmGrid *grid, CmScope scope, bool per_component) {
  return grid->rows / scope_rows(grid, scope) * (per_component ? grid->components : 1);
}

CmPart cm__part_at(const CmImage *image, const CmMask *mask, const CmGrid *grid, CmScope scope, bool per_component,
                   int64_t at) {
  const int64_t rows = scope_rows(grid, scope), components = per_component ? grid->components : 1;
  const int64_t begin = at / components * rows;
  return (CmPart){.image = image,
                  .mask = mask,
                  .row_begin = begin,
                  .row_end = begin + rows,
                  .component = per_component ? at % components : -1};
}

int64_t cm__part_of(const CmGrid *grid, CmScope scope, bool per_component, int64_t row, int64_t c) {
  const int64_t at = row / scope_rows(grid, scope);
  return per_component ? at * grid->components + c : at;
}
