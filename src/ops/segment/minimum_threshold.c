#include "ops/segment/cut.h"

typedef struct MinimumParams {
  int64_t bins;
  int32_t per;
} MinimumParams;

static const CmParam params[] = {
    CM_CUT_BINS_PARAM(MinimumParams),
    CM_CUT_PER_PARAM(MinimumParams),
};

enum { MOST_TURNS = 10000, MOST_WORK = 1 << 24 /* bins times turns */ };

/* Where rising turns to falling; how many such places, the first two of them in at. */
static int64_t find_peaks(const float *v, int64_t n, int64_t at[2]) {
  int64_t found = 0;
  bool rising = true;
  for (int64_t k = 0; k + 1 < n; k++)
    if (rising && v[k + 1] < v[k]) {
      rising = false;
      if (found < 2) at[found] = k;
      found++;
    } else if (!rising && v[k + 1] > v[k]) {
      rising = true;
    }
  return found;
}

static bool find(const CmCut *cut, const void *values, double *threshold, CmError **err) {
  const int64_t n = cut->bins.count;
  int64_t peak[2] = {0}, peaks = 3;
  float *v = cm_alloc_array(cut->ctx, (size_t)n, sizeof(float), err); /* flattens bumps too small to matter */
  (void)values;
  if (!v) return false;
  for (int64_t k = 0; k < n; k++) v[k] = (float)cut->counts[k];
  const int64_t most = MOST_WORK / n < MOST_TURNS ? MOST_WORK / n : MOST_TURNS;
  for (int64_t turn = 0; turn < most && peaks > 2; turn++) {
    if (turn % 64 == 0 && cm_context_cancelled(cut->ctx, err)) {
      cm_free(v);
      return false;
    }
    float before = v[0];
    for (int64_t k = 0; k < n; k++) {
      const float own = v[k];
      v[k] = (float)(((double)before + (double)own + (double)(k + 1 < n ? v[k + 1] : own)) / 3.0);
      before = own;
    }
    peaks = find_peaks(v, n, peak);
  }
  int64_t lowest = peak[0];
  for (int64_t k = peak[0]; peaks == 2 && k <= peak[1]; k++)
    if (v[k] < v[lowest]) lowest = k;
  *threshold = cut->centre[lowest];
  cm_free(v);
  if (peaks == 2) return true;
  cm_error_set(err, CM_ERR_DATA, "the smoothed histogram has %lld peaks and not two; take another method or other bins",
               (long long)peaks);
  return false;
}

static bool run(const CmCall *call, CmError **err) {
  const MinimumParams *p = call->params;
  return cm__cut_run(call, "minimum_threshold", (CmScope)p->per, p->bins, find, err);
}

CM_OP(minimum_threshold) = {
    .name = "minimum_threshold",
    .family = "segment",
    .since = "0.2",
    .summary = "Cut values in two at the valley between the two peaks of their histogram.",
    .details =
        "The histogram is smoothed by the mean of three neighbouring bins (reflected at its ends) until at most two "
        "peaks are left; the threshold is the centre of the lowest bin between them, the first of equal ones. A "
        "histogram that has fewer peaks then, or more after 10000 times (2^24 / bins for many bins), is an "
        "error." CM_CUT_DETAILS,
    CM_OP_PARAMS(MinimumParams, params),
    CM_CUT_PORTS,
    .cite =
        "Prewitt JMS, Mendelsohn ML. The analysis of cell images. Ann N Y Acad Sci 128, 1966; Glasbey CA. An analysis "
        "of histogram-based thresholding algorithms. CVGIP 55, 1993",
    .examples = "cormack minimum_threshold cells.png foreground.png",
    .run = run,
};
