#include "learn/numbers.h"

#include <math.h>
#include <string.h>

#include "core/distribution.h"
#include "learn/bootstrap.h"
#include "learn/kind.h"
#include "learn/quantile.h"
#include "learn/survival.h"

enum { MOST_METRICS = 8 };

/* ---- regression ----------------------------------------------------------------------------------------------------
 */

enum { MAE, RMSE, R2, CORRELATION, INTERCEPT, SLOPE, REGRESSION_METRICS };
static const char *const regression_names[] = {
    "mae", "rmse", "r2", "correlation", "calibration_intercept", "calibration_slope"};

/* Of predictions p of values y, both less the mean value, against cancellation. */
typedef struct Sums {
  double rows, absolute, square, y, yy, p, pp, yp;
} Sums;

static void add_row(double y, double p, Sums *sums) {
  double error = y - p;
  sums->rows += 1;
  sums->absolute += fabs(error);
  sums->square += error * error;
  sums->y += y;
  sums->yy += y * y;
  sums->p += p;
  sums->pp += p * p;
  sums->yp += y * p;
}

static void add_sums(const Sums *from, double weight, Sums *to) {
  to->rows += weight * from->rows;
  to->absolute += weight * from->absolute;
  to->square += weight * from->square;
  to->y += weight * from->y;
  to->yy += weight * from->yy;
  to->p += weight * from->p;
  to->pp += weight * from->pp;
  to->yp += weight * from->yp;
}

static void regression_of(const Sums *s, double to[REGRESSION_METRICS]) {
  double n = s->rows, yy = s->yy - s->y * s->y / n, pp = s->pp - s->p * s->p / n, yp = s->yp - s->y * s->p / n;
  to[MAE] = s->absolute / n;
  to[RMSE] = sqrt(s->square / n);
  to[R2] = yy > 0 ? 1 - s->square / yy : (double)NAN;
  to[CORRELATION] = yy > 0 && pp > 0 ? yp / sqrt(yy * pp) : (double)NAN;
  to[INTERCEPT] = (s->y - s->p) / n;
  to[SLOPE] = pp > 0 ? yp / pp : (double)NAN;
}

/* ---- one set of predictions, weighed by subject --------------------------------------------------------------------
 */

/* Metrics are means over repeats; scratch: rows numbers. */
typedef struct Weighed {
  CmContext *ctx;
  const CmScores *scores;
  int metrics;
  const char *const *names;
  CmWeigh *weigh;
  Sums *sums;             /* regression: repeats x subjects */
  CmSurvival survival;    /* survival: */
  CmSurvivalOrder *order; /* repeats */
  double horizon[3];
  int64_t resamples;
} Weighed;

static void weigh_regression(const void *arg, const double *times, double *room, double *to) {
  const Weighed *w = arg;
  const CmScores *s = w->scores;
  (void)room;
  memset(to, 0, sizeof *to * (size_t)w->metrics);
  for (int r = 0; r < s->repeats; r++) {
    Sums all = {0};
    double one[REGRESSION_METRICS];
    for (int64_t k = 0; k < s->subjects; k++) add_sums(&w->sums[r * s->subjects + k], times ? times[k] : 1, &all);
    regression_of(&all, one);
    for (int m = 0; m < w->metrics; m++) to[m] += one[m] / s->repeats;
  }
}

static bool make_regression(CmArena *hold, const CmLearnData *data, Weighed *w, CmError **err) {
  const CmScores *s = w->scores;
  double mean = 0;
  w->sums = CM__NEW(hold, Sums, s->repeats * s->subjects, err);
  w->metrics = REGRESSION_METRICS;
  w->names = regression_names;
  w->weigh = weigh_regression;
  if (!w->sums) return false;
  for (int64_t i = 0; i < s->rows; i++) mean += data->value[s->row[i]] / (double)s->rows;
  for (int r = 0; r < s->repeats; r++)
    for (int64_t i = 0; i < s->rows; i++)
      add_row(data->value[s->row[i]] - mean, s->p[r * s->rows + i] - mean, &w->sums[r * s->subjects + s->subject[i]]);
  return true;
}

/* ---- survival ------------------------------------------------------------------------------------------------------
 */

static const char *const survival_names[] = {"auc_q25", "auc_q50", "auc_q75"};

bool cm__survival_rows(CmArena *hold, const CmLearnData *data, const CmScores *s, CmSurvival *to, CmError **err) {
  double *time = CM__NEW(hold, double, s->rows, err);
  uint8_t *event = CM__NEW(hold, uint8_t, s->rows, err);
  if (!time || !event) return false;
  for (int64_t i = 0; i < s->rows; i++) {
    time[i] = data->value[s->row[i]];
    event[i] = data->event[s->row[i]];
  }
  *to = (CmSurvival){s->rows, s->subjects, time, event, s->subject};
  return true;
}

bool cm__survival_horizons(CmContext *ctx, const CmLearnData *data, double horizon[3], CmError **err) {
  CmArena hold = {.ctx = ctx};
  double *time = CM__NEW(&hold, double, data->rows, err);
  int64_t n = 0;
  for (int64_t i = 0; time && i < data->rows; i++)
    if (data->event[i]) time[n++] = data->value[i];
  if (time) cm__sort_numbers(time, n);
  for (int q = 0; q < 3; q++) horizon[q] = time && n ? cm__quantile(time, n, 0.25 * (q + 1)) : (double)NAN;
  cm__arena_free(&hold);
  return time != NULL;
}

