#include "learn/regress.h"

#include <math.h>
#include <string.h>

#include "learn/dense.h"
#include "learn/lanes.h"

#define MOST_SPREAD 500 /* features */

static double mean_value(const CmTraining *training) {
  double sum = 0;
  for (int64_t i = 0; i < training->rows; i++) sum += training->value[i];
  return sum / (double)training->rows;
}

/* With the weights known: the mean row has the mean value. */
static CmLinear *finish(CmLinear *linear, double mean, CmError **err) {
  linear->intercept[0] = mean;
  for (int j = 0; j < linear->features; j++) linear->intercept[0] -= linear->weight[j] * linear->mean[j];
  return cm__linear_finite(linear, err) ? linear : NULL;
}

/* The variance of a score, as of a posterior: (X'X + penalty)^-1 by the right directions, each by its length. */
static bool spread_directions(CmArena *hold, const CmSvd *svd, int d, double penalty, double least,
                              CmLinearErrors *errors, CmError **err) {
  errors->spread = CM__NEW(hold, double, (int64_t)d *d, err);
  for (int r = 0; errors->spread && r < svd->rank; r++) {
    double s = svd->value[r], length = sqrt(s * s + penalty);
    if (s <= least) break;
    for (int j = 0; j < d; j++) errors->spread[(int64_t)r * d + j] = svd->right[(int64_t)r * d + j] / length;
    errors->degrees -= s * s / (s * s + penalty);
    errors->rank++;
  }
  return errors->spread != NULL;
}

/* What is left over, and how far scores may err; not told where rows are not more than features, or the file would be
 * large. */
static bool find_errors(CmArena *hold, const CmTraining *training, const CmSvd *svd, double penalty, double least,
                        CmLinear *linear, CmError **err) {
  int d = training->features;
  int64_t n = training->rows;
  if (n - 1 <= d || d > MOST_SPREAD) return true;
  CmLinearErrors *errors = CM__NEW(hold, CmLinearErrors, 1, err);
  if (!errors) return false;
  errors->rows = (double)n;
  errors->degrees = errors->rows - 1;
  if (!spread_directions(hold, svd, d, penalty, least, errors, err)) return false;
  for (int64_t i = 0; i < n; i++) {
    double away = training->value[i] - cm__linear_score(linear, training->x + i * d, 0);
    errors->variance += away * away / errors->degrees;
  }
  if (isfinite(errors->variance)) linear->errors = errors;
  if (penalty > 0 || errors->rank < d) return true; /* shrunk coefficients, and those of copies, have no such error */
  linear->standard_error = CM__NEW(hold, double, d, err);
  for (int j = 0; linear->standard_error && j < d; j++) {
    double square = 0;
    for (int r = 0; r < d; r++) square += errors->spread[(int64_t)r * d + j] * errors->spread[(int64_t)r * d + j];
    linear->standard_error[j] = sqrt(errors->variance * square);
  }
  return linear->standard_error != NULL;
}

CmLinear *cm__least_squares(CmArena *hold, const CmTraining *training, double penalty, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  int d = training->features;
  int64_t n = training->rows;
  CmLinear *linear = cm__linear_create(hold, training, 1, err);
  double *x = linear ? CM__NEW(&scratch, double, n *d, err) : NULL, *y = CM__NEW(&scratch, double, n, err);
  CmSvd svd;
  double mean = mean_value(training);
  bool ok = x && y;
  for (int64_t i = 0; ok && i < n; i++) {
    y[i] = training->value[i] - mean;
    for (int j = 0; j < d; j++) x[i * d + j] = training->x[i * d + j] - linear->mean[j];
  }
  ok = ok && cm__svd(&scratch, x, n, d, y, 1, &svd, err);
  double least = ok && penalty <= 0 ? (double)(n > d ? n : d) * 0x1p-52 * svd.value[0] : 0;
  for (int r = 0; ok && r < svd.rank; r++) {
    double s = svd.value[r];
    if (s <= least) break;
    double share = s / (s * s + penalty) * svd.left[r];
    for (int j = 0; j < d; j++) linear->weight[j] += share * svd.right[(int64_t)r * d + j];
  }
  ok = ok && finish(linear, mean, err) && find_errors(hold, training, &svd, penalty, least, linear, err);
  cm__arena_free(&scratch);
  return ok ? linear : NULL;
}

