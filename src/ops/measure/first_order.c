#include <math.h>
#include <string.h>

#include "ops/measure/gather.h"
#include "ops/measure/statistics.h"

typedef struct FirstOrderParams {
  int64_t label;
  int32_t discretize;
  double bin_width;
  int32_t bin_origin;
  double bin_start;
  int64_t bin_count;
  CmReals range;
  double energy_shift;
} FirstOrderParams;

static const CmParam params[] = {
    CM_LABEL_PARAM(FirstOrderParams),
    CM_PARAM_ENUM(FirstOrderParams, discretize, "width|count", "width",
                  "for entropy and uniformity: bins of a fixed width, or a fixed number of bins"),
    CM_PARAM_REAL(FirstOrderParams, bin_width, 25, 1e-12, 1e30, "", "width of a bin, in image units"),
    CM_PARAM_ENUM(FirstOrderParams, bin_origin, "zero|minimum|start", "zero",
                  "an edge of the bins of fixed width: 0 (as PyRadiomics), the region's smallest value, or bin_start "
                  "(as IBSI with a range)"),
    CM_PARAM_REAL(FirstOrderParams, bin_start, 0, -1e30, 1e30, "", "the edge of bin_origin=start"),
    CM_PARAM_INT(FirstOrderParams, bin_count, 32, 1, 65536, "1", "number of bins"),
    CM_PARAM_REALS(FirstOrderParams, range, "", -1e30, 1e30, 0, 2, "",
                   "LOW,HIGH: values beyond are left out (re-segmentation)"),
    CM_PARAM_REAL(FirstOrderParams, energy_shift, 0, -1e30, 1e30, "",
                  "added to the values for energy, total_energy and root_mean_square (PyRadiomics' voxelArrayShift)"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is measured"},
    {.name = "labels", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "mask or label map; 0 is background"},
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per label"}};

enum {
  COUNT,
  MEAN,
  VARIANCE,
  SKEWNESS,
  KURTOSIS,
  MEDIAN,
  LEAST,
  P10,
  P90,
  MOST,
  IQR,
  RANGE,
  MAD,
  RMAD,
  MEDAD,
  COV,
  QCOD,
  ENERGY,
  TOTAL_ENERGY,
  RMS,
  SD,
  ENTROPY,
  UNIFORMITY,
  FEATURES
};
static const CmFeature features[FEATURES] = {
    [COUNT] = {"count", "voxel", true},
    [MEAN] = {"mean", "@", false},
    [VARIANCE] = {"variance", "@2", false},
    [SKEWNESS] = {"skewness", "1", false},
    [KURTOSIS] = {"kurtosis", "1", false},
    [MEDIAN] = {"median", "@", false},
    [LEAST] = {"minimum", "@", false},
    [P10] = {"percentile_10", "@", false},
    [P90] = {"percentile_90", "@", false},
    [MOST] = {"maximum", "@", false},
    [IQR] = {"interquartile_range", "@", false},
    [RANGE] = {"range", "@", false},
    [MAD] = {"mean_absolute_deviation", "@", false},
    [RMAD] = {"robust_mean_absolute_deviation", "@", false},
    [MEDAD] = {"median_absolute_deviation", "@", false},
    [COV] = {"coefficient_of_variation", "1", false},
    [QCOD] = {"quartile_coefficient_of_dispersion", "1", false},
    [ENERGY] = {"energy", "@2", false},
    [TOTAL_ENERGY] = {"total_energy", "", false},
    [RMS] = {"root_mean_square", "@", false},
    [SD] = {"standard_deviation", "@", false},
    [ENTROPY] = {"entropy", "bit", false},
    [UNIFORMITY] = {"uniformity", "1", false},
};

typedef struct FirstOrder {
  CmContext *ctx;
  const FirstOrderParams *p;
  double voxel_mm3;
} FirstOrder;

/* Bin of a value, from 0. */
static double bin_of(const FirstOrderParams *p, double v, double least, double most) {
  if (p->discretize == 1) {
    if (most == least) return 0.0;
    const double at = floor((double)p->bin_count * (v - least) / (most - least));
    return at < (double)p->bin_count ? at : (double)p->bin_count - 1.0;
  }
  const double start = p->bin_origin == 0 ? 0.0 : p->bin_origin == 1 ? least : p->bin_start;
  return floor((v - start) / p->bin_width);
}

/* Of sorted values: equal bins stand together. */
static void histogram(const FirstOrderParams *p, const double *v, int64_t n, double *out) {
  double entropy = 0.0, uniformity = 0.0;
  for (int64_t begin = 0, end; begin < n; begin = end) {
    const double bin = bin_of(p, v[begin], v[0], v[n - 1]);
    end = begin + 1;
    while (end < n && bin_of(p, v[end], v[0], v[n - 1]) == bin) end++;
    const double share = (double)(end - begin) / (double)n;
    entropy -= share * log2(share);
    uniformity += share * share;
  }
  out[ENTROPY] = entropy > 0.0 ? entropy : 0.0;
  out[UNIFORMITY] = uniformity;
}

/* Energies are of shifted values: PyRadiomics' voxelArrayShift. */
static void energies(const double *v, int64_t n, double shift, double voxel_mm3, double *out) {
  out[ENERGY] = 0.0;
  for (int64_t i = 0; i < n; i++) out[ENERGY] += (v[i] + shift) * (v[i] + shift);
  out[TOTAL_ENERGY] = out[ENERGY] * voxel_mm3;
  out[RMS] = sqrt(out[ENERGY] / (double)n);
}

static bool measure(void *arg, const CmRegion *region, double *out, CmError **err) {
  const FirstOrder *job = arg;
  const FirstOrderParams *p = job->p;
  double *v = region->value, *spare;
  int64_t n = 0;
  for (int k = 0; k < FEATURES; k++) out[k] = NAN;
  for (int64_t i = 0; i < region->count; i++) {
    v[n] = v[i];
    n += p->range.count == 0 || (v[i] >= p->range.value[0] && v[i] <= p->range.value[1]);
  }
  out[COUNT] = (double)n;
  if (n == 0) return true;
  spare = cm_alloc_array(job->ctx, (size_t)n, sizeof(double), err);
  if (!spare) return false;
  cm__sort_reals(v, spare, n);
  CmStatistics of;
  cm__statistics(v, n, &of);
  const double found[] = {
      [MEAN] = of.mean,     [VARIANCE] = of.variance, [SKEWNESS] = of.skewness, [KURTOSIS] = of.kurtosis,
      [MEDIAN] = of.median, [LEAST] = of.least,       [P10] = of.p10,           [P90] = of.p90,
      [MOST] = of.most,     [IQR] = of.iqr,           [RANGE] = of.range,       [MAD] = of.mad,
      [RMAD] = of.rmad,     [MEDAD] = of.medad,       [COV] = of.cov,           [QCOD] = of.qcod,
  };
  memcpy(out + MEAN, found + MEAN, sizeof found - sizeof *found);
  out[SD] = sqrt(of.variance);
  energies(v, n, p->energy_shift, job->voxel_mm3, out);
  histogram(p, v, n, out);
  cm_free(spare);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const double *spacing = cm_image_geometry(call->in[0].image)->spacing;
  FirstOrder job = {.ctx = call->ctx, .p = call->params, .voxel_mm3 = spacing[0] * spacing[1] * spacing[2]};
  return cm__region_table(call, "first_order", call->in[0].image, call->in[1].image, job.p->label, features, FEATURES,
                          measure, &job, err);
}

static bool check(const void *values, CmError **err) {
  const FirstOrderParams *p = values;
  if (p->range.count == 0 || (p->range.count == 2 && p->range.value[0] < p->range.value[1])) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "range must be LOW,HIGH with LOW below HIGH");
  return false;
}

CM_OP(first_order) = {
    .name = "first_order",
    .family = "measure",
    .since = "0.1",
    .summary = "First-order features of an image in each labelled region.",
    .details =
        "Names: IBSI's; where PyRadiomics differs its name follows. mean, variance (divided by n), skewness, kurtosis "
        "(excess; PyRadiomics: "
        "Kurtosis = this + 3), median, minimum, percentile_10 (10Percentile), percentile_90 (90Percentile), maximum, "
        "interquartile_range, "
        "range, mean_absolute_deviation, robust_mean_absolute_deviation (of the values from percentile 10 to 90), "
        "median_absolute_deviation "
        "(mean distance from the median), coefficient_of_variation (sd / mean), quartile_coefficient_of_dispersion, "
        "energy (sum of squares), total_energy (energy times mm3 of a voxel), root_mean_square (RootMeanSquared), "
        "standard_deviation; of the binned values entropy (base 2) and uniformity. Bins of fixed width begin at "
        "multiples of bin_width "
        "(bin_origin=zero), fixed numbers of bins reach from the smallest to the largest value. Percentiles: linear "
        "between order "
        "statistics. NaN is left out; values beyond `range` too. Regions without contrast: skewness and kurtosis 0.",
    CM_OP_PARAMS(FirstOrderParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-12,
    .cite =
        "Zwanenburg A et al. The image biomarker standardization initiative. Radiology 295(2), 2020; IBSI reference "
        "manual v11, sections 3.3 "
        "and 3.4; van Griethuysen JJM et al. Cancer Res 77(21), 2017 (PyRadiomics)",
    .examples =
        "cormack first_order ct.nii.gz nodules.nii.gz features.csv\n"
        "cormack first_order ct.nii.gz gtv.nii.gz f.csv --range -500,400 --bin_width 25 --bin_origin start --bin_start "
        "-500",
    .check = check,
    .run = run,
};
