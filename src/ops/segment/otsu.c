#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/points.h"

enum { MOST_CLASSES = 6, MOST_BINS = 65536, MOST_BINS_MANY = 2048 };

typedef struct OtsuParams {
  int64_t classes;
  int64_t bins;
  int32_t per;
} OtsuParams;

static const CmParam params[] = {
    CM_PARAM_INT(OtsuParams, classes, 2, 2, 6, "1", "into how many classes the values are cut"),
    CM_PARAM_INT(OtsuParams, bins, 256, 0, 65536, "1",
                 "bins of the histogram between the smallest and largest value; 0: one for each whole number"),
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

typedef struct Histogram {
  CmContext *ctx;
  const CmPart *part;
  double low, high, width, per_unit; /* ends, width of a bin, bins per unit */
  int64_t bins;
  int64_t *counts; /* per worker */
  double *centre;
} Histogram;

static int64_t bin_of(const Histogram *h, double v) {
  const double where = (v - h->low) * h->per_unit;
  int64_t at = where >= (double)h->bins ? h->bins - 1 : where > 0.0 ? (int64_t)where : 0;
  /* the product may round across an edge */
  if (v < h->low + (double)at * h->width)
    at--;
  else if (at + 1 < h->bins && v >= h->low + (double)(at + 1) * h->width)
    at++;
  return at < 0 ? 0 : at;
}

static bool count_rows(void *arg, CmRange range, CmError **err) {
  const Histogram *job = arg;
  const CmGrid grid = cm__grid(job->part->image);
  int64_t *counts = job->counts + (int64_t)range.worker * job->bins;
  double *values = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid.nx, err);
  bool ok = values && inside;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const int64_t n = cm__part_row(job->part, job->part->row_begin + row, values, inside);
    for (int64_t i = 0; i < n; i++) counts[bin_of(job, values[i])]++;
  }
  cm_free(values);
  cm_free(inside);
  return ok;
}

/* Counts and centres of the bins; h->bins 0 where there is no contrast. */
static bool take_histogram(CmContext *ctx, const OtsuParams *p, const CmPart *part, Histogram *h, CmError **err) {
  const CmGrid grid = cm__grid(part->image);
  CmMoments moments;
  *h = (Histogram){.ctx = ctx, .part = part};
  if (!cm__part_moments(ctx, part, &moments, err)) return false;
  if (moments.count == 0 || !isfinite(moments.max - moments.min)) {
    cm_error_set(err, CM_ERR_DATA,
                 moments.count ? "the image has infinite values; clip it first"
                               : "there is no voxel to measure: the mask is empty there, or all is NaN");
    return false;
  }
  h->low = moments.min;
  h->high = moments.max;
  h->bins = p->bins;
  if (h->low == h->high) {
    h->bins = 0;
    return true;
  }
  if (p->bins == 0) {
    h->low = floor(h->low) - 0.5;
    h->high = ceil(h->high) + 0.5;
    if (h->high - h->low > (double)(p->classes > 2 ? MOST_BINS_MANY : MOST_BINS)) {
      cm_error_set(err, CM_ERR_PARAMETER,
                   "values from %g to %g are too many whole numbers for bins=0; give a number of bins", moments.min,
                   moments.max);
      return false;
    }
    h->bins = (int64_t)(h->high - h->low);
  }
  h->width = (h->high - h->low) / (double)h->bins;
  h->per_unit = (double)h->bins / (h->high - h->low);
  const int workers = cm_context_threads(ctx);
  h->counts = cm_calloc(ctx, (size_t)(workers * h->bins), sizeof(int64_t), err);
  h->centre = cm_alloc_array(ctx, (size_t)h->bins, sizeof(double), err);
  if (!h->counts || !h->centre ||
      !cm_parallel_for(ctx, "otsu", part->row_end - part->row_begin, cm__row_chunk(&grid), count_rows, h, err))
    return false;
  for (int64_t k = 0; k < h->bins; k++) {
    h->centre[k] = h->low + ((double)k + 0.5) * h->width;
    for (int worker = 1; worker < workers; worker++) h->counts[k] += h->counts[worker * h->bins + k];
  }
  return true;
}