/* ---- coordinate descent ---------------------------------------------------------------------------------------------
 */

typedef struct Descent {
  int64_t rows;
  int features;
  double *column;   /* centred; features x rows */
  double *square;   /* of each column */
  double *residual; /* y - X w */
  double *w;
  double l1, l2; /* times the rows */
} Descent;

/* One round over the features; the largest change, as a share of the largest weight. */
static double sweep(Descent *d) {
  double change = 0, largest = 0;
  for (int j = 0; j < d->features; j++) {
    if (d->square[j] == 0) continue;
    const double *column = d->column + j * d->rows;
    double before = d->w[j], pull = cm__lanes_dot(column, d->residual, d->rows) + before * d->square[j];
    double now = copysign(fmax(fabs(pull) - d->l1, 0), pull) / (d->square[j] + d->l2);
    d->w[j] = now;
    if (now != before) cm__lanes_add(d->residual, before - now, column, d->rows);
    change = fmax(change, fabs(now - before));
    largest = fmax(largest, fabs(now));
  }
  return largest > 0 ? change / largest : 0;
}

/* Primal minus dual value, by the residual scaled into the dual's bounds. */
static double gap(const Descent *d) {
  double most = 0, rr = cm__lanes_dot(d->residual, d->residual, d->rows), ww = cm__lanes_dot(d->w, d->w, d->features),
         w1 = 0, ry = 0;
  for (int j = 0; j < d->features; j++) {
    double xr = cm__lanes_dot(d->column + j * d->rows, d->residual, d->rows);
    most = fmax(most, fabs(xr - d->l2 * d->w[j]));
    w1 += fabs(d->w[j]);
    ry += d->w[j] * xr;
  }
  ry += rr; /* r'y = r'(Xw + r) */
  double scale = most > d->l1 ? d->l1 / most : 1;
  return 0.5 * (rr + d->l2 * ww) * (1 + scale * scale) + d->l1 * w1 - scale * ry;
}

static bool make_descent(CmArena *scratch, const CmTraining *training, const CmLinear *linear, const CmDescent *options,
                         double mean, Descent *d, CmError **err) {
  *d = (Descent){.rows = training->rows, .features = training->features, .w = linear->weight};
  d->column = CM__NEW(scratch, double, d->rows * d->features, err);
  d->square = CM__NEW(scratch, double, d->features, err);
  d->residual = CM__NEW(scratch, double, d->rows, err);
  if (!d->column || !d->square || !d->residual) return false;
  d->l1 = options->alpha * options->l1_ratio * (double)d->rows;
  d->l2 = options->alpha * (1 - options->l1_ratio) * (double)d->rows;
  for (int64_t i = 0; i < d->rows; i++) {
    d->residual[i] = training->value[i] - mean;
    for (int j = 0; j < d->features; j++)
      d->column[j * d->rows + i] = training->x[i * d->features + j] - linear->mean[j];
  }
  for (int j = 0; j < d->features; j++)
    d->square[j] = cm__lanes_dot(d->column + j * d->rows, d->column + j * d->rows, d->rows);
  return true;
}

CmLinear *cm__descend(CmArena *hold, const CmTraining *training, const CmDescent *options, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  CmLinear *linear = cm__linear_create(hold, training, 1, err);
  double mean = mean_value(training);
  Descent descent;
  bool ok = linear && make_descent(&scratch, training, linear, options, mean, &descent, err), done = false;
  double total = ok ? cm__lanes_dot(descent.residual, descent.residual, descent.rows) : 0;
  for (int64_t round = 0; ok && !done && round < options->rounds; round++) {
    ok = !cm_context_cancelled(hold->ctx, err);
    if (ok && sweep(&descent) <= options->tolerance) done = gap(&descent) <= options->tolerance * total;
  }
  if (ok && !done)
    cm_error_set(err, CM_ERR_DATA, "the descent did not end in %lld rounds; use more rounds, or a larger tolerance",
                 (long long)options->rounds);
  cm__arena_free(&scratch);
  return ok && done ? finish(linear, mean, err) : NULL;
}
