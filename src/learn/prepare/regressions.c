/* Each column with gaps from all others by Bayesian ridge regression, in turn, until what is filled stands still. */
#include <math.h>
#include <string.h>

#include "learn/dense.h"
#include "learn/lanes.h"
#include "learn/prepare/impute.h"

#define STILL 1e-3       /* ends where no row's filled values move by more, as a share of the largest value */
#define RIDGE_ROUNDS 300 /* of one regression */
#define RIDGE_STILL 1e-3 /* of the sum of its coefficients' changes */
#define PRIOR 1e-6       /* shape and rate of the priors of both precisions */

/* One regression: the rows that have the target, centred, and their decomposition. */
typedef struct Ridge {
  int64_t rows;
  int columns; /* without the target */
  double *x, *y, *mean, *coefficient;
  double y_mean, rest; /* rest: squares of y that no direction reaches */
  CmSvd svd;
} Ridge;

/* Coefficients at a ratio of the precisions; returns the sum of squares that is left. */
static double solve(Ridge *r, double ratio) {
  double left = r->rest;
  memset(r->coefficient, 0, sizeof *r->coefficient * (size_t)r->columns);
  for (int k = 0; k < r->svd.rank; k++) {
    double s = r->svd.value[k], shrink = ratio / (s * s + ratio), miss = r->svd.left[k] * shrink;
    left += miss * miss;
    if (s > 0)
      cm__lanes_add(r->coefficient, (1 - shrink) / s * r->svd.left[k], r->svd.right + (int64_t)k * r->columns,
                    r->columns);
  }
  return left;
}

/* MacKay's updates of the precisions (Neural Computation 4, 1992), with gamma priors as Tipping (JMLR 1, 2001). */
static void find_ratio(Ridge *r, double variance, double *before) {
  double alpha = 1 / (variance + 0x1p-52), lambda = 1;
  for (int round = 0; round < RIDGE_ROUNDS; round++) {
    double left = solve(r, lambda / alpha), gamma = 0, squares = 0, moved = 0;
    for (int k = 0; k < r->svd.rank; k++) {
      double s2 = r->svd.value[k] * r->svd.value[k];
      gamma += alpha * s2 / (lambda + alpha * s2);
    }
    for (int j = 0; j < r->columns; j++) {
      squares += r->coefficient[j] * r->coefficient[j];
      moved += fabs(r->coefficient[j] - before[j]);
      before[j] = r->coefficient[j];
    }
    lambda = (gamma + 2 * PRIOR) / (squares + 2 * PRIOR);
    alpha = ((double)r->rows - gamma + 2 * PRIOR) / (left + 2 * PRIOR);
    if (round && moved < RIDGE_STILL) break;
  }
  solve(r, lambda / alpha);
}

static bool gather_ridge(CmArena *scratch, const double *x, const bool *missing, int64_t rows, int columns, int target,
                         Ridge *r, CmError **err) {
  *r = (Ridge){.columns = columns - 1};
  r->x = CM__NEW(scratch, double, rows * r->columns, err);
  r->y = CM__NEW(scratch, double, rows, err);
  r->mean = CM__NEW(scratch, double, columns, err);
  r->coefficient = CM__NEW(scratch, double, columns, err);
  if (!r->x || !r->y || !r->mean || !r->coefficient) return false;
  for (int64_t i = 0; i < rows; i++) {
    if (missing[i * columns + target]) continue;
    double *to = r->x + r->rows * r->columns;
    for (int j = 0, k = 0; j < columns; j++)
      if (j != target) to[k++] = x[i * columns + j];
    for (int k = 0; k < r->columns; k++) r->mean[k] += to[k];
    r->y_mean += r->y[r->rows++] = x[i * columns + target];
  }
  r->y_mean /= (double)r->rows;
  for (int k = 0; k < r->columns; k++) r->mean[k] /= (double)r->rows;
  for (int64_t i = 0; i < r->rows; i++) {
    r->y[i] -= r->y_mean;
    for (int k = 0; k < r->columns; k++) r->x[i * r->columns + k] -= r->mean[k];
  }
  return true;
}

