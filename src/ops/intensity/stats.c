#include "ops/intensity/stats.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

int64_t cm__part_row(const CmPart *part, int64_t row, double *values, uint8_t *inside) {
  const CmGrid grid = cm__grid(part->image);
  const int64_t c = grid.components;
  const bool masked = part->mask && part->mask->image;
  int64_t count = 0;
  cm__line_to_f64(cm_image_type(part->image), cm__row(part->image, &grid, row), grid.row, values);
  if (!masked && part->component < 0 && cm_type_is_integer(cm_image_type(part->image))) return grid.row;
  if (masked) cm__mask_row(part->mask, row, inside);
  for (int64_t x = 0; x < grid.nx; x++) {
    if (masked && !inside[x]) continue;
    const int64_t begin = part->component < 0 ? 0 : part->component, end = part->component < 0 ? c : begin + 1;
    for (int64_t k = begin; k < end; k++) {
      const double v = values[x * c + k];
      values[count] = v;
      count += v == v;
    }
  }
  return count;
}

typedef struct Measure {
  CmContext *ctx;
  const CmPart *part;
  int step; /* 0: count, sum, min, max; 1: squared differences to mean */
  double mean;
  double (*partial)[4];
} Measure;

enum { LANES = 16 }; /* sums side by side, always as many, so that their order does not depend on the machine */

static double sum_lanes(const double lane[LANES]) {
  double sum = 0.0;
  for (int k = 0; k < LANES; k++) sum += lane[k];
  return sum;
}

CM_SIMD static double sum_values(const double *v, int64_t n, double *low, double *high) {
  double sum[LANES] = {0}, least[LANES], most[LANES];
  int64_t i = 0;
  for (int k = 0; k < LANES; k++) {
    least[k] = INFINITY;
    most[k] = -INFINITY;
  }
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      sum[k] += v[i + k];
      least[k] = v[i + k] < least[k] ? v[i + k] : least[k];
      most[k] = v[i + k] > most[k] ? v[i + k] : most[k];
    }
  for (; i < n; i++) {
    sum[0] += v[i];
    least[0] = v[i] < least[0] ? v[i] : least[0];
    most[0] = v[i] > most[0] ? v[i] : most[0];
  }
  for (int k = 0; k < LANES; k++) {
    *low = least[k] < *low ? least[k] : *low;
    *high = most[k] > *high ? most[k] : *high;
  }
  return sum_lanes(sum);
}

CM_SIMD static double sum_squares(const double *v, int64_t n, double mean) {
  double sum[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double d = v[i + k] - mean;
      sum[k] += d * d;
    }
  for (; i < n; i++) sum[0] += (v[i] - mean) * (v[i] - mean);
  return sum_lanes(sum);
}

static bool measure_rows(void *arg, CmRange range, CmError **err) {
  const Measure *job = arg;
  const CmGrid grid = cm__grid(job->part->image);
  double *values = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid.nx, err);
  bool ok = values && inside;
  double count = 0, sum = 0, low = INFINITY, high = -INFINITY;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    int64_t n = cm__part_row(job->part, job->part->row_begin + row, values, inside);
    sum += job->step == 0 ? sum_values(values, n, &low, &high) : sum_squares(values, n, job->mean);
    count += (double)n;
  }
  if (ok) {
    const double result[4] = {count, sum, low, high};
    memcpy(job->partial[range.chunk], result, sizeof(result));
  }
  cm_free(values);
  cm_free(inside);
  return ok;
}

/* Count, mean, smallest and largest; all but the count NaN where there is no value. */
static bool measure_sums(Measure *job, int64_t rows, int64_t chunk, CmMoments *moments, CmError **err) {
  double count = 0, sum = 0, low = INFINITY, high = -INFINITY;
  *moments = (CmMoments){.mean = NAN, .variance = NAN, .min = NAN, .max = NAN};
  job->step = 0;
  if (!cm_parallel_for(job->ctx, NULL, rows, chunk, measure_rows, job, err)) return false;
  for (int64_t k = 0; k < cm_chunk_count(rows, chunk); k++) {
    count += job->partial[k][0];
    sum += job->partial[k][1];
    low = job->partial[k][2] < low ? job->partial[k][2] : low;
    high = job->partial[k][3] > high ? job->partial[k][3] : high;
  }
  if (count > 0) *moments = (CmMoments){(int64_t)count, sum / count, NAN, low, high};
  return true;
}

