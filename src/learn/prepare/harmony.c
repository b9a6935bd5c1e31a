#include "learn/prepare/harmony.h"

#include <math.h>
#include <string.h>

#include "learn/dense.h"

#define STILL 1e-12 /* ends where shift and spread change by a smaller share */
#define ROUNDS 10000
#define EXPLAINED 1e-24 /* share of the variance below which nothing is left */

static int level_of(const CmHarmony *h, const CmFit *fit, int64_t row) {
  return (int)fit->training->x[row * fit->features + h->batch];
}

/* Means of a column in each level, and the mean over all rows of what is left of it. */
static void level_means(const CmHarmony *h, const CmFit *fit, const double *value, double *mean) {
  memset(mean, 0, sizeof *mean * (size_t)h->levels);
  for (int64_t i = 0; i < fit->rows; i++) mean[level_of(h, fit, i)] += value[i];
  for (int b = 0; b < h->levels; b++)
    if (h->rows[b]) mean[b] /= h->rows[b];
}

static bool count_levels(CmHarmony *h, const CmFit *fit, CmError **err) {
  int seen = 0;
  for (int64_t i = 0; i < fit->rows; i++) h->rows[level_of(h, fit, i)]++;
  for (int b = 0; b < h->levels; b++) {
    seen += h->rows[b] > 0;
    if (h->rows[b] != 1) continue;
    cm_error_set(err, CM_ERR_DATA,
                 "batch: \"%s\" has one training row only, and its spread cannot be told; join it with another, or use "
                 "fewer folds",
                 h->level[b]);
    return false;
  }
  if (seen > 1) return true;
  cm_error_set(err, CM_ERR_DATA, "batch: all training rows are of one batch; there is nothing to harmonise");
  return false;
}

/* ---- covariates: a line through each within the batches
 * --------------------------------------------------------------
 */

typedef struct Lines {
  int count;
  double *value;  /* count x rows: within the batches, by its deviation there */
  double *mean;   /* levels x count */
  double *spread; /* count: that deviation */
  double *factor; /* Cholesky of the scalar products */
} Lines;

static bool make_lines(CmArena *scratch, const CmHarmony *h, const CmFit *fit, Lines *lines, CmError **err) {
  int c = lines->count = h->covariates;
  lines->value = CM__NEW(scratch, double, c * fit->rows, err);
  lines->mean = CM__NEW(scratch, double, (int64_t)c * h->levels, err);
  lines->spread = CM__NEW(scratch, double, c, err);
  lines->factor = CM__NEW(scratch, double, (int64_t)c *c, err);
  if (!lines->value || !lines->mean || !lines->spread || !lines->factor) return false;
  bool good = true;
  for (int a = 0; a < c; a++) {
    const CmColumnFit *column = &fit->column[h->covariate[a]];
    double *value = lines->value + a * fit->rows, *mean = lines->mean + (int64_t)a * h->levels, square = 0;
    level_means(h, fit, column->value, mean);
    for (int64_t i = 0; i < fit->rows; i++) {
      value[i] = column->value[i] - mean[level_of(h, fit, i)];
      square += value[i] * value[i];
    }
    lines->spread[a] = sqrt(square / (double)fit->rows);
    good = good && lines->spread[a] > 1e-12 * column->deviation;
    for (int64_t i = 0; good && i < fit->rows; i++) value[i] /= lines->spread[a];
    for (int b = 0; b <= a; b++)
      for (int64_t i = 0; i < fit->rows; i++)
        lines->factor[a * c + b] += value[i] * lines->value[b * fit->rows + i] / (double)fit->rows;
    lines->factor[a * c + a] *= 1 + 1e-15;
  }
  good = good && cm__cholesky(lines->factor, c);
  for (int a = 0; good && a < c; a++) good = lines->factor[a * c + a] > 1e-6;
  if (!good)
    cm_error_set(err, CM_ERR_DATA, "covariates: one of them follows from the batch or from the others; leave it out");
  return good;
}