/* weight: columns + 1, 0 at the target itself. */
static bool regress(CmContext *ctx, const double *x, const bool *missing, int64_t rows, int columns, int target,
                    double *weight, CmError **err) {
  CmArena scratch = {.ctx = ctx};
  Ridge r;
  bool ok = gather_ridge(&scratch, x, missing, rows, columns, target, &r, err);
  double *before = ok ? CM__NEW(&scratch, double, columns, err) : NULL;
  if (before) {
    double total = cm__lanes_dot(r.y, r.y, r.rows);
    r.rest = total;
    ok = !r.columns || cm__svd(&scratch, r.x, r.rows, r.columns, r.y, 1, &r.svd, err);
    for (int k = 0; ok && k < r.svd.rank; k++) r.rest -= r.svd.left[k] * r.svd.left[k];
    r.rest = fmax(r.rest, 0);
    if (ok) find_ratio(&r, total / (double)r.rows, before);
    weight[columns] = r.y_mean;
    for (int j = 0, k = 0; ok && j < columns; j++) {
      weight[j] = j == target ? 0 : r.coefficient[k];
      if (j != target) weight[columns] -= r.coefficient[k] * r.mean[k], k++;
    }
  }
  cm__arena_free(&scratch);
  return ok && before;
}

/* Columns with gaps, those with the fewest first. */
static bool order_targets(CmArena *hold, const bool *missing, int64_t rows, int columns, CmRegressions *by,
                          CmError **err) {
  int64_t *gaps = CM__NEW(hold, int64_t, columns, err);
  by->target = CM__NEW(hold, int, columns, err);
  if (!gaps || !by->target) return false;
  for (int64_t i = 0; i < rows * columns; i++) gaps[i % columns] += missing[i];
  for (int j = 0; j < columns; j++) {
    if (!gaps[j]) continue;
    int at = by->targets++;
    for (; at > 0 && gaps[j] < gaps[by->target[at - 1]]; at--) by->target[at] = by->target[at - 1];
    by->target[at] = j;
  }
  return true;
}

static double filled_value(const double *weight, const double *row, int columns) {
  return cm__lanes_dot(weight, row, columns) + weight[columns];
}

/* The largest sum of changes of a row. */
static double moved(const double *x, const double *before, int64_t rows, int columns) {
  double most = 0;
  for (int64_t i = 0; i < rows; i++) {
    double sum = 0;
    for (int j = 0; j < columns; j++) sum += fabs(x[i * columns + j] - before[i * columns + j]);
    most = fmax(most, sum);
  }
  return most;
}

static bool run_rounds(CmArena *scratch, double *x, const bool *missing, int64_t rows, int columns, int64_t most_rounds,
                       double still, CmRegressions *by, CmError **err) {
  size_t size = sizeof *x * (size_t)(rows * columns);
  double *before = CM__NEW(scratch, double, rows *columns, err);
  for (; before && by->targets && by->rounds < most_rounds;) {
    memcpy(before, x, size);
    for (int t = 0; t < by->targets; t++) {
      int j = by->target[t];
      double *weight = by->weight + ((int64_t)by->rounds * by->targets + t) * (columns + 1);
      if (cm_context_cancelled(scratch->ctx, err) || !regress(scratch->ctx, x, missing, rows, columns, j, weight, err))
        return false;
      for (int64_t i = 0; i < rows; i++)
        if (missing[i * columns + j]) x[i * columns + j] = filled_value(weight, x + i * columns, columns);
    }
    by->rounds++;
    if (moved(x, before, rows, columns) < still) break;
  }
  return before != NULL;
}

bool cm__regressions_fit(CmArena *hold, int64_t most_rounds, double *x, int64_t rows, int columns, CmRegressions *by,
                         CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  size_t weights;
  bool ok = false;
  double largest = 0;
  *by = (CmRegressions){0};
  bool *missing = CM__NEW(&scratch, bool, rows *columns, err);
  if (!missing) goto done;
  for (int64_t i = 0; i < rows * columns; i++) {
    missing[i] = isnan(x[i]);
    if (missing[i]) x[i] = 0; /* the mean */
    largest = fmax(largest, fabs(x[i]));
  }
  if (!order_targets(hold, missing, rows, columns, by, err) ||
      !cm_size_multiply((size_t)(most_rounds * by->targets), (size_t)columns + 1, &weights, err) ||
      !(by->weight = CM__NEW(hold, double, weights, err)))
    goto done;
  ok = run_rounds(&scratch, x, missing, rows, columns, most_rounds, STILL * largest, by, err);
done:
  cm__arena_free(&scratch);
  return ok;
}

void cm__regressions_row(const CmRegressions *by, int columns, double *row, const bool *missing) {
  for (int j = 0; j < columns; j++)
    if (missing[j]) row[j] = 0;
  for (int step = 0; step < by->rounds * by->targets; step++) {
    int j = by->target[step % by->targets];
    if (missing[j]) row[j] = filled_value(by->weight + (int64_t)step * (columns + 1), row, columns);
  }
}
