#include "ops/segment/samples.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

enum { B = CM_SAMPLE_BLOCK, MOST_RANGE = 65536, BIN_CHUNK = 8 * B };

/* ---- walking: blocks of the samples of some rows, or of some counted values ------------------------------------ */

typedef bool (*BlockFn)(void *arg, const CmSampleBlock *block, const int64_t *voxel, CmError **err);

typedef struct Walk {
  const CmSamples *s;
  BlockFn fn;
  void *arg;
  double *row, *plane, *weight;
  uint8_t *inside;
  int64_t voxel[B];
  int64_t n;
} Walk;

/* Padding keeps old values, which are finite, with weight 0. */
static bool flush(Walk *w, CmError **err) {
  const int64_t padded = (w->n + CM_SAMPLE_LANES - 1) / CM_SAMPLE_LANES * CM_SAMPLE_LANES;
  if (w->n == 0) return true;
  for (int64_t i = 0; i < w->n; i++) w->weight[i] = 1.0;
  for (int64_t i = w->n; i < padded; i++) w->weight[i] = 0.0;
  const CmSampleBlock block = {.plane = w->plane, .weight = w->weight, .n = w->n, .padded = padded};
  w->n = 0;
  return w->fn(w->arg, &block, w->voxel, err);
}

CM_SIMD static void take_plane(const double *from, int64_t step, int64_t n, double offset, double scale, double *to) {
  if (step == 1)
    for (int64_t i = 0; i < n; i++) to[i] = (from[i] - offset) * scale;
  else
    for (int64_t i = 0; i < n; i++) to[i] = (from[i * step] - offset) * scale;
}

/* Voxels [x0, x1) of the row, whose first voxel has the number `base`. */
static bool take_run(Walk *w, int64_t base, int64_t x0, int64_t x1, CmError **err) {
  const int64_t d = w->s->features;
  while (x0 < x1) {
    const int64_t room = B - w->n, n = x1 - x0 < room ? x1 - x0 : room;
    for (int64_t f = 0; f < d; f++)
      take_plane(w->row + x0 * d + f, d, n, w->s->offset[f], w->s->scale[f], w->plane + f * B + w->n);
    for (int64_t i = 0; i < n; i++) w->voxel[w->n + i] = base + x0 + i;
    w->n += n;
    x0 += n;
    if (w->n == B && !flush(w, err)) return false;
  }
  return true;
}

CM_SIMD static void leave_out_nan(const double *row, int64_t n, int64_t d, uint8_t *inside) {
  for (int64_t f = 0; f < d; f++)
    for (int64_t x = 0; x < n; x++) inside[x] &= row[x * d + f] == row[x * d + f];
}

static bool walk_row(Walk *w, int64_t row, CmError **err) {
  const CmGrid *grid = &w->s->grid;
  const CmPart *part = &w->s->part;
  const CmType type = cm_image_type(part->image);
  cm__line_to_f64(type, cm__row(part->image, grid, row), grid->row, w->row);
  memset(w->inside, 1, (size_t)grid->nx);
  if (part->mask && part->mask->image) cm__mask_row(part->mask, row, w->inside);
  if (!cm_type_is_integer(type)) leave_out_nan(w->row, grid->nx, grid->components, w->inside);
  for (int64_t x = 0; x < grid->nx;) {
    const uint8_t *begin = memchr(w->inside + x, 1, (size_t)(grid->nx - x));
    if (!begin) break;
    const uint8_t *end = memchr(begin, 0, (size_t)(w->inside + grid->nx - begin));
    const int64_t x0 = begin - w->inside, x1 = end ? end - w->inside : grid->nx;
    if (!take_run(w, row * grid->nx, x0, x1, err)) return false;
    x = x1;
  }
  return true;
}

static bool walk_image(const CmSamples *s, int64_t begin, int64_t end, BlockFn fn, void *arg, CmError **err) {
  Walk w = {.s = s, .fn = fn, .arg = arg};
  w.row = cm_alloc_array(s->ctx, (size_t)s->grid.row, sizeof(double), err);
  w.plane = cm_calloc(s->ctx, (size_t)(s->features * B), sizeof(double), err);
  w.weight = cm_alloc_array(s->ctx, B, sizeof(double), err);
  w.inside = cm_alloc(s->ctx, (size_t)s->grid.nx, err);
  bool ok = w.row && w.plane && w.weight && w.inside;
  for (int64_t row = begin; ok && row < end; row++) ok = walk_row(&w, s->part.row_begin + row, err);
  ok = ok && flush(&w, err);
  cm_free(w.row);
  cm_free(w.plane);
  cm_free(w.weight);
  cm_free(w.inside);
  return ok;
}