/* What the bins first..last (inclusive) as one class add to the between-class variance: sum^2 / count. */
static double class_gain(const double *count, const double *sum, int64_t first, int64_t last) {
  const double n = count[last + 1] - count[first], s = sum[last + 1] - sum[first];
  return n > 0.0 ? s * s / n : -INFINITY; /* a class must not be empty */
}

/* The best cuts by dynamic programming: cut[k] is the last bin of class k. Returns the between-class share of the
 * variance, or -1 without memory; NAN where the values have too few different bins. */
static double find_cuts(CmContext *ctx, const Histogram *h, int64_t classes, int64_t *cut, CmError **err) {
  const int64_t bins = h->bins;
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

typedef struct Cut {
  double threshold[MOST_CLASSES - 1];
  double share;
} Cut;

static bool find_thresholds(CmContext *ctx, const OtsuParams *p, const CmPart *part, Cut *cut, CmError **err) {
  Histogram h;
  int64_t last_bin[MOST_CLASSES] = {0};
  bool ok = take_histogram(ctx, p, part, &h, err);
  cut->share = NAN;
  for (int64_t k = 0; k < p->classes - 1; k++) cut->threshold[k] = h.high;
  if (ok && h.bins > 0) {
    cut->share = find_cuts(ctx, &h, p->classes, last_bin, err);
    ok = !(cut->share < 0.0);
    if (ok && cut->share != cut->share) {
      cm_error_set(
          err, CM_ERR_DATA,
          "the values fill fewer than %lld bins, so there are not %lld classes; give fewer classes or more bins",
          (long long)p->classes, (long long)p->classes);
      ok = false;
    }
    for (int64_t k = 0; ok && k < p->classes - 1; k++) cut->threshold[k] = h.centre[last_bin[k]];
  }
  cm_free(h.counts);
  cm_free(h.centre);
  return ok;
}

typedef struct Classify {
  CmGrid grid;
  CmScope scope;
  const Cut *cuts;
  int64_t classes;
} Classify;

static void classify_row(void *arg, int64_t row, double *line, int64_t n) {
  const Classify *job = arg;
  const Cut *cut = &job->cuts[cm__part_of(&job->grid, job->scope, false, row, 0)];
  for (int64_t i = 0; i < n; i++) {
    double label = 0.0;
    for (int64_t k = 0; k < job->classes - 1; k++) label += line[i] > cut->threshold[k];
    line[i] = label;
  }
}

static CmTable *make_table(CmContext *ctx, const OtsuParams *p, const CmGrid *grid, const Cut *cuts, int64_t parts,
                           CmError **err) {
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
      cm_table_set_real(table, row, 3, cuts[part].threshold[k]);
      cm_table_set_real(table, row, 4, cuts[part].share);
    }
  return table;
error:
  cm_table_unref(&table);
  return NULL;
}

static bool run(const CmCall *call, CmError **err) {
  const OtsuParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Classify job = {.grid = cm__grid(image), .scope = (CmScope)p->per, .classes = p->classes};
  const int64_t parts = cm__part_count(&job.grid, job.scope, false);
  CmMask mask;
  CmImage *out = NULL;
  CmTable *table = NULL;
  Cut *cuts = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  cuts = cm_calloc(call->ctx, (size_t)parts, sizeof(Cut), err);
  if (!cuts) return false;
  job.cuts = cuts;
  for (int64_t k = 0; k < parts; k++) {
    const CmPart part = cm__part_at(image, &mask, &job.grid, job.scope, false, k);
    if (!find_thresholds(call->ctx, p, &part, &cuts[k], err)) goto done;
  }
  out = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!out || !cm_image_set_unit(out, "1", err) ||
      !cm__points(call->ctx, "otsu", image, &mask, CM_OUTSIDE_ZERO, classify_row, &job, out, err))
    goto done;
  if (call->wanted[1]) {
    table = make_table(call->ctx, p, &job.grid, cuts, parts, err);
    if (!table) goto done;
    call->out[1] = cm_value_table(cm_table_ref(table));
  }
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_table_unref(&table);
  cm_image_unref(&out);
  cm_free(cuts);
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
