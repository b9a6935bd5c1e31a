#include "learn/metrics.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/distribution.h"
#include "learn/auc.h"
#include "learn/bootstrap.h"
#include "learn/calibrate.h"
#include "learn/model.h"
#include "learn/quantile.h"

/* ---- counts to metrics
 * ----------------------------------------------------------------------------------------------- */

enum { ACCURACY, BALANCED_ACCURACY, BRIER, LOG_LOSS, GLOBALS };
enum { PRECISION, RECALL, SPECIFICITY, NPV, F1, BY_CLASS };
static const char *const global_names[] = {"accuracy", "balanced_accuracy", "brier", "log_loss"};
static const char *const class_names[] = {"precision", "recall", "specificity", "npv", "f1"};

/* Sums over rows: of one subject, or of all. */
typedef struct Sums {
  double rows, brier, log_loss;
} Sums;

static int class_count(int classes) {
  return classes == 2 ? 1 : classes;
}
static int class_number(int classes, int at) {
  return classes == 2 ? 1 : at;
}

/* globals, then each class, then macro and its AUC where there are several classes */
static int vector_size(int classes) {
  return GLOBALS + BY_CLASS * class_count(classes) + (classes > 2 ? BY_CLASS + 1 : 0);
}

/* 0/0 is 0 where nothing was predicted, as scikit-learn has it, and undefined where nothing was there. */
static double part(double a, double b, double otherwise) {
  return b > 0 ? a / b : otherwise;
}

static void class_metrics(const double *confusion, int classes, int c, double total, double *to) {
  double tp = confusion[c * classes + c], actual = 0, predicted = 0;
  for (int k = 0; k < classes; k++) {
    actual += confusion[c * classes + k];
    predicted += confusion[k * classes + c];
  }
  double fp = predicted - tp, fn = actual - tp, tn = total - tp - fp - fn;
  to[PRECISION] = part(tp, predicted, 0);
  to[RECALL] = part(tp, actual, NAN);
  to[SPECIFICITY] = part(tn, tn + fp, NAN);
  to[NPV] = part(tn, tn + fn, 0);
  to[F1] = part(2 * tp, 2 * tp + fp + fn, 0);
}

static void metrics_of(const double *confusion, Sums sums, int classes, double *to) {
  double right = 0, recalls = 0;
  for (int c = 0; c < classes; c++) {
    double actual = 0;
    for (int k = 0; k < classes; k++) actual += confusion[c * classes + k];
    right += confusion[c * classes + c];
    recalls += part(confusion[c * classes + c], actual, NAN);
  }
  to[ACCURACY] = part(right, sums.rows, NAN);
  to[BALANCED_ACCURACY] = recalls / classes;
  to[BRIER] = part(sums.brier, sums.rows, NAN);
  to[LOG_LOSS] = part(sums.log_loss, sums.rows, NAN);
  int count = class_count(classes);
  double *macro = to + GLOBALS + BY_CLASS * count;
  if (classes > 2) memset(macro, 0, sizeof *macro * BY_CLASS);
  for (int at = 0; at < count; at++) {
    double *by_class = to + GLOBALS + BY_CLASS * at;
    class_metrics(confusion, classes, class_number(classes, at), sums.rows, by_class);
    for (int m = 0; classes > 2 && m < BY_CLASS; m++) macro[m] += by_class[m] / classes;
  }
}

static void add_row(int y, const double *p, int classes, double *confusion, Sums *sums) {
  confusion[y * classes + cm__most_probable(p, classes)] += 1;
  sums->rows += 1;
  if (classes == 2)
    sums->brier += (p[1] - y) * (p[1] - y);
  else
    for (int c = 0; c < classes; c++) sums->brier += (p[c] - (c == y)) * (p[c] - (c == y));
  double share = fmin(fmax(p[y], DBL_EPSILON), 1 - DBL_EPSILON);
  sums->log_loss -= log(share);
}

/* ---- Wilson
 * ------------------------------------------------------------------------------------------------------- */

void cm__wilson(double proportion, double n, double z, double *low, double *high) {
  *low = *high = NAN;
  if (!(n > 0)) return;
  double share = z * z / n, middle = proportion + share / 2;
  double half = z * sqrt(proportion * (1 - proportion) / n + share / (4 * n));
  *low = proportion <= 0 ? 0 : fmax(0, (middle - half) / (1 + share));
  *high = proportion >= 1 ? 1 : fmin(1, (middle + half) / (1 + share)); /* exactly, not but for rounding */
}

/* ---- bootstrap by subject
 * --------------------------------------------------------------------------------------------- */

