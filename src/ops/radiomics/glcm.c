/* Grey level co-occurrence: how often two levels stand side by side. IBSI manual 3.6; Haralick RM, Shanmugam K,
 * Dinstein I. Textural features for image classification. IEEE Trans SMC 3(6), 1973. */
#include <math.h>
#include <string.h>

#include "ops/radiomics/region.h"

enum {
  JOINT_MAX,
  JOINT_AVERAGE,
  JOINT_VARIANCE,
  JOINT_ENTROPY,
  DIFFERENCE_AVERAGE,
  DIFFERENCE_VARIANCE,
  DIFFERENCE_ENTROPY,
  SUM_AVERAGE,
  SUM_VARIANCE,
  SUM_ENTROPY,
  ENERGY,
  CONTRAST,
  DISSIMILARITY,
  INVERSE_DIFFERENCE,
  INVERSE_DIFFERENCE_NORMALISED,
  INVERSE_DIFFERENCE_MOMENT,
  INVERSE_DIFFERENCE_MOMENT_NORMALISED,
  INVERSE_VARIANCE,
  CORRELATION,
  AUTOCORRELATION,
  CLUSTER_TENDENCY,
  CLUSTER_SHADE,
  CLUSTER_PROMINENCE,
  INFORMATION_1,
  INFORMATION_2,
  FEATURES
};
static const char *const names[FEATURES] = {
    "cm_joint_max",    "cm_joint_avg",         "cm_joint_var",     "cm_joint_entr", "cm_diff_avg",
    "cm_diff_var",     "cm_diff_entr",         "cm_sum_avg",       "cm_sum_var",    "cm_sum_entr",
    "cm_energy",       "cm_contrast",          "cm_dissimilarity", "cm_inv_diff",   "cm_inv_diff_norm",
    "cm_inv_diff_mom", "cm_inv_diff_mom_norm", "cm_inv_var",       "cm_corr",       "cm_auto_corr",
    "cm_clust_tend",   "cm_clust_shade",       "cm_clust_prom",    "cm_info_corr1", "cm_info_corr2",
};

typedef struct Job {
  const CmRoi *roi;
  int64_t *pairs;  /* 13 matrices levels x levels, one a direction: level of a voxel, level of the next one */
  int64_t *merged; /* one */
  double *sides;   /* sums of the symmetric matrix: levels marginal, levels differences, 2 levels + 1 sums */
} Job;

static void count_pairs(const CmRoi *roi, const int direction[3], int64_t z_first, int64_t z_end, int64_t *to) {
  const int64_t next = cm__roi_at(roi, direction[0], direction[1], direction[2]);
  for (int64_t z = z_first; z < z_end; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const uint16_t *row = roi->level + cm__roi_at(roi, 0, y, z);
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const int64_t a = row[x], b = row[x + next];
        if (a > 0 && b > 0) to[(a - 1) * roi->levels + b - 1]++;
      }
    }
}

static double entropy_term(double p) {
  return p > 0.0 ? -p * log2(p) : 0.0;
}

/* What depends on the difference of the levels alone. */
static void from_differences(const double *difference, int levels, double *out) {
  const double n = levels;
  for (int k = 0; k < levels; k++) {
    const double p = difference[k], kk = (double)k * k;
    out[DIFFERENCE_AVERAGE] += k * p;
    out[DIFFERENCE_ENTROPY] += entropy_term(p);
    out[CONTRAST] += kk * p;
    out[INVERSE_DIFFERENCE] += p / (1.0 + k);
    out[INVERSE_DIFFERENCE_NORMALISED] += p / (1.0 + k / n);
    out[INVERSE_DIFFERENCE_MOMENT] += p / (1.0 + kk);
    out[INVERSE_DIFFERENCE_MOMENT_NORMALISED] += p / (1.0 + kk / (n * n));
    if (k > 0) out[INVERSE_VARIANCE] += p / kk;
  }
  out[DISSIMILARITY] = out[DIFFERENCE_AVERAGE];
  for (int k = 0; k < levels; k++) {
    const double d = k - out[DIFFERENCE_AVERAGE];
    out[DIFFERENCE_VARIANCE] += d * d * difference[k];
  }
}

/* sum[k]: the share of pairs whose levels add up to k + 2. */
static void from_sums(const double *sum, int levels, double *out) {
  double square = 0.0;
  for (int k = 0; k < 2 * levels - 1; k++) {
    out[SUM_AVERAGE] += (k + 2) * sum[k];
    out[SUM_ENTROPY] += entropy_term(sum[k]);
    square += (k + 2.0) * (k + 2.0) * sum[k];
  }
  for (int k = 0; k < 2 * levels - 1; k++) {
    const double d = k + 2 - out[SUM_AVERAGE], dd = d * d;
    out[SUM_VARIANCE] += dd * sum[k];
    out[CLUSTER_SHADE] += dd * d * sum[k];
    out[CLUSTER_PROMINENCE] += dd * dd * sum[k];
  }
  out[CLUSTER_TENDENCY] = out[SUM_VARIANCE];
  out[AUTOCORRELATION] = 0.25 * (square - out[CONTRAST]); /* ij = ((i + j)^2 - (i - j)^2) / 4 */
}

static void from_marginal(const double *marginal, int levels, double *out) {
  double mean = 0.0, variance = 0.0, entropy = 0.0;
  for (int i = 0; i < levels; i++) mean += (i + 1) * marginal[i];
  for (int i = 0; i < levels; i++) {
    variance += (i + 1 - mean) * (i + 1 - mean) * marginal[i];
    entropy += entropy_term(marginal[i]);
  }
  out[JOINT_AVERAGE] = mean;
  out[JOINT_VARIANCE] = variance;
  /* one level alone goes perfectly with itself */
  out[CORRELATION] = variance > 0.0 ? (out[AUTOCORRELATION] - mean * mean) / variance : 1.0;
  /* HXY1 and HXY2 of a symmetric matrix are both twice the entropy of its marginal */
  const double apart = 2.0 * entropy - out[JOINT_ENTROPY];
  out[INFORMATION_1] = entropy > 0.0 ? -apart / entropy : 0.0;
  out[INFORMATION_2] = apart > 0.0 ? sqrt(1.0 - exp(-2.0 * apart)) : 0.0;
}

