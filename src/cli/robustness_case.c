/* One image under all perturbations. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/robustness.h"
#include "cormack/io.h"
#include "cormack/parallel.h"

#define NAMED_COLUMNS 6 /* before the features */

typedef struct Job {
  const CmRobustness *robustness;
  int64_t number; /* of the case */
  void *params;   /* of radiomics, label 0 */
  const CmOp *op; /* perturb */
  CmImage *image;
  CmRegions *regions;
  CmTable **found; /* of each perturbation and layer; NULL: it cannot be measured */
  CmError **why;
} Job;

/* Every case and perturbation has numbers of its own. */
static bool set_perturbation(const Job *job, const CmPerturbed *perturbed, void *params, CmError **err) {
  CmHasher hasher;
  CmHash hash;
  uint64_t own;
  char seed[32];
  cm_hash_start(&hasher);
  cm_hash_add(&hasher, &job->robustness->seed, sizeof job->robustness->seed);
  cm_hash_add(&hasher, &job->number, sizeof job->number);
  cm_hash_add_text(&hasher, perturbed->words);
  cm_hash_add(&hasher, &perturbed->repeat, sizeof perturbed->repeat);
  cm_hash_finish(&hasher, &hash);
  memcpy(&own, &hash, sizeof own);
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)(own >> 11));
  return cm_params_set_words(job->robustness->work.cli->ctx, job->op, params, perturbed->words, err) &&
         cm_params_set(job->op, params, "seed", seed, err);
}

static CmTable *measure(const Job *job, const CmPerturbed *perturbed, int layer, CmError **err) {
  CmContext *ctx = job->robustness->work.cli->ctx;
  const CmValue in[CM_MAX_PORTS] = {cm_value_image(job->image), cm_value_labels(cm_regions_layer(job->regions, layer))};
  CmValue out[CM_MAX_PORTS] = {{0}};
  CmTable *table = NULL;
  void *params = cm_params_create(ctx, job->op, err);
  if (params && set_perturbation(job, perturbed, params, err) && cm_op_run(ctx, job->op, params, in, out, NULL, err)) {
    table = cm__radiomics_run(&job->robustness->work, job->params, out[0].image, out[1].image, err);
    cm_value_unref(&out[0]);
    cm_value_unref(&out[1]);
  }
  cm_free(params);
  return table;
}

static bool measure_all(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const int layers = cm_regions_layers(job->regions);
  for (int64_t k = range.begin; k < range.end; k++) {
    CmError *why = NULL;
    job->found[k] = measure(job, &job->robustness->perturbed[k / layers], (int)(k % layers), &why);
    if (why && cm_error_code(why) != CM_ERR_DATA) {
      *err = why;
      return false;
    }
    job->why[k] = why;
  }
  return true;
}

/* The row of a region under a perturbation. */
static bool add_row(const Job *job, const CmRadiomicsCase *one, const CmTable *found, int64_t row, int64_t perturbation,
                    CmTable *values, CmError **err) {
  const CmRegion *region = cm_regions_at(job->regions, (int)cm_table_int(found, row, 0) - 1);
  const int64_t to = cm_table_add_row(values, err);
  if (to < 0) return false;
  cm_table_set_int(values, to, 0, job->number);
  cm_table_set_int(values, to, 2, region->number);
  cm_table_set_int(values, to, 4, perturbation);
  const char *words = job->robustness->perturbed[perturbation].words;
  return cm_table_set_text(values, to, 1, one->image, err) &&
         (!*region->name || cm_table_set_text(values, to, 3, region->name, err)) &&
         cm_table_set_text(values, to, 5, *words ? words : "none", err) &&
         cm__radiomics_copy_row(found, row, 2, values, to, NAMED_COLUMNS, err);
}

static bool has_numbers(const CmTable *found, int64_t row) {
  for (int c = 2; c < cm_table_columns(found); c++)
    if (cm_table_column_type(found, c) != CM_COLUMN_TEXT && isfinite(cm_table_real(found, row, c))) return true;
  return false;
}

