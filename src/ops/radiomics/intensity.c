/* Statistics of the intensities, of their histogram, and of the volume above each intensity. IBSI manual 3.3 to 3.5. */
#include <math.h>
#include <string.h>

#include "ops/radiomics/region.h"

static const double *as_list(const CmStatistics *s, double out[18]) {
  const double list[18] = {s->mean, s->variance, s->skewness, s->kurtosis, s->median, s->least,
                           s->p10,  s->p90,      s->most,     s->iqr,      s->range,  s->mad,
                           s->rmad, s->medad,    s->cov,      s->qcod,     s->energy, s->rms};
  memcpy(out, list, sizeof list);
  return out;
}

bool cm__radiomics_statistics(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  static const char *const names[18] = {"stat_mean", "stat_var",   "stat_skew", "stat_kurt", "stat_median", "stat_min",
                                        "stat_p10",  "stat_p90",   "stat_max",  "stat_iqr",  "stat_range",  "stat_mad",
                                        "stat_rmad", "stat_medad", "stat_cov",  "stat_qcod", "stat_energy", "stat_rms"};
  CmStatistics found;
  double list[18];
  (void)ways;
  for (int k = 0; k < 18; k++) list[k] = NAN;
  if (roi->voxels > 0) {
    cm__counted_statistics(&roi->counted, &found);
    as_list(&found, list);
  }
  return cm__measured_add_all(to, names, "", list, 18, err);
}

/* Of levels 1 ... levels. */
static void count_levels(const CmRoi *roi, int64_t *count) {
  for (int64_t k = 0; k < roi->n[0] * roi->n[1] * roi->n[2]; k++)
    if (roi->level[k]) count[roi->level[k] - 1]++;
}

/* The level that most voxels have; of several the one nearest to the mean. */
static double mode_of(const int64_t *count, int levels, double mean) {
  int best = 0;
  for (int i = 1; i < levels; i++)
    if (count[i] > count[best] || (count[i] == count[best] && fabs(i + 1 - mean) < fabs(best + 1 - mean))) best = i;
  return best + 1;
}

static double slope_at(const int64_t *count, int levels, int i) {
  const int left = i > 0 ? i - 1 : i, right = i + 1 < levels ? i + 1 : i;
  return (double)(count[right] - count[left]) / (right - left);
}

/* Steepest rise and fall of the histogram, and their levels. */
static void slopes(const int64_t *count, int levels, double out[4]) {
  for (int i = 0; i < levels && levels > 1; i++) {
    const double slope = slope_at(count, levels, i);
    if (i == 0 || slope > out[0]) {
      out[0] = slope;
      out[1] = i + 1;
    }
    if (i == 0 || slope < out[2]) {
      out[2] = slope;
      out[3] = i + 1;
    }
  }
}

bool cm__radiomics_histogram(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  static const char *const names[] = {
      "ih_mean", "ih_var",     "ih_skew",       "ih_kurt",     "ih_median",     "ih_min",      "ih_p10",       "ih_p90",
      "ih_max",  "ih_mode",    "ih_iqr",        "ih_range",    "ih_mad",        "ih_rmad",     "ih_medad",     "ih_cov",
      "ih_qcod", "ih_entropy", "ih_uniformity", "ih_max_grad", "ih_max_grad_g", "ih_min_grad", "ih_min_grad_g"};
  int64_t *count = cm_calloc(roi->ctx, (size_t)roi->levels + 1, sizeof(*count), err);
  CmCounted levels = {.distinct = 0};
  double list[18], out[23];
  (void)ways;
  for (int k = 0; k < 23; k++) out[k] = NAN;
  if (count) count_levels(roi, count);
  const bool counted = count && cm__counted_from(roi->ctx, 1.0, count, roi->levels, &levels, err);
  if (counted && roi->voxels > 0) {
    CmStatistics found;
    cm__counted_statistics(&levels, &found);
    as_list(&found, list);
    memcpy(out, list, 9 * sizeof *out);
    out[9] = mode_of(count, roi->levels, found.mean);
    memcpy(out + 10, list + 9, 7 * sizeof *out);
    out[17] = out[18] = 0.0;
    for (int i = 0; i < roi->levels; i++) {
      const double p = (double)count[i] / (double)roi->voxels;
      if (p > 0.0) out[17] -= p * log2(p);
      out[18] += p * p;
    }
    slopes(count, roi->levels, out + 19);
  }
  const bool ok = counted && cm__measured_add_all(to, names, "", out, 23, err);
  cm_free(count);
  cm__counted_free(&levels);
  return ok;
}

/* ---- the volume above each intensity ---- */

typedef struct Curve {
  const CmVolumeBins *bins;
  double *share; /* of the voxels at level k + 1 or above; levels + 1 numbers, the last 0 */
} Curve;

static void fill_curve(const CmRoi *roi, const Curve *curve) {
  const CmVolumeBins *bins = curve->bins;
  const CmCounted *all = &roi->counted;
  int64_t at = 0;
  for (int64_t k = 0; k <= bins->levels; k++) {
    while (at < all->distinct && cm__volume_bin(bins, all->value[at]) < k + 1) at++;
    curve->share[k] = (double)(all->total - all->below[at]) / (double)all->total;
  }
}

/* Share of the volume at or above this fraction of the way through the intensities. */
static double volume_at(const Curve *curve, double fraction) {
  const int64_t last = curve->bins->levels - 1;
  const int64_t k = (int64_t)ceil(fraction * (double)last - 1e-9);
  return curve->share[k < last ? k : last];
}

/* Least intensity that at most this share of the volume reaches. */
static double intensity_at(const Curve *curve, double share) {
  int64_t k = 0;
  while (k < curve->bins->levels - 1 && curve->share[k] > share) k++;
  return curve->bins->first + (double)k * curve->bins->step;
}

static double area_under(const Curve *curve) {
  const int64_t last = curve->bins->levels - 1;
  double sum = 0.0;
  for (int64_t k = 0; k < last; k++) sum += 0.5 * (curve->share[k] + curve->share[k + 1]);
  return last > 0 ? sum / (double)last : NAN;
}

bool cm__radiomics_volume_histogram(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  static const char *const names[] = {"ivh_v10",          "ivh_v90",          "ivh_i10", "ivh_i90",
                                      "ivh_diff_v10_v90", "ivh_diff_i10_i90", "ivh_auc"};
  Curve curve = {.bins = &roi->volume_bins};
  double out[7];
  (void)ways;
  for (int k = 0; k < 7; k++) out[k] = NAN;
  curve.share = cm_alloc_array(roi->ctx, (size_t)roi->volume_bins.levels + 1, sizeof(double), err);
  if (curve.share && roi->voxels > 0) {
    fill_curve(roi, &curve);
    out[0] = volume_at(&curve, 0.1);
    out[1] = volume_at(&curve, 0.9);
    out[2] = intensity_at(&curve, 0.1);
    out[3] = intensity_at(&curve, 0.9);
    out[4] = out[0] - out[1];
    out[5] = out[2] - out[3];
    out[6] = area_under(&curve);
  }
  const bool ok = curve.share && cm__measured_add_all(to, names, "", out, 7, err);
  cm_free(curve.share);
  return ok;
}
