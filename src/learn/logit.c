#include "learn/logit.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/lanes.h"
#include "learn/linear.h"
#include "learn/truncated.h"

enum { MOST_CHUNKS = 64, FEWEST_ROWS = 256 };

/* Unknowns: the coefficients, and the intercept over its scaling. */
typedef struct Problem {
  CmContext *ctx;
  const CmTraining *training;
  const CmLogit *options;
  int positive;
  int64_t chunk, chunks;
  double *bend;    /* of each row: its second derivative by the margin */
  double *partial; /* chunks x (features + 2): sums of the unknowns' derivatives, and of the loss */
  const double *at;
} Problem;

static double margin(const Problem *p, const double *w, const double *x) {
  int d = p->training->features;
  return cm__lanes_dot(w, x, d) + w[d] * p->options->intercept_scaling;
}

static void add_row(const Problem *p, double share, const double *x, double *to) {
  int d = p->training->features;
  cm__lanes_add(to, share, x, d);
  to[d] += share * p->options->intercept_scaling;
}

static bool evaluate_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Problem *p = arg;
  int d = p->training->features;
  double *sum = p->partial + range.chunk * (d + 2);
  memset(sum, 0, sizeof *sum * (size_t)(d + 2));
  for (int64_t i = range.begin; i < range.end; i++) {
    bool is = p->training->y[i] == p->positive;
    const double *x = p->training->x + i * d;
    double weight = p->options->weight[is], m = is ? margin(p, p->at, x) : -margin(p, p->at, x);
    double small = exp(-fabs(m)), wrong = (m > 0 ? small : 1) / (1 + small);
    sum[d + 1] += weight * (log1p(small) - (m > 0 ? 0 : m));
    p->bend[i] = weight * wrong * (1 - wrong);
    add_row(p, is ? -weight * wrong : weight * wrong, x, sum);
  }
  return true;
}

static bool multiply_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Problem *p = arg;
  int d = p->training->features;
  double *sum = p->partial + range.chunk * (d + 2);
  memset(sum, 0, sizeof *sum * (size_t)(d + 2));
  for (int64_t i = range.begin; i < range.end; i++) {
    const double *x = p->training->x + i * d;
    add_row(p, p->bend[i] * margin(p, p->at, x), x, sum);
  }
  return true;
}

/* to += the sums of all chunks, in their order. */
static bool sum_rows(Problem *p, const double *at, CmRangeFn rows, double *to, int64_t first, int64_t count,
                     CmError **err) {
  p->at = at;
  if (!cm_parallel_for(p->ctx, NULL, p->training->rows, p->chunk, rows, p, err)) return false;
  for (int64_t c = 0; c < p->chunks; c++)
    cm__lanes_add(to, 1, p->partial + c * (p->training->features + 2) + first, count);
  return true;
}

static bool evaluate(void *arg, const double *w, double *value, double *gradient, CmError **err) {
  Problem *p = arg;
  int64_t size = p->training->features + 1;
  *value = 0.5 * cm__lanes_dot(w, w, size);
  if (!sum_rows(p, w, evaluate_rows, value, size, 1, err)) return false;
  memcpy(gradient, w, sizeof *w * (size_t)size);
  for (int64_t c = 0; c < p->chunks; c++) cm__lanes_add(gradient, 1, p->partial + c * (size + 1), size);
  return true;
}

static bool multiply(void *arg, const double *v, double *to, CmError **err) {
  Problem *p = arg;
  int64_t size = p->training->features + 1;
  memcpy(to, v, sizeof *v * (size_t)size);
  return sum_rows(p, v, multiply_rows, to, 0, size, err);
}

bool cm__logit_fit(CmContext *ctx, const CmTraining *training, int positive, const CmLogit *options, double *weight,
                   double *intercept, CmError **err) {
  CmArena scratch = {.ctx = ctx};
  int d = training->features;
  Problem p = {.ctx = ctx, .training = training, .options = options, .positive = positive};
  p.chunk = training->rows / MOST_CHUNKS + 1 > FEWEST_ROWS ? training->rows / MOST_CHUNKS + 1 : FEWEST_ROWS;
  p.chunks = cm_chunk_count(training->rows, p.chunk);
  p.bend = CM__NEW(&scratch, double, training->rows, err);
  p.partial = CM__NEW(&scratch, double, p.chunks *(d + 2), err);
  double *w = CM__NEW(&scratch, double, d + 1, err);
  CmSmooth smooth = {d + 1, evaluate, multiply, &p};
  bool ok = p.bend && p.partial && w && cm__truncated_newton(ctx, &smooth, options->tolerance, w, err);
  if (ok) memcpy(weight, w, sizeof *w * (size_t)d);
  if (ok) *intercept = w[d] * options->intercept_scaling;
  cm__arena_free(&scratch);
  return ok;
}
