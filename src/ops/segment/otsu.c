#include <math.h>

#include "ops/segment/cut.h"

enum { MOST_CLASSES = 6, MOST_BINS_MANY = 2048 };

typedef struct OtsuParams {
  int64_t classes;
  int64_t bins;
  int32_t per;
} OtsuParams;

static const CmParam params[] = {
    CM_PARAM_INT(OtsuParams, classes, 2, 2, 6, "1", "into how many classes the values are cut"),
    CM_CUT_BINS_PARAM(OtsuParams),
    CM_PARAM_ENUM(OtsuParams, per, CM_SCOPE_CHOICES, "image",
                  "what gets its own thresholds: the image, each time point, or each slice"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "what is cut into classes"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "where the histogram is taken: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 0 for the lowest class, 1 ..."},
    {.name = "thresholds",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "part, number, threshold and the between-class share of the variance"},
};

/* What the bins first..last (inclusive) as one class add to the between-class variance: sum^2 / count. */
static double class_gain(const double *count, const double *sum, int64_t first, int64_t last) {
  const double n = count[last + 1] - count[first], s = sum[last + 1] - sum[first];
  return n > 0.0 ? s * s / n : -INFINITY; /* a class must not be empty */
}

/* The best cuts by dynamic programming: cut[k] is the last bin of class k. Returns the between-class share of the
 * variance, or -1 without memory; NAN where the values have too few different bins. */
static double find_cuts(CmContext *ctx, const CmCut *h, int64_t classes, int64_t *cut, CmError **err) {
  const int64_t bins = h->bins.count;
  double *count = cm_calloc(ctx, (size_t)bins + 1, sizeof(double), err),
         *sum = cm_calloc(ctx, (size_t)bins + 1, sizeof(double), err);
  double *best = cm_alloc_array(ctx, (size_t)(classes * bins), sizeof(double), err), share = -1.0;
  int32_t *before = cm_alloc_array(ctx, (size_t)(classes * bins), sizeof(int32_t), err);
  if (!count || !sum || !best || !before) goto done;
  double total = 0.0, squares = 0.0, mean = 0.0;
  for (int64_t k = 0; k < bins; k++) {
    total += (double)h->counts[k];
    mean += (double)h->counts[k] * h->centre[k];
  }
  mean /= total;
  for (int64_t k = 0; k < bins; k++) {
    const double n = (double)h->counts[k], d = h->centre[k] - mean; /* around the mean: no cancellation */
    count[k + 1] = count[k] + n;
    sum[k + 1] = sum[k] + n * d;
    squares += n * d * d;
  }
  for (int64_t last = 0; last < bins; last++) best[last] = class_gain(count, sum, 0, last);
  for (int64_t k = 1; k < classes; k++)
    for (int64_t last = k == classes - 1 ? bins - 1 : 0; last < bins; last++) {
      double most = -INFINITY;
      int32_t from = 0;
      for (int64_t middle = k - 1; middle < last; middle++) {
        const double gain = best[(k - 1) * bins + middle] + class_gain(count, sum, middle + 1, last);
        if (gain > most) {
          most = gain;
          from = (int32_t)middle;
        }
      }
      best[k * bins + last] = most;
      before[k * bins + last] = from;
    }
  const double gain = best[(classes - 1) * bins + bins - 1];
  share = isfinite(gain) && squares > 0.0 ? gain / squares : NAN;
  for (int64_t k = classes - 1, last = bins - 1; k > 0; k--) last = cut[k - 1] = before[k * bins + last];
done:
  cm_free(count);
  cm_free(sum);
  cm_free(best);
  cm_free(before);
  return share;
}

/* thresholds: classes - 1. */
static bool find_thresholds(CmContext *ctx, const OtsuParams *p, const CmPart *part, double *thresholds, double *share,
                            CmError **err) {
  CmCut h;
  int64_t last_bin[MOST_CLASSES] = {0};
  bool ok = cm__cut_open(ctx, part, p->bins, p->classes > 2 ? MOST_BINS_MANY : CM_CUT_MOST_BINS, &h, err);
  *share = NAN;
  for (int64_t k = 0; k < p->classes - 1; k++) thresholds[k] = h.moments.max;
  if (ok && h.bins.count > 0) {
    *share = find_cuts(ctx, &h, p->classes, last_bin, err);
    ok = !(*share < 0.0);
    if (ok && *share != *share) {
      cm_error_set(
          err, CM_ERR_DATA,
          "the values fill fewer than %lld bins, so there are not %lld classes; give fewer classes or more bins",
          (long long)p->classes, (long long)p->classes);
      ok = false;
    }
    for (int64_t k = 0; ok && k < p->classes - 1; k++) thresholds[k] = h.centre[last_bin[k]];
  }
  cm__cut_close(&h);
  return ok;
}

