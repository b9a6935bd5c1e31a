#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/radiomics/chain.h"
#include "ops/radiomics/pyrad.h"
#include "ops/radiomics/spatial.h"

typedef struct RadiomicsParams {
  int64_t label;
  int32_t aggregation;
  CmReals spacing;
  int32_t interpolation, mask_interpolation;
  double mask_threshold;
  int32_t rounding;
  CmReals range;
  double outliers;
  int32_t discretize;
  double bin_width;
  int64_t bin_count;
  int32_t volume_bins;
  double volume_bin_width;
  int64_t volume_bin_count;
  int32_t convention;
  CmPyradParams pyrad;
} RadiomicsParams;

static const CmParam params[] = {
    CM_PARAM_INT(
        RadiomicsParams, label, 0, -2147483648, 4294967295, "1",
        "only this label is measured; 0: all, a row each; with convention=pyradiomics the command «cormack radiomics» "
        "takes label 1 of a label map where none is named"),
    CM_PARAM_ENUM(RadiomicsParams, aggregation, "3D|2D|both", "3D",
                  "texture in the volume (3D), in the slices (2D: averaged, 2_5D: merged), or both"),
    CM_PARAM_REALS(
        RadiomicsParams, spacing, "", 0, 1e6, 0, 3, "mm",
        "resample to this distance of voxel centres first, one for all axes or one each for x,y,z; 0 keeps an axis"),
    CM_PARAM_ENUM(RadiomicsParams, interpolation, "nearest|linear|cubic", "linear", "of the image; cubic: B-spline"),
    CM_PARAM_ENUM(RadiomicsParams, mask_interpolation, "nearest|linear|cubic", "linear", "of the mask"),
    CM_PARAM_REAL(RadiomicsParams, mask_threshold, 0.5, 1e-6, 1, "1",
                  "share of a resampled voxel that has to be in the mask"),
    CM_PARAM_ENUM(RadiomicsParams, rounding, "auto|on|off", "auto",
                  "whole numbers after resampling; auto: where the image's type is an integer, such as CT in HU"),
    CM_PARAM_REALS(RadiomicsParams, range, "", -1e30, 1e30, 0, 2, "",
                   "LOW,HIGH: intensities beyond are left out (re-segmentation)"),
    CM_PARAM_REAL(RadiomicsParams, outliers, 0, 0, 1000, "1",
                  "leave out intensities further from the mean than this many standard deviations; 0: none"),
    CM_PARAM_ENUM(RadiomicsParams, discretize, "width|count|equal", "width",
                  "grey levels: bins of a fixed width, a fixed number of bins, or bins of equal probability"),
    CM_PARAM_REAL(
        RadiomicsParams, bin_width, 25, 1e-12, 1e30, "",
        "width of a bin, in image units; the first begins at the range's lower end, else at the smallest intensity"),
    CM_PARAM_INT(RadiomicsParams, bin_count, 32, 1, 65535, "1", "number of bins"),
    CM_PARAM_ENUM(
        RadiomicsParams, volume_bins, "one|width|count", "one",
        "levels of the intensity-volume histogram: steps of 1 (definite units such as HU), of a width, or a number"),
    CM_PARAM_REAL(RadiomicsParams, volume_bin_width, 2.5, 1e-12, 1e30, "", "for volume_bins=width"),
    CM_PARAM_INT(RadiomicsParams, volume_bin_count, 1000, 2, 10000000, "1", "for volume_bins=count"),
    CM_PARAM_ENUM(RadiomicsParams, convention, "ibsi|pyradiomics", "ibsi",
                  "whose definitions and names: each has its own parameters, those of PyRadiomics are marked so"),
    CM__PYRAD_PARAMS(RadiomicsParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "what is measured"},
    {.name = "labels",
     .kind = CM_KIND_LABELS,
     .types = CM_INTEGER_TYPES,
     .components = true,
     .help = "mask or label map; 0 is background"},
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per label"}};

enum { IBSI, PYRADIOMICS };

/* In the order of the standard. */
static bool (*const families[])(const CmRoi *, int, CmMeasuredList *, CmError **) = {
    cm__radiomics_morphology,
    cm__radiomics_local,
    cm__radiomics_statistics,
    cm__radiomics_histogram,
    cm__radiomics_volume_histogram,
    cm__radiomics_glcm,
    cm__radiomics_glrlm,
    cm__radiomics_zones,
    cm__radiomics_ngtdm,
    cm__radiomics_ngldm,
};
enum { FAMILIES = CM_COUNT(families) };

typedef struct Measured {
  CmMeasuredList list[FAMILIES];
  int64_t shape_voxels, voxels; /* that the chain leaves of the region, and of them within range */
} Measured;

typedef struct Job {
  const CmCall *call;
  CmChain chain;
  int ways;
  CmLabelList labels;
  Measured *measured; /* of each label */
} Job;

typedef struct Region {
  const Job *job;
  CmRoi roi;
  Measured *to;
} Region;

static bool measure_family(void *arg, CmRange range, CmError **err) {
  Region *region = arg;
  for (int64_t f = range.begin; f < range.end; f++) {
    region->to->list[f].ctx = region->job->call->ctx;
    if (!families[f](&region->roi, region->job->ways, &region->to->list[f], err)) return false;
  }
  return true;
}

static bool measure_labels(void *arg, CmRange range, CmError **err) {
  Job *job = arg;
  const CmCall *call = job->call;
  bool ok = true;
  for (int64_t k = range.begin; ok && k < range.end; k++) {
    Region region = {.job = job, .to = &job->measured[k]};
    ok = cm__roi_make(call->ctx, call->in[0].image, call->in[1].image, &job->labels.items[k], &job->chain, &region.roi,
                      err);
    region.to->shape_voxels = region.roi.shape_voxels;
    region.to->voxels = region.roi.voxels;
    if (ok && region.roi.shape_voxels > 0)
      ok = cm__spatial(&region.roi, &region.roi.moran, &region.roi.geary, err) &&
           cm_parallel_for(call->ctx, job->labels.count == 1 ? "radiomics" : NULL, FAMILIES, 1, measure_family, &region,
                           err);
    cm__roi_free(&region.roi);
    if (!ok) cm_error_context(err, "label %lld", (long long)job->labels.items[k].value);
  }
  return ok;
}

/* Regions of which the chain leaves nothing; one that is alone is an error, as a label that is not there. */
static bool tell_lost(const Job *job, CmError **err) {
  for (int64_t k = 0; k < job->labels.count; k++) {
    const long long label = (long long)job->labels.items[k].value;
    const Measured *left = &job->measured[k];
    if (left->shape_voxels == 0 && job->labels.count == 1) {
      cm_error_set(err, CM_ERR_DATA, "no voxel of label %lld is left by resampling; give a smaller spacing", label);
      return false;
    }
    if (left->shape_voxels == 0)
      cm_log(job->call->ctx, CM_LOG_WARNING, "no voxel of label %lld is left by resampling; its features are missing",
             label);
    else if (left->voxels == 0)
      cm_log(job->call->ctx, CM_LOG_WARNING,
             "no voxel of label %lld has an intensity in range; all its features but morph_ are missing", label);
  }
  return true;
}

static bool fill_row(CmTable *table, const Job *job, int64_t k, CmError **err) {
  const CmLabelBox *box = &job->labels.items[k];
  const int64_t row = cm_table_add_row(table, err);
  CmLabel named;
  if (row < 0) return false;
  cm_table_set_int(table, row, 0, box->value);
  if (cm_image_find_label(job->call->in[1].image, box->value, &named) && named.name && *named.name &&
      !cm_table_set_text(table, row, 1, named.name, err))
    return false;
  for (int f = 0, column = 2; f < FAMILIES; f++)
    for (int i = 0; i < job->measured[k].list[f].count; i++, column++) {
      const CmMeasured *item = &job->measured[k].list[f].item[i];
      if (column == cm_table_columns(table) && cm_table_add_column(table, item->name, CM_COLUMN_REAL, "", err) < 0)
        return false;
      cm_table_set_real(table, row, column, item->value);
    }
  return true;
}

static CmTable *make_table(const Job *job, CmError **err) {
  CmTable *table = cm_table_create(job->call->ctx, err);
  bool ok = table && cm_table_add_column(table, "label", CM_COLUMN_INT, "", err) >= 0 &&
            cm_table_add_column(table, "name", CM_COLUMN_TEXT, "", err) >= 0;
  for (int64_t k = 0; ok && k < job->labels.count; k++) ok = fill_row(table, job, k, err);
  if (!ok) cm_table_unref(&table);
  return table;
}

static void read_chain(const RadiomicsParams *p, const CmImage *image, CmChain *chain) {
  static const CmInterpolation kinds[] = {CM_INTERPOLATE_NEAREST, CM_INTERPOLATE_LINEAR, CM_INTERPOLATE_CUBIC};
  *chain = (CmChain){
      .interpolation = kinds[p->interpolation],
      .mask_interpolation = kinds[p->mask_interpolation],
      .mask_threshold = p->mask_threshold,
      .round = p->rounding == 0 ? cm_type_is_integer(cm_image_type(image)) : p->rounding == 1,
      .ranged = p->range.count == 2,
      .outliers = p->outliers,
      .discretise = (CmDiscretise)p->discretize,
      .bin_width = p->bin_width,
      .bin_count = p->bin_count,
      .volume_binning = (CmVolumeBinning)p->volume_bins,
      .volume_width = p->volume_bin_width,
      .volume_count = p->volume_bin_count,
  };
  for (int k = 0; k < p->range.count && k < 2; k++) chain->range[k] = p->range.value[k];
  for (int k = 0; k < 3 && p->spacing.count > 0; k++)
    chain->spacing[k] = p->spacing.count == 1 ? p->spacing.value[0] : k < p->spacing.count ? p->spacing.value[k] : 0.0;
  for (int k = 0; k < 3; k++) chain->resampled = chain->resampled || chain->spacing[k] > 0.0;
}

static bool run(const CmCall *call, CmError **err) {
  static const int ways[] = {CM__BY_VOLUME, CM__BY_SLICE, CM__BY_SLICE | CM__BY_VOLUME};
  const RadiomicsParams *p = call->params;
  Job job = {.call = call, .ways = ways[p->aggregation]};
  if (cm_image_dims(call->in[0].image)[3] > 1 || cm_image_dims(call->in[1].image)[3] > 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "the image has several time points; crop one of them");
    return false;
  }
  if (p->convention == PYRADIOMICS)
    return cm__pyrad_run(call, &p->pyrad, offsetof(RadiomicsParams, pyrad), p->label, err);
  if (cm_image_components(call->in[1].image) > 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "the label map has several components; only convention=pyradiomics chooses one");
    return false;
  }
  if (!cm_image_same_grid(call->in[0].image, "image", call->in[1].image, "labels", err)) return false;
  read_chain(p, call->in[0].image, &job.chain);
  CmTable *table = NULL;
  bool ok = cm__label_list(call->ctx, call->in[1].image, &job.labels, err) &&
            cm__label_choose(&job.labels, p->label, err) &&
            (job.measured = cm_calloc(call->ctx, (size_t)job.labels.count + 1, sizeof(*job.measured), err));
  if (ok && job.labels.count == 1) /* the families then share the threads */
    ok = measure_labels(&job, (CmRange){.begin = 0, .end = 1}, err);
  else if (ok)
    ok = cm_parallel_for(call->ctx, "radiomics", job.labels.count, 1, measure_labels, &job, err);
  if (ok) ok = tell_lost(&job, err) && (table = make_table(&job, err)) != NULL;
  if (ok) call->out[0] = cm_value_table(table);
  for (int64_t k = 0; job.measured && k < job.labels.count; k++)
    for (int f = 0; f < FAMILIES; f++) cm__measured_free(&job.measured[k].list[f]);
  cm_free(job.measured);
  cm_free(job.labels.items);
  return ok;
}