static bool walk_bins(const CmSamples *s, int64_t begin, int64_t end, BlockFn fn, void *arg, CmError **err) {
  double plane[B], weight[B];
  for (; begin < end; begin += B) {
    const int64_t n = end - begin < B ? end - begin : B;
    const int64_t padded = (n + CM_SAMPLE_LANES - 1) / CM_SAMPLE_LANES * CM_SAMPLE_LANES;
    for (int64_t i = 0; i < padded; i++) {
      plane[i] = i < n ? (s->value[begin + i] - s->offset[0]) * s->scale[0] : 0.0;
      weight[i] = i < n ? s->weight[begin + i] : 0.0;
    }
    const CmSampleBlock block = {.plane = plane, .weight = weight, .n = n, .padded = padded};
    if (!fn(arg, &block, NULL, err)) return false;
  }
  return true;
}

static bool walk(const CmSamples *s, int64_t begin, int64_t end, BlockFn fn, void *arg, CmError **err) {
  return (s->bins ? walk_bins : walk_image)(s, begin, end, fn, arg, err);
}

static int64_t items(const CmSamples *s) {
  return s->bins ? s->bins : s->part.row_end - s->part.row_begin;
}

static int64_t chunk_size(const CmSamples *s) {
  return s->bins ? BIN_CHUNK : cm__row_chunk(&s->grid);
}

CM_SIMD double cm__sample_dot(const double *a, const double *b, int64_t n) {
  double lane[CM_SAMPLE_LANES] = {0}, sum = 0.0;
  for (int64_t i = 0; i < n; i += CM_SAMPLE_LANES)
    for (int k = 0; k < CM_SAMPLE_LANES; k++) lane[k] += a[i + k] * b[i + k];
  for (int k = 0; k < CM_SAMPLE_LANES; k++) sum += lane[k];
  return sum;
}

/* ---- sums ------------------------------------------------------------------------------------------------------ */

typedef struct Sum {
  const CmSamples *s;
  CmSampleFn fn;
  void *arg;
  int64_t scratch, size;
  double *partial; /* [chunks][size] */
} Sum;

typedef struct SumChunk {
  const Sum *job;
  double *scratch, *sum;
} SumChunk;

static bool sum_block(void *arg, const CmSampleBlock *block, const int64_t *voxel, CmError **err) {
  const SumChunk *chunk = arg;
  (void)voxel;
  (void)err;
  chunk->job->fn(chunk->job->arg, block, chunk->scratch, chunk->sum);
  return true;
}

static bool sum_chunk(void *arg, CmRange range, CmError **err) {
  const Sum *job = arg;
  SumChunk chunk = {.job = job, .sum = job->partial + range.chunk * job->size};
  chunk.scratch = cm_alloc_array(job->s->ctx, (size_t)job->scratch, sizeof(double), err);
  memset(chunk.sum, 0, (size_t)job->size * sizeof(double));
  const bool ok = chunk.scratch && walk(job->s, range.begin, range.end, sum_block, &chunk, err);
  cm_free(chunk.scratch);
  return ok;
}

/* Partial sums by chunk into job->partial, which the caller frees. */
static bool sum_chunks(Sum *job, const char *what, CmError **err) {
  const int64_t count = items(job->s), chunk = chunk_size(job->s);
  size_t values;
  if (!cm_size_multiply((size_t)cm_chunk_count(count, chunk), (size_t)job->size, &values, err)) return false;
  job->partial = cm_alloc_array(job->s->ctx, values, sizeof(double), err);
  return job->partial && cm_parallel_for(job->s->ctx, what, count, chunk, sum_chunk, job, err);
}

bool cm__samples_sum(const CmSamples *s, const char *what, CmSampleFn fn, void *arg, int64_t scratch, int64_t size,
                     double *total, CmError **err) {
  Sum job = {.s = s, .fn = fn, .arg = arg, .scratch = scratch, .size = size};
  const int64_t chunks = cm_chunk_count(items(s), chunk_size(s));
  const bool ok = sum_chunks(&job, what, err);
  for (int64_t k = 0; ok && k < size; k++) total[k] = 0.0;
  for (int64_t chunk = 0; ok && chunk < chunks; chunk++)
    for (int64_t k = 0; k < size; k++) total[k] += job.partial[chunk * size + k];
  cm_free(job.partial);
  return ok;
}

/* ---- one sample ------------------------------------------------------------------------------------------------ */

typedef struct Pick {
  const CmSamples *s;
  CmSampleFn fn;
  void *arg;
  bool largest;
  double left; /* of the sum until the sample; the score looked for */
  double *picked;
  bool found;
} Pick;

