/* Times until an event, some of them censored: how well risks order them, and how many live how long. */
#ifndef CORMACK_LEARN_SURVIVAL_H
#define CORMACK_LEARN_SURVIVAL_H

#include "core/arena.h"

typedef struct CmSurvival {
  int64_t rows, subjects;
  const double *time;
  const uint8_t *event;   /* 1: the event came at the time; 0: it had not come until then */
  const int64_t *subject; /* 0..subjects-1 */
} CmSurvival;

/* Harrell's C-index (Stat. Med. 15, 1996): of the pairs whose earlier time is an event (of equal times: just one of
 * them is), the share in which that row has the higher risk; equal risks count half. NaN without such pairs. influence:
 * for each subject its share of the index's deviation, times `weight`, is added, so that the sum of squares estimates
 * the variance (infinitesimal jackknife); NULL: not wanted. risk: of row i at risk[i * stride]. */
bool cm__concordance(CmContext *ctx, const CmSurvival *s, const double *risk, int stride, double weight, double *index,
                     double *influence, CmError **err);

/* Rows sorted for cm__auc_at(). */
typedef struct CmSurvivalOrder {
  int64_t *by_time, *by_risk; /* rising times, events first of equal ones; falling risks */
} CmSurvivalOrder;
bool cm__survival_order(CmArena *hold, const CmSurvival *s, const double *risk, int stride, CmSurvivalOrder *order,
                        CmError **err);
/* Cumulative/dynamic AUC at a time: those with the event until then against those who live longer, the former weighted
 * by the inverse probability of not being censored before (Blanche, Dartigues, Jacqmin-Gadda: Stat. Med. 32, 2013).
 * times: how often each subject counts (NULL: once); uncut: room for rows. NaN where a side is empty. */
double cm__auc_at(const CmSurvival *s, const CmSurvivalOrder *order, const double *risk, int stride, double at,
                  const double *times, double *uncut);

/* Brier scores at times at[] (Graf, Schmoor, Sauerbrei, Schumacher: Stat. Med. 18, 1999): squares of the share that was
 * said to live past the time where the event came until then, and of what it lacks of 1 where they live longer,
 * weighted by the inverse probability of not being censored before the event, or until the time. share: of row i past
 * at[k] at share[i * stride + k]; room: 2 x rows. NaN where nobody was seen until the time. */
void cm__brier(const CmSurvival *s, const CmSurvivalOrder *order, const double *share, int stride, const double *at,
               int count, const double *times, double *room, double *to);

/* Times at which survival is judged: horizons, each with a name, and then a grid from the first step to the last
 * horizon. */
typedef struct CmMoments {
  int horizons, count;
  const double *time;
  const char *const *name;   /* horizons: "q25", or the time */
  const char *const *metric; /* 2 x horizons + 1: names of the metrics */
} CmMoments;

typedef struct CmSurvivalStep {
  double time, survival, low, high; /* NaN limits where survival is 0 or 1 */
  int64_t at_risk, events, censored;
} CmSurvivalStep;
/* Kaplan and Meier's estimate (1958) of the rows of one group, a step a distinct time, with Greenwood's variance on the
 * log(-log) scale. step: room for rows. Returns the number of steps; by_time as above, z of the interval. */
int64_t cm__kaplan_meier(const CmSurvival *s, const int64_t *by_time, const uint8_t *group, int wanted, double z,
                         CmSurvivalStep *step);
/* Log-rank test of group 1 against 0 (Mantel 1966): chi-square with one degree of freedom; NaN where undefined. */
double cm__log_rank(const CmSurvival *s, const int64_t *by_time, const uint8_t *group);

#endif
