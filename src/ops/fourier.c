#include "ops/fourier.h"

#include "cormack/parallel.h"
#include "ops/fourier_plan.h"
#include "ops/simd.h"

/* ---- along an axis of a volume ---- */

typedef struct Axis {
  const CmFourierPlan *plan;
  CmFourierWork *work; /* one a worker */
  double *re, *im;
  int64_t lines, stride; /* stride: between the numbers of a line */
  int64_t inner;         /* lines l = outer * inner + at begin at outer * inner * n + at; along x each at l * n */
  double scale;
} Axis;

static int64_t line_begin(const Axis *axis, int64_t line) {
  return axis->stride == 1 ? line * axis->plan->n
                           : line / axis->inner * axis->inner * axis->plan->n + line % axis->inner;
}

/* Lines that lie side by side are moved as whole rows of LINES numbers. */
static bool side_by_side(const int64_t begin[LINES]) {
  for (int b = 1; b < LINES; b++)
    if (begin[b] != begin[0] + b) return false;
  return true;
}

CM_SIMD static void take_lines(const double *restrict from, const int64_t begin[LINES], int64_t stride, int64_t n,
                               double *restrict to) {
  if (side_by_side(begin)) {
    for (int64_t k = 0; k < n; k++)
      for (int b = 0; b < LINES; b++) to[k * LINES + b] = from[begin[0] + k * stride + b];
    return;
  }
  for (int64_t k = 0; k < n; k++)
    for (int b = 0; b < LINES; b++) to[k * LINES + b] = from[begin[b] + k * stride];
}

CM_SIMD static void put_lines(const double *restrict from, const int64_t begin[LINES], int count, int64_t stride,
                              int64_t n, double scale, double *restrict to) {
  if (count == LINES && side_by_side(begin)) {
    for (int64_t k = 0; k < n; k++)
      for (int b = 0; b < LINES; b++) to[begin[0] + k * stride + b] = from[k * LINES + b] * scale;
    return;
  }
  for (int64_t k = 0; k < n; k++)
    for (int b = 0; b < count; b++) to[begin[b] + k * stride] = from[k * LINES + b] * scale;
}

static bool transform_lines(void *arg, CmRange range, CmError **err) {
  const Axis *axis = arg;
  const CmFourierWork *work = &axis->work[range.worker];
  const int64_t n = axis->plan->n;
  (void)err;
  for (int64_t first = range.begin; first < range.end; first += LINES) {
    int64_t begin[LINES];
    const int count = (int)(axis->lines - first < LINES ? axis->lines - first : LINES);
    for (int b = 0; b < LINES; b++) begin[b] = line_begin(axis, first + (b < count ? b : 0));
    take_lines(axis->re, begin, axis->stride, n, work->re[0]);
    take_lines(axis->im, begin, axis->stride, n, work->im[0]);
    const int at = cm__fourier_lines(axis->plan, work);
    put_lines(work->re[at], begin, count, axis->stride, n, axis->scale, axis->re);
    put_lines(work->im[at], begin, count, axis->stride, n, axis->scale, axis->im);
  }
  return true;
}

bool cm__fourier_axis(CmContext *ctx, const char *what, const int64_t n[3], int a, double *re, double *im, bool inverse,
                      CmError **err) {
  const int64_t total = n[0] * n[1] * n[2];
  const int threads = cm_context_threads(ctx);
  CmFourierPlan plan;
  Axis axis = {
      .plan = &plan, .re = inverse ? im : re, .im = inverse ? re : im, .scale = inverse ? 1.0 / (double)n[a] : 1.0};
  axis.lines = total / n[a];
  axis.stride = axis.inner = a == 0 ? 1 : a == 1 ? n[0] : n[0] * n[1];
  bool ok = cm__fourier_plan(&plan, ctx, n[a], err);
  if (ok) ok = (axis.work = cm_calloc(ctx, (size_t)threads, sizeof(*axis.work), err)) != NULL;
  for (int t = 0; ok && t < threads; t++) ok = cm__fourier_work(ctx, cm__fourier_plan_room(&plan), &axis.work[t], err);
  const int64_t chunk = LINES * (1 + 65536 / (LINES * n[a]));
  if (ok) ok = cm_parallel_for(ctx, what, axis.lines, chunk, transform_lines, &axis, err);
  for (int t = 0; axis.work && t < threads; t++) cm_free(axis.work[t].re[0]);
  cm_free(axis.work);
  cm__fourier_plan_free(&plan);
  return ok;
}

bool cm__fourier(CmContext *ctx, const char *what, const int64_t n[3], double *re, double *im, bool inverse,
                 CmError **err) {
  for (int a = 0; a < 3; a++)
    if (n[a] > 1 && !cm__fourier_axis(ctx, what, n, a, re, im, inverse, err)) return false;
  return true;
}

