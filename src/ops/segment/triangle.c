#include <math.h>

#include "ops/segment/cut.h"

typedef struct TriangleParams {
  int64_t bins;
  int32_t per;
} TriangleParams;

static const CmParam params[] = {
    CM_CUT_BINS_PARAM(TriangleParams),
    CM_CUT_PER_PARAM(TriangleParams),
};

static bool find(const CmCut *cut, const void *values, double *threshold, CmError **err) {
  const int64_t n = cut->bins.count, *counts = cut->counts;
  int64_t peak = 0, first = 0, last = n - 1;
  (void)values;
  (void)err;
  for (int64_t k = 1; k < n; k++)
    if (counts[k] > counts[peak]) peak = k;
  while (counts[first] == 0) first++;
  while (counts[last] == 0) last--;
  const bool right = peak - first < last - peak; /* the tail that is longer */
  const int64_t end = right ? last : first, step = right ? -1 : 1;
  const double width = (double)(right ? last - peak : peak - first), height = (double)counts[peak];
  double farthest = -INFINITY;
  int64_t best = end;
  for (int64_t k = end; k != peak; k += step) {
    const double away = height * (double)((k - end) * step) - width * (double)counts[k];
    if (away <= farthest) continue;
    farthest = away;
    best = k;
  }
  *threshold = cut->centre[best];
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const TriangleParams *p = call->params;
  return cm__cut_run(call, "triangle", (CmScope)p->per, p->bins, find, err);
}

CM_OP(triangle) = {
    .name = "triangle",
    .family = "segment",
    .since = "0.2",
    .summary = "Cut values in two by the triangle method.",
    .details =
        "A line is drawn from the peak of the histogram to the farther of its ends that hold values; the threshold is "
        "the centre of the bin whose count lies farthest below that line, the first of equal ones seen from the end "
        "(lowest peak of equal ones)." CM_CUT_DETAILS,
    CM_OP_PARAMS(TriangleParams, params),
    CM_CUT_PORTS,
    .cite =
        "Zack GW, Rogers WE, Latt SA. Automatic measurement of sister chromatid exchange frequency. J Histochem "
        "Cytochem 25(7), 1977",
    .examples = "cormack triangle xray.png body.png --thresholds threshold.csv",
    .run = run,
};
