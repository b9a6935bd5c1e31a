/* What a column and the target have to do with each other, by themselves. */
#include <math.h>
#include <stdlib.h>

#include "core/distribution.h"
#include "learn/prepare/fit.h"

enum { TEST_AUTO, TEST_ANOVA, TEST_WELCH, TEST_MANN_WHITNEY, TEST_SLOPE, TEST_COX };
enum { CORRECT_BENJAMINI_HOCHBERG, CORRECT_HOLM, CORRECT_BONFERRONI, CORRECT_NONE };

/* A value and where it stands, for sorting. */
typedef struct Point {
  double value;
  int64_t row;
} Point;

static int rising(const void *a, const void *b) {
  const Point *p = a, *q = b;
  if (p->value != q->value) return p->value < q->value ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

/* P(F > f). */
static double f_above(double f, double df1, double df2) {
  return isinf(f) ? 0 : f > 0 ? cm__beta_below(df2 / (df2 + df1 * f), df2 / 2, df1 / 2) : 1;
}

/* F of the one-way analysis of variance (Fisher 1925): between / within, each by its degrees of freedom. */
static double anova(const CmFit *fit, const CmColumnFit *column, double *p) {
  double between = 0, within = 0;
  int present = 0;
  const int *y = fit->training->y;
  for (int c = 0; c < fit->training->classes; c++) {
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < fit->rows; i++) {
      if (y[i] != c) continue;
      sum += column->value[i] - column->mean;
      n++;
    }
    if (!n) continue;
    present++;
    double shift = sum / (double)n;
    between += (double)n * shift * shift;
    for (int64_t i = 0; i < fit->rows; i++) {
      double rest = column->value[i] - column->mean - shift;
      if (y[i] == c) within += rest * rest;
    }
  }
  *p = 1;
  if (present < 2 || fit->rows <= present) return 0;
  double df = (double)(fit->rows - present);
  double f = within > 0 ? between / (present - 1) / (within / df) : INFINITY;
  *p = f_above(f, present - 1, df);
  return f;
}

/* F of the slope of a line through column and target: r^2 / (1 - r^2) (n - 2). */
static double slope(const CmFit *fit, const CmColumnFit *column, double *p) {
  const double *value = fit->training->value;
  double mean = cm__column_mean(value, fit->rows), sum = 0;
  for (int64_t i = 0; i < fit->rows; i++) sum += (column->value[i] - column->mean) * (value[i] - mean);
  double r = sum / ((double)fit->rows * column->deviation * sqrt(cm__column_variance(value, fit->rows, mean)));
  double df = (double)(fit->rows - 2), f = r * r < 1 ? r * r / (1 - r * r) * df : INFINITY;
  *p = fit->rows > 2 ? f_above(f, 1, df) : 1;
  return f;
}

/* |t| of two means with variances of their own (Welch 1947). */
static double welch(const CmFit *fit, const CmColumnFit *column, double *p) {
  double n[2] = {0, 0}, mean[2] = {0, 0}, square[2] = {0, 0};
  const int *y = fit->training->y;
  for (int64_t i = 0; i < fit->rows; i++) {
    n[y[i]]++;
    mean[y[i]] += column->value[i];
  }
  for (int c = 0; c < 2; c++) mean[c] /= n[c];
  for (int64_t i = 0; i < fit->rows; i++)
    square[y[i]] += (column->value[i] - mean[y[i]]) * (column->value[i] - mean[y[i]]);
  *p = 1;
  if (n[0] < 2 || n[1] < 2) return 0;
  double a = square[0] / (n[0] - 1) / n[0], b = square[1] / (n[1] - 1) / n[1];
  *p = 0;
  if (!(a + b > 0)) return INFINITY;
  double t = fabs(mean[0] - mean[1]) / sqrt(a + b);
  *p = cm__student_two_sided(t, (a + b) * (a + b) / (a * a / (n[0] - 1) + b * b / (n[1] - 1)));
  return t;
}

/* |z| of the rank sum (Mann, Whitney 1947), with ties and continuity. */
static double mann_whitney(const CmFit *fit, const CmColumnFit *column, Point *point, double *p) {
  const int *y = fit->training->y;
  int64_t rows = fit->rows;
  double ranks = 0, ties = 0, ones = 0, n = (double)rows;
  for (int64_t i = 0; i < rows; i++) point[i] = (Point){column->value[i], i};
  qsort(point, (size_t)rows, sizeof *point, rising);
  for (int64_t from = 0, to; from < rows; from = to) {
    for (to = from; to < rows && point[to].value == point[from].value;) to++;
    double run = (double)(to - from), rank = 0.5 * (double)(from + to + 1);
    for (int64_t i = from; i < to; i++) {
      if (!y[point[i].row]) continue;
      ranks += rank;
      ones++;
    }
    ties += run * run * run - run;
  }
  double pairs = ones * (n - ones), u = ranks - ones * (ones + 1) / 2;
  double deviation = sqrt(pairs / 12 * (n + 1 - ties / (n * (n - 1))));
  double z = deviation > 0 ? (fabs(u - pairs / 2) - 0.5) / deviation : 0;
  *p = z > 0 ? cm__normal_two_sided(z) : 1;
  return z;
}

/* Chi-square of the score test of a proportional hazards model of this column alone (Cox 1972), Efron's ties. late: the
 * rows, the latest first. */