/* Mean, slopes and deviation of a column; what is left of it goes to `rest`. false: nothing is left. */
static bool standardise(const CmHarmony *h, const CmFit *fit, const Lines *lines, int k, double *level, double *rest) {
  const CmColumnFit *column = &fit->column[h->column[k]];
  double *slope = h->slope + (int64_t)k * h->covariates, left = 0, n = (double)fit->rows;
  level_means(h, fit, column->value, level);
  for (int a = 0; a < lines->count; a++) {
    slope[a] = 0;
    for (int64_t i = 0; i < fit->rows; i++)
      slope[a] += lines->value[a * fit->rows + i] * (column->value[i] - level[level_of(h, fit, i)]) / n;
  }
  if (lines->count) cm__cholesky_solve(lines->factor, lines->count, slope);
  h->mean[k] = 0;
  for (int a = 0; a < lines->count; a++) {
    slope[a] /= lines->spread[a];
    for (int b = 0; b < h->levels; b++) level[b] -= slope[a] * lines->mean[(int64_t)a * h->levels + b];
  }
  for (int b = 0; b < h->levels; b++) h->mean[k] += h->rows[b] ? level[b] * h->rows[b] / n : 0;
  for (int64_t i = 0; i < fit->rows; i++) {
    double fixed = 0;
    for (int a = 0; a < lines->count; a++) fixed += slope[a] * fit->column[h->covariate[a]].value[i];
    double own = column->value[i] - fixed - level[level_of(h, fit, i)];
    rest[i] = column->value[i] - fixed - h->mean[k];
    left += own * own / n;
  }
  h->deviation[k] = sqrt(left);
  for (int64_t i = 0; i < fit->rows; i++) rest[i] /= h->deviation[k];
  return left > EXPLAINED * column->deviation * column->deviation;
}

/* ---- empirical Bayes
 * ---------------------------------------------------------------------------------------------------
 */

static void moments(const double *value, int count, double *mean, double *variance) {
  *mean = *variance = 0;
  for (int k = 0; k < count; k++) *mean += value[k] / count;
  for (int k = 0; k < count; k++) *variance += (value[k] - *mean) * (value[k] - *mean) / (count - 1);
}

/* Johnson et al. 2007, section 3.2: the two conditional modes in turn. rest: rows of the level, `n` of them. */
static void shrink(double n, double sum, double square, double prior_mean, double prior_variance, double a, double b,
                   double *shift, double *spread) {
  double mean = *shift;
  for (int round = 0; round < ROUNDS; round++) {
    double was_shift = *shift, was_spread = *spread;
    *shift = (prior_variance * n * mean + *spread * prior_mean) / (prior_variance * n + *spread);
    double squares = square - 2 * *shift * sum + n * *shift * *shift;
    *spread = (0.5 * squares + b) / (n / 2 + a - 1);
    if (fabs(*shift - was_shift) <= STILL * fabs(was_shift) && fabs(*spread - was_spread) <= STILL * was_spread) return;
  }
}