typedef struct Boot {
  CmContext *ctx;
  const CmScores *scores;
  int size;          /* numbers of a vector */
  double *confusion; /* repeats x subjects x classes^2 */
  Sums *sums;        /* repeats x subjects */
  CmOrder *order;    /* repeats x classes; only with several classes */
  double *point;     /* size: of all rows, mean over repeats */
  double *drawn;     /* size x resamples */
  int64_t resamples;
} Boot;

static void collect(Boot *boot) {
  const CmScores *s = boot->scores;
  int cells = s->classes * s->classes;
  for (int r = 0; r < s->repeats; r++)
    for (int64_t i = 0; i < s->rows; i++) {
      int64_t at = r * s->subjects + s->subject[i];
      add_row(s->y[i], s->p + (r * s->rows + i) * s->classes, s->classes, boot->confusion + at * cells,
              &boot->sums[at]);
    }
}

/* Mean over repeats, each subject `times` over (NULL: once). scratch: cells + size numbers. */
static void weigh(const void *arg, const double *times, double *scratch, double *to) {
  const Boot *boot = arg;
  const CmScores *s = boot->scores;
  int cells = s->classes * s->classes;
  double *total = scratch, *one = scratch + cells;
  memset(to, 0, sizeof *to * (size_t)boot->size);
  for (int r = 0; r < s->repeats; r++) {
    memset(total, 0, sizeof *total * (size_t)cells);
    Sums sums = {0};
    for (int64_t k = 0; k < s->subjects; k++) {
      double weight = times ? times[k] : 1;
      if (weight == 0) continue;
      int64_t at = r * s->subjects + k;
      for (int c = 0; c < cells; c++) total[c] += weight * boot->confusion[at * cells + c];
      sums.rows += weight * boot->sums[at].rows;
      sums.brier += weight * boot->sums[at].brier;
      sums.log_loss += weight * boot->sums[at].log_loss;
    }
    metrics_of(total, sums, s->classes, one);
    if (s->classes > 2) {
      double auc = 0;
      for (int c = 0; c < s->classes; c++)
        auc += cm__weighted_auc(&boot->order[r * s->classes + c], s->y, c, s->subject, times) / s->classes;
      one[boot->size - 1] = auc;
    }
    for (int m = 0; m < boot->size; m++) to[m] += one[m] / s->repeats;
  }
}

static bool make_boot(CmArena *hold, const CmScores *s, int64_t resamples, Boot *boot, CmError **err) {
  *boot = (Boot){.ctx = hold->ctx, .scores = s, .size = vector_size(s->classes), .resamples = resamples};
  size_t subjects, cells;
  if (!cm_size_multiply((size_t)s->repeats, (size_t)s->subjects, &subjects, err) ||
      !cm_size_multiply(subjects, (size_t)(s->classes * s->classes), &cells, err))
    return false;
  boot->confusion = CM__NEW(hold, double, cells, err);
  boot->sums = CM__NEW(hold, Sums, subjects, err);
  boot->point = CM__NEW(hold, double, boot->size, err);
  boot->order = CM__NEW(hold, CmOrder, s->repeats * s->classes, err);
  if (!boot->confusion || !boot->sums || !boot->point || !boot->order) return false;
  for (int i = 0; s->classes > 2 && i < s->repeats * s->classes; i++) {
    const double *p = s->p + (i / s->classes) * s->rows * s->classes + i % s->classes;
    if (!cm__order_make(hold, p, s->classes, s->rows, &boot->order[i], err)) return false;
  }
  collect(boot);
  return true;
}

/* Percentiles of the resamples in which the metric is defined. */
static void percentile_interval(Boot *boot, int m, double confidence, CmMetric *metric) {
  if (cm__percentiles(boot->drawn + m * boot->resamples, boot->resamples, confidence, &metric->low, &metric->high))
    metric->interval = "bootstrap";
}

/* ---- all metrics
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Report {
  Boot boot;
  CmMetricList *list;
  double confidence, z;
  bool one_row_each; /* of every subject: rows are independent */
  uint8_t *seen;     /* room for the subjects */
} Report;

/* Denominator of a proportion, mean over repeats: the subjects that have such rows, which are the rows where each has
 * one. 0: the metric is no proportion. */
static double denominator(const Report *report, int class_at, int kind) {
  const CmScores *s = report->boot.scores;
  if (class_at == CM__CLASS_ALL) return kind == ACCURACY ? (double)s->subjects : 0;
  if (class_at == CM__CLASS_MACRO || kind == F1) return 0;
  double count = 0;
  for (int r = 0; r < s->repeats; r++) {
    memset(report->seen, 0, (size_t)s->subjects);
    for (int64_t i = 0; i < s->rows; i++) {
      bool is = s->y[i] == class_at,
           said = cm__most_probable(s->p + (r * s->rows + i) * s->classes, s->classes) == class_at;
      bool counts = kind == PRECISION ? said : kind == RECALL ? is : kind == SPECIFICITY ? !is : !said;
      if (counts && !report->seen[s->subject[i]]) count += report->seen[s->subject[i]] = 1;
    }
  }
  return count / s->repeats;
}