static double cox_score(const CmFit *fit, const CmColumnFit *column, const int64_t *late, double *p) {
  const CmTraining *t = fit->training;
  double score = 0, information = 0, sum = 0, square = 0;
  for (int64_t from = 0, to; from < fit->rows; from = to) {
    double events = 0, event_sum = 0, event_square = 0;
    for (to = from; to < fit->rows && t->value[late[to]] == t->value[late[from]]; to++) {
      double x = column->value[late[to]] - column->mean;
      sum += x;
      square += x * x;
      if (!t->event[late[to]]) continue;
      events++;
      event_sum += x;
      event_square += x * x;
    }
    score += event_sum;
    for (double k = 0; k < events; k++) {
      double share = k / events, at_risk = (double)to - k, mean = (sum - share * event_sum) / at_risk;
      score -= mean;
      information += (square - share * event_square) / at_risk - mean * mean;
    }
  }
  double chi = information > 0 ? score * score / information : 0;
  *p = cm__chi_square_above(chi, 1);
  return chi;
}

/* ---- all columns ----------------------------------------------------------------------------------------------------
 */

static int chosen_test(const CmFit *fit) {
  if (fit->params->test != TEST_AUTO) return fit->params->test;
  if (fit->training->classes) return TEST_ANOVA;
  return fit->training->task == CM_TASK_SURVIVAL ? TEST_COX : TEST_SLOPE;
}

static bool can_test(const CmFit *fit, int test, CmError **err) {
  const CmTraining *t = fit->training;
  bool fits = test == TEST_ANOVA   ? t->classes > 1 && t->y
              : test == TEST_SLOPE ? t->task == CM_TASK_REGRESSION
              : test == TEST_COX   ? t->task == CM_TASK_SURVIVAL
                                   : t->classes == 2 && t->y;
  if (fits) return true;
  cm_error_set(
      err, CM_ERR_UNSUPPORTED,
      "prepare: this test does not compare columns with a %s target; use test=auto, or neither k_best nor alpha",
      cm_learn_task_name(t->task));
  return false;
}

static int64_t *latest_first(const CmFit *fit, Point *point, CmError **err) {
  int64_t *late = CM__NEW(fit->scratch, int64_t, fit->rows, err);
  if (!late) return NULL;
  for (int64_t i = 0; i < fit->rows; i++) point[i] = (Point){-fit->training->value[i], i};
  qsort(point, (size_t)fit->rows, sizeof *point, rising);
  for (int64_t i = 0; i < fit->rows; i++) late[i] = point[i].row;
  return late;
}

bool cm__score_columns(CmFit *fit, CmError **err) {
  int test = chosen_test(fit);
  Point *point = CM__NEW(fit->scratch, Point, fit->rows, err);
  if (!point || !can_test(fit, test, err)) return false;
  int64_t *late = test == TEST_COX ? latest_first(fit, point, err) : NULL;
  if (test == TEST_COX && !late) return false;
  for (int j = 0; j < fit->features; j++) {
    CmColumnFit *column = &fit->column[j];
    if (column->gone) continue;
    column->score = test == TEST_ANOVA          ? anova(fit, column, &column->p)
                    : test == TEST_WELCH        ? welch(fit, column, &column->p)
                    : test == TEST_MANN_WHITNEY ? mann_whitney(fit, column, point, &column->p)
                    : test == TEST_SLOPE        ? slope(fit, column, &column->p)
                                                : cox_score(fit, column, late, &column->p);
  }
  return true;
}

/* ---- many tests -----------------------------------------------------------------------------------------------------
 */

/* sorted: p, rising; becomes what is compared with alpha (Benjamini, Hochberg 1995; Holm 1979). */
static void adjust(Point *sorted, int64_t count, int correction) {
  double most = 0, least = 1;
  for (int64_t i = 0; i < count && correction == CORRECT_HOLM; i++)
    sorted[i].value = most = fmax(most, fmin(1, sorted[i].value * (double)(count - i)));
  for (int64_t i = count - 1; i >= 0 && correction == CORRECT_BENJAMINI_HOCHBERG; i--)
    sorted[i].value = least = fmin(least, sorted[i].value * (double)count / (double)(i + 1));
  for (int64_t i = 0; i < count && correction == CORRECT_BONFERRONI; i++)
    sorted[i].value = fmin(1, sorted[i].value * (double)count);
}

bool cm__drop_insignificant(CmFit *fit, CmError **err) {
  Point *sorted = CM__NEW(fit->scratch, Point, fit->features, err);
  int64_t count = 0;
  if (!sorted) return false;
  for (int j = 0; j < fit->features; j++)
    if (!fit->column[j].gone) sorted[count++] = (Point){fit->column[j].p, j};
  qsort(sorted, (size_t)count, sizeof *sorted, rising);
  adjust(sorted, count, fit->params->correction);
  double least = count ? sorted[0].value : 0;
  if (least > fit->params->alpha) {
    char text[32];
    cm_error_set(err, CM_ERR_DATA,
                 "no feature is left: the smallest corrected p is %.3g, above alpha = %s; raise alpha", least,
                 cm_real_text(fit->params->alpha, text));
    return false;
  }
  for (int64_t i = 0; i < count; i++)
    if (sorted[i].value > fit->params->alpha) fit->column[sorted[i].row].gone = "not significant";
  return true;
}