static const double *risks(const CmScores *s, int repeat) {
  return s->p + repeat * s->rows * s->classes + CM__SURVIVAL_RISK;
}

static void weigh_survival(const void *arg, const double *times, double *room, double *to) {
  const Weighed *w = arg;
  const CmScores *s = w->scores;
  for (int m = 0; m < w->metrics; m++) {
    to[m] = 0;
    for (int r = 0; r < s->repeats; r++)
      to[m] += cm__auc_at(&w->survival, &w->order[r], risks(s, r), s->classes, w->horizon[m], times, room) / s->repeats;
  }
}

static bool make_survival(CmArena *hold, const CmLearnData *data, Weighed *w, CmError **err) {
  const CmScores *s = w->scores;
  w->metrics = CM_COUNT(survival_names);
  w->names = survival_names;
  w->weigh = weigh_survival;
  w->order = CM__NEW(hold, CmSurvivalOrder, s->repeats, err);
  if (!w->order || !cm__survival_rows(hold, data, s, &w->survival, err) ||
      !cm__survival_horizons(hold->ctx, data, w->horizon, err))
    return false;
  for (int r = 0; r < s->repeats; r++)
    if (!cm__survival_order(hold, &w->survival, risks(s, r), s->classes, &w->order[r], err)) return false;
  return true;
}

/* The mean C-index over the repeats, its interval by the subjects' influence. */
static bool add_concordance(const Weighed *w, double confidence, CmMetricList *list, CmError **err) {
  const CmScores *s = w->scores;
  CmArena hold = {.ctx = w->ctx};
  CmMetric *metric = &list->metric[list->count++];
  double sum = 0, square = 0, n = (double)s->subjects;
  double *influence = CM__NEW(&hold, double, s->subjects, err);
  bool ok = influence != NULL;
  for (int r = 0; ok && r < s->repeats; r++) {
    double one;
    ok = cm__concordance(w->ctx, &w->survival, risks(s, r), s->classes, 1.0 / s->repeats, &one, influence, err);
    sum += one / s->repeats;
  }
  *metric = (CmMetric){CM__CLASS_ALL, "c_index", "", sum, NAN, NAN};
  for (int64_t k = 0; ok && k < s->subjects; k++) square += influence[k] * influence[k];
  if (ok && w->resamples && n > 1 && square > 0) {
    double reach = cm__normal_z(confidence) * sqrt(square * n / (n - 1));
    metric->low = fmax(0, sum - reach);
    metric->high = fmin(1, sum + reach);
    metric->interval = "jackknife";
  }
  cm__arena_free(&hold);
  return ok;
}

/* ---- all -----------------------------------------------------------------------------------------------------------
 */

bool cm__number_metrics(CmArena *hold, const CmLearnData *data, const CmScores *scores, double confidence,
                        int64_t resamples, uint64_t seed, CmMetricList *list, CmError **err) {
  CmArena own = {.ctx = hold->ctx};
  Weighed w = {.ctx = hold->ctx, .scores = scores, .resamples = resamples};
  double point[MOST_METRICS], *drawn;
  bool survival = data->task == CM_TASK_SURVIVAL, ok = false;
  *list = (CmMetricList){.metric = CM__NEW(hold, CmMetric, MOST_METRICS, err)};
  if (!list->metric) goto done;
  if (!(survival ? make_survival : make_regression)(&own, data, &w, err)) goto done;
  if (survival && !add_concordance(&w, confidence, list, err)) goto done;
  const CmBootstrap drawing = {w.weigh, &w, scores->subjects, scores->rows, w.metrics, resamples, seed};
  if (!cm__bootstrap(&own, &drawing, point, &drawn, err)) goto done;
  for (int m = 0; m < w.metrics; m++) {
    CmMetric *metric = &list->metric[list->count++];
    *metric = (CmMetric){CM__CLASS_ALL, w.names[m], "", point[m], NAN, NAN};
    if (cm__percentiles(drawn + m * resamples, resamples, confidence, &metric->low, &metric->high))
      metric->interval = "bootstrap";
  }
  ok = true;
done:
  cm__arena_free(&own);
  return ok;
}

static bool worth_of(CmArena *hold, const CmLearnData *data, const CmScores *s, double *worth, CmError **err) {
  Weighed w = {.ctx = hold->ctx, .scores = s};
  if (data->task == CM_TASK_SURVIVAL)
    return cm__survival_rows(hold, data, s, &w.survival, err) &&
           cm__concordance(hold->ctx, &w.survival, risks(s, 0), s->classes, 1, worth, NULL, err);
  double found[REGRESSION_METRICS];
  if (!make_regression(hold, data, &w, err)) return false;
  weigh_regression(&w, NULL, NULL, found);
  *worth = found[R2];
  return true;
}

bool cm__worth(CmContext *ctx, const CmLearnData *data, const int64_t *row, int64_t rows, const double *numbers,
               double *worth, CmError **err) {
  CmArena hold = {.ctx = ctx}; /* permutation importance comes here for each feature again */
  int width = cm__width(data->task, data->classes);
  int *y = CM__NEW(&hold, int, rows, err);
  int64_t *subject = CM__NEW(&hold, int64_t, rows, err);
  bool ok = y && subject;
  for (int64_t i = 0; ok && data->classes && i < rows; i++) y[i] = data->y[row[i]];
  CmScores s = {rows, 1, width, 1, y, subject, numbers, row};
  ok = ok &&
       (data->classes ? cm__mean_auc(ctx, y, width, numbers, rows, worth, err) : worth_of(&hold, data, &s, worth, err));
  cm__arena_free(&hold);
  return ok;
}
