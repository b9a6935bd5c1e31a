#include <math.h>

#include "ops/segment/cut.h"

typedef struct YenParams {
  int64_t bins;
  int32_t per;
} YenParams;

static const CmParam params[] = {
    CM_CUT_BINS_PARAM(YenParams),
    CM_CUT_PER_PARAM(YenParams),
};

static bool find(const CmCut *cut, const void *values, double *threshold, CmError **err) {
  const int64_t n = cut->bins.count;
  const double all = (double)cut->moments.count;
  double *above = cm_calloc(cut->ctx, (size_t)n + 1, sizeof(double), err);
  (void)values;
  if (!above) return false;
  for (int64_t k = n - 1; k >= 0; k--) {
    const double p = (double)cut->counts[k] / all;
    above[k] = above[k + 1] + p * p;
  }
  double below = 0.0, best = -INFINITY;
  for (int64_t k = 0, count = 0; k + 1 < n && above[k + 1] > 0.0; k++) {
    const double p = (double)cut->counts[k] / all;
    count += cut->counts[k];
    below += p * p;
    if (count == 0) continue;
    const double share = (double)count / all, rest = (all - (double)count) / all;
    const double found = 2.0 * log(share * rest) - log(below * above[k + 1]);
    if (found <= best) continue;
    best = found;
    *threshold = cut->centre[k];
  }
  cm_free(above);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const YenParams *p = call->params;
  return cm__cut_run(call, "yen", (CmScope)p->per, p->bins, find, err);
}

CM_OP(yen) = {
    .name = "yen",
    .family = "segment",
    .since = "0.2",
    .summary = "Cut values in two by Yen's method.",
    .details =
        "The threshold makes the entropic correlation of both parts of the histogram largest: 2 ln(P (1 - P)) - ln(sum "
        "of p^2 below) - ln(sum of p^2 above), p the shares of the bins and P their sum up to the threshold's bin, "
        "whose centre is the threshold (the first of equal ones)." CM_CUT_DETAILS,
    CM_OP_PARAMS(YenParams, params),
    CM_CUT_PORTS,
    .cite =
        "Yen JC, Chang FJ, Chang S. A new criterion for automatic multilevel thresholding. IEEE Trans Image Process "
        "4(3), 1995",
    .examples = "cormack yen mr.nii.gz bright.nii.gz --bins 0",
    .run = run,
};