/* ---- a real volume and half of its spectrum ---- */

typedef struct Half {
  const CmFourierFilter *job;
  CmFourierPlan plan[3];
  CmFourierWork *work; /* one a worker */
  double **gain;       /* one a worker: gains, and scratch of the same size */
  double *re, *im;     /* [z][y][x], x < m */
  int64_t m, rows;     /* n[0] / 2 + 1 */
  int axis;            /* along which the gain is applied: the last that is transformed */
  double scale;
} Half;

/* Two rows are the real and the imaginary part of one line: Z = A + iB, and A[k], B[k] follow from Z[k] and Z[n - k].
 */
CM_SIMD static void split_pair(const double *re, const double *im, int64_t n, int64_t m, double *ar, double *ai,
                               double *br, double *bi) {
  for (int64_t k = 0; k < m; k++) {
    const int64_t here = k * LINES, there = (k ? n - k : 0) * LINES;
    ar[k] = 0.5 * (re[here] + re[there]);
    ai[k] = 0.5 * (im[here] - im[there]);
    br[k] = 0.5 * (im[here] + im[there]);
    bi[k] = 0.5 * (re[there] - re[here]);
  }
}

/* The way back: Z[k] = A[k] + iB[k], and conj(A[n - k]) + i conj(B[n - k]) in the other half. */
CM_SIMD static void join_pair(const double *ar, const double *ai, const double *br, const double *bi, int64_t n,
                              int64_t m, double *re, double *im) {
  for (int64_t k = 0; k < m; k++) {
    re[k * LINES] = ar[k] - bi[k];
    im[k * LINES] = ai[k] + br[k];
  }
  for (int64_t k = m; k < n; k++) {
    re[k * LINES] = ar[n - k] + bi[n - k];
    im[k * LINES] = br[n - k] - ai[n - k];
  }
}

static bool rows_forth(void *arg, CmRange range, CmError **err) {
  const Half *half = arg;
  const CmFourierFilter *job = half->job;
  const CmFourierWork *work = &half->work[range.worker];
  const int64_t n = job->n[0], m = half->m;
  double *line = work->re[1]; /* free until the transform */
  for (int64_t first = range.begin; first < range.end; first += 2 * LINES) {
    for (int b = 0; b < 2 * LINES; b++) {
      const int64_t row = first + b < range.end ? first + b : first;
      double *to = (b % 2 ? work->im[0] : work->re[0]) + b / 2;
      if (!job->load(job->arg, range.worker, row, line, err)) return false;
      for (int64_t k = 0; k < n; k++) to[k * LINES] = line[k];
    }
    const int at = cm__fourier_lines(&half->plan[0], work);
    double *spare = work->re[1 - at]; /* where the second of a pair has no row */
    for (int b = 0; b < LINES && first + 2 * b < range.end; b++) {
      const int64_t row = first + 2 * b;
      const bool both = row + 1 < range.end;
      split_pair(work->re[at] + b, work->im[at] + b, n, m, half->re + row * m, half->im + row * m,
                 both ? half->re + (row + 1) * m : spare, both ? half->im + (row + 1) * m : spare + m);
    }
  }
  return true;
}

static bool rows_back(void *arg, CmRange range, CmError **err) {
  const Half *half = arg;
  const CmFourierFilter *job = half->job;
  const CmFourierWork *work = &half->work[range.worker];
  const int64_t n = job->n[0], m = half->m;
  (void)err;
  for (int64_t first = range.begin; first < range.end; first += 2 * LINES) {
    for (int b = 0; b < LINES; b++) {
      const int64_t row = first + 2 * b < range.end ? first + 2 * b : first, next = row + (row + 1 < range.end);
      join_pair(half->re + row * m, half->im + row * m, half->re + next * m, half->im + next * m, n, m, work->re[0] + b,
                work->im[0] + b);
    }
    const int at = cm__fourier_lines_back(&half->plan[0], work, 0);
    double *line = work->re[1 - at];
    for (int b = 0; b < 2 * LINES && first + b < range.end; b++) {
      const double *from = (b % 2 ? work->im[at] : work->re[at]) + b / 2;
      for (int64_t k = 0; k < n; k++) line[k] = from[k * LINES] * half->scale;
      job->store(job->arg, range.worker, first + b, line);
    }
  }
  return true;
}

CM_SIMD static void apply_gain(const double *restrict gain, double *restrict re, double *restrict im, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    re[i] *= gain[i];
    im[i] *= gain[i];
  }
}

CM_SIMD static void apply_odd_gain(const double *restrict gain, double *restrict re, double *restrict im, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const double r = re[i];
    re[i] = gain[i] * im[i];
    im[i] = -gain[i] * r;
  }
}

