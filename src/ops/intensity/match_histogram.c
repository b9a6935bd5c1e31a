#include <math.h>
#include <string.h>

#include "ops/intensity/counts.h"
#include "ops/intensity/curve.h"
#include "ops/measure/gather.h"

typedef struct MatchParams {
  int32_t method;
  int64_t points;
  int64_t levels;
  bool above_mean;
  int32_t outside_mask;
  bool per_component;
  int32_t type;
} MatchParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(MatchParams, method, "exact|quantiles", "exact",
                  "exact: the whole distribution; quantiles: some points of it, linear between them"),
    CM_PARAM_INT(MatchParams, points, 7, 1, 1000, "1", "quantiles between the smallest and the largest value"),
    CM_PARAM_INT(MatchParams, levels, 1024, 2, 65536, "1", "bins of the histograms that the quantiles are taken from"),
    CM_PARAM_BOOL(MatchParams, above_mean, "true",
                  "quantiles of values from the mean on, which leaves a dark background out"),
    CM_PARAM_ENUM(MatchParams, outside_mask, "map|keep|zero", "keep",
                  "voxels outside the mask: mapped like the others, kept, or 0"),
    CM_PARAM_BOOL(MatchParams, per_component, "false", "each component by itself, to that of the reference"),
    CM_TYPE_PARAM(MatchParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is changed"},
    {.name = "reference",
     .kind = CM_KIND_IMAGE,
     .components = true,
     .help = "image whose distribution is taken; its grid may be another"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "not 0 is inside; outside is not measured"},
    {.name = "reference_mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "the same for the reference, on its grid"},
};

typedef struct Match {
  CmContext *ctx;
  const MatchParams *p;
  const CmImage *reference;
  CmMask reference_mask;
} Match;

/* The values that occur, rising, and the share of voxels up to each. */
typedef struct Distribution {
  int64_t n;
  double *value, *share;
} Distribution;

static bool open(CmContext *ctx, Distribution *d, int64_t most, CmError **err) {
  d->n = 0;
  d->value = cm_alloc_array(ctx, (size_t)most, 2 * sizeof(double), err);
  d->share = d->value ? d->value + most : NULL;
  return d->value != NULL;
}

static bool none(CmError **err) {
  cm_error_set(err, CM_ERR_DATA, "there is no voxel to measure: the mask is empty there, or all is NaN");
  return false;
}

static bool distribution_counted(CmContext *ctx, const CmPart *part, Distribution *d, CmError **err) {
  const CmType type = cm_image_type(part->image);
  const int64_t values = cm__type_values(type);
  int64_t *counts = cm_alloc_array(ctx, (size_t)values, sizeof(int64_t), err);
  bool ok = counts && cm__part_counts(ctx, part, counts, err) && open(ctx, d, values, err);
  int64_t total = 0, sum = 0;
  for (int64_t k = 0; ok && k < values; k++) total += counts[k];
  if (ok && total == 0) ok = none(err);
  for (int64_t k = 0; ok && k < values; k++) {
    if (counts[k] == 0) continue;
    sum += counts[k];
    d->value[d->n] = (double)k + cm_type_min(type);
    d->share[d->n++] = (double)sum / (double)total;
  }
  cm_free(counts);
  return ok;
}

static bool distribution_sorted(CmContext *ctx, const CmPart *part, Distribution *d, CmError **err) {
  const CmGrid grid = cm__grid(part->image);
  const int64_t most = (part->row_end - part->row_begin) * grid.row;
  double *line = cm_alloc_array(ctx, (size_t)grid.row, sizeof(double), err);
  uint8_t *inside = cm_alloc(ctx, (size_t)grid.nx, err);
  bool ok = line && inside && open(ctx, d, most, err);
  int64_t n = 0;
  for (int64_t row = part->row_begin; ok && row < part->row_end; row++) {
    const int64_t m = cm__part_row(part, row, line, inside);
    memcpy(d->value + n, line, (size_t)m * sizeof(double));
    n += m;
  }
  cm_free(line);
  cm_free(inside);
  if (ok && n == 0) ok = none(err);
  if (!ok) return false;
  cm__sort_reals(d->value, d->share, n);
  for (int64_t i = 0; i < n; i++)
    if (i + 1 == n || d->value[i + 1] != d->value[i]) {
      d->value[d->n] = d->value[i];
      d->share[d->n++] = (double)(i + 1) / (double)n;
    }
  return true;
}

static bool distribution(CmContext *ctx, const CmPart *part, Distribution *d, CmError **err) {
  return cm__type_is_counted(cm_image_type(part->image)) ? distribution_counted(ctx, part, d, err)
                                                         : distribution_sorted(ctx, part, d, err);
}

/* Each value becomes that of the reference with the same share, linear between those that occur. */
static bool match_exactly(CmContext *ctx, const CmPart *part, const CmPart *reference, CmCurve *curve, CmError **err) {
  Distribution from = {0}, to = {0};
  const bool ok = distribution(ctx, part, &from, err) && distribution(ctx, reference, &to, err) &&
                  cm__curve_open(ctx, curve, from.n, err);
  int64_t k = 0;
  for (int64_t i = 0; ok && i < from.n; i++) {
    while (k < to.n && to.share[k] < from.share[i]) k++;
    curve->at[i] = from.value[i];
    if (k == to.n)
      curve->to[i] = to.value[to.n - 1];
    else if (k == 0 || to.share[k] == from.share[i])
      curve->to[i] = to.value[k];
    else
      curve->to[i] = cm__between(to.value[k - 1], to.value[k],
                                 (from.share[i] - to.share[k - 1]) / (to.share[k] - to.share[k - 1]));
  }
  cm_free(from.value);
  cm_free(to.value);
  return ok;
}

/* points + 2 values: the threshold, the quantiles of what is not below it, and the largest; least: the smallest. */
static bool quantiles(const Match *job, const CmPart *part, double *values, double *least, CmError **err) {
  const MatchParams *p = job->p;
  CmMoments moments;
  if (!cm__part_mean(job->ctx, part, &moments, err)) return false;
  if (moments.count == 0) return none(err);
  const double low = p->above_mean ? moments.mean : moments.min;
  *least = moments.min;
  for (int64_t k = 0; k <= p->points + 1; k++) values[k] = k == 0 ? low : moments.max;
  if (!(moments.max > low)) return true;
  if (!isfinite(moments.max - moments.min)) {
    cm_error_set(err, CM_ERR_DATA,
                 "the values reach from %g to %g, too far apart for a histogram; clip the image first", moments.min,
                 moments.max);
    return false;
  }
  const CmBins bins = {.low = low, .high = moments.max, .count = p->levels};
  int64_t *counts = cm_alloc_array(job->ctx, (size_t)bins.count, sizeof(int64_t), err);
  if (!counts || !cm__part_histogram(job->ctx, part, &bins, counts, err)) {
    cm_free(counts);
    return false;
  }
  int64_t total = 0, sum = 0, bin = 0;
  for (int64_t k = 0; k < bins.count; k++) total += counts[k];
  for (int64_t k = 1; k <= p->points; k++) {
    const double wanted = (double)k / (double)(p->points + 1) * (double)total;
    while (bin + 1 < bins.count && (double)(sum + counts[bin]) < wanted) sum += counts[bin++];
    const double edge = cm__bin_edge(&bins, bin), part_way = (wanted - (double)sum) / (double)counts[bin];
    values[k] = edge + (cm__bin_edge(&bins, bin + 1) - edge) * part_way;
  }
  cm_free(counts);
  return true;
}

static bool match_quantiles(const Match *job, const CmPart *part, const CmPart *reference, CmCurve *curve,
                            CmError **err) {
  const int64_t n = job->p->points + 2;
  double least_from, least_to;
  double *values = cm_alloc_array(job->ctx, (size_t)n, 2 * sizeof(double), err);
  const bool ok = values && quantiles(job, part, values, &least_from, err) &&
                  quantiles(job, reference, values + n, &least_to, err) && cm__curve_open(job->ctx, curve, n + 1, err);
  if (ok) {
    curve->n = 0;
    /* below the first quantile towards the smallest value */
    if (least_from < values[0]) {
      curve->at[curve->n] = least_from;
      curve->to[curve->n++] = least_to;
    }
    for (int64_t k = 0; k < n; k++) {
      if (curve->n > 0 && !(values[k] > curve->at[curve->n - 1])) continue;
      curve->at[curve->n] = values[k];
      curve->to[curve->n++] = values[n + k];
    }
  }
  cm_free(values);
  return ok;
}

static bool find(void *arg, const CmPart *part, int64_t at, CmCurve *curve, CmError **err) {
  const Match *job = arg;
  const CmPart reference = {.image = job->reference,
                            .mask = &job->reference_mask,
                            .row_end = cm__grid(job->reference).rows,
                            .component = job->p->per_component ? at : -1};
  return job->p->method == 0 ? match_exactly(job->ctx, part, &reference, curve, err)
                             : match_quantiles(job, part, &reference, curve, err);
}

static bool run(const CmCall *call, CmError **err) {
  const MatchParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Match job = {.ctx = call->ctx, .p = p, .reference = call->in[1].image};
  if (!cm__mask_open(&job.reference_mask, &call->in[3], job.reference, err)) {
    cm_error_context(err, "reference_mask");
    return false;
  }
  if (p->per_component && cm_image_components(image) != cm_image_components(job.reference)) {
    cm_error_set(err, CM_ERR_GEOMETRY, "the image has %d components and the reference %d; give one with as many",
                 cm_image_components(image), cm_image_components(job.reference));
    return false;
  }
  return cm__curve_call(call, "match_histogram", 2, (CmOutsideMask)p->outside_mask, CM_SCOPE_IMAGE, p->per_component,
                        cm__out_type(p->type, cm_image_type(image)), find, &job, err);
}

CM_OP(match_histogram) = {
    .name = "match_histogram",
    .family = "intensity",
    .since = "0.2",
    .summary = "Give an image the distribution of values of another one.",
    .details =
        "exact: a value becomes the reference's with the same share of voxels up to it, linear between the values that "
        "occur there "
        "(scikit-image's match_histograms). quantiles: points quantiles of a histogram of `levels` bins from the mean "
        "(above_mean) or the smallest value on, that start, and the smallest and largest value are matched, linear "
        "between them (Nyul; ITK's HistogramMatchingImageFilter). Each image is measured as a whole, inside its mask. "
        "NaN: left out, stays NaN. Integers are "
        "rounded. Memory: exact needs 16 bytes per voxel of both images, nothing for 8 and 16 bits.",
    CM_OP_PARAMS(MatchParams, params),
    CM_OP_INPUTS(inputs),
    .outputs = cm__filter_outputs,
    .output_count = 1,
    .geometry = CM_GEOMETRY_CHANGE,
    .cite =
        "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.3; Nyul LG, Udupa JK, Zhang X. New "
        "variants of a method of MRI scale standardization. IEEE Trans Med Imaging 19(2), 2000",
    .examples =
        "cormack match_histogram mr2.nii.gz mr1.nii.gz out.nii.gz\n"
        "cormack match_histogram mr2.nii.gz mr1.nii.gz out.nii.gz --method quantiles --points 7 --type f32",
    .run = run,
};
