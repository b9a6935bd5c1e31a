#include "ops/segment/walker.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

bool cm__walker_open(CmContext *ctx, const int64_t n[3], CmWalker *w, CmError **err) {
  *w = (CmWalker){.ctx = ctx, .nx = n[0], .ny = n[1], .nz = n[2], .rows = n[1] * n[2], .half = (n[0] + 1) / 2};
  w->stride = w->half + 2;
  w->chunk = w->half < 8192 ? 8192 / w->half : 1;
  const size_t count = (size_t)(w->rows + 1) * (size_t)w->stride;
  double **const reals[] = {&w->red, &w->black, &w->x, &w->r, &w->p, &w->q, &w->t, &w->red_b};
  for (int k = 0; k < 6; k++)
    if (!(w->weight[k] = cm_calloc(ctx, count, sizeof(float), err))) return false;
  for (int k = 0; k < CM_COUNT(reals); k++)
    if (!(*reals[k] = cm_calloc(ctx, count, sizeof(double), err))) return false;
  w->scale = cm_calloc(ctx, count, sizeof(float), err);
  w->part = w->scale ? cm_calloc(ctx, (size_t)cm_chunk_count(w->rows, w->chunk), sizeof(double), err) : NULL;
  return w->part != NULL;
}

void cm__walker_close(CmWalker *w) {
  for (int k = 0; k < 6; k++) cm_free(w->weight[k]);
  double *const reals[] = {w->red, w->black, w->x, w->r, w->p, w->q, w->t, w->red_b, w->part};
  for (int k = 0; k < CM_COUNT(reals); k++) cm_free(reals[k]);
  cm_free(w->scale);
  *w = (CmWalker){.ctx = w->ctx};
}

/* The rows around one: before and behind along y, then z. */
typedef struct Around {
  int64_t own, y0, y1, z0, z1; /* where they begin */
  int64_t odd;                 /* red voxels of the row have odd x */
} Around;

static Around around(const CmWalker *w, int64_t row) {
  const int64_t y = row % w->ny, z = row / w->ny, none = w->rows;
  Around a = {.own = row, .odd = (y + z) & 1};
  a.y0 = y > 0 ? row - 1 : none;
  a.y1 = y + 1 < w->ny ? row + 1 : none;
  a.z0 = z > 0 ? row - w->ny : none;
  a.z1 = z + 1 < w->nz ? row + w->ny : none;
  int64_t *const begin[] = {&a.own, &a.y0, &a.y1, &a.z0, &a.z1};
  for (int k = 0; k < 5; k++) *begin[k] = *begin[k] * w->stride + 1;
  return a;
}

/* A row's neighbours as arrays: weight and value of each of the six. */
typedef struct Six {
  const float *w[6];
  const double *v[6];
} Six;

static Six six_of_red(const CmWalker *w, int64_t row, const double *black) {
  const Around a = around(w, row);
  const int64_t at[6] = {a.own - 1 + a.odd, a.own + a.odd, a.y0, a.y1, a.z0, a.z1};
  Six six;
  for (int k = 0; k < 6; k++) {
    six.w[k] = w->weight[k] + a.own;
    six.v[k] = black + at[k];
  }
  return six;
}

/* The weight of a black voxel's neighbour before it is that red neighbour's weight behind it. */
static Six six_of_black(const CmWalker *w, int64_t row, const double *red) {
  const Around a = around(w, row);
  const int64_t at[6] = {a.own - a.odd, a.own + 1 - a.odd, a.y0, a.y1, a.z0, a.z1};
  Six six;
  for (int k = 0; k < 6; k++) {
    six.w[k] = w->weight[k ^ 1] + at[k];
    six.v[k] = red + at[k];
  }
  return six;
}

/* The weighted sum of the six neighbours. */
#define SUM(i)                                                                                         \
  (((double)w0[i] * v0[i] + (double)w1[i] * v1[i]) + ((double)w2[i] * v2[i] + (double)w3[i] * v3[i]) + \
   ((double)w4[i] * v4[i] + (double)w5[i] * v5[i]))
#define OPEN(six)                                                                                             \
  const float *w0 = (six)->w[0], *w1 = (six)->w[1], *w2 = (six)->w[2], *w3 = (six)->w[3], *w4 = (six)->w[4],  \
              *w5 = (six)->w[5];                                                                              \
  const double *v0 = (six)->v[0], *v1 = (six)->v[1], *v2 = (six)->v[2], *v3 = (six)->v[3], *v4 = (six)->v[4], \
               *v5 = (six)->v[5]

/* to = (b + sum) factor; b may be NULL. */
CM_SIMD static void red_line(const Six *six, const double *b, const double *factor, int64_t n, double *restrict to) {
  OPEN(six);
  if (b)
    for (int64_t i = 0; i < n; i++) to[i] = (b[i] + SUM(i)) * factor[i];
  else
    for (int64_t i = 0; i < n; i++) to[i] = SUM(i) * factor[i];
}

