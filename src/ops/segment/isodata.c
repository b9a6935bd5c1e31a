#include "ops/segment/cut.h"

typedef struct IsodataParams {
  int64_t bins;
  int32_t per;
} IsodataParams;

static const CmParam params[] = {
    CM_CUT_BINS_PARAM(IsodataParams),
    CM_CUT_PER_PARAM(IsodataParams),
};

static bool find(const CmCut *cut, const void *values, double *threshold, CmError **err) {
  const int64_t n = cut->bins.count;
  const double width = (cut->bins.high - cut->bins.low) / (double)n;
  double sum = 0.0, low_sum = 0.0, count = 0.0;
  (void)values;
  for (int64_t k = 0; k < n; k++) sum += (double)cut->counts[k] * cut->centre[k];
  for (int64_t k = 0; k + 1 < n; k++) {
    count += (double)cut->counts[k];
    low_sum += (double)cut->counts[k] * cut->centre[k];
    const double rest = (double)cut->moments.count - count;
    if (count == 0.0 || rest == 0.0) continue;
    const double away = 0.5 * (low_sum / count + (sum - low_sum) / rest) - cut->centre[k];
    if (away < 0.0 || away >= width) continue;
    *threshold = cut->centre[k];
    return true;
  }
  cm_error_set(err, CM_ERR_DATA,
               "no threshold lies halfway between the means of both parts; give another number of bins");
  return false;
}

static bool run(const CmCall *call, CmError **err) {
  const IsodataParams *p = call->params;
  return cm__cut_run(call, "isodata", (CmScope)p->per, p->bins, find, err);
}

CM_OP(isodata) = {
    .name = "isodata",
    .family = "segment",
    .since = "0.2",
    .summary = "Cut values in two halfway between the means of both parts (isodata).",
    .details =
        "The threshold is the centre of the first bin from which the midpoint of the means of the values up to it and "
        "above it lies less than a bin's width away, and not below it." CM_CUT_DETAILS,
    CM_OP_PARAMS(IsodataParams, params),
    CM_CUT_PORTS,
    .cite = "Ridler TW, Calvard S. Picture thresholding using an iterative selection method. IEEE Trans SMC 8(8), 1978",
    .examples = "cormack isodata ct.nii.gz body.nii.gz --bins 0",
    .run = run,
};
