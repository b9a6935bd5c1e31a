#include "learn/auc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Scored {
  double score;
  int64_t row;
} Scored;

static int higher_first(const void *a, const void *b) {
  const Scored *p = a, *q = b;
  if (p->score != q->score) return p->score > q->score ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

bool cm__order_make(CmArena *hold, const double *score, int stride, int64_t rows, CmOrder *order, CmError **err) {
  *order = (CmOrder){.rows = rows, .row = CM__NEW(hold, int64_t, rows, err), .last = CM__NEW(hold, uint8_t, rows, err)};
  Scored *sorted = cm_alloc_array(hold->ctx, (size_t)rows, sizeof *sorted, err);
  bool ok = order->row && order->last && sorted;
  for (int64_t i = 0; ok && i < rows; i++) sorted[i] = (Scored){score[i * stride], i};
  if (ok) qsort(sorted, (size_t)rows, sizeof *sorted, higher_first);
  for (int64_t i = 0; ok && i < rows; i++) {
    order->row[i] = sorted[i].row;
    order->last[i] = i + 1 == rows || sorted[i + 1].score < sorted[i].score;
  }
  cm_free(sorted);
  return ok;
}

double cm__weighted_auc(const CmOrder *order, const int *y, int positive, const int64_t *subject, const double *times) {
  double above = 0, area = 0, in_run[2] = {0, 0}, negatives = 0;
  for (int64_t i = 0; i < order->rows; i++) {
    int64_t row = order->row[i];
    in_run[y[row] == positive] += times ? times[subject[row]] : 1;
    if (!order->last[i]) continue;
    area += in_run[0] * (above + 0.5 * in_run[1]);
    above += in_run[1];
    negatives += in_run[0];
    in_run[0] = in_run[1] = 0;
  }
  return above > 0 && negatives > 0 ? area / above / negatives : (double)NAN;
}

bool cm__auc(CmContext *ctx, const int *y, int positive, const double *score, int stride, int64_t rows, double *auc,
             CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmOrder order;
  bool ok = cm__order_make(&hold, score, stride, rows, &order, err);
  if (ok) *auc = cm__weighted_auc(&order, y, positive, NULL, NULL);
  cm__arena_free(&hold);
  return ok;
}

bool cm__mean_auc(CmContext *ctx, const int *y, int classes, const double *p, int64_t rows, double *auc,
                  CmError **err) {
  if (classes == 2) return cm__auc(ctx, y, 1, p + 1, 2, rows, auc, err);
  double sum = 0;
  for (int c = 0; c < classes; c++) {
    double one;
    if (!cm__auc(ctx, y, c, p + c, classes, rows, &one, err)) return false;
    sum += one;
  }
  *auc = sum / classes;
  return true;
}

/* ---- DeLong
 * ----------------------------------------------------------------------------------------------------------- */

/* Adds to component[row] `weight` times the share of the other class's rows that it beats, ties half. */
static void add_components(const CmOrder *order, const int *y, int positive, const double total[2], double weight,
                           double *component) {
  double above[2] = {0, 0}, run[2] = {0, 0};
  int64_t start = 0;
  for (int64_t i = 0; i < order->rows; i++) {
    run[y[order->row[i]] == positive] += 1;
    if (!order->last[i]) continue;
    for (; start <= i; start++) {
      int64_t row = order->row[start];
      bool is = y[row] == positive;
      /* a positive beats the negatives below it; a negative is beaten by the positives above it */
      double share = is ? (total[0] - above[0] - 0.5 * run[0]) / total[0] : (above[1] + 0.5 * run[1]) / total[1];
      component[row] += weight * share;
    }
    above[0] += run[0];
    above[1] += run[1];
    run[0] = run[1] = 0;
  }
}

/* The components of the mean AUC over the repeats, times `sign`. */
static bool add_repeats(CmContext *ctx, const CmScores *scores, int positive, const double total[2], double sign,
                        double *component, CmError **err) {
  for (int r = 0; r < scores->repeats; r++) {
    CmOrder order;
    CmArena own = {.ctx = ctx};
    bool ok = cm__order_make(&own, scores->p + r * scores->rows * scores->classes + positive, scores->classes,
                             scores->rows, &order, err);
    if (ok) add_components(&order, scores->y, positive, total, sign / scores->repeats, component);
    cm__arena_free(&own);
    if (!ok) return false;
  }
  return true;
}

/* A subject's sums of components and rows, of its positives [1] and negatives [0]. */
typedef struct Cluster {
  double sum[2], rows[2];
} Cluster;

static double clustered_variance(const Cluster *cluster, int64_t subjects, const double *total, double auc) {
  double s10 = 0, s01 = 0, s11 = 0, with[2] = {0, 0};
  for (int64_t k = 0; k < subjects; k++) {
    double d1 = cluster[k].sum[1] - cluster[k].rows[1] * auc, d0 = cluster[k].sum[0] - cluster[k].rows[0] * auc;
    s10 += d1 * d1;
    s01 += d0 * d0;
    s11 += d1 * d0;
    with[1] += cluster[k].rows[1] > 0;
    with[0] += cluster[k].rows[0] > 0;
  }
  if (with[0] < 2 || with[1] < 2) return NAN;
  s10 *= with[1] / ((with[1] - 1) * total[1]);
  s01 *= with[0] / ((with[0] - 1) * total[0]);
  s11 *= (double)subjects / (double)(subjects - 1);
  return s10 / total[1] + s01 / total[0] + 2 * s11 / (total[1] * total[0]);
}

bool cm__delong(CmContext *ctx, const CmScores *scores, const CmScores *other, int positive, double *auc,
                double *variance, CmError **err) {
  CmArena hold = {.ctx = ctx};
  bool ok = false;
  *auc = *variance = NAN;
  double total[2] = {0, 0}, sum = 0;
  double *component = CM__NEW(&hold, double, scores->rows, err);
  Cluster *cluster = CM__NEW(&hold, Cluster, scores->subjects, err);
  if (!component || !cluster) goto done;
  ok = true;
  for (int64_t i = 0; i < scores->rows; i++) total[scores->y[i] == positive] += 1;
  if (total[0] == 0 || total[1] == 0) goto done;
  ok = add_repeats(ctx, scores, positive, total, 1, component, err) &&
       (!other || add_repeats(ctx, other, positive, total, -1, component, err));
  if (!ok) goto done;
  for (int64_t i = 0; i < scores->rows; i++) {
    int is = scores->y[i] == positive;
    cluster[scores->subject[i]].sum[is] += component[i];
    cluster[scores->subject[i]].rows[is] += 1;
    if (is) sum += component[i];
  }
  *auc = sum / total[1];
  *variance = clustered_variance(cluster, scores->subjects, total, *auc);
done:
  cm__arena_free(&hold);
  return ok;
}

/* ---- ROC
 * -------------------------------------------------------------------------------------------------------------- */

/* Drops points on the straight line between their neighbours; counts are still whole numbers. */
static int64_t drop_straight(CmRocPoint *point, int64_t count) {
  int64_t kept = 0;
  for (int64_t i = 0; i < count; i++) {
    if (kept && i + 1 < count) {
      const CmRocPoint *a = &point[kept - 1], *b = &point[i], *c = &point[i + 1];
      double turn =
          (b->false_positive_rate - a->false_positive_rate) * (c->true_positive_rate - b->true_positive_rate) -
          (b->true_positive_rate - a->true_positive_rate) * (c->false_positive_rate - b->false_positive_rate);
      if (turn == 0) continue;
    }
    point[kept++] = point[i];
  }
  return kept;
}

int64_t cm__roc(CmContext *ctx, const int *y, int positive, const double *score, int stride, int64_t rows,
                CmRocPoint *points, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmOrder order;
  int64_t count = -1;
  if (!cm__order_make(&hold, score, stride, rows, &order, err)) goto done;
  double seen[2] = {0, 0};
  points[0] = (CmRocPoint){NAN, 0, 0};
  count = 1;
  for (int64_t i = 0; i < rows; i++) {
    seen[y[order.row[i]] == positive] += 1;
    if (order.last[i]) points[count++] = (CmRocPoint){score[order.row[i] * stride], seen[0], seen[1]};
  }
  if (seen[0] == 0 || seen[1] == 0) {
    count = 0;
    goto done;
  }
  count = drop_straight(points, count);
  for (int64_t i = 0; i < count; i++) {
    points[i].false_positive_rate /= seen[0];
    points[i].true_positive_rate /= seen[1];
  }
done:
  cm__arena_free(&hold);
  return count;
}
