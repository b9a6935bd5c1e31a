/* Which columns stay, by what they say of each other and of the target. */
#include <math.h>

#include "learn/prepare/fit.h"

double cm__column_correlation(const CmFit *fit, const CmColumnFit *a, const CmColumnFit *b) {
  double sum = 0;
  for (int64_t i = 0; i < fit->rows; i++) sum += (a->value[i] - a->mean) * (b->value[i] - b->mean);
  return sum / ((double)fit->rows * a->deviation * b->deviation);
}

static void drop_correlated(CmFit *fit) {
  if (fit->params->max_correlation >= 1) return;
  for (int j = 1; j < fit->features; j++) {
    CmColumnFit *b = &fit->column[j];
    for (int k = 0; k < j && !b->gone; k++) {
      const CmColumnFit *a = &fit->column[k];
      if (a->gone) continue;
      if (fabs(cm__column_correlation(fit, a, b)) > fit->params->max_correlation) b->gone = CM__GONE_CORRELATED;
    }
  }
}
/* F of the one-way analysis of variance (Fisher 1925): between / within, each by its degrees of freedom. */
static double anova_f(const CmFit *fit, const CmColumnFit *column) {
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
  if (present < 2 || fit->rows <= present) return 0;
  return within > 0 ? between / (present - 1) / (within / (double)(fit->rows - present)) : INFINITY;
}

/* F of the slope of a line through column and target: r^2 / (1 - r^2) (n - 2). */
static double slope_f(const CmFit *fit, const CmColumnFit *column) {
  const double *value = fit->training->value;
  double mean = cm__column_mean(value, fit->rows), sum = 0;
  for (int64_t i = 0; i < fit->rows; i++) sum += (column->value[i] - column->mean) * (value[i] - mean);
  double r = sum / ((double)fit->rows * column->deviation * sqrt(cm__column_variance(value, fit->rows, mean)));
  return r * r < 1 ? r * r / (1 - r * r) * (double)(fit->rows - 2) : INFINITY;
}

static bool can_score(const CmFit *fit, CmError **err) {
  if (fit->training->classes || fit->training->task == CM_TASK_REGRESSION) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED, "k_best: columns are not compared with a %s target; leave it 0",
               cm_learn_task_name(fit->training->task));
  return false;
}

static void keep_best(CmFit *fit) {
  int kept = 0;
  for (int j = 0; j < fit->features; j++) {
    if (fit->column[j].gone) continue;
    fit->column[j].score = (fit->training->classes ? anova_f : slope_f)(fit, &fit->column[j]);
    kept++;
  }
  for (; kept > fit->params->k_best; kept--) { /* the worst goes; of equals the last */
    int worst = -1;
    for (int j = 0; j < fit->features; j++)
      if (!fit->column[j].gone && (worst < 0 || fit->column[j].score <= fit->column[worst].score)) worst = j;
    fit->column[worst].gone = "not among the best";
  }
}

bool cm__select(CmFit *fit, CmError **err) {
  drop_correlated(fit);
  if (!fit->params->k_best) return true;
  if (!can_score(fit, err)) return false;
  keep_best(fit);
  return true;
}