/* to = degree v - sum. */
CM_SIMD static void black_line(const Six *six, const double *degree, const double *v, int64_t n, double *restrict to) {
  OPEN(six);
  for (int64_t i = 0; i < n; i++) to[i] = degree[i] * v[i] - SUM(i);
}

/* to += sum */
CM_SIMD static void add_line(const Six *six, int64_t n, double *restrict to) {
  OPEN(six);
  for (int64_t i = 0; i < n; i++) to[i] += SUM(i);
}

/* Sums in eight lanes, so that their order does not depend on the instruction set. */
static double add_lanes(const double lane[8]) {
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

CM_SIMD static double dot_line(const double *a, const double *b, int64_t n) {
  double lane[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; k++) lane[k] += a[i + k] * b[i + k];
  for (int k = 0; i < n; i++, k++) lane[k] += a[i] * b[i];
  return add_lanes(lane);
}

CM_SIMD static double scaled_norm_line(const double *r, const float *scale, int64_t n) {
  double lane[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; k++) lane[k] += r[i + k] * r[i + k] * (double)scale[i + k];
  for (int k = 0; i < n; i++, k++) lane[k] += r[i] * r[i] * (double)scale[i];
  return add_lanes(lane);
}

CM_SIMD static void step_line(double alpha, const double *restrict p, const double *restrict q, int64_t n,
                              double *restrict x, double *restrict r) {
  for (int64_t i = 0; i < n; i++) {
    x[i] += alpha * p[i];
    r[i] -= alpha * q[i];
  }
}

CM_SIMD static void turn_line(double beta, const double *restrict r, const float *restrict scale, int64_t n,
                              double *restrict p) {
  for (int64_t i = 0; i < n; i++) p[i] = (double)scale[i] * r[i] + beta * p[i];
}

typedef struct Pass {
  CmWalker *w;
  double factor;
  const double *from; /* black */
  const double *b;    /* red right-hand side, or NULL */
} Pass;

static bool red_rows(void *arg, CmRange range, CmError **err) {
  const Pass *job = arg;
  const CmWalker *w = job->w;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const Six six = six_of_red(w, row, job->from);
    const int64_t at = row * w->stride + 1;
    red_line(&six, job->b ? job->b + at : NULL, w->red + at, w->half, w->t + at);
  }
  return true;
}

/* q = S p, and the parts of p q. */
static bool black_rows(void *arg, CmRange range, CmError **err) {
  const Pass *job = arg;
  const CmWalker *w = job->w;
  double sum = 0.0;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const Six six = six_of_black(w, row, w->t);
    const int64_t at = row * w->stride + 1;
    black_line(&six, w->black + at, w->p + at, w->half, w->q + at);
    sum += dot_line(w->p + at, w->q + at, w->half);
  }
  w->part[range.chunk] = sum;
  return true;
}

/* x and r one step on, and the parts of the norm of r. */
static bool step_rows(void *arg, CmRange range, CmError **err) {
  const Pass *job = arg;
  const CmWalker *w = job->w;
  const int64_t at = range.begin * w->stride, n = (range.end - range.begin) * w->stride;
  (void)err;
  step_line(job->factor, w->p + at, w->q + at, n, w->x + at, w->r + at);
  w->part[range.chunk] = scaled_norm_line(w->r + at, w->scale + at, n);
  return true;
}

static bool turn_rows(void *arg, CmRange range, CmError **err) {
  const Pass *job = arg;
  const CmWalker *w = job->w;
  const int64_t at = range.begin * w->stride, n = (range.end - range.begin) * w->stride;
  (void)err;
  turn_line(job->factor, w->r + at, w->scale + at, n, w->p + at);
  return true;
}

/* r += what the red right-hand side adds, by t. */
static bool reduce_rows(void *arg, CmRange range, CmError **err) {
  const Pass *job = arg;
  const CmWalker *w = job->w;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const Six six = six_of_black(w, row, w->t);
    add_line(&six, w->half, w->r + row * w->stride + 1);
  }
  return true;
}

static bool each_row(CmWalker *w, CmRangeFn fn, Pass *job, CmError **err) {
  job->w = w;
  return cm_parallel_for(w->ctx, NULL, w->rows, w->chunk, fn, job, err);
}

static double total(const CmWalker *w) {
  double sum = 0.0;
  for (int64_t k = 0; k < cm_chunk_count(w->rows, w->chunk); k++) sum += w->part[k];
  return sum;
}

