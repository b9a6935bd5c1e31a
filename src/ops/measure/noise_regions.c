#include "ops/measure/noise_regions.h"

#include <math.h>

#include "cormack/parallel.h"

const CmPort cm__noise_inputs[3] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is measured"},
    {.name = "regions", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "label map of the regions; 0: none"},
    {.name = "second",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .components = true,
     .help = "the same taken once more, for method=difference"},
};

/* Mean and standard deviation; two passes. */
static void measure(const CmRegion *region, double *mean, double *sd) {
  double sum = 0.0, squares = 0.0;
  *mean = *sd = NAN;
  if (region->count == 0) return;
  for (int64_t i = 0; i < region->count; i++) sum += region->value[i];
  *mean = sum / (double)region->count;
  for (int64_t i = 0; i < region->count; i++) squares += (region->value[i] - *mean) * (region->value[i] - *mean);
  if (region->count > 1) *sd = sqrt(squares / (double)(region->count - 1));
}

typedef struct Job {
  CmContext *ctx;
  CmRegionNoises *found;
  int pass; /* 0 the image, 1 the mean of both, 2 their difference */
} Job;

static bool prepare(void *arg, int64_t count, CmError **err) {
  Job *job = arg;
  if (job->pass) return true;
  job->found->count = count;
  job->found->items = cm_calloc(job->ctx, (size_t)count, sizeof(CmRegionNoise), err);
  return job->found->items != NULL;
}

static bool each(void *arg, const CmRegion *region, int64_t index, CmError **err) {
  (void)err;
  const Job *job = arg;
  CmRegionNoise *item = &job->found->items[index];
  double mean, sd;
  measure(region, &mean, &sd);
  if (job->pass == 0)
    *item = (CmRegionNoise){.label = region->box.value,
                            .t = region->t,
                            .component = region->component,
                            .count = region->count,
                            .mean = mean,
                            .sd = sd,
                            .pair_mean = NAN,
                            .pair_sd = NAN};
  else if (job->pass == 1)
    item->pair_mean = mean;
  else
    item->pair_sd = sd / sqrt(2.0);
  return true;
}

typedef struct Mix {
  CmContext *ctx;
  const CmImage *a, *b;
  double share[2];
  CmImage *out;
} Mix;

static bool mix_rows(void *arg, CmRange range, CmError **err) {
  const Mix *mix = arg;
  const CmGrid a = cm__grid(mix->a), b = cm__grid(mix->b), out = cm__grid(mix->out);
  double *line = cm_alloc_array(mix->ctx, (size_t)a.row, sizeof(double), err);
  for (int64_t row = range.begin; line && row < range.end; row++) {
    double *to = cm__row_mut(mix->out, &out, row);
    cm__line_to_f64(cm_image_type(mix->a), cm__row(mix->a, &a, row), a.row, to);
    cm__line_to_f64(cm_image_type(mix->b), cm__row(mix->b, &b, row), a.row, line);
    for (int64_t i = 0; i < a.row; i++) to[i] = mix->share[0] * to[i] + mix->share[1] * line[i];
  }
  cm_free(line);
  return line != NULL;
}

/* The regions of share[0] a + share[1] b. */
static bool measure_mixed(Job *job, const CmImage *a, const CmImage *b, const CmImage *regions, double share_a,
                          double share_b, const char *what, CmError **err) {
  const CmGrid grid = cm__grid(a);
  Mix mix = {.ctx = job->ctx, .a = a, .b = b, .share = {share_a, share_b}};
  mix.out = cm_image_create_like(job->ctx, a, CM_F64, (int)grid.components, err);
  const bool ok = mix.out && cm_parallel_for(job->ctx, NULL, grid.rows, cm__row_chunk(&grid), mix_rows, &mix, err) &&
                  cm__each_region(job->ctx, what, mix.out, regions, 0, prepare, each, job, err);
  cm_image_unref(&mix.out);
  return ok;
}

bool cm__region_noises(const CmCall *call, const char *what, bool difference, CmRegionNoises *found, CmError **err) {
  const CmImage *image = call->in[0].image, *regions = call->in[1].image, *second = call->in[2].image;
  Job job = {.ctx = call->ctx, .found = found};
  *found = (CmRegionNoises){.count = 0};
  if (difference && call->in[2].kind == CM_KIND_NONE) {
    cm_error_set(err, CM_ERR_USAGE, "method=difference needs the image taken once more; give it as second");
    return false;
  }
  if (difference && (cm_image_dims(second)[3] != cm_image_dims(image)[3] ||
                     cm_image_components(second) != cm_image_components(image))) {
    cm_error_set(err, CM_ERR_GEOMETRY,
                 "image and second differ in time points or components; give the same taken twice");
    return false;
  }
  if (!cm__each_region(call->ctx, what, image, regions, 0, prepare, each, &job, err)) return false;
  if (found->count == 0) {
    cm_error_set(err, CM_ERR_DATA, "the map of regions is empty; draw a region");
    return false;
  }
  if (!difference) return true;
  job.pass = 1;
  if (!measure_mixed(&job, image, second, regions, 0.5, 0.5, what, err)) return false;
  job.pass = 2;
  return measure_mixed(&job, image, second, regions, 1.0, -1.0, what, err);
}

const CmRegionNoise *cm__region_noise(const CmRegionNoises *found, const CmRegionNoise *like, int64_t label,
                                      const char *role, CmError **err) {
  for (int64_t k = 0; k < found->count; k++) {
    const CmRegionNoise *item = &found->items[k];
    if (item->label == label && item->t == like->t && item->component == like->component && item->count) return item;
  }
  cm_error_set(err, CM_ERR_DATA, "label %lld, the %s, has no value in this map; draw it or give another label",
               (long long)label, role);
  return NULL;
}

double cm__air_factor(int64_t channels) {
  double beta = sqrt(1.5707963267948966); /* mean of the noise's magnitude: sqrt(pi/2) (2n - 1)!! / (2^(n-1) (n-1)!) */
  for (int64_t n = 2; n <= channels; n++) beta *= (2.0 * (double)n - 1.0) / (2.0 * (double)n - 2.0);
  return sqrt(2.0 * (double)channels - beta * beta);
}
