#include "learn/label_metrics.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "learn/auc.h"
#include "learn/bootstrap.h"
#include "learn/quantile.h"

enum { SUBSET, HAMMING, LOG_LOSS, RANKING_PRECISION, COVERAGE, RANKING_LOSS, ROW_METRICS };
enum { PRECISION, RECALL, F1, JACCARD, SHARES };
enum { TP, FP, FN, COUNTS };
enum { ROWS, OF_ROW, SAMPLES = OF_ROW + ROW_METRICS, OF_LABEL = SAMPLES + SHARES };
enum { MACRO, MICRO, WEIGHTED, BY_LABEL };
enum { AVERAGES = BY_LABEL + 1, METRICS = ROW_METRICS + SHARES * AVERAGES + BY_LABEL };
static const char *const row_names[] = {
    "subset_accuracy", "hamming_loss", "log_loss", "label_ranking_average_precision", "coverage_error", "ranking_loss"};
static const char *const share_names[] = {"precision", "recall", "f1", "jaccard"};
static const char *const averages[] = {"macro", "micro", "weighted", "samples"};

typedef struct Boot {
  const CmLabelScores *scores;
  int64_t width;  /* sums of a subject: rows, metrics of its rows, shares of its rows, counts of each label */
  double *sums;   /* repeats x subjects x width */
  CmOrder *order; /* repeats x (labels + 1): of each label, then of all cells */
  int *y;         /* labels x rows, then the cells as they are in p */
  int64_t *of;    /* subject of each cell */
} Boot;

static double part(double a, double b) {
  return b > 0 ? a / b : 0;
}

/* Precision, recall, F1 and Jaccard from counts. */
static void shares(const double *count, double to[SHARES]) {
  double tp = count[TP], fp = count[FP], fn = count[FN];
  to[PRECISION] = part(tp, tp + fp);
  to[RECALL] = part(tp, tp + fn);
  to[F1] = part(2 * tp, 2 * tp + fp + fn);
  to[JACCARD] = part(tp, tp + fp + fn);
}

/* Of each true label: how many labels, and how many true ones, have as high a probability or higher. */
static void rank_row(const uint8_t *y, const double *p, int labels, double *to) {
  double have = 0, precision = 0, deepest = 0, wrong = 0;
  for (int a = 0; a < labels; a++) {
    double rank = 0, right = 0;
    if (!y[a]) continue;
    have++;
    for (int b = 0; b < labels; b++) {
      rank += p[b] >= p[a];
      right += p[b] >= p[a] && y[b];
    }
    precision += right / rank;
    wrong += rank - right;
    deepest = fmax(deepest, rank);
  }
  bool pairs = have > 0 && have < labels;
  to[RANKING_PRECISION] += pairs ? precision / have : 1;
  to[COVERAGE] += deepest;
  to[RANKING_LOSS] += pairs ? wrong / (have * (labels - have)) : 0;
}

static void add_row(const uint8_t *y, const double *p, int labels, double *sums) {
  double row[COUNTS] = {0}, of_row[SHARES], *to = sums + OF_ROW;
  for (int l = 0; l < labels; l++) {
    bool said = p[l] >= 0.5;
    int which = said ? (y[l] ? TP : FP) : y[l] ? FN : -1;
    double share = fmin(fmax(y[l] ? p[l] : 1 - p[l], DBL_EPSILON), 1 - DBL_EPSILON);
    to[LOG_LOSS] -= log(share) / labels;
    if (which < 0) continue;
    row[which]++;
    sums[OF_LABEL + l * COUNTS + which]++;
  }
  sums[ROWS]++;
  to[SUBSET] += row[FP] + row[FN] == 0;
  to[HAMMING] += (row[FP] + row[FN]) / labels;
  rank_row(y, p, labels, to);
  shares(row, of_row);
  for (int m = 0; m < SHARES; m++) sums[SAMPLES + m] += of_row[m];
}

static bool make_orders(CmArena *hold, Boot *boot, CmError **err) {
  const CmLabelScores *s = boot->scores;
  int64_t k = s->labels, cells = s->rows * k;
  for (int64_t i = 0; i < cells; i++) {
    boot->y[(i % k) * s->rows + i / k] = boot->y[cells + i] = s->y[i];
    boot->of[i] = s->subject[i / k];
  }
  for (int r = 0; r < s->repeats; r++)
    for (int64_t l = 0; l <= k; l++) {
      const double *p = s->p + r * cells + (l < k ? l : 0);
      if (!cm__order_make(hold, p, l < k ? (int)k : 1, l < k ? s->rows : cells, &boot->order[r * (k + 1) + l], err))
        return false;
    }
  return true;
}

