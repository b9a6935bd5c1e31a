#include "learn/numbers.h"

#include <math.h>
#include <string.h>

#include "core/distribution.h"
#include "learn/bootstrap.h"
#include "learn/kind.h"
#include "learn/quantile.h"
#include "learn/survival.h"

enum { GRID = 50 }; /* steps of the integrated Brier score */

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

/* Metrics are means over repeats. */
typedef struct Weighed {
  CmContext *ctx;
  const CmScores *scores;
  int metrics;
  const char *const *names;
  CmWeigh *weigh;
  Sums *sums;             /* regression: repeats x subjects */
  CmSurvival survival;    /* survival: */
  CmSurvivalOrder *order; /* repeats */
  int64_t scratch, resamples;
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

static bool quartiles(CmArena *hold, const CmLearnData *data, double horizon[3], CmError **err) {
  double *time = CM__NEW(hold, double, data->rows, err);
  int64_t n = 0;
  for (int64_t i = 0; time && i < data->rows; i++)
    if (data->event[i]) time[n++] = data->value[i];
  if (!time) return false;
  cm__sort_numbers(time, n);
  for (int q = 0; q < 3; q++) horizon[q] = n ? cm__quantile(time, n, 0.25 * (q + 1)) : (double)NAN;
  return true;
}

/* Those that are asked for, from the first on; none twice, and none that nobody was seen until. */
static bool check_horizons(const CmLearnData *data, const CmReals *asked, CmError **err) {
  double last = 0;
  for (int64_t i = 0; i < data->rows; i++) last = fmax(last, data->value[i]);
  for (int k = 0; k < asked->count; k++) {
    if (asked->value[k] <= last && asked->value[k] > (k ? asked->value[k - 1] : 0)) continue;
    char at[32], end[32];
    cm_error_set(
        err, CM_ERR_PARAMETER, "horizons: %s is %s; name rising times above 0, the last at most %s",
        cm_real_text(asked->value[k], at),
        asked->value[k] > last ? "beyond the last time that a row was followed up" : "not above the one before",
        cm_real_text(last, end));
    return false;
  }
  return true;
}

bool cm__survival_moments(CmArena *hold, const CmLearnData *data, const CmReals *asked, CmMoments *to, CmError **err) {
  static const char *const quarters[] = {"q25", "q50", "q75"};
  int n = asked->count ? asked->count : CM_COUNT(quarters);
  double *time = CM__NEW(hold, double, n + GRID, err);
  const char **name = CM__NEW(hold, const char *, n, err), **metric = CM__NEW(hold, const char *, 2 * n + 1, err);
  *to = (CmMoments){n, n + GRID, time, name, metric};
  if (!time || !name || !metric || !check_horizons(data, asked, err)) return false;
  if (!asked->count && !quartiles(hold, data, time, err)) return false;
  for (int k = 0; k < n; k++) {
    char text[32];
    if (asked->count) time[k] = asked->value[k];
    name[k] = asked->count ? cm__arena_strdup(hold, cm_real_text(time[k], text), err) : quarters[k];
    if (!name[k] || !(metric[k] = cm__arena_printf(hold, err, "auc_%s", name[k])) ||
        !(metric[n + k] = cm__arena_printf(hold, err, "brier_%s", name[k])))
      return false;
  }
  metric[2 * n] = "integrated_brier";
  for (int g = 0; g < GRID; g++) time[n + g] = time[n - 1] * (g + 1) / GRID;
  return true;
}

static const double *risks(const CmScores *s, int repeat) {
  return s->p + repeat * s->rows * s->classes + CM__SURVIVAL_RISK;
}

/* The mean over time, by trapezoids, from 0, where it is 0. */
static double integrate(const double *brier) {
  double sum = brier[GRID - 1] / 2;
  for (int g = 0; g + 1 < GRID; g++) sum += brier[g];
  return sum / GRID;
}

static void weigh_survival(const void *arg, const double *times, double *room, double *to) {
  const Weighed *w = arg;
  const CmScores *s = w->scores;
  const CmMoments *m = s->moments;
  double *brier = room + 2 * s->rows;
  memset(to, 0, sizeof *to * (size_t)w->metrics);
  for (int r = 0; r < s->repeats; r++) {
    for (int k = 0; k < m->horizons; k++)
      to[k] += cm__auc_at(&w->survival, &w->order[r], risks(s, r), s->classes, m->time[k], times, room) / s->repeats;
    const double *share = s->p + r * s->rows * s->classes + CM__SURVIVAL_WIDTH;
    cm__brier(&w->survival, &w->order[r], share, s->classes, m->time, m->count, times, room, brier);
    for (int k = 0; k < m->horizons; k++) to[m->horizons + k] += brier[k] / s->repeats;
    to[2 * m->horizons] += integrate(brier + m->horizons) / s->repeats;
  }
}

static bool make_survival(CmArena *hold, const CmLearnData *data, Weighed *w, CmError **err) {
  const CmScores *s = w->scores;
  const CmMoments *m = s->moments;
  w->metrics = m ? 2 * m->horizons + 1 : 0;
  w->names = m ? m->metric : NULL;
  w->weigh = weigh_survival;
  w->scratch = 2 * s->rows + (m ? m->count : 0);
  w->order = CM__NEW(hold, CmSurvivalOrder, s->repeats, err);
  if (!w->order || !cm__survival_rows(hold, data, s, &w->survival, err)) return false;
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
  double *point, *drawn;
  bool survival = data->task == CM_TASK_SURVIVAL, ok = false;
  if (!(survival ? make_survival : make_regression)(&own, data, &w, err)) goto done;
  *list = (CmMetricList){.metric = CM__NEW(hold, CmMetric, w.metrics + 1, err)};
  point = CM__NEW(&own, double, w.metrics, err);
  if (!list->metric || !point) goto done;
  if (survival && !add_concordance(&w, confidence, list, err)) goto done;
  const CmBootstrap drawing = {w.weigh, &w, scores->subjects, w.scratch, w.metrics, resamples, seed};
  if (w.metrics && !cm__bootstrap(&own, &drawing, point, &drawn, err)) goto done;
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
