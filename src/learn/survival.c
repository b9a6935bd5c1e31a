#include "learn/survival.h"

#include <math.h>
#include <stdlib.h>

/* ---- orders --------------------------------------------------------------------------------------------------------
 */

typedef struct Key {
  double value;
  int later; /* of equal values */
  int64_t row;
} Key;

static int rising(const void *a, const void *b) {
  const Key *p = a, *q = b;
  if (p->value != q->value) return p->value < q->value ? -1 : 1;
  if (p->later != q->later) return p->later - q->later;
  return p->row < q->row ? -1 : p->row > q->row;
}

bool cm__survival_order(CmArena *hold, const CmSurvival *s, const double *risk, int stride, CmSurvivalOrder *order,
                        CmError **err) {
  *order = (CmSurvivalOrder){CM__NEW(hold, int64_t, s->rows, err), CM__NEW(hold, int64_t, s->rows, err)};
  Key *key = CM__NEW(hold, Key, s->rows, err);
  if (!order->by_time || !order->by_risk || !key) return false;
  for (int64_t i = 0; i < s->rows; i++) key[i] = (Key){s->time[i], !s->event[i], i};
  qsort(key, (size_t)s->rows, sizeof *key, rising);
  for (int64_t i = 0; i < s->rows; i++) order->by_time[i] = key[i].row;
  for (int64_t i = 0; i < s->rows; i++) key[i] = (Key){-risk[i * stride], 0, i};
  qsort(key, (size_t)s->rows, sizeof *key, rising);
  for (int64_t i = 0; i < s->rows; i++) order->by_risk[i] = key[i].row;
  return true;
}

/* ---- concordance: rows that came before, counted by the rank of their risk (Fenwick 1994) --------------------------
 */

typedef struct Counter {
  int64_t ranks, all;
  int64_t *tree;
} Counter;

static void count_in(Counter *c, int64_t rank) {
  c->all++;
  for (int64_t i = rank + 1; i <= c->ranks; i += i & -i) c->tree[i - 1]++;
}

static int64_t below(const Counter *c, int64_t rank) { /* ranks 0..rank-1 */
  int64_t sum = 0;
  for (int64_t i = rank; i > 0; i -= i & -i) sum += c->tree[i - 1];
  return sum;
}

typedef struct Pairs {
  const CmSurvival *s;
  const int64_t *rank; /* of the risk; equal risks share one */
  double *won, *met;   /* of each row: pairs, and those that are in order */
  Counter seen;
} Pairs;

/* Counts row against what was seen; higher: it should have the higher risk of the two. */
static void meet(Pairs *p, int64_t row, bool higher) {
  int64_t less = below(&p->seen, p->rank[row]), not_more = below(&p->seen, p->rank[row] + 1),
          more = p->seen.all - not_more;
  p->won[row] += (double)(higher ? less : more) + 0.5 * (double)(not_more - less);
  p->met[row] += (double)p->seen.all;
}

/* Both passes go through runs of equal times, whose events are by_time[first..middle) and the rest up to `end`. */
static int64_t run_end(const CmSurvival *s, const int64_t *by_time, int64_t first, int64_t *middle) {
  int64_t end = first;
  double time = s->time[by_time[first]];
  while (end < s->rows && s->time[by_time[end]] == time && s->event[by_time[end]]) end++;
  *middle = end;
  while (end < s->rows && s->time[by_time[end]] == time) end++;
  return end;
}

/* Each row as the later one: events of earlier times; the censored ones, events of their own time too. */
static void meet_earlier(Pairs *p, const int64_t *by_time) {
  for (int64_t first = 0, middle, end; first < p->s->rows; first = end) {
    end = run_end(p->s, by_time, first, &middle);
    for (int64_t i = first; i < middle; i++) meet(p, by_time[i], false);
    for (int64_t i = first; i < middle; i++) count_in(&p->seen, p->rank[by_time[i]]);
    for (int64_t i = middle; i < end; i++) meet(p, by_time[i], false);
  }
}

