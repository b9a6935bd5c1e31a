/* Order statistics: digits of 16 bits of keys that sort like the values. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/simd.h"

enum { DIGITS = 65536, SLOTS = 8 };

/* Keys are counted digit by digit, those with one of some prefixes at a time. */
typedef struct Count {
  CmContext *ctx;
  const CmPart *part;
  const double *centre;
  CmType type;            /* F64 with centre */
  int shift;              /* of the digit that is counted */
  int slots;              /* prefixes; 0: the first digit, all are counted */
  uint64_t prefix[SLOTS]; /* key >> (shift + 16) of the keys that are counted */
  uint8_t *first;         /* by the first digit: is it that of a prefix? */
  int64_t *counts;        /* per worker SLOTS * DIGITS */
} Count;

static int key_bits(CmType type) {
  return type == CM_F64 ? 64 : cm_type_size(type) == 4 ? 32 : 16;
}

CM_SIMD static void keys_of_f64(const double *v, int64_t n, uint64_t *keys) {
  for (int64_t i = 0; i < n; i++) {
    uint64_t bits;
    memcpy(&bits, &v[i], sizeof(bits));
    keys[i] = bits ^ ((uint64_t)((int64_t)bits >> 63) | UINT64_C(1) << 63);
  }
}

CM_SIMD static void keys_of_f32(const double *v, int64_t n, uint64_t *keys) {
  for (int64_t i = 0; i < n; i++) {
    const float f = (float)v[i];
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    keys[i] = bits ^ ((uint32_t)((int32_t)bits >> 31) | UINT32_C(1) << 31);
  }
}

CM_SIMD static void keys_of_int(const double *v, int64_t n, double least, uint64_t *keys) {
  for (int64_t i = 0; i < n; i++) keys[i] = (uint64_t)(int64_t)(v[i] - least);
}

CM_SIMD static void distances(double *v, int64_t n, double centre) {
  for (int64_t i = 0; i < n; i++) v[i] = fabs(v[i] - centre);
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

static void count_keys(const Count *job, const uint64_t *keys, int64_t n, int64_t *counts) {
  const int shift = job->shift, top = key_bits(job->type) - 16;
  if (job->slots == 0) {
    for (int64_t i = 0; i < n; i++) counts[keys[i] >> shift & (DIGITS - 1)]++;
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    if (!job->first[keys[i] >> top & (DIGITS - 1)]) continue;
    const uint64_t key = keys[i] >> shift;
    for (int s = 0; s < job->slots; s++)
      if (key >> 16 == job->prefix[s]) counts[(uint64_t)s * DIGITS + (key & (DIGITS - 1))]++;
  }
}

static bool count_rows(void *arg, CmRange range, CmError **err) {
  const Count *job = arg;
  const CmGrid grid = cm__grid(job->part->image);
  int64_t *counts = job->counts + (int64_t)range.worker * SLOTS * DIGITS;
  double *values = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  uint64_t *keys = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(uint64_t), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid.nx, err);
  bool ok = values && keys && inside;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const int64_t n = cm__part_row(job->part, job->part->row_begin + row, values, inside);
    if (job->centre) distances(values, n, *job->centre);
    if (job->type == CM_F64)
      keys_of_f64(values, n, keys);
    else if (job->type == CM_F32)
      keys_of_f32(values, n, keys);
    else
      keys_of_int(values, n, cm_type_min(job->type), keys);
    count_keys(job, keys, n, counts);
  }
  cm_free(values);
  cm_free(keys);
  cm_free(inside);
  return ok;
}

/* Counts of the digit at `shift` among the keys with these prefixes (all keys where there is none): DIGITS each, in the
 * first of job->counts. */
