#include "learn/calibrate.h"

#include <float.h>
#include <math.h>

/* ---- bins ----------------------------------------------------------------------------------------------------------
 */

void cm__calibration(const int *y, int positive, const double *score, int stride, int64_t rows, int bins,
                     CmCalibrationBin *bin) {
  for (int b = 0; b < bins; b++) bin[b] = (CmCalibrationBin){.from = (double)b / bins, .to = (double)(b + 1) / bins};
  for (int64_t i = 0; i < rows; i++) {
    double p = score[i * stride];
    int b = 0;
    while (b < bins - 1 && p > bin[b].to) b++;
    bin[b].rows++;
    bin[b].mean += p;
    bin[b].observed += y[i] == positive;
  }
  for (int b = 0; b < bins; b++) {
    bin[b].mean = bin[b].rows ? bin[b].mean / (double)bin[b].rows : (double)NAN;
    bin[b].observed = bin[b].rows ? bin[b].observed / (double)bin[b].rows : (double)NAN;
  }
}

/* ---- Cox's regression ----------------------------------------------------------------------------------------------
 */

enum { MOST_STEPS = 50 };

/* The outcome against offset + intercept + slope * x. */
typedef struct Regression {
  int64_t rows;
  const double *x;
  const int *y;
  int positive;
  bool fits_slope; /* else it stays 1 */
  double beta[2];
  double inverse[3]; /* of the information: [00] [01] [11] */
} Regression;

static double chance(const Regression *r, int64_t i) {
  return 1 / (1 + exp(-(r->beta[0] + r->beta[1] * r->x[i])));
}

/* The step of Newton's method; false where the information is singular. */
static bool newton(Regression *r, double step[2]) {
  double score[2] = {0, 0}, info[3] = {0, 0, 0};
  for (int64_t i = 0; i < r->rows; i++) {
    double p = chance(r, i), rest = (r->y[i] == r->positive) - p, w = p * (1 - p);
    score[0] += rest;
    score[1] += rest * r->x[i];
    info[0] += w;
    info[1] += w * r->x[i];
    info[2] += w * r->x[i] * r->x[i];
  }
  if (!r->fits_slope) {
    score[1] = info[1] = 0;
    info[2] = 1;
  }
  double determinant = info[0] * info[2] - info[1] * info[1];
  if (!(determinant > DBL_EPSILON * info[0] * info[2])) return false;
  r->inverse[0] = info[2] / determinant;
  r->inverse[1] = -info[1] / determinant;
  r->inverse[2] = info[0] / determinant;
  step[0] = r->inverse[0] * score[0] + r->inverse[1] * score[1];
  step[1] = r->inverse[1] * score[0] + r->inverse[2] * score[1];
  return true;
}

/* From (0, 1) with steps of at most 2, so that a far start cannot throw it off; false where it does not settle, as with
 * classes that are parted. */
static bool regress(Regression *r) {
  r->beta[0] = 0;
  r->beta[1] = 1;
  for (int n = 0; n < MOST_STEPS; n++) {
    double step[2];
    if (!newton(r, step)) return false;
    double size = fmax(fabs(step[0]), fabs(step[1])), share = size > 2 ? 2 / size : 1;
    for (int k = 0; k < 2; k++) r->beta[k] += share * step[k];
    if (size < 1e-12 * (1 + fabs(r->beta[0]) + fabs(r->beta[1]))) return true;
  }
  return false;
}

/* Adds each row's influence on coefficient k to its subject's. */
static void add_influence(const Regression *r, const int64_t *subject, int k, double weight, double *influence) {
  for (int64_t i = 0; i < r->rows; i++) {
    double rest = (r->y[i] == r->positive) - chance(r, i), other = r->fits_slope ? rest * r->x[i] : 0;
    influence[subject[i]] += weight * (r->inverse[k] * rest + r->inverse[k + 1] * other);
  }
}

static double sandwich(const double *influence, int64_t subjects) {
  double sum = 0, n = (double)subjects;
  for (int64_t k = 0; k < subjects; k++) sum += influence[k] * influence[k];
  return n > 1 ? sum * n / (n - 1) : (double)NAN;
}

/* The mean of one coefficient over the repeats, and its variance. x: room for the rows, influence: for the subjects. */
static void fit_one(const CmScores *s, int positive, bool slope, double *x, double *influence, double *value,
                    double *variance) {
  Regression r = {.rows = s->rows, .x = x, .y = s->y, .positive = positive, .fits_slope = slope};
  *value = 0;
  *variance = NAN;
  for (int64_t k = 0; k < s->subjects; k++) influence[k] = 0;
  for (int at = 0; at < s->repeats; at++) {
    const double *p = s->p + at * s->rows * s->classes + positive;
    bool certain = false;
    for (int64_t i = 0; i < s->rows; i++) {
      double share = p[i * s->classes];
      certain = certain || share < DBL_EPSILON || share > 1 - DBL_EPSILON;
      x[i] = log(share) - log1p(-share);
    }
    if (certain || !regress(&r)) {
      *value = NAN;
      return;
    }
    *value += r.beta[slope] / s->repeats;
    add_influence(&r, s->subject, slope, 1.0 / s->repeats, influence);
  }
  *variance = sandwich(influence, s->subjects);
}

bool cm__calibration_fit(CmContext *ctx, const CmScores *scores, int positive, CmCalibrationFit *fit, CmError **err) {
  CmArena hold = {.ctx = ctx};
  double *x = CM__NEW(&hold, double, scores->rows, err), *influence = CM__NEW(&hold, double, scores->subjects, err);
  if (x && influence) {
    fit_one(scores, positive, false, x, influence, &fit->intercept, &fit->intercept_variance);
    fit_one(scores, positive, true, x, influence, &fit->slope, &fit->slope_variance);
  }
  cm__arena_free(&hold);
  return x && influence;
}