static void take_sample(Pick *pick, const CmSampleBlock *block, int64_t i) {
  for (int64_t f = 0; f < pick->s->features; f++) pick->picked[f] = block->plane[f * B + i];
  pick->found = true;
}

/* sum[0]: of the scores, or the largest. */
static void score_block(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  const Pick *pick = arg;
  pick->fn(pick->arg, block, scratch, NULL);
  for (int64_t i = 0; i < block->n; i++) {
    if (!pick->largest)
      sum[0] += scratch[i] * block->weight[i];
    else if (scratch[i] > sum[0])
      sum[0] = scratch[i];
  }
}

static bool pick_block(void *arg, const CmSampleBlock *block, const int64_t *voxel, CmError **err) {
  Pick *pick = arg;
  double scratch[B];
  (void)voxel;
  (void)err;
  if (pick->found && (pick->largest || pick->left < 0.0)) return true;
  pick->fn(pick->arg, block, scratch, NULL);
  for (int64_t i = 0; i < block->n; i++) {
    if (pick->largest) {
      if (scratch[i] != pick->left) continue;
      take_sample(pick, block, i);
      return true;
    }
    if (scratch[i] <= 0.0) continue;
    take_sample(pick, block, i); /* the last one with a score serves where rounding leaves a rest */
    pick->left -= scratch[i] * block->weight[i];
    if (pick->left < 0.0) return true;
  }
  return true;
}

bool cm__samples_pick(const CmSamples *s, CmSampleFn fn, void *arg, double u, double *picked, CmError **err) {
  Pick pick = {.s = s, .fn = fn, .arg = arg, .largest = u < 0.0, .picked = picked};
  Sum job = {.s = s, .fn = score_block, .arg = &pick, .scratch = B, .size = 1};
  const int64_t count = items(s), size = chunk_size(s), chunks = cm_chunk_count(count, size);
  int64_t chosen = -1;
  double total = 0.0;
  bool ok = sum_chunks(&job, NULL, err);
  for (int64_t k = 0; ok && k < chunks; k++) {
    if (pick.largest && job.partial[k] > total) {
      total = job.partial[k];
      chosen = k;
    }
    if (!pick.largest) total += job.partial[k];
  }
  pick.left = pick.largest ? total : u * total;
  for (int64_t k = 0; ok && !pick.largest && k < chunks; k++) {
    if (job.partial[k] <= 0.0) continue;
    chosen = k;
    if (pick.left < job.partial[k]) break;
    if (k + 1 < chunks) pick.left -= job.partial[k];
  }
  if (ok && chosen >= 0) {
    const int64_t begin = chosen * size, end = begin + size < count ? begin + size : count;
    ok = walk(s, begin, end, pick_block, &pick, err);
  }
  cm_free(job.partial);
  return ok && pick.found;
}

/* ---- results back into images ---------------------------------------------------------------------------------- */

typedef struct Paint {
  const CmSamples *s;
  CmSampleFn fn;
  void *arg;
  int64_t values, room;
  CmImage *labels, *maps;
  double *label_of, *map_of; /* [range], [range][values]: by counted value */
} Paint;

typedef struct PaintChunk {
  const Paint *job;
  double *scratch;
  int64_t bin; /* counted values: the next one */
} PaintChunk;

static void store(CmImage *image, int64_t voxel, const double *value, int64_t n) {
  const CmType type = cm_image_type(image);
  char *to = (char *)cm_image_data_mut(image) + (size_t)(voxel * n) * cm_type_size(type);
  if (type == CM_U8)
    *(uint8_t *)to = (uint8_t)*value;
  else if (type == CM_F32)
    for (int64_t k = 0; k < n; k++) ((float *)(void *)to)[k] = (float)value[k];
  else
    cm__line_from_f64(type, value, n, to);
}

static bool paint_block(void *arg, const CmSampleBlock *block, const int64_t *voxel, CmError **err) {
  PaintChunk *chunk = arg;
  const Paint *job = chunk->job;
  double *line = chunk->scratch + (1 + job->values) * B + job->room;
  (void)err;
  job->fn(job->arg, block, chunk->scratch, NULL);
  for (int64_t i = 0; i < block->n; i++) {
    for (int64_t k = 0; job->maps && k < job->values; k++) line[k] = chunk->scratch[(1 + k) * B + i];
    if (job->s->bins) {
      const int64_t at = (int64_t)job->s->value[chunk->bin + i] - job->s->low;
      job->label_of[at] = chunk->scratch[i];
      if (job->maps) memcpy(job->map_of + at * job->values, line, (size_t)job->values * sizeof(double));
      continue;
    }
    store(job->labels, voxel[i], &chunk->scratch[i], 1);
    if (job->maps) store(job->maps, voxel[i], line, job->values);
  }
  chunk->bin += block->n;
  return true;
}