static bool measure_part(CmContext *ctx, const CmPart *part, bool variance, CmMoments *moments, CmError **err) {
  const CmGrid grid = cm__grid(part->image);
  const int64_t rows = part->row_end - part->row_begin, chunk = cm__row_chunk(&grid),
                chunks = cm_chunk_count(rows, chunk);
  Measure job = {.ctx = ctx, .part = part, .partial = cm_alloc_array(ctx, (size_t)chunks, sizeof(double[4]), err)};
  bool ok = job.partial && measure_sums(&job, rows, chunk, moments, err);
  if (ok && variance && moments->count) {
    double squares = 0;
    job.step = 1;
    job.mean = moments->mean;
    ok = cm_parallel_for(ctx, NULL, rows, chunk, measure_rows, &job, err);
    for (int64_t k = 0; ok && k < chunks; k++) squares += job.partial[k][1];
    moments->variance = squares / (double)moments->count;
  }
  cm_free(job.partial);
  return ok;
}

bool cm__part_moments(CmContext *ctx, const CmPart *part, CmMoments *moments, CmError **err) {
  return measure_part(ctx, part, true, moments, err);
}

bool cm__part_ends(CmContext *ctx, const CmPart *part, CmMoments *moments, CmError **err) {
  return measure_part(ctx, part, false, moments, err);
}

/* ---- order statistics: digits of 16 bits of keys that sort like the values
 * ------------------------------------------- */

enum { DIGITS = 65536 };

typedef struct Count {
  CmContext *ctx;
  const CmPart *part;
  const double *centre;
  CmType type;     /* F64 with centre */
  int shift;       /* of the digit that is counted */
  bool all;        /* the first digit: no prefix */
  uint64_t prefix; /* of the keys that are counted: key >> (shift + 16) */
  int64_t *counts; /* per worker DIGITS */
} Count;

static int key_bits(CmType type) {
  return type == CM_F64 ? 64 : cm_type_size(type) == 4 ? 32 : 16;
}

static uint64_t key_of(CmType type, double v) {
  if (type == CM_F64) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits ^ (bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63);
  }
  if (type == CM_F32) {
    const float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return bits ^ (bits >> 31 ? UINT32_MAX : UINT32_C(1) << 31);
  }
  return (uint64_t)(int64_t)(v - cm_type_min(type));
}

static double value_of(CmType type, uint64_t key) {
  if (type == CM_F64) {
    const uint64_t bits = key ^ (key >> 63 ? UINT64_C(1) << 63 : UINT64_MAX);
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
  }
  if (type == CM_F32) {
    const uint32_t k = (uint32_t)key, bits = k ^ (k >> 31 ? UINT32_C(1) << 31 : UINT32_MAX);
    float f;
    memcpy(&f, &bits, sizeof(f));
    return (double)f;
  }
  return (double)key + cm_type_min(type);
}

static bool count_rows(void *arg, CmRange range, CmError **err) {
  const Count *job = arg;
  const CmGrid grid = cm__grid(job->part->image);
  int64_t *counts = job->counts + (int64_t)range.worker * DIGITS;
  double *values = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid.nx, err);
  bool ok = values && inside;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const int64_t n = cm__part_row(job->part, job->part->row_begin + row, values, inside);
    for (int64_t i = 0; i < n; i++) {
      const uint64_t key = key_of(job->type, job->centre ? fabs(values[i] - *job->centre) : values[i]) >> job->shift;
      if (job->all || key >> 16 == job->prefix) counts[key & (DIGITS - 1)]++;
    }
  }
  cm_free(values);
  cm_free(inside);
  return ok;
}

/* Counts of the digit at `shift` among the keys with this prefix; in the first DIGITS of job->counts. */
static bool count_digit(Count *job, int shift, uint64_t prefix, CmError **err) {
  const CmGrid grid = cm__grid(job->part->image);
  const int workers = cm_context_threads(job->ctx);
  memset(job->counts, 0, (size_t)workers * DIGITS * sizeof(int64_t));
  job->shift = shift;
  job->prefix = prefix;
  job->all = shift + 16 >= key_bits(job->type);
  if (!cm_parallel_for(job->ctx, NULL, job->part->row_end - job->part->row_begin, cm__row_chunk(&grid), count_rows, job,
                       err))
    return false;
  for (int worker = 1; worker < workers; worker++)
    for (int64_t k = 0; k < DIGITS; k++) job->counts[k] += job->counts[(int64_t)worker * DIGITS + k];
  return true;
}