/* Shift and variance of each column in a level, drawn towards those of all columns. */
static void fit_level(const CmHarmony *h, const CmFit *fit, const double *rest, int b, double *sum, double *square) {
  int columns = h->columns;
  double n = h->rows[b], *shift = h->shift + (int64_t)b * columns, *spread = h->spread + (int64_t)b * columns;
  for (int k = 0; k < columns; k++) {
    const double *value = rest + k * fit->rows;
    sum[k] = square[k] = spread[k] = 0;
    for (int64_t i = 0; i < fit->rows; i++) sum[k] += level_of(h, fit, i) == b ? value[i] : 0;
    shift[k] = sum[k] / n;
    for (int64_t i = 0; i < fit->rows; i++) {
      if (level_of(h, fit, i) != b) continue;
      square[k] += value[i] * value[i];
      spread[k] += (value[i] - shift[k]) * (value[i] - shift[k]) / (n - 1);
    }
    if (!(spread[k] > 0)) spread[k] = 1; /* constant in this batch: its spread stays */
  }
  double shift_mean, shift_variance, spread_mean, spread_variance;
  moments(shift, columns, &shift_mean, &shift_variance);
  moments(spread, columns, &spread_mean, &spread_variance);
  for (int k = 0; k < columns; k++) {
    double v = spread_variance, m = spread_mean;
    if (v > 0)
      shrink(n, sum[k], square[k], shift_mean, shift_variance, (2 * v + m * m) / v, (m * v + m * m * m) / v, &shift[k],
             &spread[k]);
    spread[k] = sqrt(spread[k]);
  }
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------------
 */

static bool make_room(CmArena *hold, CmHarmony *h, const CmFit *fit, const CmLearnData *data, const bool *covariate,
                      CmError **err) {
  *h = (CmHarmony){.batch = data->batch, .levels = data->levels};
  h->level = CM__NEW(hold, const char *, h->levels, err);
  h->rows = CM__NEW(hold, int, h->levels, err);
  h->covariate = CM__NEW(hold, int, fit->features, err);
  h->column = CM__NEW(hold, int, fit->features, err);
  if (!h->level || !h->rows || !h->covariate || !h->column) return false;
  for (int b = 0; b < h->levels; b++)
    if (!(h->level[b] = cm__arena_strdup(hold, data->level[b], err))) return false;
  for (int j = 0; j < fit->features; j++) {
    if (fit->column[j].gone) continue;
    if (covariate[j])
      h->covariate[h->covariates++] = j;
    else
      h->column[h->columns++] = j;
  }
  if (h->columns < 2) {
    cm_error_set(err, CM_ERR_DATA,
                 "batch: ComBat learns from several features together, and there are fewer than two; leave it out");
    return false;
  }
  h->mean = CM__NEW(hold, double, h->columns, err);
  h->deviation = CM__NEW(hold, double, h->columns, err);
  h->slope = CM__NEW(hold, double, (int64_t)h->columns * h->covariates, err);
  h->shift = CM__NEW(hold, double, (int64_t)h->columns * h->levels, err);
  h->spread = CM__NEW(hold, double, (int64_t)h->columns * h->levels, err);
  return h->mean && h->deviation && h->slope && h->shift && h->spread;
}

/* Columns of which nothing is left but the batch. */
static bool drop_explained(CmHarmony *h, CmFit *fit, const Lines *lines, double *level, double *rest, CmError **err) {
  int kept = 0;
  for (int k = 0; k < h->columns; k++) {
    h->column[kept] = h->column[k];
    if (standardise(h, fit, lines, kept, level, rest + kept * fit->rows))
      kept++;
    else
      fit->column[h->column[k]].gone = "constant in each batch";
  }
  h->columns = kept;
  if (kept > 1) return true;
  cm_error_set(err, CM_ERR_DATA,
               "batch: fewer than two features vary within the batches; there is nothing to harmonise");
  return false;
}

CmHarmony *cm__harmony_fit(CmArena *hold, CmFit *fit, const CmLearnData *data, const bool *covariate, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  CmHarmony *h = CM__NEW(hold, CmHarmony, 1, err);
  Lines lines = {0};
  bool ok = false;
  if (!h || !make_room(hold, h, fit, data, covariate, err) || !count_levels(h, fit, err)) goto done;
  double *rest = CM__NEW(&scratch, double, h->columns * fit->rows, err),
         *level = CM__NEW(&scratch, double, h->levels, err);
  double *sum = CM__NEW(&scratch, double, h->columns, err), *square = CM__NEW(&scratch, double, h->columns, err);
  if (!rest || !level || !sum || !square || !make_lines(&scratch, h, fit, &lines, err) ||
      !drop_explained(h, fit, &lines, level, rest, err))
    goto done;
  for (int b = 0; b < h->levels; b++)
    if (h->rows[b]) fit_level(h, fit, rest, b, sum, square);
  double *row = CM__NEW(&scratch, double, fit->features, err);
  if (!row) goto done;
  for (int64_t i = 0; i < fit->rows; i++) { /* the places are features as yet */
    for (int j = 0; j < fit->features; j++) row[j] = fit->column[j].value[i];
    cm__harmony_row(h, level_of(h, fit, i), row);
    for (int k = 0; k < h->columns; k++) fit->column[h->column[k]].value[i] = row[h->column[k]];
  }
  for (int k = 0; k < h->columns; k++) cm__column_moments(fit, &fit->column[h->column[k]]);
  ok = true;
done:
  cm__arena_free(&scratch);
  return ok ? h : NULL;
}

void cm__harmony_row(const CmHarmony *h, int level, double *row) {
  const double *shift = h->shift + (int64_t)level * h->columns, *spread = h->spread + (int64_t)level * h->columns;
  for (int k = 0; k < h->columns; k++) {
    double fixed = h->mean[k], *value = &row[h->column[k]];
    for (int a = 0; a < h->covariates; a++) fixed += h->slope[(int64_t)k * h->covariates + a] * row[h->covariate[a]];
    *value = ((*value - fixed) / h->deviation[k] - shift[k]) / spread[k] * h->deviation[k] + fixed;
  }
}

/* Drops the columns without a place from each row. */
static void squeeze(double *value, int rows, const CmHarmony *h, const int *place) {
  int64_t to = 0;
  for (int b = 0; b < rows; b++)
    for (int k = 0; k < h->columns; k++)
      if (place[h->column[k]] >= 0) value[to++] = value[(int64_t)b * h->columns + k];
}

void cm__harmony_place(CmHarmony *h, const int *place) {
  int kept = 0;
  squeeze(h->mean, 1, h, place);
  squeeze(h->deviation, 1, h, place);
  squeeze(h->shift, h->levels, h, place);
  squeeze(h->spread, h->levels, h, place);
  for (int k = 0; k < h->columns; k++) {
    if (place[h->column[k]] < 0) continue;
    memmove(h->slope + (int64_t)kept * h->covariates, h->slope + (int64_t)k * h->covariates,
            sizeof *h->slope * (size_t)h->covariates);
    h->column[kept++] = place[h->column[k]];
  }
  for (int a = 0; a < h->covariates; a++) h->covariate[a] = place[h->covariate[a]];
  h->columns = kept;
}