/* Each event as the earlier one: all rows of later times, and the censored ones at its own. */
static void meet_later(Pairs *p, const int64_t *by_time) {
  for (int64_t end = p->s->rows; end > 0;) {
    int64_t first = end, middle;
    double time = p->s->time[by_time[end - 1]];
    while (first > 0 && p->s->time[by_time[first - 1]] == time) first--;
    run_end(p->s, by_time, first, &middle);
    for (int64_t i = middle; i < end; i++) count_in(&p->seen, p->rank[by_time[i]]);
    for (int64_t i = first; i < middle; i++) meet(p, by_time[i], true);
    for (int64_t i = first; i < middle; i++) count_in(&p->seen, p->rank[by_time[i]]);
    end = first;
  }
}

bool cm__concordance(CmContext *ctx, const CmSurvival *s, const double *risk, int stride, double weight, double *index,
                     double *influence, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmSurvivalOrder order;
  *index = NAN;
  int64_t *rank = CM__NEW(&hold, int64_t, s->rows, err), *tree = CM__NEW(&hold, int64_t, 2 * s->rows, err);
  double *won = CM__NEW(&hold, double, 2 * s->rows, err);
  bool ok = rank && tree && won && cm__survival_order(&hold, s, risk, stride, &order, err);
  if (!ok) goto done;
  for (int64_t i = 1; i < s->rows; i++) {
    int64_t row = order.by_risk[s->rows - 1 - i], before = order.by_risk[s->rows - i];
    rank[row] = rank[before] + (risk[row * stride] > risk[before * stride]);
  }
  Pairs pairs = {s, rank, won, won + s->rows, {s->rows, 0, tree}};
  meet_earlier(&pairs, order.by_time);
  pairs.seen = (Counter){s->rows, 0, tree + s->rows};
  meet_later(&pairs, order.by_time);
  double won_all = 0, met_all = 0; /* each pair twice */
  for (int64_t i = 0; i < s->rows; i++) {
    won_all += pairs.won[i];
    met_all += pairs.met[i];
  }
  if (!(met_all > 0)) goto done;
  *index = won_all / met_all;
  for (int64_t i = 0; influence && i < s->rows; i++)
    influence[s->subject[i]] += weight * 2 * (pairs.won[i] - *index * pairs.met[i]) / met_all;
done:
  cm__arena_free(&hold);
  return ok;
}

/* ---- time-dependent AUC --------------------------------------------------------------------------------------------
 */

static double times_of(const CmSurvival *s, const double *times, int64_t row) {
  return times ? times[s->subject[row]] : 1;
}

/* uncut[row]: the probability, by Kaplan and Meier, of not being censored before the row's time; after[place in
 * by_time]: nor at it; NULL: not wanted. */
static void censoring(const CmSurvival *s, const int64_t *by_time, const double *times, double *uncut, double *after) {
  double left = 0, share = 1;
  for (int64_t i = 0; i < s->rows; i++) left += times_of(s, times, i);
  for (int64_t first = 0, middle, end; first < s->rows; first = end) {
    double cut = 0;
    end = run_end(s, by_time, first, &middle);
    for (int64_t i = first; i < end; i++) {
      double weight = times_of(s, times, by_time[i]);
      uncut[by_time[i]] = share;
      if (i < middle)
        left -= weight; /* events come before the censorings of the same time */
      else
        cut += weight;
    }
    if (cut > 0) share *= 1 - cut / left;
    left -= cut;
    for (int64_t i = first; after && i < end; i++) after[i] = share;
  }
}

