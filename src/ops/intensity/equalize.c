#include <math.h>

#include "ops/intensity/counts.h"
#include "ops/intensity/curve.h"

typedef struct EqualizeParams {
  int32_t method;
  int64_t bins;
  CmReals range;
  int32_t outside_mask;
  int32_t per;
  bool per_component;
  int32_t type;
} EqualizeParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(EqualizeParams, method, "linear|levels", "linear",
                  "linear: the share of values up to v, linear between the middles of the bins; levels: the same less "
                  "the share of the first bin, a step per bin"),
    CM_PARAM_INT(
        EqualizeParams, bins, 256, 2, 65536, "1",
        "bins of the histogram between the smallest and the largest value; integers get at most one per value"),
    CM_PARAM_REALS(EqualizeParams, range, "", -1e30, 1e30, 0, 2, "",
                   "what the shares 0 and 1 become, e.g. 0,255; not given: the smallest and the largest value"),
    CM_PARAM_ENUM(EqualizeParams, outside_mask, "map|keep|zero", "keep",
                  "voxels outside the mask: mapped like the others, kept, or 0"),
    CM_SCOPE_PARAMS(EqualizeParams),
    CM_TYPE_PARAM(EqualizeParams),
};

typedef struct Equalize {
  CmContext *ctx;
  const EqualizeParams *p;
} Equalize;

/* Points of the curve: the middle of each bin, or for steps two at each edge. */
static void fill(const EqualizeParams *p, const CmBins *bins, const int64_t *counts, double low, double high,
                 CmCurve *curve) {
  const bool steps = p->method == 1;
  int64_t total = 0, sum = 0, first = 0, n = 0;
  for (int64_t k = 0; k < bins->count; k++) total += counts[k];
  while (counts[first] == 0) first++;
  const double least = steps ? (double)counts[first] : 0.0, all = (double)total - least;
  for (int64_t k = 0; k < bins->count; k++) {
    sum += counts[k];
    const double share = ((double)sum - least) / all, to = low + (share > 0.0 ? share : 0.0) * (high - low);
    if (!steps) {
      curve->at[n] = cm__bin_centre(bins, k);
      curve->to[n++] = to;
      continue;
    }
    curve->at[n] = cm__bin_edge(bins, k);
    curve->to[n++] = to;
    curve->at[n] = nextafter(cm__bin_edge(bins, k + 1), -INFINITY);
    curve->to[n++] = to;
  }
}

static bool find(void *arg, const CmPart *part, int64_t at, CmCurve *curve, CmError **err) {
  (void)at;
  const Equalize *job = arg;
  const EqualizeParams *p = job->p;
  CmMoments moments;
  if (!cm__part_ends(job->ctx, part, &moments, err)) return false;
  if (moments.count == 0) {
    cm_error_set(err, CM_ERR_DATA, "there is no voxel to measure: the mask is empty there, or all is NaN");
    return false;
  }
  if (!isfinite(moments.max - moments.min)) {
    cm_error_set(err, CM_ERR_DATA,
                 "the values reach from %g to %g, too far apart for a histogram; clip the image first", moments.min,
                 moments.max);
    return false;
  }
  if (moments.min == moments.max) return true;
  const CmBins bins = cm__bins_between(cm_image_type(part->image), moments.min, moments.max, p->bins);
  const bool given = p->range.count == 2;
  int64_t *counts = cm_alloc_array(job->ctx, (size_t)bins.count, sizeof(int64_t), err);
  const bool ok = counts && cm__part_histogram(job->ctx, part, &bins, counts, err) &&
                  cm__curve_open(job->ctx, curve, p->method == 1 ? 2 * bins.count : bins.count, err);
  if (ok)
    fill(p, &bins, counts, given ? p->range.value[0] : moments.min, given ? p->range.value[1] : moments.max, curve);
  cm_free(counts);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const EqualizeParams *p = call->params;
  Equalize job = {.ctx = call->ctx, .p = p};
  return cm__curve_call(call, "equalize", 1, (CmOutsideMask)p->outside_mask, (CmScope)p->per, p->per_component,
                        cm__out_type(p->type, cm_image_type(call->in[0].image)), find, &job, err);
}

static bool check(const void *values, CmError **err) {
  const EqualizeParams *p = values;
  if (p->range.count == 0 || (p->range.count == 2 && p->range.value[0] < p->range.value[1])) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "range needs two numbers, LOW,HIGH, with LOW below HIGH");
  return false;
}

CM_OP(equalize) = {
    .name = "equalize",
    .family = "intensity",
    .since = "0.2",
    .summary = "Spread the values so that all are about equally frequent (histogram equalization).",
    .details =
        "low + F(v) * (high - low), F being the share of values up to v by a histogram. linear with range=0,1 is "
        "scikit-image's "
        "equalize_hist, levels with range=0,255 on u8 OpenCV's equalizeHist: (N(v) - N0) / (N - N0), N0 being the "
        "count "
        "of the first bin that holds anything. Mask: the histogram is that of what is "
        "inside. A part without contrast stays as it is. NaN: left out, stays NaN.",
    CM_OP_PARAMS(EqualizeParams, params),
    CM_FILTER_PORTS,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.3",
    .examples =
        "cormack equalize xray.png out.png\ncormack equalize mr.nii.gz out.nii.gz --range 0,1 --type f32 --mask "
        "brain.nii.gz",
    .check = check,
    .run = run,
};