static void add(Report *report, int class_at, const char *name, int kind, int m) {
  CmMetric *metric = &report->list->metric[report->list->count++];
  *metric = (CmMetric){class_at, name, "", report->boot.point[m], NAN, NAN};
  /* at 0 and 1 the bootstrap draws nothing else */
  bool wilson = report->one_row_each || metric->value == 0 || metric->value == 1;
  double n = wilson ? denominator(report, class_at, kind) : 0;
  if (report->boot.resamples && n > 0 && !isnan(metric->value)) {
    cm__wilson(metric->value, n, report->z, &metric->low, &metric->high);
    metric->interval = "wilson";
  } else if (report->boot.resamples) {
    percentile_interval(&report->boot, m, report->confidence, metric);
  }
}

static bool add_auc(Report *report, int c, CmError **err) {
  const CmScores *s = report->boot.scores;
  CmMetric *metric = &report->list->metric[report->list->count++];
  *metric = (CmMetric){c, "auc", "", NAN, NAN, NAN};
  double variance;
  if (!cm__delong(report->boot.ctx, s, NULL, c, &metric->value, &variance, err)) return false;
  if (isnan(metric->value) || !report->boot.resamples) return true;
  if (variance > 0) {
    metric->low = fmax(0, metric->value - report->z * sqrt(variance));
    metric->high = fmin(1, metric->value + report->z * sqrt(variance));
    metric->interval = report->one_row_each ? "delong" : "clustered_delong";
  } else { /* complete separation: the class of fewer subjects bounds what can be said */
    double n = fmin(denominator(report, c, RECALL), denominator(report, c, SPECIFICITY));
    cm__wilson(metric->value, n, report->z, &metric->low, &metric->high);
    metric->interval = "wilson";
  }
  return true;
}

static void add_fitted(Report *report, int c, const char *name, double value, double variance) {
  CmMetric *metric = &report->list->metric[report->list->count++];
  *metric = (CmMetric){c, name, "", value, NAN, NAN};
  if (isnan(variance) || !report->boot.resamples) return;
  metric->low = value - report->z * sqrt(variance);
  metric->high = value + report->z * sqrt(variance);
  metric->interval = report->one_row_each ? "sandwich" : "clustered_sandwich";
}

static bool add_calibration(Report *report, int c, CmError **err) {
  CmCalibrationFit fit;
  if (!cm__calibration_fit(report->boot.ctx, report->boot.scores, c, &fit, err)) return false;
  add_fitted(report, c, "calibration_intercept", fit.intercept, fit.intercept_variance);
  add_fitted(report, c, "calibration_slope", fit.slope, fit.slope_variance);
  return true;
}

bool cm__metrics(CmArena *hold, const CmScores *scores, double confidence, int64_t resamples, uint64_t seed,
                 CmMetricList *list, CmError **err) {
  CmArena own = {.ctx = hold->ctx};
  bool ok = false;
  Report report = {.list = list,
                   .confidence = confidence,
                   .z = cm__normal_z(confidence),
                   .one_row_each = scores->subjects == scores->rows};
  int count = class_count(scores->classes), size = vector_size(scores->classes);
  *list = (CmMetricList){.metric = CM__NEW(hold, CmMetric, size + 3 * count, err)};
  if (!list->metric || !make_boot(&own, scores, resamples, &report.boot, err)) goto done;
  report.seen = CM__NEW(&own, uint8_t, scores->subjects, err);
  const CmBootstrap drawing = {
      weigh, &report.boot, scores->subjects, scores->classes * scores->classes + size, size, resamples, seed};
  if (!report.seen || !cm__bootstrap(&own, &drawing, report.boot.point, &report.boot.drawn, err)) goto done;
  for (int m = 0; m < GLOBALS; m++) add(&report, CM__CLASS_ALL, global_names[m], m, m);
  for (int at = 0; at < count; at++) {
    int c = class_number(scores->classes, at);
    for (int m = 0; m < BY_CLASS; m++) add(&report, c, class_names[m], m, GLOBALS + BY_CLASS * at + m);
    if (!add_auc(&report, c, err) || !add_calibration(&report, c, err)) goto done;
  }
  if (scores->classes > 2) {
    for (int m = 0; m < BY_CLASS; m++)
      add(&report, CM__CLASS_MACRO, class_names[m], F1, GLOBALS + BY_CLASS * count + m);
    add(&report, CM__CLASS_MACRO, "auc", F1, size - 1);
  }
  ok = true;
done:
  cm__arena_free(&own);
  return ok;
}