double cm__auc_at(const CmSurvival *s, const CmSurvivalOrder *order, const double *risk, int stride, double at,
                  const double *times, double *uncut) {
  double above = 0, cases = 0, controls = 0, area = 0, run[2] = {0, 0};
  censoring(s, order->by_time, times, uncut, NULL);
  for (int64_t i = 0; i < s->rows; i++) {
    int64_t row = order->by_risk[i];
    double weight = times_of(s, times, row);
    if (s->time[row] > at)
      run[0] += weight;
    else if (s->event[row] && weight > 0)
      run[1] += weight / uncut[row];
    if (i + 1 < s->rows && risk[order->by_risk[i + 1] * stride] == risk[row * stride]) continue;
    area += run[0] * (above + 0.5 * run[1]);
    above += run[1];
    cases += run[1];
    controls += run[0];
    run[0] = run[1] = 0;
  }
  return cases > 0 && controls > 0 ? area / cases / controls : (double)NAN;
}

/* ---- Brier score ---------------------------------------------------------------------------------------------------
 */

static double brier_at(const CmSurvival *s, const int64_t *by_time, const double *share, int stride, double at,
                       const double *times, const double *uncut, const double *after) {
  double sum = 0, all = 0, last = 0, left = 1;
  for (int64_t i = 0; i < s->rows; i++) {
    int64_t row = by_time[i];
    double weight = times_of(s, times, row), p = share[row * stride];
    if (!(weight > 0)) continue;
    all += weight;
    last = s->time[row];
    if (s->time[row] > at)
      sum += weight * (1 - p) * (1 - p) / left;
    else if (s->event[row])
      sum += weight * p * p / uncut[row];
    if (s->time[row] <= at) left = after[i];
  }
  return last >= at ? sum / all : (double)NAN;
}

void cm__brier(const CmSurvival *s, const CmSurvivalOrder *order, const double *share, int stride, const double *at,
               int count, const double *times, double *room, double *to) {
  double *uncut = room, *after = room + s->rows;
  censoring(s, order->by_time, times, uncut, after);
  for (int k = 0; k < count; k++) to[k] = brier_at(s, order->by_time, share + k, stride, at[k], times, uncut, after);
}

/* ---- Kaplan-Meier, log-rank ----------------------------------------------------------------------------------------
 */

int64_t cm__kaplan_meier(const CmSurvival *s, const int64_t *by_time, const uint8_t *group, int wanted, double z,
                         CmSurvivalStep *step) {
  int64_t steps = 0, left = 0;
  double survival = 1, greenwood = 0;
  for (int64_t i = 0; i < s->rows; i++) left += group[i] == wanted;
  for (int64_t first = 0, middle, end; first < s->rows; first = end) {
    CmSurvivalStep now = {.time = s->time[by_time[first]], .at_risk = left, .low = NAN, .high = NAN};
    end = run_end(s, by_time, first, &middle);
    for (int64_t i = first; i < end; i++) *(i < middle ? &now.events : &now.censored) += group[by_time[i]] == wanted;
    if (!now.events && !now.censored) continue;
    double n = (double)left, died = (double)now.events;
    survival *= 1 - died / n;
    greenwood += died / (n * (n - died));
    left -= now.events + now.censored;
    now.survival = survival;
    if (survival > 0 && survival < 1) {
      double reach = z * sqrt(greenwood) / -log(survival), middle_log = log(-log(survival));
      now.low = exp(-exp(middle_log + reach));
      now.high = exp(-exp(middle_log - reach));
    }
    step[steps++] = now;
  }
  return steps;
}

double cm__log_rank(const CmSurvival *s, const int64_t *by_time, const uint8_t *group) {
  double left = (double)s->rows, left_one = 0, more = 0, variance = 0;
  for (int64_t i = 0; i < s->rows; i++) left_one += group[i];
  for (int64_t first = 0, middle, end; first < s->rows; first = end) {
    double died = 0, died_one = 0, gone_one = 0;
    end = run_end(s, by_time, first, &middle);
    for (int64_t i = first; i < end; i++) {
      died += i < middle;
      died_one += i < middle && group[by_time[i]];
      gone_one += group[by_time[i]];
    }
    double share = left_one / left;
    more += died_one - died * share;
    if (left > 1) variance += died * share * (1 - share) * (left - died) / (left - 1);
    left -= (double)(end - first);
    left_one -= gone_one;
  }
  return variance > 0 ? more * more / variance : (double)NAN;
}