typedef struct Rank {
  int64_t left; /* rank among the keys with this prefix */
  uint64_t prefix;
  bool done; /* at this digit */
} Rank;

/* All ranks (0-based) at once: digit by digit, one count per different prefix. */
static bool select_ranks(Count *job, Rank *ranks, int n, CmError **err) {
  for (int shift = key_bits(job->type) - 16; shift >= 0; shift -= 16) {
    for (int i = 0; i < n; i++) ranks[i].done = false;
    for (int i = 0; i < n; i++) {
      if (ranks[i].done) continue;
      const uint64_t prefix = ranks[i].prefix;
      if (!count_digit(job, shift, prefix, err)) return false;
      for (int k = i; k < n; k++) {
        if (ranks[k].done || ranks[k].prefix != prefix) continue;
        uint64_t digit = 0;
        while (ranks[k].left >= job->counts[digit]) ranks[k].left -= job->counts[digit++];
        ranks[k].prefix = prefix << 16 | digit;
        ranks[k].done = true;
      }
    }
  }
  return true;
}

bool cm__part_quantiles(CmContext *ctx, const CmPart *part, const double *centre, const double *q, int n,
                        double *values, CmError **err) {
  const CmType type = centre ? CM_F64 : cm_image_type(part->image);
  Count job = {.ctx = ctx, .part = part, .centre = centre, .type = type};
  CmMoments moments;
  Rank *ranks = cm_calloc(ctx, (size_t)(2 * n), sizeof(Rank), err);
  bool ok = false;
  job.counts = cm_alloc_array(ctx, (size_t)cm_context_threads(ctx) * DIGITS, sizeof(int64_t), err);
  if (!ranks || !job.counts || !cm__part_moments(ctx, part, &moments, err)) goto done;
  if (moments.count == 0) {
    cm_error_set(err, CM_ERR_DATA, "there is no voxel to measure: the mask is empty there, or all is NaN");
    goto done;
  }
  for (int i = 0; i < n; i++) {
    const double at = (double)(moments.count - 1) * q[i];
    ranks[2 * i].left = (int64_t)floor(at);
    ranks[2 * i + 1].left = (int64_t)ceil(at);
  }
  if (!select_ranks(&job, ranks, 2 * n, err)) goto done;
  for (int i = 0; i < n; i++) {
    const double at = (double)(moments.count - 1) * q[i], low = value_of(type, ranks[2 * i].prefix);
    const double high = value_of(type, ranks[2 * i + 1].prefix), part_way = at - floor(at);
    values[i] = low == high ? low : low + (high - low) * part_way;
  }
  ok = true;
done:
  cm_free(ranks);
  cm_free(job.counts);
  return ok;
}

/* ---- parts
 * ------------------------------------------------------------------------------------------------------------ */

static int64_t scope_rows(const CmGrid *grid, CmScope scope) {
  return scope == CM_SCOPE_IMAGE ? grid->rows : scope == CM_SCOPE_TIME ? grid->ny * grid->nz : grid->ny;
}

int64_t cm__part_count(const CmGrid *grid, CmScope scope, bool per_component) {
  return grid->rows / scope_rows(grid, scope) * (per_component ? grid->components : 1);
}

CmPart cm__part_at(const CmImage *image, const CmMask *mask, const CmGrid *grid, CmScope scope, bool per_component,
                   int64_t at) {
  const int64_t rows = scope_rows(grid, scope), components = per_component ? grid->components : 1;
  const int64_t begin = at / components * rows;
  return (CmPart){.image = image,
                  .mask = mask,
                  .row_begin = begin,
                  .row_end = begin + rows,
                  .component = per_component ? at % components : -1};
}

int64_t cm__part_of(const CmGrid *grid, CmScope scope, bool per_component, int64_t row, int64_t c) {
  const int64_t at = row / scope_rows(grid, scope);
  return per_component ? at * grid->components + c : at;
}
