/* Counts of what occurs in a window, and the emphases of them. */
#include <math.h>
#include <string.h>

#include "ops/radiomics/voxel.h"

bool cm__tally_open(CmContext *ctx, int64_t keys, int64_t most, CmTally *tally, CmError **err) {
  tally->keys = 0;
  tally->at = cm_calloc(ctx, (size_t)keys, sizeof(*tally->at), err);
  tally->key = tally->at ? cm_alloc_array(ctx, (size_t)(most < keys ? most : keys), sizeof(*tally->key), err) : NULL;
  return tally->key != NULL;
}

void cm__tally_clear(CmTally *tally) {
  for (int k = 0; k < tally->keys; k++) tally->at[tally->key[k]][0] = 0;
  tally->keys = 0;
}

void cm__tally_close(CmTally *tally) {
  cm_free(tally->at);
  cm_free(tally->key);
}

bool cm__cells_open(CmContext *ctx, int64_t most, int bits, int64_t keys, CmCells *cells, CmError **err) {
  *cells = (CmCells){.bits = bits};
  cells->cell = cm_alloc_array(ctx, (size_t)most, sizeof(*cells->cell), err);
  if (cells->cell && keys > 0) cells->sum = cm_calloc(ctx, (size_t)keys, sizeof(*cells->sum), err);
  return cells->cell && (keys == 0 || cells->sum);
}

void cm__cells_close(CmCells *cells) {
  cm_free(cells->cell);
  cm_free(cells->sum);
}

static CmCell cell_of(const CmCells *cells, uint32_t key, double count) {
  return (CmCell){(uint16_t)(key >> cells->bits), (uint16_t)(key & ((1u << cells->bits) - 1)), count};
}

void cm__cells_take(CmCells *cells, const CmTally *tally) {
  cells->count = tally->keys;
  for (int k = 0; k < tally->keys; k++)
    cells->cell[k] = cell_of(cells, tally->key[k], (double)tally->at[tally->key[k]][0]);
}

void cm__cells_add(CmCells *cells, const CmTally *tally, double weight) {
  if (!(weight > 0.0)) return;
  for (int k = 0; k < tally->keys; k++) {
    const uint32_t key = tally->key[k];
    if (cells->sum[key] == 0.0) cells->cell[cells->count++] = cell_of(cells, key, 0.0);
    cells->sum[key] += weight * (double)tally->at[key][0];
  }
}

void cm__cells_finish(CmCells *cells) {
  for (int k = 0; k < cells->count; k++) {
    double *sum = &cells->sum[(uint32_t)cells->cell[k].row << cells->bits | cells->cell[k].column];
    cells->cell[k].count = *sum;
    *sum = 0.0;
  }
}

/* ---- emphases ---- */

bool cm__sums_open(const CmWindow *window, CmSums *sums, CmError **err) {
  const CmVoxelField *field = window->field;
  sums->level = cm_calloc(field->ctx, (size_t)(field->slots + field->voxels), sizeof(double), err);
  sums->size = sums->level ? sums->level + field->slots : NULL;
  return sums->level != NULL;
}

void cm__sums_close(CmSums *sums) {
  cm_free(sums->level);
}

/* Adds to one of several sums; by how much its square grows. */
static double grow(double *sum, double more) {
  const double growth = more * (2.0 * *sum + more);
  *sum += more;
  return growth;
}

static void spread(const CmWindow *window, const CmCells *cells, double total, double level_mean, double size_mean,
                   double *out) {
  double levels = 0.0, sizes = 0.0;
  for (int k = 0; k < cells->count; k++) {
    const CmCell *cell = &cells->cell[k];
    const double i = window->value[cell->row] - level_mean, j = cell->column + 1.0 - size_mean;
    levels += cell->count * i * i;
    sizes += cell->count * j * j;
  }
  out[CM__LEVEL_VARIANCE] = levels / total;
  out[CM__SIZE_VARIANCE] = sizes / total;
}

void cm__cell_emphases(const CmWindow *window, const CmCells *cells, const CmSums *sums, double voxels,
                       double out[CM__EMPHASES]) {
  const double *inverse_square = window->field->inverse_square, *bits = window->field->bits;
  double total = 0.0, levels = 0.0, sizes = 0.0, logs = 0.0, squares = 0.0;
  memset(out, 0, CM__EMPHASES * sizeof(double));
  for (int k = 0; k < cells->count; k++) {
    const CmCell *cell = &cells->cell[k];
    const double c = cell->count, i = window->value[cell->row], j = cell->column + 1.0, cj = c * j * j;
    const double ii = i * i, low = 1.0 / ii, cs = c * inverse_square[cell->column + 1];
    total += c;
    levels += c * i;
    sizes += c * j;
    squares += c * c;
    logs += c * (cells->sum ? log2(c) : bits[(int)c]);
    out[CM__SHORT] += cs;
    out[CM__LONG] += cj;
    out[CM__LOW_LEVEL] += c * low;
    out[CM__HIGH_LEVEL] += c * ii;
    out[CM__SHORT_LOW] += cs * low;
    out[CM__SHORT_HIGH] += cs * ii;
    out[CM__LONG_LOW] += cj * low;
    out[CM__LONG_HIGH] += cj * ii;
    out[CM__LEVEL_NON_UNIFORMITY] += grow(&sums->level[cell->row], c);
    out[CM__SIZE_NON_UNIFORMITY] += grow(&sums->size[cell->column], c);
  }
  for (int k = 0; k < cells->count; k++) sums->level[cells->cell[k].row] = sums->size[cells->cell[k].column] = 0.0;
  for (int k = CM__SHORT; k <= CM__LONG_HIGH; k++) out[k] /= total;
  out[CM__LEVEL_NON_UNIFORMITY] /= total;
  out[CM__SIZE_NON_UNIFORMITY] /= total;
  out[CM__LEVEL_NON_UNIFORMITY_NORMALISED] = out[CM__LEVEL_NON_UNIFORMITY] / total;
  out[CM__SIZE_NON_UNIFORMITY_NORMALISED] = out[CM__SIZE_NON_UNIFORMITY] / total;
  out[CM__PERCENTAGE] = total / (voxels > 0.0 ? voxels : sizes);
  out[CM__ENTROPY] = cells->count > 1 ? log2(total) - logs / total : 0.0;
  out[CM__ENERGY] = squares / (total * total);
  spread(window, cells, total, levels / total, sizes / total, out);
}
