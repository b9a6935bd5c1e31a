#include "ops/measure/gather.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"

/* Digits of the bits, from the last on. */
static void sort_by_digits(double *values, double *spare, int64_t n) {
  uint64_t *from = (uint64_t *)(void *)values, *to = (uint64_t *)(void *)spare;
  for (int64_t i = 0; i < n; i++) {
    uint64_t bits;
    memcpy(&bits, &values[i], sizeof(bits));
    bits ^= bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63;
    memcpy(&values[i], &bits, sizeof(bits));
  }
  for (int shift = 0; shift < 64; shift += 8) {
    int64_t begin[257] = {0};
    uint64_t key;
    for (int64_t i = 0; i < n; i++) {
      memcpy(&key, &from[i], sizeof(key));
      begin[(key >> shift & 255) + 1]++;
    }
    memcpy(&key, &from[0], n ? sizeof(key) : 0);
    if (n == 0 || begin[(key >> shift & 255) + 1] == n) continue; /* all the same */
    for (int k = 0; k < 256; k++) begin[k + 1] += begin[k];
    for (int64_t i = 0; i < n; i++) {
      memcpy(&key, &from[i], sizeof(key));
      memcpy(&to[begin[key >> shift & 255]++], &key, sizeof(key));
    }
    uint64_t *swap = from;
    from = to;
    to = swap;
  }
  if ((void *)from != (void *)values) memcpy(values, from, (size_t)n * sizeof(double));
  for (int64_t i = 0; i < n; i++) {
    uint64_t bits;
    memcpy(&bits, &values[i], sizeof(bits));
    bits ^= bits >> 63 ? UINT64_C(1) << 63 : UINT64_MAX;
    memcpy(&values[i], &bits, sizeof(bits));
  }
}

static void insert(const double *from, int64_t n, double *to) {
  for (int64_t i = 0; i < n; i++) {
    const double v = from[i];
    int64_t at = i;
    for (; at > 0 && to[at - 1] > v; at--) to[at] = to[at - 1];
    to[at] = v;
  }
}

enum { BUCKETS = 8192, FEW = 32 };

/* Buckets of equal width from the least to the largest value; each is sorted by itself. */
static void sort_by_buckets(double *values, double *spare, int64_t n, int depth) {
  uint32_t end[BUCKETS + 1] = {0};
  int64_t begin = 0;
  double least = values[0], most = values[0];
  bool odd = false, rising = true;
  for (int64_t i = 0; i < n; i++) {
    rising = rising && (i == 0 || values[i - 1] <= values[i]);
    odd = odd || isnan(values[i]);
    least = values[i] < least ? values[i] : least;
    most = values[i] > most ? values[i] : most;
  }
  if (rising) return;
  const int count = n < 2 * BUCKETS ? (int)(n / 2) : BUCKETS;
  const double scale = (double)count / (most - least);
  if (odd || depth == 0 || n > UINT32_MAX || !isfinite(scale) || !isfinite((most - least) * scale)) {
    sort_by_digits(values, spare, n);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    const int at = (int)((values[i] - least) * scale);
    end[(at < count ? at : count - 1) + 1]++;
  }
  for (int k = 0; k < count; k++) end[k + 1] += end[k];
  for (int64_t i = 0; i < n; i++) {
    const int at = (int)((values[i] - least) * scale);
    spare[end[at < count ? at : count - 1]++] = values[i];
  }
  for (int k = 0; k < count; begin = end[k++]) {
    if (end[k] - begin > FEW) {
      sort_by_buckets(spare + begin, values + begin, end[k] - begin, depth - 1);
      memcpy(values + begin, spare + begin, (size_t)(end[k] - begin) * sizeof(*values));
    } else {
      insert(spare + begin, end[k] - begin, values + begin);
    }
  }
}

void cm__sort_reals(double *values, double *spare, int64_t n) {
  if (n > 1) sort_by_buckets(values, spare, n, 4);
}

double cm__sorted_quantile(const double *values, int64_t n, double q) {
  const double at = (double)(n - 1) * q;
  const int64_t low = (int64_t)floor(at), high = (int64_t)ceil(at);
  return cm__between_ranks(values[low], values[high], at - (double)low);
}

/* The values of one time point and component, label after label. */
typedef struct Gather {
  CmContext *ctx;
  const CmImage *image, *labels;
  const CmLabelList *list;
  int64_t first, count; /* items of the list that belong to this time point */
  CmRegion *regions;
  double *values, *line, *label_line;
  CmRegionFn fn;
  void *arg;
  int64_t index; /* of the first region */
} Gather;

