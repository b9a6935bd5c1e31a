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

/* The worst go; of equals the last. Columns are scored. */
void cm__keep_best(CmFit *fit, int64_t best, const char *why) {
  int64_t kept = 0;
  for (int j = 0; j < fit->features; j++) kept += !fit->column[j].gone;
  for (; kept > best; kept--) {
    int worst = -1;
    for (int j = 0; j < fit->features; j++)
      if (!fit->column[j].gone && (worst < 0 || fit->column[j].score <= fit->column[worst].score)) worst = j;
    fit->column[worst].gone = why;
  }
}

static bool choose(CmFit *fit, CmError **err) {
  int64_t best = fit->params->k_best;
  switch (fit->params->choose) {
    case CM_CHOOSE_MRMR_DIFFERENCE:
    case CM_CHOOSE_MRMR_QUOTIENT:
      return cm__choose_mrmr(fit, err);
    case CM_CHOOSE_LASSO:
      return cm__choose_lasso(fit, err);
    case CM_CHOOSE_STABILITY:
      return cm__choose_stable(fit, err);
    default:
      if (best) cm__keep_best(fit, best, CM__GONE_WORSE);
      return true;
  }
}

bool cm__select(CmFit *fit, CmError **err) {
  const CmPrepareParams *p = fit->params;
  drop_correlated(fit);
  if (p->max_cluster > 0 && !cm__drop_clustered(fit, err)) return false;
  bool scores = p->alpha > 0 || (p->choose == CM_CHOOSE_TEST && p->k_best);
  if (scores && !cm__score_columns(fit, err)) return false;
  if (p->alpha > 0 && !cm__drop_insignificant(fit, err)) return false;
  return choose(fit, err);
}
