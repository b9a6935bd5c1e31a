/* cormack histogram: how often which values occur. */
#include <math.h>
#include <string.h>

#include "ops/intensity/counts.h"
#include "ops/measure/gather.h"

typedef struct HistogramParams {
  int64_t bins;
  double width;
  CmReals range;
  int64_t label;
} HistogramParams;

static const CmParam params[] = {
    CM_PARAM_INT(HistogramParams, bins, 256, 1, 1000000, "1", "number of bins where width is 0"),
    CM_PARAM_REAL(HistogramParams, width, 0, 0, 1e30, "", "width of a bin, in image units; 0: as `bins` says"),
    CM_PARAM_REALS(
        HistogramParams, range, "", -1e30, 1e30, 0, 2, "",
        "LOW,HIGH: where bins begin and end; none: the smallest and the largest value of all that is counted"),
    CM_LABEL_PARAM(HistogramParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "whose values are counted"},
    {.name = "labels",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "mask or label map: each label by itself; 0 is not counted"},
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per bin"}};

enum { MOST_BINS = 1000000 };

/* With a width: bins from the low end on, until the high end lies in one. */
static bool set_bins(const HistogramParams *p, double low, double high, CmBins *bins, CmError **err) {
  const double wide = p->width > 0.0 ? floor((high - low) / p->width) + 1.0 : (double)p->bins;
  if (!isfinite(low) || !isfinite(high) || !isfinite(high - low)) {
    cm_error_set(err, CM_ERR_DATA, "the values reach from %g to %g, which cannot be cut into bins; give a range", low,
                 high);
    return false;
  }
  if (!(wide <= MOST_BINS)) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "bins of width %g from %g to %g are more than %d; give a larger width or a range", p->width, low, high,
                 MOST_BINS);
    return false;
  }
  if (p->width > 0.0) {
    const int64_t count = p->range.count ? (int64_t)ceil((high - low) / p->width - 1e-9) : (int64_t)wide;
    bins->count = count > 0 ? count : 1;
    high = low + p->width * (double)bins->count;
  } else {
    bins->count = p->bins;
    if (low == high) {
      low -= 0.5;
      high += 0.5;
    }
  }
  bins->low = low;
  bins->high = high;
  return true;
}

typedef struct Job {
  CmContext *ctx;
  const HistogramParams *p;
  const CmImage *image, *labels;
  CmTable *table;
  bool labelled, times, components;
  int64_t *counts;
  CmBins bins;
} Job;

static bool add_rows(Job *job, int64_t label, int64_t t, int64_t component, CmError **err) {
  double total = 0.0, sum = 0.0;
  CmLabel named;
  for (int64_t k = 0; k < job->bins.count; k++) total += (double)job->counts[k];
  for (int64_t k = 0; k < job->bins.count; k++) {
    const int64_t row = cm_table_add_row(job->table, err);
    int column = 0;
    if (row < 0) return false;
    if (job->labelled) {
      cm_table_set_int(job->table, row, column++, label);
      if (cm_image_find_label(job->labels, label, &named) && named.name && *named.name &&
          !cm_table_set_text(job->table, row, column, named.name, err))
        return false;
      column++;
    }
    if (job->times) cm_table_set_int(job->table, row, column++, t);
    if (job->components) cm_table_set_int(job->table, row, column++, component);
    sum += (double)job->counts[k];
    cm_table_set_int(job->table, row, column++, k);
    cm_table_set_real(job->table, row, column++, cm__bin_edge(&job->bins, k));
    cm_table_set_real(job->table, row, column++, cm__bin_edge(&job->bins, k + 1));
    cm_table_set_int(job->table, row, column++, job->counts[k]);
    cm_table_set_real(job->table, row, column++, total > 0.0 ? (double)job->counts[k] / total : NAN);
    cm_table_set_real(job->table, row, column, total > 0.0 ? sum / total : NAN);
  }
  return true;
}

