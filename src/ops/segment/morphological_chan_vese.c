#include <math.h>

#include "cormack/parallel.h"
#include "ops/segment/snake.h"

typedef struct ChanVeseParams {
  CmSnakeParams snake;
  double lambda1, lambda2;
} ChanVeseParams;

static const CmParam params[] = {
    CM_SNAKE_PARAMS(ChanVeseParams, snake, "35", "checkerboard"),
    CM_PARAM_REAL(ChanVeseParams, lambda1, 1, 0, 1e6, "1",
                  "weight of the spread inside: the larger, the more alike the values inside"),
    CM_PARAM_REAL(ChanVeseParams, lambda2, 1, 0, 1e6, "1", "weight of the spread outside"),
};

/* Sums of one side; the other side's is what is left of the whole. */
typedef struct ChanVese {
  const ChanVeseParams *p;
  int64_t components, chunks;
  double *sum;  /* per component: all, inside */
  double *mean; /* per component: inside, outside */
  double all, inside;
  double *part; /* per chunk: count, then a sum for each component */
} ChanVese;

/* Adds the values of the bits of `word` (of word w of a row), each times sign. */
static void add_word(const CmSnake *snake, const void *row, int64_t w, uint64_t word, double sign, double *part) {
  const CmType type = cm_image_type(snake->image);
  const int64_t components = snake->grid.components;
  for (; word; word &= word - 1) {
    const int64_t x = w * 64 + __builtin_ctzll(word);
    part[0] += sign;
    for (int64_t c = 0; c < components; c++) part[1 + c] += sign * cm__snake_value(type, row, x * components + c);
  }
}

typedef struct Sums {
  const CmSnake *snake;
  ChanVese *job;
  const CmBits *from, *to; /* what is in `to` and not in `from` is added, and the other way; from NULL: all of to */
} Sums;

static bool sum_rows(void *arg, CmRange range, CmError **err) {
  const Sums *sums = arg;
  const CmSnake *snake = sums->snake;
  double *part = sums->job->part + range.chunk * (1 + sums->job->components);
  (void)err;
  for (int64_t c = 0; c <= sums->job->components; c++) part[c] = 0.0;
  for (int64_t row = range.begin; row < range.end; row++) {
    const void *values = cm__row(snake->image, &snake->grid, snake->t * snake->grid.ny * snake->grid.nz + row);
    const int64_t words = sums->to->words;
    for (int64_t w = 0; w < words; w++) {
      const uint64_t to = sums->to->word[row * words + w], from = sums->from ? sums->from->word[row * words + w] : 0;
      if (to == from) continue;
      add_word(snake, values, w, to & ~from, 1.0, part);
      add_word(snake, values, w, from & ~to, -1.0, part);
    }
  }
  return true;
}

/* count += voxels, sum[c * 2] += their values. */
static bool add_up(const CmSnake *snake, ChanVese *job, const CmBits *from, const CmBits *to, double *count,
                   double *sum, CmError **err) {
  Sums sums = {.snake = snake, .job = job, .from = from, .to = to};
  if (!cm_parallel_for(snake->ctx, NULL, to->ny * to->nz, snake->chunk, sum_rows, &sums, err)) return false;
  for (int64_t k = 0; k < job->chunks; k++) {
    const double *part = job->part + k * (1 + job->components);
    *count += part[0];
    for (int64_t c = 0; c < job->components; c++) sum[2 * c] += part[1 + c];
  }
  return true;
}

/* The means; those of an empty side are 0. */
static void take_means(ChanVese *job) {
  for (int64_t c = 0; c < job->components; c++) {
    job->mean[2 * c] = job->sum[2 * c + 1] / (job->inside + 1e-8);
    job->mean[2 * c + 1] = (job->sum[2 * c] - job->sum[2 * c + 1]) / (job->all - job->inside + 1e-8);
  }
}

/* Voxels with a value that is not finite are outside the mask. */
static bool drop_rows(void *arg, CmRange range, CmError **err) {
  const CmSnake *snake = arg;
  const CmType type = cm_image_type(snake->image);
  const int64_t words = snake->now.words;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const void *values = cm__row(snake->image, &snake->grid, snake->t * snake->grid.ny * snake->grid.nz + row);
    for (int64_t i = 0; i < snake->grid.row; i++) {
      const int64_t x = i / snake->grid.components;
      const uint64_t bit = (uint64_t)1 << (x % 64);
      if (isfinite(cm__snake_value(type, values, i))) continue;
      snake->allowed.word[row * words + x / 64] &= ~bit;
      snake->now.word[row * words + x / 64] &= ~bit;
    }
  }
  return true;
}