/* A parameter of the book that is not used would do nothing: it is refused. */
static bool check_book(const RadiomicsParams *p, CmError **err) {
  static const char *const both[] = {"label", "convention"};
  const CmOp *op = cm_op_find("radiomics");
  char value[CM_TEXT_MAX];
  for (int k = 0; op && k < op->param_count; k++) {
    const CmParam *param = &op->params[k];
    const bool theirs = strncmp(param->help, "(pyradiomics)", 13) == 0;
    if (strcmp(param->name, both[0]) == 0 || strcmp(param->name, both[1]) == 0) continue;
    if (theirs == (p->convention == PYRADIOMICS)) continue;
    RadiomicsParams initial = {.label = 0};
    if (!cm_params_set(op, &initial, param->name, param->initial, err)) return false;
    char usual[CM_TEXT_MAX];
    cm_params_get(op, p, param, value, sizeof value);
    cm_params_get(op, &initial, param, usual, sizeof usual);
    if (strcmp(value, usual) == 0) continue;
    cm_error_set(err, CM_ERR_PARAMETER, "%s belongs to convention=%s", param->name, theirs ? "pyradiomics" : "ibsi");
    return false;
  }
  return true;
}

static bool check(const void *values, CmError **err) {
  const RadiomicsParams *p = values;
  if (!check_book(p, err) || !cm__pyrad_check_spacing(&p->pyrad, 0, err)) return false;
  if (p->range.count == 0 || (p->range.count == 2 && p->range.value[0] < p->range.value[1])) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "range must be LOW,HIGH with LOW below HIGH");
  return false;
}