static bool paint_samples(const Paint *job, int64_t begin, int64_t end, CmError **err) {
  PaintChunk chunk = {.job = job, .bin = begin};
  chunk.scratch =
      cm_alloc_array(job->s->ctx, (size_t)((1 + job->values) * B + job->room + job->values), sizeof(double), err);
  const bool ok = chunk.scratch && walk(job->s, begin, end, paint_block, &chunk, err);
  cm_free(chunk.scratch);
  return ok;
}

static void clear_row(CmImage *image, int64_t row) {
  const CmGrid grid = cm__grid(image);
  memset(cm__row_mut(image, &grid, row), 0, (size_t)grid.row * grid.size);
}

/* By the table of counted values. */
static bool look_up_rows(const Paint *job, int64_t begin, int64_t end, CmError **err) {
  const CmSamples *s = job->s;
  const int64_t nx = s->grid.nx;
  double *line = cm_alloc_array(s->ctx, (size_t)nx, sizeof(double), err);
  uint8_t *inside = cm_alloc(s->ctx, (size_t)nx, err);
  const bool ok = line && inside;
  for (int64_t at = begin; ok && at < end; at++) {
    const int64_t row = s->part.row_begin + at;
    cm__line_to_f64(cm_image_type(s->part.image), cm__row(s->part.image, &s->grid, row), nx, line);
    memset(inside, 1, (size_t)nx);
    if (s->part.mask && s->part.mask->image) cm__mask_row(s->part.mask, row, inside);
    for (int64_t x = 0; x < nx; x++) {
      if (!inside[x]) continue;
      const int64_t value = (int64_t)line[x] - s->low;
      store(job->labels, row * nx + x, &job->label_of[value], 1);
      if (job->maps) store(job->maps, row * nx + x, job->map_of + value * job->values, job->values);
    }
  }
  cm_free(line);
  cm_free(inside);
  return ok;
}

static bool paint_rows(void *arg, CmRange range, CmError **err) {
  const Paint *job = arg;
  for (int64_t row = range.begin; row < range.end; row++) {
    clear_row(job->labels, job->s->part.row_begin + row);
    if (job->maps) clear_row(job->maps, job->s->part.row_begin + row);
  }
  return (job->s->bins ? look_up_rows : paint_samples)(job, range.begin, range.end, err);
}

bool cm__samples_paint(const CmSamples *s, const char *what, CmSampleFn fn, void *arg, int64_t values, int64_t room,
                       CmImage *labels, CmImage *maps, CmError **err) {
  Paint job = {.s = s, .fn = fn, .arg = arg, .values = values, .room = room, .labels = labels, .maps = maps};
  bool ok = false;
  if (s->bins) {
    size_t size;
    if (!cm_size_multiply((size_t)s->range, maps ? (size_t)values : 0, &size, err)) goto done;
    job.label_of = cm_calloc(s->ctx, (size_t)s->range, sizeof(double), err);
    job.map_of = cm_calloc(s->ctx, size, sizeof(double), err);
    if (!job.label_of || !job.map_of || !paint_samples(&job, 0, s->bins, err)) goto done;
  }
  ok = cm_parallel_for(s->ctx, what, s->part.row_end - s->part.row_begin, cm__row_chunk(&s->grid), paint_rows, &job,
                       err);
done:
  cm_free(job.label_of);
  cm_free(job.map_of);
  return ok;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

typedef struct Count {
  const CmSamples *s;
  int64_t *counts; /* [workers][range] */
} Count;

static bool count_rows(void *arg, CmRange range, CmError **err) {
  const Count *job = arg;
  const CmPart *part = &job->s->part;
  int64_t *counts = job->counts + (int64_t)range.worker * job->s->range;
  double *values = cm_alloc_array(job->s->ctx, (size_t)job->s->grid.row, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->s->ctx, (size_t)job->s->grid.nx, err);
  const bool ok = values && inside;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const int64_t n = cm__part_row(part, part->row_begin + row, values, inside);
    for (int64_t i = 0; i < n; i++) counts[(int64_t)values[i] - job->s->low]++;
  }
  cm_free(values);
  cm_free(inside);
  return ok;
}

