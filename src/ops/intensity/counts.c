#include "ops/intensity/counts.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

bool cm__type_is_counted(CmType type) {
  return cm_type_is_integer(type) && cm_type_size(type) <= 2;
}

int64_t cm__type_values(CmType type) {
  return cm_type_size(type) == 1 ? 256 : 65536;
}

CmBins cm__bins_between(CmType type, double low, double high, int64_t bins) {
  if (cm_type_is_integer(type) && high - low < (double)bins)
    return (CmBins){.low = low - 0.5, .high = high + 0.5, .count = (int64_t)(high - low) + 1};
  return (CmBins){.low = low, .high = high, .count = bins};
}

double cm__bin_edge(const CmBins *bins, int64_t at) {
  return at == bins->count ? bins->high : (double)at * ((bins->high - bins->low) / (double)bins->count) + bins->low;
}

double cm__bin_centre(const CmBins *bins, int64_t at) {
  return 0.5 * (cm__bin_edge(bins, at) + cm__bin_edge(bins, at + 1));
}

/* Runs of equal values would wait for each other's count: eight tables take turns. */
enum { TABLES = 8 };

static void count_8(const uint8_t *v, int64_t n, uint8_t turn, uint32_t *counts) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t eight;
    memcpy(&eight, v + i, 8);
    eight ^= turn * UINT64_C(0x0101010101010101);
    for (int k = 0; k < 8; k++) counts[k * 256 + (uint8_t)(eight >> 8 * k)]++;
  }
  for (; i < n; i++) counts[v[i] ^ turn]++;
}

static void count_16(const uint16_t *v, int64_t n, uint16_t turn, uint32_t *counts) {
  int64_t i = 0;
  for (; i + 2 <= n; i += 2) {
    counts[v[i] ^ turn]++;
    counts[65536 + (v[i + 1] ^ turn)]++;
  }
  for (; i < n; i++) counts[v[i] ^ turn]++;
}

typedef struct Count {
  CmContext *ctx;
  const CmPart *part;
  const CmBins *bins; /* NULL: by value */
  int64_t values;     /* counts of a worker */
  int64_t *counts;    /* per worker */
} Count;

/* Whole rows without mask and component: the bytes themselves are the places (signed ones turned by the top bit). */
static bool count_plain(const Count *job, CmRange range, CmError **err) {
  const CmPart *part = job->part;
  const CmGrid grid = cm__grid(part->image);
  const CmType type = cm_image_type(part->image);
  const int64_t tables = grid.size == 1 ? TABLES : 2;
  uint32_t *counts = cm_calloc(job->ctx, (size_t)(tables * job->values), sizeof(uint32_t), err);
  if (!counts) return false;
  for (int64_t row = range.begin; row < range.end; row++) {
    const void *line = cm__row(part->image, &grid, part->row_begin + row);
    if (grid.size == 1)
      count_8(line, grid.row, type == CM_I8 ? 0x80 : 0, counts);
    else
      count_16(line, grid.row, type == CM_I16 ? 0x8000 : 0, counts);
  }
  int64_t *to = job->counts + (int64_t)range.worker * job->values;
  for (int64_t k = 0; k < tables; k++)
    for (int64_t i = 0; i < job->values; i++) to[i] += counts[k * job->values + i];
  cm_free(counts);
  return true;
}

static inline void place(double at, double end, double margin, int32_t *to, uint8_t *edge) {
  const bool in = at >= 0.0 && at < end;
  const int32_t bin = in ? (int32_t)at : -1;
  const double part = at - (double)bin;
  *to = bin;
  *edge = part < margin || part > 1.0 - margin;
}

/* to: which bin, -1 beyond; edge: 1 where it lies so near to an edge that rounding may have moved it. */
CM_SIMD static void places(const double *v, int64_t n, const CmBins *bins, double margin, int32_t *restrict to,
                           uint8_t *restrict edge) {
  const double low = bins->low, span = bins->high - bins->low, count = (double)bins->count, scale = count / span,
               end = count + fmin(margin, 0.5); /* the high end itself, rounded up */
  if (scale > 1e-250 && scale < 1e250)
    for (int64_t i = 0; i < n; i++) place((v[i] - low) * scale, end, margin, &to[i], &edge[i]);
  else
    for (int64_t i = 0; i < n; i++) place((v[i] - low) / span * count, end, margin, &to[i], &edge[i]);
}

enum { PIECE = 512 };

/* The bin of a value in low..high, `at` being what division says: it may round a value that lies next to an edge to the
 * other side of it; the edges decide. */
static int64_t settle(const CmBins *bins, double value, int64_t at) {
  int64_t bin = at >= bins->count ? bins->count - 1 : at;
  if (value < cm__bin_edge(bins, bin) && bin > 0)
    bin--;
  else if (bin + 1 < bins->count && value >= cm__bin_edge(bins, bin + 1))
    bin++;
  return bin;
}