static bool add_columns(const Job *job, CmError **err) {
  const char *unit = cm_image_unit(job->image);
  CmTable *table = job->table;
  return (!job->labelled || (cm_table_add_column(table, "label", CM_COLUMN_INT, "", err) >= 0 &&
                             cm_table_add_column(table, "name", CM_COLUMN_TEXT, "", err) >= 0)) &&
         (!job->times || cm_table_add_column(table, "t", CM_COLUMN_INT, "", err) >= 0) &&
         (!job->components || cm_table_add_column(table, "component", CM_COLUMN_INT, "", err) >= 0) &&
         cm_table_add_column(table, "bin", CM_COLUMN_INT, "", err) >= 0 &&
         cm_table_add_column(table, "low", CM_COLUMN_REAL, unit, err) >= 0 &&
         cm_table_add_column(table, "high", CM_COLUMN_REAL, unit, err) >= 0 &&
         cm_table_add_column(table, "count", CM_COLUMN_INT, "", err) >= 0 &&
         cm_table_add_column(table, "share", CM_COLUMN_REAL, "", err) >= 0 &&
         cm_table_add_column(table, "cumulative", CM_COLUMN_REAL, "", err) >= 0;
}

/* ---- everywhere
 * ------------------------------------------------------------------------------------------------------------- */

/* The ends of all values; false in *any where there is none. */
static bool find_all_ends(const Job *job, double ends[2], bool *any, CmError **err) {
  const CmPart whole = {.image = job->image, .row_end = cm__grid(job->image).rows, .component = -1};
  const CmType type = cm_image_type(job->image);
  CmMoments moments;
  *any = true;
  if (!cm__type_is_counted(type)) {
    if (!cm__part_ends(job->ctx, &whole, &moments, err)) return false;
    *any = moments.count > 0;
    ends[0] = moments.min;
    ends[1] = moments.max;
    return true;
  }
  int64_t *counts = cm_alloc_array(job->ctx, (size_t)cm__type_values(type), sizeof(int64_t), err);
  int64_t first = 0, last = cm__type_values(type) - 1;
  const bool ok = counts && cm__part_counts(job->ctx, &whole, counts, err);
  if (ok) {
    while (!counts[first]) first++;
    while (!counts[last]) last--;
    ends[0] = (double)first + cm_type_min(type);
    ends[1] = (double)last + cm_type_min(type);
  }
  cm_free(counts);
  return ok;
}

static bool count_parts(Job *job, CmError **err) {
  const CmGrid grid = cm__grid(job->image);
  double ends[2] = {job->p->range.value[0], job->p->range.value[1]};
  bool any = true;
  if (job->p->range.count == 0 && !find_all_ends(job, ends, &any, err)) return false;
  if (!any) return true; /* no value: no bins */
  if (!set_bins(job->p, ends[0], ends[1], &job->bins, err)) return false;
  job->counts = cm_alloc_array(job->ctx, (size_t)job->bins.count, sizeof(int64_t), err);
  if (!job->counts) return false;
  const int64_t parts = cm__part_count(&grid, CM_SCOPE_TIME, job->components);
  for (int64_t at = 0; at < parts; at++) {
    const CmPart part = cm__part_at(job->image, NULL, &grid, CM_SCOPE_TIME, job->components, at);
    if (!cm__part_histogram(job->ctx, &part, &job->bins, job->counts, err) ||
        !add_rows(job, 0, at / grid.components, part.component, err))
      return false;
  }
  return true;
}

/* ---- by label
 * --------------------------------------------------------------------------------------------------------------- */

typedef struct Regions {
  Job *job;
  bool bounded; /* the bins are set, values are counted; else the ends are sought */
  int64_t count;
  double (*ends)[2]; /* per region */
  int64_t (*place)[3];
  int64_t *counts; /* per region bins->count */
} Regions;

static bool prepare(void *arg, int64_t count, CmError **err) {
  Regions *r = arg;
  CmContext *ctx = r->job->ctx;
  size_t cells;
  r->count = count;
  if (!r->bounded) {
    r->ends = cm_calloc(ctx, (size_t)count, sizeof(*r->ends), err);
    return r->ends != NULL;
  }
  if (!cm_size_multiply((size_t)count, (size_t)r->job->bins.count, &cells, err)) return false;
  r->place = cm_calloc(ctx, (size_t)count, sizeof(*r->place), err);
  r->counts = r->place ? cm_calloc(ctx, cells, sizeof(int64_t), err) : NULL;
  return r->counts != NULL;
}