static bool make_boot(CmArena *hold, const CmLabelScores *s, Boot *boot, CmError **err) {
  size_t cells, sums;
  int64_t k = s->labels;
  *boot = (Boot){.scores = s, .width = OF_LABEL + COUNTS * k};
  if (!cm_size_multiply((size_t)s->rows, (size_t)k, &cells, err) ||
      !cm_size_multiply((size_t)s->repeats * (size_t)s->subjects, (size_t)boot->width, &sums, err))
    return false;
  boot->sums = CM__NEW(hold, double, sums, err);
  boot->order = CM__NEW(hold, CmOrder, s->repeats * (k + 1), err);
  boot->y = CM__NEW(hold, int, 2 * cells, err);
  boot->of = CM__NEW(hold, int64_t, cells, err);
  if (!boot->sums || !boot->order || !boot->y || !boot->of) return false;
  for (int r = 0; r < s->repeats; r++)
    for (int64_t i = 0; i < s->rows; i++)
      add_row(s->y + i * k, s->p + (r * s->rows + i) * k, s->labels,
              boot->sums + (r * s->subjects + s->subject[i]) * boot->width);
  return make_orders(hold, boot, err);
}

/* Averages over labels of precision … and of the AUC; sums: of all rows; auc: of each label and of all cells. */
static void average(const double *sums, const double *auc, int labels, double to[SHARES + 1][BY_LABEL]) {
  double all[COUNTS] = {0}, micro[SHARES], have_all = 0;
  memset(to, 0, sizeof(double) * (SHARES + 1) * BY_LABEL);
  for (int l = 0; l < labels; l++) {
    const double *count = sums + OF_LABEL + l * COUNTS;
    double one[SHARES], have = count[TP] + count[FN];
    shares(count, one);
    if (!(have > 0)) one[RECALL] = NAN;
    for (int c = 0; c < COUNTS; c++) all[c] += count[c];
    for (int m = 0; m <= SHARES; m++) {
      double value = m < SHARES ? one[m] : auc[l];
      to[m][MACRO] += value / labels;
      if (have > 0) to[m][WEIGHTED] += value * have;
    }
    have_all += have;
  }
  shares(all, micro);
  for (int m = 0; m <= SHARES; m++) {
    to[m][MICRO] = m < SHARES ? micro[m] : auc[labels];
    to[m][WEIGHTED] = part(to[m][WEIGHTED], have_all);
  }
}

static void weigh_once(const Boot *boot, int repeat, const double *times, double *sums, double *to) {
  const CmLabelScores *s = boot->scores;
  int k = s->labels;
  double *auc = sums + boot->width, averaged[SHARES + 1][BY_LABEL];
  memset(sums, 0, sizeof *sums * (size_t)boot->width);
  for (int64_t i = 0; i < s->subjects; i++) {
    const double *from = boot->sums + (repeat * s->subjects + i) * boot->width;
    double weight = times ? times[i] : 1;
    for (int64_t j = 0; weight > 0 && j < boot->width; j++) sums[j] += weight * from[j];
  }
  for (int l = 0; l <= k; l++)
    auc[l] = cm__weighted_auc(&boot->order[repeat * (k + 1) + l], boot->y + l * s->rows, 1,
                              l < k ? s->subject : boot->of, times);
  average(sums, auc, k, averaged);
  for (int m = 0; m < ROW_METRICS; m++) *to++ += sums[OF_ROW + m] / sums[ROWS] / s->repeats;
  for (int m = 0; m <= SHARES; m++) {
    for (int a = 0; a < BY_LABEL; a++) *to++ += averaged[m][a] / s->repeats;
    if (m < SHARES) *to++ += sums[SAMPLES + m] / sums[ROWS] / s->repeats;
  }
}

static void weigh(const void *arg, const double *times, double *scratch, double *to) {
  const Boot *boot = arg;
  memset(to, 0, sizeof *to * METRICS);
  for (int r = 0; r < boot->scores->repeats; r++) weigh_once(boot, r, times, scratch, to);
}

/* In the order in which weigh_once() writes. */
static void name_metrics(CmLabelMetric *metric) {
  for (int m = 0; m < ROW_METRICS; m++) *metric++ = (CmLabelMetric){.average = "all", .metric = row_names[m]};
  for (int m = 0; m <= SHARES; m++)
    for (int a = 0; a < (m < SHARES ? AVERAGES : BY_LABEL); a++)
      *metric++ = (CmLabelMetric){.average = averages[a], .metric = m < SHARES ? share_names[m] : "auc"};
}

bool cm__label_metrics(CmArena *hold, const CmLabelScores *scores, double confidence, int64_t resamples, uint64_t seed,
                       CmLabelMetric **metric, int *count, CmError **err) {
  CmArena own = {.ctx = hold->ctx};
  Boot boot;
  double point[METRICS], *drawn;
  *metric = CM__NEW(hold, CmLabelMetric, METRICS, err);
  bool ok = *metric && make_boot(&own, scores, &boot, err);
  const CmBootstrap drawing = {
      weigh, &boot, scores->subjects, OF_LABEL + (COUNTS + 1) * scores->labels + 1, METRICS, resamples, seed};
  ok = ok && cm__bootstrap(&own, &drawing, point, &drawn, err);
  if (ok) name_metrics(*metric);
  for (int m = 0; ok && m < METRICS; m++) {
    CmLabelMetric *to = &(*metric)[m];
    to->value = point[m];
    if (!cm__percentiles(drawn + m * resamples, resamples, confidence, &to->low, &to->high)) to->low = to->high = NAN;
  }
  *count = METRICS;
  cm__arena_free(&own);
  return ok;
}