static bool count_digit(Count *job, int shift, CmError **err) {
  const CmGrid grid = cm__grid(job->part->image);
  const int64_t workers = cm_context_threads(job->ctx), used = (job->slots > 0 ? job->slots : 1) * (int64_t)DIGITS;
  const int past = key_bits(job->type) - 16 - shift - 16; /* bits of a prefix behind its first digit */
  for (int64_t k = 0; k < workers; k++) memset(job->counts + k * SLOTS * DIGITS, 0, (size_t)used * sizeof(int64_t));
  memset(job->first, 0, DIGITS);
  for (int s = 0; s < job->slots; s++) job->first[job->prefix[s] >> past] = 1;
  job->shift = shift;
  if (!cm_parallel_for(job->ctx, NULL, job->part->row_end - job->part->row_begin, cm__row_chunk(&grid), count_rows, job,
                       err))
    return false;
  for (int64_t worker = 1; worker < workers; worker++)
    for (int64_t k = 0; k < used; k++) job->counts[k] += job->counts[worker * SLOTS * DIGITS + k];
  return true;
}

typedef struct Rank {
  int64_t left; /* rank among the keys with this prefix */
  uint64_t prefix;
  bool done; /* at this digit */
} Rank;

/* The next digit of those ranks whose prefix was counted. */
static void next_digits(const Count *job, Rank *ranks, int n) {
  for (int k = 0; k < n; k++)
    for (int s = 0; s < job->slots && !ranks[k].done; s++) {
      if (ranks[k].prefix != job->prefix[s]) continue;
      const int64_t *counts = job->counts + (int64_t)s * DIGITS;
      uint64_t digit = 0;
      while (ranks[k].left >= counts[digit]) ranks[k].left -= counts[digit++];
      ranks[k].prefix = ranks[k].prefix << 16 | digit;
      ranks[k].done = true;
    }
}

/* All ranks (0-based) at once: digit by digit, SLOTS different prefixes in a walk. The first digit is counted. */
static bool select_ranks(Count *job, Rank *ranks, int n, CmError **err) {
  job->slots = 1; /* the empty prefix */
  job->prefix[0] = 0;
  next_digits(job, ranks, n);
  for (int shift = key_bits(job->type) - 32; shift >= 0; shift -= 16) {
    for (int i = 0; i < n; i++) ranks[i].done = false;
    for (int i = 0; i < n;) {
      job->slots = 0;
      for (int k = i; k < n && job->slots < SLOTS; k++) {
        bool known = ranks[k].done;
        for (int s = 0; s < job->slots; s++) known = known || job->prefix[s] == ranks[k].prefix;
        if (!known) job->prefix[job->slots++] = ranks[k].prefix;
      }
      if (job->slots > 0 && !count_digit(job, shift, err)) return false;
      next_digits(job, ranks, n);
      while (i < n && ranks[i].done) i++;
    }
  }
  return true;
}

bool cm__part_quantiles(CmContext *ctx, const CmPart *part, const double *centre, const double *q, int n,
                        double *values, CmError **err) {
  const CmType type = centre ? CM_F64 : cm_image_type(part->image);
  Count job = {.ctx = ctx, .part = part, .centre = centre, .type = type};
  Rank *ranks = cm_calloc(ctx, (size_t)(2 * n), sizeof(Rank), err);
  int64_t count = 0;
  bool ok = false;
  job.first = cm_alloc(ctx, DIGITS, err);
  job.counts = cm_alloc_array(ctx, (size_t)cm_context_threads(ctx) * SLOTS * DIGITS, sizeof(int64_t), err);
  if (!ranks || !job.first || !job.counts || !count_digit(&job, key_bits(type) - 16, err)) goto done;
  for (int64_t k = 0; k < DIGITS; k++) count += job.counts[k];
  if (count == 0) {
    cm_error_set(err, CM_ERR_DATA, "there is no voxel to measure: the mask is empty there, or all is NaN");
    goto done;
  }
  for (int i = 0; i < n; i++) {
    const double at = (double)(count - 1) * q[i];
    ranks[2 * i].left = (int64_t)floor(at);
    ranks[2 * i + 1].left = (int64_t)ceil(at);
  }
  if (!select_ranks(&job, ranks, 2 * n, err)) goto done;
  for (int i = 0; i < n; i++) {
    const double at = (double)(count - 1) * q[i], low = value_of(type, ranks[2 * i].prefix);
    const double high = value_of(type, ranks[2 * i + 1].prefix), part_way = at - floor(at);
    values[i] = low == high ? low : low + (high - low) * part_way;
  }
  ok = true;
done:
  cm_free(ranks);
  cm_free(job.first);
  cm_free(job.counts);
  return ok;
}