static bool find_ends(void *arg, const CmRegion *region, int64_t index, CmError **err) {
  (void)err;
  Regions *r = arg;
  double low = INFINITY, high = -INFINITY;
  for (int64_t i = 0; i < region->count; i++) {
    low = fmin(low, region->value[i]);
    high = fmax(high, region->value[i]);
  }
  r->ends[index][0] = low;
  r->ends[index][1] = high;
  return true;
}

static bool count_region(void *arg, const CmRegion *region, int64_t index, CmError **err) {
  (void)err;
  Regions *r = arg;
  r->place[index][0] = region->box.value;
  r->place[index][1] = region->t;
  r->place[index][2] = region->component;
  cm__count_values(&r->job->bins, region->value, region->count, r->counts + index * r->job->bins.count);
  return true;
}

static bool count_labels(Job *job, CmError **err) {
  Regions r = {.job = job, .bounded = job->p->range.count == 2};
  double low = job->p->range.value[0], high = job->p->range.value[1];
  bool ok = false;
  if (!r.bounded) {
    low = INFINITY;
    high = -INFINITY;
    if (!cm__each_region(job->ctx, "histogram", job->image, job->labels, job->p->label, prepare, find_ends, &r, err))
      goto done;
    for (int64_t k = 0; k < r.count; k++) {
      low = fmin(low, r.ends[k][0]);
      high = fmax(high, r.ends[k][1]);
    }
    r.bounded = true;
    if (low > high) { /* no value: no bins */
      ok = true;
      goto done;
    }
  }
  if (!set_bins(job->p, low, high, &job->bins, err) ||
      !cm__each_region(job->ctx, "histogram", job->image, job->labels, job->p->label, prepare, count_region, &r, err))
    goto done;
  ok = true;
  for (int64_t k = 0; ok && k < r.count; k++) {
    job->counts = r.counts + k * job->bins.count;
    ok = add_rows(job, r.place[k][0], r.place[k][1], r.place[k][2], err);
  }
  job->counts = NULL;
done:
  cm_free(r.ends);
  cm_free(r.place);
  cm_free(r.counts);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const CmImage *image = call->in[0].image;
  Job job = {.ctx = call->ctx, .p = call->params, .image = image};
  job.labelled = call->in[1].kind != CM_KIND_NONE;
  job.labels = job.labelled ? call->in[1].image : NULL;
  job.times = cm_image_dims(image)[3] > 1;
  job.components = cm_image_components(image) > 1;
  job.table = cm_table_create(call->ctx, err);
  const bool ok =
      job.table && add_columns(&job, err) && (job.labelled ? count_labels(&job, err) : count_parts(&job, err));
  cm_free(job.counts);
  if (!ok) {
    cm_table_unref(&job.table);
    return false;
  }
  call->out[0] = cm_value_table(job.table);
  return true;
}

static bool check(const void *values, CmError **err) {
  const HistogramParams *p = values;
  if (p->range.count == 0 || (p->range.count == 2 && p->range.value[0] < p->range.value[1])) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "range must be LOW,HIGH with LOW below HIGH");
  return false;
}

CM_OP(histogram) = {
    .name = "histogram",
    .family = "measure",
    .since = "0.1",
    .summary = "Count the values of an image in bins, of all or label by label.",
    .details =
        "A row per bin: bin from 0, low (in the bin), high (not in it; the last bin holds it as well), count, share of "
        "all that lie in bins, cumulative share. The same bins for all labels, time points and components, which have "
        "rows of their own (columns label, name, t, component). Without a range bins reach from the smallest to the "
        "largest value of what is counted (of one value v: v - 0.5 to v + 0.5). With a width they begin at the low "
        "end, "
        "and the last may reach beyond the high end. NaN and values beyond the range are left out. Nothing to count, "
        "and "
        "no range: a table without rows.",
    CM_OP_PARAMS(HistogramParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .cite = "Pearson K. Contributions to the mathematical theory of evolution II. Phil Trans R Soc A 186, 1895",
    .examples =
        "cormack histogram ct.nii.gz counts.csv --width 25 --range -1000,1000\n"
        "cormack histogram pet.nii.gz counts.csv --labels organs.nii.gz --bins 64",
    .check = check,
    .run = run,
};