void cm__count_values(const CmBins *bins, const double *v, int64_t n, int64_t *counts) {
  const double largest = fmax(fabs(bins->low), fabs(bins->high)), count = (double)bins->count;
  const double margin = 16.0 * DBL_EPSILON * count * (1.0 + largest / (bins->high - bins->low));
  int32_t at[PIECE];
  uint8_t edge[PIECE];
  for (int64_t i = 0; i < n; i += PIECE) {
    const int64_t m = n - i < PIECE ? n - i : PIECE;
    places(v + i, m, bins, margin, at, edge);
    for (int64_t k = 0; k < m; k++) {
      if (at[k] < 0) continue;
      if (!edge[k])
        counts[at[k]]++;
      else if (v[i + k] >= bins->low && v[i + k] <= bins->high)
        counts[settle(bins, v[i + k], at[k])]++;
    }
  }
}

/* Whole rows in bins; NaN lies in none. */
static void bin_plain(const CmPart *part, const CmGrid *grid, const CmBins *bins, CmRange range, int64_t *to) {
  double values[PIECE];
  for (int64_t row = range.begin; row < range.end; row++) {
    const char *from = cm__row(part->image, grid, part->row_begin + row);
    for (int64_t x = 0; x < grid->row; x += PIECE) {
      const int64_t n = grid->row - x < PIECE ? grid->row - x : PIECE;
      cm__line_to_f64(cm_image_type(part->image), from + (size_t)x * grid->size, n, values);
      cm__count_values(bins, values, n, to);
    }
  }
}

static bool count_rows(void *arg, CmRange range, CmError **err) {
  const Count *job = arg;
  const CmPart *part = job->part;
  const CmGrid grid = cm__grid(part->image);
  if (!job->bins && part->component < 0 && !(part->mask && part->mask->image)) return count_plain(job, range, err);
  int64_t *to = job->counts + (int64_t)range.worker * job->values;
  if (job->bins && part->component < 0 && !(part->mask && part->mask->image)) {
    bin_plain(part, &grid, job->bins, range, to);
    return true;
  }
  double *values = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid.nx, err);
  const bool ok = values && inside;
  const double least = cm_type_min(cm_image_type(part->image));
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const int64_t n = cm__part_row(part, part->row_begin + row, values, inside);
    if (job->bins)
      cm__count_values(job->bins, values, n, to);
    else
      for (int64_t i = 0; i < n; i++) to[(int64_t)(values[i] - least)]++;
  }
  cm_free(values);
  cm_free(inside);
  return ok;
}

static bool count_all(Count *job, int64_t *counts, CmError **err) {
  const CmGrid grid = cm__grid(job->part->image);
  const int workers = cm_context_threads(job->ctx);
  job->counts = cm_calloc(job->ctx, (size_t)workers, (size_t)job->values * sizeof(int64_t), err);
  /* chunks of some rows more than usual: each plain one clears and adds up its tables */
  const bool ok = job->counts && cm_parallel_for(job->ctx, NULL, job->part->row_end - job->part->row_begin,
                                                 16 * cm__row_chunk(&grid), count_rows, job, err);
  if (ok) memset(counts, 0, (size_t)job->values * sizeof(int64_t));
  for (int64_t k = 0; ok && k < workers * job->values; k++) counts[k % job->values] += job->counts[k];
  cm_free(job->counts);
  return ok;
}

bool cm__part_histogram(CmContext *ctx, const CmPart *part, const CmBins *bins, int64_t *counts, CmError **err) {
  Count job = {.ctx = ctx, .part = part, .bins = bins, .values = bins->count};
  const CmType type = cm_image_type(part->image);
  if (!cm__type_is_counted(type) || !(bins->high > bins->low)) return count_all(&job, counts, err);
  const int64_t values = cm__type_values(type);
  int64_t *by_value = cm_alloc_array(ctx, (size_t)values, sizeof(int64_t), err);
  if (!by_value || !cm__part_counts(ctx, part, by_value, err)) {
    cm_free(by_value);
    return false;
  }
  memset(counts, 0, (size_t)bins->count * sizeof(int64_t));
  for (int64_t k = 0; k < values; k++) {
    const double v = (double)k + cm_type_min(type);
    if (by_value[k] == 0 || v < bins->low || v > bins->high) continue;
    const double at = (v - bins->low) / (bins->high - bins->low) * (double)bins->count;
    counts[settle(bins, v, (int64_t)at)] += by_value[k];
  }
  cm_free(by_value);
  return true;
}

bool cm__part_counts(CmContext *ctx, const CmPart *part, int64_t *counts, CmError **err) {
  Count job = {.ctx = ctx, .part = part, .values = cm__type_values(cm_image_type(part->image))};
  return count_all(&job, counts, err);
}