/* Regions that are not there, or not measurable, under every perturbation: correlations are without them. */
static void tell_left_out(const Job *job, const CmRadiomicsCase *one) {
  const int layers = cm_regions_layers(job->regions);
  const int64_t all = job->robustness->count;
  for (int at = 0; at < cm_regions_count(job->regions); at++) {
    const CmRegion *region = cm_regions_at(job->regions, at);
    int64_t measured = 0;
    for (int64_t k = 0; k < all * layers; k++) {
      const CmTable *found = job->found[k];
      for (int64_t row = 0; found && row < cm_table_rows(found); row++)
        measured += cm_table_int(found, row, 0) - 1 == at && has_numbers(found, row);
    }
    if (measured < all)
      cm_log(job->robustness->work.cli->ctx, CM_LOG_WARNING,
             "%s, region %lld%s%s: measured under %lld of %lld perturbations%s, so it is left out", one->mask,
             (long long)region->number, *region->name ? " " : "", region->name, (long long)measured, (long long)all,
             region->voxels == 0 ? " (it has no voxel in the image)" : "");
  }
}

static bool add_rows(const Job *job, const CmRadiomicsCase *one, CmTable *values, CmError **err) {
  const int layers = cm_regions_layers(job->regions);
  for (int64_t k = 0; k < job->robustness->count * layers; k++) {
    const CmTable *found = job->found[k];
    if (!found)
      cm_log(job->robustness->work.cli->ctx, CM_LOG_WARNING, "%s, perturbation %lld (%s): %s", one->mask,
             (long long)(k / layers), job->robustness->perturbed[k / layers].words, cm_error_text(job->why[k]));
    for (int64_t row = 0; found && row < cm_table_rows(found); row++)
      if (!add_row(job, one, found, row, k / layers, values, err)) return false;
  }
  return true;
}

/* Which regions: of a label map PyRadiomics measures label 1 where nobody names one. */
static bool read_regions(Job *job, const CmRadiomicsCase *one, CmError **err) {
  const CmRadiomicsWork *work = &job->robustness->work;
  char number[64], convention[32];
  cm_params_get(work->op, job->params, cm_op_find_param(work->op, "label"), number, sizeof number);
  cm_params_get(work->op, job->params, cm_op_find_param(work->op, "convention"), convention, sizeof convention);
  const bool theirs = strcmp(convention, "pyradiomics") == 0;
  const bool map = cm_region_source(work->cli->ctx, one->mask) == CM_REGIONS_MAP;
  const char *only = strcmp(number, "0") != 0 ? number : theirs && map && !one->label_named ? "1" : NULL;
  const CmRegionOptions options = {.only = one->region && *one->region ? one->region : only,
                                   .resample = work->resample};
  job->regions = cm_regions_read(work->cli->ctx, one->mask, job->image, &options, err);
  return job->regions && cm_params_set(work->op, job->params, "label", "0", err) &&
         (!theirs || cm_params_set(work->op, job->params, "additionalInfo", "false", err));
}

bool cm__robustness_case(const CmRobustness *robustness, int64_t number, const CmRadiomicsCase *one, CmTable *values,
                         CmError **err) {
  CmContext *ctx = robustness->work.cli->ctx;
  Job job = {.robustness = robustness, .number = number, .op = cm_op_get("perturb", err)};
  job.image = job.op ? cm__radiomics_image(&robustness->work, one, err) : NULL;
  job.params = job.image ? cm_params_create(ctx, robustness->work.op, err) : NULL;
  if (job.params) memcpy(job.params, robustness->work.params, robustness->work.op->params_size);
  bool good = job.params && read_regions(&job, one, err);
  const int64_t tasks = good ? robustness->count * cm_regions_layers(job.regions) : 0;
  job.found = good ? cm_calloc(ctx, (size_t)tasks, sizeof(*job.found), err) : NULL;
  job.why = job.found ? cm_calloc(ctx, (size_t)tasks, sizeof(*job.why), err) : NULL;
  good = job.why && cm_parallel_for(ctx, "robustness", tasks, 1, measure_all, &job, err) &&
         add_rows(&job, one, values, err);
  if (good) tell_left_out(&job, one);
  for (int64_t k = 0; k < tasks; k++) {
    if (job.found) cm_table_unref(&job.found[k]);
    if (job.why) cm_error_free(&job.why[k]);
  }
  cm_free(job.found);
  cm_free(job.why);
  cm_free(job.params);
  cm_regions_free(&job.regions);
  cm_image_unref(&job.image);
  return good;
}