bool cm__walker_solve(CmWalker *w, const char *what, double tol, int64_t iterations, CmError **err) {
  const size_t bytes = (size_t)((w->rows + 1) * w->stride) * sizeof(double);
  memset(w->x, 0, bytes);
  memset(w->q, 0, bytes);
  memset(w->p, 0, bytes);
  Pass pass = {.from = w->x, .b = w->red_b};
  if (!each_row(w, red_rows, &pass, err) || !each_row(w, reduce_rows, &pass, err) ||
      !each_row(w, step_rows, &pass, err))
    return false;
  const double first = total(w);
  double norm = first;
  for (int64_t k = 0; norm > tol * tol * first && norm > 0.0; k++) {
    if (k == iterations) {
      cm_error_set(
          err, CM_ERR_DATA,
          "after %lld steps the residual is %.2g of the first; give more iterations, a larger tol or a smaller "
          "beta",
          (long long)k, sqrt(norm / first));
      return false;
    }
    if (k % 16 == 0) /* from 1 down to tol, on a logarithmic scale */
      cm_progress(w->ctx, what, (int64_t)(1000.0 * log(first / norm) / (-2.0 * log(tol))), 1000);
    Pass turn = {.factor = pass.factor}, red = {.from = w->p};
    if (!each_row(w, turn_rows, &turn, err) || !each_row(w, red_rows, &red, err) || !each_row(w, black_rows, &red, err))
      return false;
    Pass step = {.factor = norm / total(w)};
    if (!each_row(w, step_rows, &step, err)) return false;
    const double next = total(w);
    pass.factor = next / norm;
    norm = next;
  }
  cm_progress(w->ctx, what, 1000, 1000);
  pass = (Pass){.from = w->x, .b = w->red_b};
  return each_row(w, red_rows, &pass, err);
}

/* ---- what belongs to the matrix ---- */

typedef struct Prepare {
  CmWalker *w;
  bool (*fixed)(const void *arg, int64_t x, int64_t row);
  const void *arg;
} Prepare;

static double degree_of(const Six *six, int64_t i) {
  double sum = 0.0;
  for (int k = 0; k < 6; k++) sum += (double)six->w[k][i];
  return sum;
}

static bool degree_rows(void *arg, CmRange range, CmError **err) {
  const CmWalker *w = ((const Prepare *)arg)->w;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const Six red = six_of_red(w, row, w->x), black = six_of_black(w, row, w->t);
    const int64_t at = row * w->stride + 1;
    for (int64_t i = 0; i < w->half; i++) {
      const double degree = degree_of(&red, i), other = degree_of(&black, i);
      w->red[at + i] = degree > 0.0 ? 1.0 / degree : 1.0;
      w->black[at + i] = other > 0.0 ? other : 1.0;
    }
  }
  return true;
}

/* Cuts the edges of voxels whose value is given. */
static bool cut_rows(void *arg, CmRange range, CmError **err) {
  const Prepare *job = arg;
  const CmWalker *w = job->w;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const int64_t y = row % w->ny, z = row / w->ny, at = row * w->stride + 1, odd = (y + z) & 1;
    for (int64_t x = odd; x < w->nx; x += 2) {
      const bool all = job->fixed(job->arg, x, row);
      const bool there[6] = {x > 0, x + 1 < w->nx, y > 0, y + 1 < w->ny, z > 0, z + 1 < w->nz};
      const int64_t rows[6] = {row, row, row - 1, row + 1, row - w->ny, row + w->ny};
      for (int k = 0; k < 6; k++)
        if (all || (there[k] && job->fixed(job->arg, k == 0 ? x - 1 : k == 1 ? x + 1 : x, rows[k])))
          w->weight[k][at + x / 2] = 0.0F;
    }
  }
  return true;
}

/* The diagonal once red voxels are eliminated: degree - sum w^2 / degree of the neighbour. */
static bool scale_rows(void *arg, CmRange range, CmError **err) {
  const CmWalker *w = ((const Prepare *)arg)->w;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const Six six = six_of_black(w, row, w->red);
    const int64_t at = row * w->stride + 1;
    for (int64_t i = 0; i < w->half; i++) {
      const double degree = w->black[at + i];
      double rest = degree;
      for (int k = 0; k < 6; k++) rest -= (double)six.w[k][i] * (double)six.w[k][i] * six.v[k][i];
      w->scale[at + i] = (float)(1.0 / (rest > 1e-12 * degree ? rest : degree));
    }
  }
  return true;
}

bool cm__walker_prepare(CmWalker *w, bool (*fixed)(const void *arg, int64_t x, int64_t row), const void *arg,
                        CmError **err) {
  Prepare job = {.w = w, .fixed = fixed, .arg = arg};
  return cm_parallel_for(w->ctx, NULL, w->rows, w->chunk, degree_rows, &job, err) &&
         cm_parallel_for(w->ctx, NULL, w->rows, w->chunk, cut_rows, &job, err) &&
         cm_parallel_for(w->ctx, NULL, w->rows, w->chunk, scale_rows, &job, err);
}