CM_OP(radiomics) = {
    .name = "radiomics",
    .family = "radiomics",
    .since = "0.2",
    .summary = "The features of the Image Biomarker Standardisation Initiative, of each labelled region.",
    .details =
        "Names are the tags of the initiative's reference tables: morph_, loc_, stat_, ih_ (intensity histogram), ivh_ "
        "(intensity-volume histogram), cm_ (co-occurrence), rlm_ (run lengths), szm_ (size zones), dzm_ (distance "
        "zones), "
        "ngt_ (neighbourhood tone differences), ngl_ (neighbouring dependence). Behind texture names stands how slices "
        "and "
        "directions were put together: 2D_avg, 2D_comb, 2_5D_avg, 2_5D_comb, 3D_avg, 3D_comb, or 2D, 2_5D, 3D. "
        "Chain: image and mask are resampled to `spacing` on a grid around the same centre, intensities rounded, the "
        "mask "
        "cut at mask_threshold; `range` and then `outliers` take voxels out of the intensity mask, not of the "
        "morphological one; intensities become grey levels. Distances of neighbours are one voxel, the dependence of "
        "ngl_ is "
        "on equal levels. Averages leave out slices and directions without a pair or voxel. NaN and infinities are "
        "left "
        "out. A feature that is not defined (a region without voxels in range, a mean of 0 in a quotient) is missing; "
        "of a "
        "region of one grey level cm_corr is 1 and cm_info_corr1 0, ngt_coarseness 1e6, ngt_contrast, ngt_busyness and "
        "ngt_strength 0.",
    CM_OP_PARAMS(RadiomicsParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .tolerance = 1e-9,
    .cite =
        "Zwanenburg A et al. The image biomarker standardization initiative. Radiology 295(2), 2020; IBSI reference "
        "manual v11",
    .examples =
        "cormack radiomics ct.nii.gz gtv.nii.gz features.csv --range -500,400 --bin_width 25\n"
        "cormack radiomics pet.nii.gz tumour.nii.gz f.csv --spacing 2 --discretize count --bin_count 32",
    .check = check,
    .run = run,
};
