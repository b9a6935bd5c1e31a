#include <math.h>

#include "cormack/parallel.h"
#include "ops/segment/cut.h"
#include "ops/simd.h"

typedef struct LiParams {
  double tolerance;
  int32_t per;
} LiParams;

static const CmParam params[] = {
    CM_PARAM_REAL(LiParams, tolerance, 0, 0, 1e30, "", "the smallest move of the threshold that is followed"),
    CM_CUT_PER_PARAM(LiParams),
};

enum { MOST_TURNS = 1000, LANES = 8 };

typedef struct Sums {
  double low, high; /* of values up to the threshold, and above it */
  int64_t above;
} Sums;

typedef struct Means {
  const CmCut *cut;
  double threshold;
  Sums *chunks;
} Means;

/* NaN is neither below nor above. */
CM_SIMD static void add_row(const double *v, int64_t n, double least, double threshold, Sums *to) {
  double low[LANES] = {0.0}, high[LANES] = {0.0}, above[LANES] = {0.0};
  for (int64_t i = 0; i < n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double d = v[i + k] - least;
      low[k] += d <= threshold ? d : 0.0;
      high[k] += d > threshold ? d : 0.0;
      above[k] += d > threshold ? 1.0 : 0.0;
    }
  for (int k = 0; k < LANES; k++) {
    to->low += low[k];
    to->high += high[k];
    to->above += (int64_t)above[k];
  }
}

static bool sum_rows(void *arg, CmRange range, CmError **err) {
  const Means *job = arg;
  const CmPart *part = job->cut->part;
  const CmGrid grid = cm__grid(part->image);
  double *values = cm_alloc_array(job->cut->ctx, (size_t)grid.row + LANES, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->cut->ctx, (size_t)grid.nx, err);
  Sums sums = {0.0};
  for (int64_t k = grid.row; values && k < grid.row + LANES; k++) values[k] = NAN;
  for (int64_t row = range.begin; values && inside && row < range.end; row++) {
    cm__line_to_f64(cm_image_type(part->image), cm__row(part->image, &grid, part->row_begin + row), grid.row, values);
    if (part->mask->image) {
      cm__mask_row(part->mask, part->row_begin + row, inside);
      for (int64_t x = 0; x < grid.nx; x++) values[x] = inside[x] ? values[x] : NAN;
    }
    add_row(values, grid.row, job->cut->moments.min, job->threshold, &sums);
  }
  job->chunks[range.chunk] = sums;
  const bool ok = values && inside;
  cm_free(values);
  cm_free(inside);
  return ok;
}

/* The sums of the values, from the smallest on, at a threshold; of counts where there are any. */
static bool take_sums(Means *job, Sums *sums, CmError **err) {
  const CmCut *cut = job->cut;
  const CmGrid grid = cm__grid(cut->part->image);
  const int64_t rows = cut->part->row_end - cut->part->row_begin, chunk = cm__row_chunk(&grid);
  *sums = (Sums){0.0};
  for (int64_t k = 0; k < cut->bins.count; k++) {
    const double d = cut->centre[k] - cut->moments.min, n = (double)cut->counts[k];
    *(d > job->threshold ? &sums->high : &sums->low) += n * d;
    sums->above += d > job->threshold ? cut->counts[k] : 0;
  }
  if (cut->bins.count > 0) return true;
  if (!cm_parallel_for(cut->ctx, NULL, rows, chunk, sum_rows, job, err)) return false;
  for (int64_t k = 0; k < cm_chunk_count(rows, chunk); k++) {
    sums->low += job->chunks[k].low;
    sums->high += job->chunks[k].high;
    sums->above += job->chunks[k].above;
  }
  return true;
}

static bool find(const CmCut *cut, const void *values, double *threshold, CmError **err) {
  const LiParams *p = values;
  const CmGrid grid = cm__grid(cut->part->image);
  Means job = {.cut = cut, .threshold = cut->moments.mean - cut->moments.min};
  job.chunks = cm_alloc_array(cut->ctx, (size_t)cm_chunk_count(grid.rows, cm__row_chunk(&grid)) + 1, sizeof(Sums), err);
  bool ok = job.chunks != NULL;
  for (int turn = 0; ok && turn < MOST_TURNS; turn++) {
    Sums sums;
    ok = take_sums(&job, &sums, err);
    const int64_t below = cut->moments.count - sums.above;
    if (!ok || sums.low <= 0.0 || sums.above == 0 || below == 0) break;
    const double a = sums.low / (double)below, b = sums.high / (double)sums.above;
    const double next = (b - a) / (log(b) - log(a)), moved = fabs(next - job.threshold);
    if (!isfinite(next)) break;
    job.threshold = next;
    if (moved <= p->tolerance) break;
  }
  *threshold = job.threshold + cut->moments.min;
  cm_free(job.chunks);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const LiParams *p = call->params;
  /* a count per value where that is exact and short */
  const int64_t bins = cm__type_is_counted(cm_image_type(call->in[0].image)) ? 0 : -1;
  return cm__cut_run(call, "li", (CmScope)p->per, bins, find, err);
}

CM_OP(li) = {
    .name = "li",
    .family = "segment",
    .since = "0.2",
    .summary = "Cut values in two by Li's smallest cross entropy.",
    .details =
        "Values are counted from the smallest one. From the mean of all, the threshold becomes (b - a) / (ln b - ln "
        "a), with a and b the means of the values up to it and above it, until it moves by no more than `tolerance` or "
        "a is 0. No histogram: exact." CM_CUT_DETAILS,
    CM_OP_PARAMS(LiParams, params),
    CM_CUT_PORTS,
    .cite =
        "Li CH, Tam PKS. An iterative algorithm for minimum cross entropy thresholding. Pattern Recognit Lett 19(8), "
        "1998",
    .examples = "cormack li mr.nii.gz head.nii.gz",
    .run = run,
};