/* The last axis: there, multiplied, and back again while the lines are at hand. */
static bool lines_filtered(void *arg, CmRange range, CmError **err) {
  const Half *half = arg;
  const CmFourierFilter *job = half->job;
  const CmFourierWork *work = &half->work[range.worker];
  const int64_t n = job->n[half->axis], stride = half->axis == 1 ? half->m : half->m * job->n[1];
  double *gain = half->gain[range.worker];
  (void)err;
  for (int64_t first = range.begin; first < range.end; first += LINES) {
    const int count = (int)(range.end - first < LINES ? range.end - first : LINES);
    int64_t number[LINES][3], begin[LINES];
    for (int b = 0; b < LINES; b++) {
      const int64_t line = first + (b < count ? b : 0);
      begin[b] = line; /* the axis is the last that is longer than 1: lines begin side by side */
      number[b][0] = line % half->m;
      number[b][1] = half->axis == 1 ? 0 : line / half->m;
      number[b][2] = 0;
    }
    take_lines(half->re, begin, stride, n, work->re[0]);
    take_lines(half->im, begin, stride, n, work->im[0]);
    int at = cm__fourier_lines(&half->plan[half->axis], work);
    job->gain(job->arg, half->axis, number, gain + n * LINES, gain);
    (job->odd ? apply_odd_gain : apply_gain)(gain, work->re[at], work->im[at], n * LINES);
    at = cm__fourier_lines_back(&half->plan[half->axis], work, at);
    put_lines(work->re[at], begin, count, stride, n, 1.0, half->re);
    put_lines(work->im[at], begin, count, stride, n, 1.0, half->im);
  }
  return true;
}

static bool half_open(CmContext *ctx, Half *half, CmError **err) {
  const int64_t *n = half->job->n;
  int64_t longest = 1;
  for (int a = 0; a < 3; a++) {
    if (!cm__fourier_plan(&half->plan[a], ctx, n[a], err)) return false;
    const int64_t needs = cm__fourier_plan_room(&half->plan[a]);
    longest = needs > longest ? needs : longest;
  }
  size_t size;
  if (!cm_size_multiply((size_t)half->m, (size_t)half->rows, &size, err)) return false;
  if (!(half->re = cm_alloc_array(ctx, size, 2 * sizeof(double), err))) return false;
  half->im = half->re + size;
  const int threads = cm_context_threads(ctx);
  half->work = cm_calloc(ctx, (size_t)threads, sizeof(*half->work), err);
  half->gain = cm_calloc(ctx, (size_t)threads, sizeof(*half->gain), err);
  for (int t = 0; half->work && half->gain && t < threads; t++)
    if (!cm__fourier_work(ctx, longest, &half->work[t], err) ||
        !(half->gain[t] = cm_alloc_array(ctx, 2 * LINES * (size_t)n[half->axis], sizeof(double), err)))
      return false;
  return half->work && half->gain;
}

static void half_close(CmContext *ctx, Half *half) {
  for (int a = 0; a < 3; a++) cm__fourier_plan_free(&half->plan[a]);
  for (int t = 0; t < cm_context_threads(ctx); t++) {
    if (half->work) cm_free(half->work[t].re[0]);
    if (half->gain) cm_free(half->gain[t]);
  }
  cm_free(half->work);
  cm_free(half->gain);
  cm_free(half->re);
}

bool cm__fourier_filter(CmContext *ctx, const CmFourierFilter *job, CmError **err) {
  const int64_t *n = job->n;
  Half half = {.job = job, .m = n[0] / 2 + 1, .rows = n[1] * n[2], .axis = n[2] > 1 ? 2 : 1};
  half.scale = 1.0 / ((double)n[0] * (double)n[half.axis]); /* cm__fourier() divides by the third */
  const int64_t shape[3] = {half.m, n[1], n[2]};
  const int64_t row_chunk = 2 * LINES * (1 + 65536 / (2 * LINES * n[0])),
                line_chunk = LINES * (1 + 65536 / (LINES * n[half.axis]));
  bool ok = half_open(ctx, &half, err) && cm_parallel_for(ctx, job->what, half.rows, row_chunk, rows_forth, &half, err);
  if (ok && half.axis == 2) ok = n[1] == 1 || cm__fourier_axis(ctx, job->what, shape, 1, half.re, half.im, false, err);
  ok = ok && cm_parallel_for(ctx, job->what, half.m * half.rows / n[half.axis], line_chunk, lines_filtered, &half, err);
  if (ok && half.axis == 2) ok = n[1] == 1 || cm__fourier_axis(ctx, job->what, shape, 1, half.re, half.im, true, err);
  ok = ok && cm_parallel_for(ctx, job->what, half.rows, row_chunk, rows_back, &half, err);
  half_close(ctx, &half);
  return ok;
}
