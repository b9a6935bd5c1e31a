/* Linear mixed effects: rows of one group share chance effects, of the intercept and of the slope of one feature. */
#ifndef CORMACK_LEARN_MIXED_H
#define CORMACK_LEARN_MIXED_H

#include "core/arena.h"

#define CM__MOST_EFFECTS 2

/* y = X b + Z u + e within each group, u ~ N(0, variance * share), e ~ N(0, variance). */
typedef struct CmMixedData {
  int64_t rows, groups;
  int fixed, random; /* columns of X, the first all 1; of Z, which are the first of X and the one numbered `slope` */
  int slope;
  const double *x, *y;  /* rows x fixed; rows */
  const int64_t *group; /* 0..groups-1 */
  bool reml;            /* restricted likelihood, else the whole one */
} CmMixedData;

/* Memory in the arena of the fit. Matrices are row-major; q = random, p = fixed. */
typedef struct CmMixed {
  double *b;       /* p */
  double *factor;  /* p x p, lower triangle L: the covariance of b is variance (L L')^-1 */
  double variance; /* of e */
  double share[CM__MOST_EFFECTS * CM__MOST_EFFECTS];
  double log_likelihood; /* restricted, if so */
  double *effect;        /* groups x q: best linear unbiased predictions of u */
  double *rest;          /* groups x q x q: the covariance of u - effect, b being known, is variance times this */
  double *lever;         /* groups x q x p: effect = ... - lever (b - true b) */
} CmMixed;

/* Maximises the likelihood, profiled over b and variance, over the Cholesky factor of `share` (Bates et al., J. Stat.
 * Softw. 67, 2015, section 3). CM_ERR_DATA where columns of X are combinations of others, or nothing is left over. */
bool cm__mixed_fit(CmArena *hold, const CmMixedData *data, CmMixed *mixed, CmError **err);

#endif
