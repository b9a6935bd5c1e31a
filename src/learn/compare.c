#include "learn/compare.h"

#include <math.h>

#include "core/distribution.h"
#include "learn/model.h"
#include "learn/numbers.h"

/* Fills z, p and the interval; without a spread only equality can be judged. */
static void judge_normal(CmComparison *found, double variance, double confidence) {
  double error = sqrt(variance), reach = cm__normal_z(confidence) * error;
  found->low = found->difference - reach;
  found->high = found->difference + reach;
  found->statistic = error > 0 ? found->difference / error : (double)NAN;
  found->p = error > 0 ? cm__normal_two_sided(found->statistic) : found->difference == 0 ? 1 : (double)NAN;
}

bool cm__compare_auc(CmContext *ctx, const CmScores *scores, const CmScores *other, int positive, double confidence,
                     CmComparison *found, CmError **err) {
  double variance;
  *found = (CmComparison){.test = scores->subjects == scores->rows ? "delong" : "clustered_delong"};
  if (!cm__delong(ctx, scores, other, positive, &found->difference, &variance, err)) return false;
  judge_normal(found, variance, confidence);
  return true;
}

/* Two-sided, of `fewer` out of n fair coins: P(X <= k) = I_1/2(n - k, k + 1). */
static double coins(double fewer, double n) {
  return 2 * fewer >= n ? 1 : fmin(1, 2 * cm__beta_below(0.5, n - fewer, fewer + 1));
}

static int right(const CmScores *scores, int64_t i) {
  return cm__most_probable(scores->p + i * scores->classes, scores->classes) == scores->y[i];
}

bool cm__compare_accuracy(CmContext *ctx, const CmScores *scores, const CmScores *other, double confidence,
                          CmComparison *found, CmError **err) {
  CmArena hold = {.ctx = ctx};
  double n = (double)scores->rows, subjects = (double)scores->subjects, alone[2] = {0, 0}, spread = 0;
  double *ahead = CM__NEW(&hold, double, 2 * scores->subjects, err), *rows = ahead ? ahead + scores->subjects : NULL;
  bool each = scores->subjects == scores->rows;
  *found = (CmComparison){.test = each ? "mcnemar" : "clustered_mcnemar"};
  for (int64_t i = 0; ahead && i < scores->rows; i++) {
    int gain = right(scores, i) - right(other, i);
    if (gain) alone[gain > 0] += 1;
    ahead[scores->subject[i]] += gain;
    rows[scores->subject[i]] += 1;
  }
  found->difference = (alone[1] - alone[0]) / n;
  for (int64_t k = 0; ahead && k < scores->subjects; k++) {
    double off = ahead[k] - rows[k] * found->difference;
    spread += off * off;
  }
  judge_normal(found, spread * subjects / (subjects - 1) / (n * n), confidence);
  if (each) {
    found->statistic = NAN;
    found->p = coins(fmin(alone[0], alone[1]), alone[0] + alone[1]);
  }
  cm__arena_free(&hold);
  return ahead != NULL;
}

static double squared_error(const CmLearnData *data, const CmScores *s, int repeat, int64_t i) {
  double error = data->value[s->row[i]] - s->p[repeat * s->rows + i];
  return error * error;
}

/* influence: each subject's part of the deviation of the difference; its squares add up to the variance. */
static bool compare_errors(const CmLearnData *data, const CmScores *s, const CmScores *other, double *influence,
                           double *difference) {
  double n = (double)s->rows;
  *difference = 0;
  for (int pass = 0; pass < 2; pass++) { /* the mean, then the deviations from it */
    for (int64_t i = 0; i < s->rows; i++) {
      double gain = 0;
      for (int r = 0; r < s->repeats; r++)
        gain += (squared_error(data, other, r, i) - squared_error(data, s, r, i)) / s->repeats;
      if (pass)
        influence[s->subject[i]] += (gain - *difference) / n;
      else
        *difference += gain / n;
    }
  }
  return true;
}

static bool compare_concordance(CmArena *hold, const CmLearnData *data, const CmScores *s, const CmScores *other,
                                double *influence, double *difference, CmError **err) {
  const CmScores *sides[] = {s, other};
  CmSurvival rows;
  if (!cm__survival_rows(hold, data, s, &rows, err)) return false;
  *difference = 0;
  for (int side = 0; side < 2; side++) {
    double weight = (side ? -1.0 : 1.0) / s->repeats;
    for (int r = 0; r < s->repeats; r++) {
      double index;
      const double *risk = sides[side]->p + r * s->rows * s->classes + CM__SURVIVAL_RISK;
      if (!cm__concordance(hold->ctx, &rows, risk, s->classes, weight, &index, influence, err)) return false;
      *difference += weight * index;
    }
  }
  return true;
}

bool cm__compare_numbers(CmContext *ctx, const CmLearnData *data, const CmScores *scores, const CmScores *other,
                         double confidence, CmComparison *found, CmError **err) {
  CmArena hold = {.ctx = ctx};
  double spread = 0, subjects = (double)scores->subjects;
  double *influence = CM__NEW(&hold, double, scores->subjects, err);
  *found = (CmComparison){.test = data->event                        ? "jackknife"
                                  : scores->subjects == scores->rows ? "paired_z"
                                                                     : "clustered_z"};
  bool ok =
      influence && (data->event ? compare_concordance(&hold, data, scores, other, influence, &found->difference, err)
                                : compare_errors(data, scores, other, influence, &found->difference));
  for (int64_t k = 0; ok && k < scores->subjects; k++) spread += influence[k] * influence[k];
  if (ok) judge_normal(found, spread * subjects / (subjects - 1), confidence);
  cm__arena_free(&hold);
  return ok;
}

void cm__compare_folds(const double *difference, int64_t count, double test_share, double confidence,
                       CmComparison *found) {
  double n = 0, sum = 0, squares = 0;
  for (int64_t i = 0; i < count; i++) {
    if (isnan(difference[i])) continue;
    sum += difference[i];
    n += 1;
  }
  double mean = sum / n, df = n - 1;
  for (int64_t i = 0; i < count; i++)
    if (!isnan(difference[i])) squares += (difference[i] - mean) * (difference[i] - mean);
  *found = (CmComparison){"corrected_t", mean, NAN, NAN, NAN, NAN};
  if (df < 1) return;
  double error = sqrt(squares / df * (1 / n + test_share)), reach = sqrt(cm__f_quantile(confidence, 1, df)) * error;
  found->low = mean - reach;
  found->high = mean + reach;
  if (error > 0) found->statistic = mean / error;
  found->p = error > 0 ? cm__student_two_sided(found->statistic, df) : mean == 0 ? 1 : (double)NAN;
}

void cm__holm(const double *p, int64_t count, int64_t *order, double *adjusted) {
  int64_t n = 0;
  for (int64_t i = 0; i < count; i++) { /* by insertion: there are few pairs of models */
    adjusted[i] = p[i];
    if (isnan(p[i])) continue;
    int64_t at = n++;
    for (; at > 0 && p[order[at - 1]] > p[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  double least = 0;
  for (int64_t at = 0; at < n; at++) {
    least = fmax(least, fmin(1, (double)(n - at) * p[order[at]]));
    adjusted[order[at]] = least;
  }
}