/* Counts the values of an integer image with one component, if they lie close enough together. */
static bool count_values(CmSamples *s, CmError **err) {
  CmMoments moments;
  if (!cm__part_moments(s->ctx, &s->part, &moments, err)) return false;
  if (moments.count == 0 || moments.max - moments.min >= MOST_RANGE) return true;
  const int workers = cm_context_threads(s->ctx);
  s->low = (int64_t)moments.min;
  s->range = (int64_t)(moments.max - moments.min) + 1;
  Count job = {.s = s, .counts = cm_calloc(s->ctx, (size_t)(workers * s->range), sizeof(int64_t), err)};
  const int64_t rows = s->part.row_end - s->part.row_begin;
  bool ok = job.counts && cm_parallel_for(s->ctx, NULL, rows, cm__row_chunk(&s->grid), count_rows, &job, err);
  s->value = ok ? cm_alloc_array(s->ctx, (size_t)s->range, sizeof(double), err) : NULL;
  s->weight = s->value ? cm_alloc_array(s->ctx, (size_t)s->range, sizeof(double), err) : NULL;
  ok = ok && s->weight;
  for (int64_t k = 0; ok && k < s->range; k++) {
    int64_t count = 0;
    for (int worker = 0; worker < workers; worker++) count += job.counts[worker * s->range + k];
    if (count == 0) continue;
    s->value[s->bins] = (double)(s->low + k);
    s->weight[s->bins++] = (double)count;
  }
  cm_free(job.counts);
  return ok;
}

/* sum[0] count, [1] not 0 where something is infinite, [2 + f] of the feature, or squares around the mean. */
static void add_moments(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  const CmSamples *s = arg;
  (void)scratch;
  for (int64_t i = 0; i < block->n; i++) sum[0] += block->weight[i];
  for (int64_t f = 0; f < s->features; f++)
    for (int64_t i = 0; i < block->n; i++) {
      const double v = block->plane[f * B + i];
      sum[1] += v - v;
      sum[2 + f] += v * block->weight[i];
    }
}

static void add_squares(void *arg, const CmSampleBlock *block, double *scratch, double *sum) {
  const CmSamples *s = arg;
  (void)scratch;
  for (int64_t f = 0; f < s->features; f++)
    for (int64_t i = 0; i < block->n; i++) {
      const double d = block->plane[f * B + i] - s->mean[f];
      sum[f] += d * d * block->weight[i];
    }
}

static bool measure(CmSamples *s, CmError **err) {
  double *total = cm_alloc_array(s->ctx, (size_t)s->features + 2, sizeof(double), err);
  bool ok = total && cm__samples_sum(s, NULL, add_moments, s, 0, s->features + 2, total, err);
  if (ok && (total[0] == 0.0 || total[1] != 0.0)) {
    cm_error_set(err, CM_ERR_DATA,
                 total[0] == 0.0 ? "there is no voxel to cluster: the mask is empty there, or all is NaN"
                                 : "the image has infinite values; clip it first");
    ok = false;
  }
  for (int64_t f = 0; ok && f < s->features; f++) s->mean[f] = total[2 + f] / total[0];
  s->count = ok ? total[0] : 0.0;
  ok = ok && cm__samples_sum(s, NULL, add_squares, s, 0, s->features, total, err);
  for (int64_t f = 0; ok && f < s->features; f++) s->variance[f] = total[f] / s->count;
  cm_free(total);
  return ok;
}

bool cm__samples_open(CmContext *ctx, const CmPart *part, bool standardize, CmSamples *s, CmError **err) {
  *s = (CmSamples){.ctx = ctx, .part = *part, .grid = cm__grid(part->image)};
  s->features = s->grid.components;
  double *per_feature = cm_calloc(ctx, (size_t)(4 * s->features), sizeof(double), err);
  if (!per_feature) return false;
  s->offset = per_feature;
  s->scale = per_feature + s->features;
  s->mean = per_feature + 2 * s->features;
  s->variance = per_feature + 3 * s->features;
  for (int64_t f = 0; f < s->features; f++) s->scale[f] = 1.0;
  if (s->features == 1 && cm_type_is_integer(cm_image_type(part->image)) && !count_values(s, err)) return false;
  if (!measure(s, err)) return false;
  for (int64_t f = 0; standardize && f < s->features; f++) {
    s->offset[f] = s->mean[f];
    s->scale[f] = s->variance[f] > 0.0 ? 1.0 / sqrt(s->variance[f]) : 1.0;
    s->mean[f] = 0.0;
    s->variance[f] = s->variance[f] > 0.0 ? 1.0 : 0.0;
  }
  return true;
}

void cm__samples_free(CmSamples *s) {
  cm_free(s->offset);
  cm_free(s->value);
  cm_free(s->weight);
  *s = (CmSamples){.count = 0};
}