static void describe(const Job *job, const int64_t *pairs, double *out) {
  const int n = job->roi->levels;
  double *marginal = job->sides, *difference = marginal + n, *sum = difference + n, total = 0.0;
  for (int64_t k = 0; k < (int64_t)n * n; k++) total += (double)pairs[k];
  for (int k = 0; k < FEATURES; k++) out[k] = total > 0.0 ? 0.0 : NAN;
  if (total == 0.0) return;
  memset(marginal, 0, (size_t)(4 * n) * sizeof(double));
  for (int i = 0; i < n; i++)
    for (int j = i; j < n; j++) {
      const int64_t both = pairs[(int64_t)i * n + j] + pairs[(int64_t)j * n + i];
      if (both == 0) continue;
      const double p = 0.5 * (double)both / total; /* of (i, j), and of (j, i) */
      const double times = i == j ? 1.0 : 2.0;
      marginal[i] += p;
      if (i != j) marginal[j] += p;
      difference[j - i] += times * p;
      sum[i + j] += times * p;
      out[ENERGY] += times * p * p;
      out[JOINT_ENTROPY] += times * entropy_term(p);
      out[JOINT_MAX] = fmax(out[JOINT_MAX], p);
    }
  from_differences(difference, n, out);
  from_sums(sum, n, out);
  from_marginal(marginal, n, out);
}

static void add_to(int64_t *to, const int64_t *from, int64_t count) {
  for (int64_t k = 0; k < count; k++) to[k] += from[k];
}

/* Features of each of the matrices, averaged; then of their sum. */
static void average_and_merge(const Job *job, int matrices, CmFeatureMean *average, CmFeatureMean *combined) {
  const int64_t size = (int64_t)job->roi->levels * job->roi->levels;
  double out[FEATURES];
  memset(job->merged, 0, (size_t)size * sizeof(int64_t));
  for (int d = 0; d < matrices; d++) {
    describe(job, job->pairs + d * size, out);
    cm__feature_mean_add(average, out, FEATURES);
    add_to(job->merged, job->pairs + d * size, size);
  }
  describe(job, job->merged, out);
  cm__feature_mean_add(combined, out, FEATURES);
}

static bool add_mean(CmMeasuredList *to, const char *suffix, const CmFeatureMean *mean, CmError **err) {
  double out[FEATURES];
  cm__feature_mean_take(mean, out, FEATURES);
  return cm__measured_add_all(to, names, suffix, out, FEATURES, err);
}

static bool by_slice(const Job *job, CmMeasuredList *to, CmError **err) {
  const CmRoi *roi = job->roi;
  const size_t bytes = (size_t)roi->levels * (size_t)roi->levels * 4 * sizeof(int64_t);
  CmFeatureMean average = {0}, combined = {0}, average_25 = {0}, combined_25 = {0};
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++) {
    memset(job->pairs, 0, bytes);
    for (int d = 0; d < 4; d++)
      count_pairs(roi, cm__directions[d], z, z + 1, job->pairs + (int64_t)d * roi->levels * roi->levels);
    average_and_merge(job, 4, &average, &combined);
  }
  memset(job->pairs, 0, bytes);
  for (int d = 0; d < 4; d++)
    count_pairs(roi, cm__directions[d], roi->lo[2], roi->hi[2], job->pairs + (int64_t)d * roi->levels * roi->levels);
  average_and_merge(job, 4, &average_25, &combined_25);
  return add_mean(to, "_2D_avg", &average, err) && add_mean(to, "_2D_comb", &combined, err) &&
         add_mean(to, "_2_5D_avg", &average_25, err) && add_mean(to, "_2_5D_comb", &combined_25, err);
}

static bool by_volume(const Job *job, CmMeasuredList *to, CmError **err) {
  const CmRoi *roi = job->roi;
  const int64_t size = (int64_t)roi->levels * roi->levels;
  CmFeatureMean average = {0}, combined = {0};
  memset(job->pairs, 0, (size_t)size * 13 * sizeof(int64_t));
  for (int d = 0; d < 13; d++) count_pairs(roi, cm__directions[d], roi->lo[2], roi->hi[2], job->pairs + d * size);
  average_and_merge(job, 13, &average, &combined);
  return add_mean(to, "_3D_avg", &average, err) && add_mean(to, "_3D_comb", &combined, err);
}

bool cm__radiomics_glcm(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  Job job = {.roi = roi};
  size_t size;
  const size_t levels = (size_t)roi->levels;
  const bool fits = cm_size_multiply(levels * levels, 13, &size, err);
  job.pairs = fits ? cm_alloc_array(roi->ctx, size, sizeof(int64_t), err) : NULL;
  job.merged = job.pairs ? cm_alloc_array(roi->ctx, levels * levels, sizeof(int64_t), err) : NULL;
  job.sides = job.merged ? cm_alloc_array(roi->ctx, 4 * levels, sizeof(double), err) : NULL;
  const bool ok = job.sides && (!(ways & CM__BY_SLICE) || by_slice(&job, to, err)) &&
                  (!(ways & CM__BY_VOLUME) || by_volume(&job, to, err));
  cm_free(job.pairs);
  cm_free(job.merged);
  cm_free(job.sides);
  return ok;
}
