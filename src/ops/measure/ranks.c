/* The range is cut into cells; only the values of those cells that hold a rank are sorted. */
#include "ops/measure/ranks.h"

#include <math.h>
#include <string.h>

#include "ops/measure/gather.h"
#include "ops/simd.h"

enum { LANES = 16 };

CM_SIMD void cm__ends(const double *values, int64_t n, double *least, double *most) {
  double low[LANES], high[LANES];
  const int64_t whole = n / LANES * LANES;
  for (int k = 0; k < LANES; k++) low[k] = high[k] = values[0];
  for (int64_t i = 0; i < whole; i += LANES)
    for (int k = 0; k < LANES; k++) {
      low[k] = values[i + k] < low[k] ? values[i + k] : low[k];
      high[k] = values[i + k] > high[k] ? values[i + k] : high[k];
    }
  for (int64_t i = whole; i < n; i++) {
    low[0] = values[i] < low[0] ? values[i] : low[0];
    high[0] = values[i] > high[0] ? values[i] : high[0];
  }
  *least = low[0];
  *most = high[0];
  for (int k = 1; k < LANES; k++) {
    *least = low[k] < *least ? low[k] : *least;
    *most = high[k] > *most ? high[k] : *most;
  }
}

enum { CELLS = 4096, BLOCK = 512 };

typedef struct Cells {
  const double *values;
  int64_t n;
  double least, scale;
  int64_t before[CELLS + 1]; /* values of the cells before */
  int64_t kept[CELLS];       /* of the values that are sorted, how many stand before this cell's; -1: not kept */
  int64_t total;             /* values that are sorted */
} Cells;

/* The cells of up to BLOCK values from `from` on; how many. */
CM_SIMD static int64_t find_cells(const Cells *c, int64_t from, int32_t cell[BLOCK]) {
  const int64_t n = c->n - from < BLOCK ? c->n - from : BLOCK;
  const double *v = c->values + from, least = c->least, scale = c->scale;
  for (int64_t k = 0; k < n; k++) {
    const double at = (v[k] - least) * scale;
    cell[k] = (int32_t)(at < CELLS - 1.0 ? at : CELLS - 1.0);
  }
  return n;
}

static void count_cells(Cells *c) {
  int32_t cell[BLOCK];
  memset(c->before, 0, sizeof c->before);
  for (int64_t from = 0; from < c->n; from += BLOCK)
    for (int64_t k = 0, n = find_cells(c, from, cell); k < n; k++) c->before[cell[k] + 1]++;
  for (int i = 0; i < CELLS; i++) c->before[i + 1] += c->before[i];
}

static int cell_of_rank(const Cells *c, int64_t rank) {
  int low = 0, high = CELLS - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (c->before[middle + 1] <= rank)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void choose_cells(Cells *c, const int64_t *rank, int count) {
  for (int i = 0; i < CELLS; i++) c->kept[i] = -1;
  for (int k = 0; k < count; k++) c->kept[cell_of_rank(c, rank[k])] = 0;
  c->total = 0;
  for (int i = 0; i < CELLS; i++) {
    if (c->kept[i] < 0) continue;
    c->kept[i] = c->total;
    c->total += c->before[i + 1] - c->before[i];
  }
}

/* to: one more than the total. */
static void collect(const Cells *c, double *to) {
  int32_t cell[BLOCK];
  int64_t at = 0;
  for (int64_t from = 0; from < c->n; from += BLOCK)
    for (int64_t k = 0, n = find_cells(c, from, cell); k < n; k++) {
      to[at] = c->values[from + k];
      at += c->kept[cell[k]] >= 0;
    }
}

bool cm__values_at_ranks(CmContext *ctx, const double *values, int64_t n, double least, double most,
                         const int64_t *rank, int count, double *to, CmError **err) {
  Cells cells = {.values = values, .n = n, .least = least, .scale = CELLS / (most - least), .total = n};
  const bool cut = n > CELLS / 4 && isfinite(cells.scale) && isfinite((most - least) * cells.scale);
  if (cut) {
    count_cells(&cells);
    choose_cells(&cells, rank, count);
  }
  double *sorted = cm_alloc_array(ctx, (size_t)cells.total + 1, 2 * sizeof(double), err);
  if (!sorted) return false;
  if (cut)
    collect(&cells, sorted);
  else
    memcpy(sorted, values, (size_t)n * sizeof(double));
  cm__sort_reals(sorted, sorted + cells.total + 1, cells.total);
  for (int k = 0; k < count; k++) {
    const int cell = cut ? cell_of_rank(&cells, rank[k]) : 0;
    to[k] = sorted[cut ? cells.kept[cell] + rank[k] - cells.before[cell] : rank[k]];
  }
  cm_free(sorted);
  return true;
}