static void scatter(Gather *job, int64_t t, int64_t component) {
  const CmGrid grid = cm__grid(job->image), label_grid = cm__grid(job->labels);
  const int64_t rows = grid.ny * grid.nz, tl = label_grid.nt == 1 ? 0 : t;
  int64_t item = -1;
  for (int64_t row = 0; row < rows; row++) {
    bool loaded = false;
    cm__line_to_f64(cm_image_type(job->labels), cm__row(job->labels, &label_grid, tl * rows + row), grid.nx,
                    job->label_line);
    for (int64_t x = 0; x < grid.nx; x++) {
      if (job->label_line[x] == 0.0) continue;
      item = cm__label_find(job->list, tl, (int64_t)job->label_line[x], item);
      if (item < 0) continue; /* a label that was not asked for */
      if (!loaded)
        cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, &grid, t * rows + row), grid.row, job->line);
      loaded = true;
      CmRegion *region = &job->regions[item - job->first];
      const double v = job->line[x * grid.components + component];
      region->sum[0] += (double)x;
      region->sum[1] += (double)(row % grid.ny);
      region->sum[2] += (double)(row / grid.ny);
      if (v != v)
        region->nan_count++;
      else
        region->value[region->count++] = v;
    }
  }
}

static bool measure(void *arg, CmRange range, CmError **err) {
  const Gather *job = arg;
  for (int64_t k = range.begin; k < range.end; k++) {
    if (!job->fn(job->arg, &job->regions[k], job->index + k, err)) return false;
  }
  return true;
}

static bool each_time(Gather *job, int64_t t, int64_t component, const char *what, CmError **err) {
  const int64_t tl = cm_image_dims(job->labels)[3] == 1 ? 0 : t;
  int64_t voxels = 0;
  bool ok = false;
  job->first = 0;
  while (job->first < job->list->count && job->list->items[job->first].t < tl) job->first++;
  job->count = 0;
  while (job->first + job->count < job->list->count && job->list->items[job->first + job->count].t == tl)
    voxels += job->list->items[job->first + job->count++].voxels;
  if (job->count == 0) return true;
  job->regions = cm_calloc(job->ctx, (size_t)job->count, sizeof(CmRegion), err);
  job->values = cm_alloc_array(job->ctx, (size_t)voxels, sizeof(double), err);
  if (!job->regions || !job->values) goto done;
  voxels = 0;
  for (int64_t k = 0; k < job->count; k++) {
    job->regions[k] = (CmRegion){
        .box = job->list->items[job->first + k], .t = t, .component = component, .value = job->values + voxels};
    voxels += job->regions[k].box.voxels;
  }
  scatter(job, t, component);
  ok = cm_parallel_for(job->ctx, what, job->count, 1, measure, job, err);
  job->index += job->count;
done:
  cm_free(job->regions);
  cm_free(job->values);
  return ok;
}

/* Leaves only one label in the list. */
static void keep_only(CmLabelList *list, int64_t label) {
  int64_t kept = 0;
  for (int64_t k = 0; k < list->count; k++)
    if (list->items[k].value == label) list->items[kept++] = list->items[k];
  list->count = kept;
}

typedef struct Plain {
  const CmLabelList *list;
  CmRegionFn fn;
  void *arg;
} Plain;

static bool measure_plain(void *arg, CmRange range, CmError **err) {
  const Plain *job = arg;
  const CmRegion region = {.box = job->list->items[range.begin], .t = job->list->items[range.begin].t};
  return job->fn(job->arg, &region, range.begin, err);
}

bool cm__each_region(CmContext *ctx, const char *what, const CmImage *image, const CmImage *labels, int64_t only,
                     bool (*prepare)(void *arg, int64_t count, CmError **err), CmRegionFn fn, void *arg,
                     CmError **err) {
  const CmGrid grid = cm__grid(image ? image : labels);
  CmLabelList list;
  bool ok = false;
  if ((image && !cm__check_times(image, labels, err)) || !cm__label_list(ctx, labels, &list, err)) return false;
  if (only) keep_only(&list, only);
  if (!image) {
    Plain plain = {.list = &list, .fn = fn, .arg = arg};
    ok = prepare(arg, list.count, err) && cm_parallel_for(ctx, what, list.count, 1, measure_plain, &plain, err);
    cm_free(list.items);
    return ok;
  }
  Gather job = {.ctx = ctx, .image = image, .labels = labels, .list = &list, .fn = fn, .arg = arg};
  job.line = cm_alloc_array(ctx, (size_t)grid.row, sizeof(double), err);
  job.label_line = cm_alloc_array(ctx, (size_t)grid.nx, sizeof(double), err);
  if (!job.line || !job.label_line) goto done;
  const int64_t times = cm_image_dims(labels)[3] == 1 ? grid.nt : 1;
  if (!prepare(arg, list.count * times * grid.components, err)) goto done;
  ok = true;
  for (int64_t t = 0; ok && t < grid.nt; t++)
    for (int64_t c = 0; ok && c < grid.components; c++) ok = each_time(&job, t, c, what, err);
done:
  cm_free(job.line);
  cm_free(job.label_line);
  cm_free(list.items);
  return ok;
}

bool cm__check_times(const CmImage *image, const CmImage *labels, CmError **err) {
  const int64_t n = cm_image_dims(labels)[3], wanted = cm_image_dims(image)[3];
  if (n == 1 || n == wanted) return true;
  cm_error_set(err, CM_ERR_GEOMETRY,
               "the labels have %lld time points and the image %lld; give labels with one, or with as many",
               (long long)n, (long long)wanted);
  return false;
}