static bool prepare(void *arg, CmSnake *snake, CmError **err) {
  ChanVese *job = arg;
  const int64_t rows = snake->grid.ny * snake->grid.nz;
  if (!job->part) {
    job->components = snake->grid.components;
    job->chunks = cm_chunk_count(rows, snake->chunk);
    job->sum = cm_alloc_array(snake->ctx, (size_t)job->components * 4, sizeof(double), err);
    job->part = cm_alloc_array(snake->ctx, (size_t)(job->chunks * (1 + job->components)), sizeof(double), err);
    if (!job->sum || !job->part) return false;
    job->mean = job->sum + 2 * job->components;
  }
  for (int64_t c = 0; c < 2 * job->components; c++) job->sum[c] = 0.0;
  job->all = job->inside = 0.0;
  if (!cm_type_is_integer(cm_image_type(snake->image)) &&
      !cm_parallel_for(snake->ctx, NULL, rows, snake->chunk, drop_rows, snake, err))
    return false;
  return add_up(snake, job, NULL, &snake->allowed, &job->all, job->sum, err) &&
         add_up(snake, job, NULL, &snake->now, &job->inside, job->sum + 1, err);
}

static bool before(void *arg, CmSnake *snake, CmError **err) {
  (void)snake;
  (void)err;
  take_means(arg);
  return true;
}

/* Only what has changed is added. */
static bool after(void *arg, CmSnake *snake, CmError **err) {
  ChanVese *job = arg;
  return add_up(snake, job, &snake->last, &snake->now, &job->inside, job->sum + 1, err);
}

static void push(void *arg, const CmSnake *snake, const CmSnakeRow *row) {
  const ChanVese *job = arg;
  const CmType type = cm_image_type(snake->image);
  const void *values = cm__row(snake->image, &snake->grid, row->row);
  const int64_t components = job->components;
  for (int64_t w = 0; w < snake->now.words; w++)
    for (uint64_t word = row->edge[w]; word; word &= word - 1) {
      const int64_t x = w * 64 + __builtin_ctzll(word);
      double force = 0.0;
      for (int64_t c = 0; c < components; c++) {
        const double v = cm__snake_value(type, values, x * components + c);
        const double in = v - job->mean[2 * c], out = v - job->mean[2 * c + 1];
        force += job->p->lambda1 * (in * in) - job->p->lambda2 * (out * out);
      }
      const uint64_t bit = word & -word;
      if (force < 0.0) row->to[w] |= bit;
      if (force > 0.0) row->to[w] &= ~bit;
    }
}

static bool run(const CmCall *call, CmError **err) {
  const ChanVeseParams *p = call->params;
  ChanVese job = {.p = p};
  CmSnake snake = {.what = "morphological_chan_vese",
                   .params = &p->snake,
                   .before = before,
                   .force = push,
                   .after = after,
                   .arg = &job};
  const bool ok = cm__snake_call(call, &snake, prepare, err);
  cm_free(job.sum);
  cm_free(job.part);
  return ok;
}

CM_OP(morphological_chan_vese) = {
    .name = "morphological_chan_vese",
    .family = "segment",
    .since = "0.1",
    .summary = "Part an image into two regions of different means, by morphological operators.",
    .details =
        "In each step a voxel at the contour (one that has neighbours on both sides along an axis) goes inside if "
        "lambda1 (v - m1)^2 < lambda2 (v - m2)^2 and outside if it is >, with m1 and m2 the means inside and outside "
        "(0 where that is empty); of several components the sums are compared. Then the contour is "
        "smoothed. " CM_SNAKE_DETAILS
        " Voxels that are NaN or infinite count as outside the mask, and what is outside it takes no part in the "
        "means.",
    CM_OP_PARAMS(ChanVeseParams, params),
    CM_SNAKE_PORTS,
    .cite =
        "Marquez-Neila P, Baumela L, Alvarez L. A morphological approach to curvature-based evolution of curves "
        "and surfaces. IEEE TPAMI 36(1), 2014, section 5.2; Chan TF, Vese LA. Active contours without edges. IEEE "
        "Trans Image Process 10(2), 2001",
    .examples =
        "cormack morphological_chan_vese ct.nii.gz regions.nii.gz --iterations 50 --smoothing 2\n"
        "cormack morphological_chan_vese mr.nii.gz lesion.nii.gz --start seed.nii.gz --lambda2 2",
    .run = run,
};
