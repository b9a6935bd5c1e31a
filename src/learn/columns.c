#include "learn/columns.h"

#include <math.h>
#include <string.h>

#include "core/arena.h"
#include "core/simd.h"
#include "cormack/parallel.h"

void cm__take_columns(const double *x, int64_t rows, int features, int first, int count, double *to) {
  if (count == CM__PANEL) {
    for (int64_t i = 0; i < rows; i++)
      for (int k = 0; k < CM__PANEL; k++) to[k * rows + i] = x[i * features + first + k];
    return;
  }
  for (int64_t i = 0; i < rows; i++)
    for (int k = 0; k < count; k++) to[k * rows + i] = x[i * features + first + k];
}

/* ---- moments --------------------------------------------------------------------------------------------------------
 */

enum { ROWS_A_BLOCK = 256 }; /* stay in the second cache for both readings of a block */

typedef struct Moments {
  const double *x;
  int count;
  double *partial; /* of each block: means, then sums of squares about them */
} Moments;

CM_SIMD static void measure(const double *x, int64_t rows, int count, double *mean, double *square) {
  memset(mean, 0, sizeof *mean * (size_t)count);
  memset(square, 0, sizeof *square * (size_t)count);
  for (int64_t i = 0; i < rows; i++)
    for (int j = 0; j < count; j++) mean[j] += x[i * count + j];
  for (int j = 0; j < count; j++) mean[j] /= (double)rows;
  for (int64_t i = 0; i < rows; i++)
    for (int j = 0; j < count; j++) square[j] += (x[i * count + j] - mean[j]) * (x[i * count + j] - mean[j]);
}

static bool measure_block(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Moments *m = arg;
  double *mean = m->partial + range.chunk * 2 * m->count;
  measure(m->x + range.begin * m->count, range.end - range.begin, m->count, mean, mean + m->count);
  return true;
}

/* Adds a block of `more` rows to what `rows` rows gave (Chan, Golub, LeVeque 1979). */
static void join(const double *block, double more, double rows, int count, double *mean, double *square) {
  for (int j = 0; j < count; j++) {
    double apart = block[j] - mean[j];
    mean[j] += apart * (more / (rows + more));
    square[j] += block[count + j] + apart * apart * (rows * more / (rows + more));
  }
}

bool cm__moments(CmContext *ctx, const double *x, int64_t rows, int count, double *mean, double *deviation,
                 CmError **err) {
  CmArena scratch = {.ctx = ctx};
  int64_t blocks = cm_chunk_count(rows, ROWS_A_BLOCK);
  Moments m = {x, count, CM__NEW_RAW(&scratch, double, blocks * 2 * count, err)};
  bool ok = m.partial && cm_parallel_for(ctx, NULL, rows, ROWS_A_BLOCK, measure_block, &m, err);
  memset(mean, 0, sizeof *mean * (size_t)count);
  memset(deviation, 0, sizeof *deviation * (size_t)count);
  for (int64_t b = 0; ok && b < blocks; b++) {
    int64_t first = b * ROWS_A_BLOCK, size = rows - first < ROWS_A_BLOCK ? rows - first : ROWS_A_BLOCK;
    join(m.partial + b * 2 * count, (double)size, (double)first, count, mean, deviation);
  }
  for (int j = 0; j < count; j++) deviation[j] = sqrt(deviation[j] / (double)rows);
  cm__arena_free(&scratch);
  return ok;
}