static CmTable *make_table(CmContext *ctx, const OtsuParams *p, const CmGrid *grid, const double *thresholds,
                           const double *shares, int64_t parts, CmError **err) {
  CmTable *table = cm_table_create(ctx, err);
  if (!table || cm_table_add_column(table, "t", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table, "z", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table, "number", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table, "threshold", CM_COLUMN_REAL, "", err) < 0 ||
      cm_table_add_column(table, "between_share", CM_COLUMN_REAL, "1", err) < 0)
    goto error;
  for (int64_t part = 0; part < parts; part++)
    for (int64_t k = 0; k < p->classes - 1; k++) {
      const int64_t row = cm_table_add_row(table, err);
      if (row < 0) goto error;
      if (p->per == CM_SCOPE_TIME) cm_table_set_int(table, row, 0, part);
      if (p->per == CM_SCOPE_SLICE) {
        cm_table_set_int(table, row, 0, part / grid->nz);
        cm_table_set_int(table, row, 1, part % grid->nz);
      }
      cm_table_set_int(table, row, 2, k + 1);
      cm_table_set_real(table, row, 3, thresholds[part * (p->classes - 1) + k]);
      cm_table_set_real(table, row, 4, shares[part]);
    }
  return table;
error:
  cm_table_unref(&table);
  return NULL;
}

static bool run(const CmCall *call, CmError **err) {
  const OtsuParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const CmScope scope = (CmScope)p->per;
  const int64_t parts = cm__part_count(&grid, scope, false), each = p->classes - 1;
  CmMask mask;
  CmImage *out = NULL;
  CmTable *table = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  double *thresholds = cm_alloc_array(call->ctx, (size_t)(parts * (each + 1)), sizeof(double), err);
  if (!thresholds) return false;
  double *shares = thresholds + parts * each;
  for (int64_t k = 0; k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &grid, scope, false, k);
    if (!find_thresholds(call->ctx, p, &part, thresholds + k * each, &shares[k], err)) goto done;
  }
  out = cm__cut_apply(call->ctx, "otsu", image, &mask, scope, thresholds, each, err);
  if (!out) goto done;
  if (call->wanted[1]) {
    table = make_table(call->ctx, p, &grid, thresholds, shares, parts, err);
    if (!table) goto done;
    call->out[1] = cm_value_table(cm_table_ref(table));
  }
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_table_unref(&table);
  cm_image_unref(&out);
  cm_free(thresholds);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const OtsuParams *p = values;
  if (p->bins != 0 && p->bins < p->classes) {
    cm_error_set(err, CM_ERR_PARAMETER, "bins must be at least classes (%lld)", (long long)p->classes);
    return false;
  }
  if (p->classes > 2 && p->bins > MOST_BINS_MANY) {
    cm_error_set(err, CM_ERR_PARAMETER, "with more than two classes bins must be at most %d", MOST_BINS_MANY);
    return false;
  }
  return true;
}

CM_OP(otsu) = {
    .name = "otsu",
    .family = "segment",
    .since = "0.1",
    .summary = "Cut values into classes that differ most, by Otsu's method.",
    .details =
        "The thresholds that make the variance between the classes largest, found exactly over the histogram (the "
        "first of equal "
        "ones). A threshold is the centre of the last bin of the class below; a voxel is above it where v > threshold. "
        "between_share "
        "is the variance between classes over that of all values. An image without contrast is class 0 everywhere. "
        "Mask: the "
        "histogram is taken inside, voxels outside are 0. NaN: left out, class 0.",
    CM_OP_PARAMS(OtsuParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Otsu N. A threshold selection method from gray-level histograms. IEEE Trans SMC 9(1), 1979; Liao PS et al. A "
        "fast algorithm for "
        "multilevel thresholding. J Inf Sci Eng 17, 2001",
    .examples =
        "cormack otsu xray.png body.png\ncormack otsu mr.nii.gz tissues.nii.gz --classes 3 --thresholds thresholds.csv",
    .check = check,
    .run = run,
};
