#include "ops/fourier.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

#define LINES 8 /* transformed side by side: a vector register of doubles, or two */
enum { MOST_FACTORS = 64, LARGEST_FACTOR = 7 };
#define PI 3.14159265358979323846

int64_t cm__fourier_size(int64_t least) {
  int64_t best = 1;
  while (best < least) best *= 2;
  for (int64_t five = 1; five < 2 * least; five *= 5)
    for (int64_t three = five; three < 2 * least; three *= 3) {
      int64_t size = three;
      while (size < least) size *= 2;
      if (size < best) best = size;
    }
  return best;
}

/* How lines of one length are transformed. */
typedef struct Plan {
  CmContext *ctx;
  int64_t n;
  int factor[MOST_FACTORS], factors;
  double *cosine, *sine; /* of -2 pi k / n, k < n */
  /* Bluestein: the length m of the convolution, the plan for it, the chirp exp(-i pi k^2 / n) and the transform of its
   * conjugate around 0 */
  struct Plan *inner;
  double *chirp_re, *chirp_im, *kernel_re, *kernel_im;
} Plan;

/* LINES complex lines in each of two buffers. */
typedef struct Work {
  double *re[2], *im[2];
} Work;

/* ---- one step of Stockham's transform: m butterflies of `radix` points, `s` numbers side by side ---- */

CM_SIMD static void pass2(const Plan *plan, int64_t m, int64_t s, const double *xr, const double *xi, double *yr,
                          double *yi) {
  const int64_t by = s / LINES;
  for (int64_t p = 0; p < m; p++) {
    const double c = plan->cosine[p * by], d = plan->sine[p * by];
    const double *ar = xr + s * p, *ai = xi + s * p, *br = ar + s * m, *bi = ai + s * m;
    double *ur = yr + s * 2 * p, *ui = yi + s * 2 * p, *vr = ur + s, *vi = ui + s;
    for (int64_t q = 0; q < s; q++) {
      const double er = ar[q] - br[q], ei = ai[q] - bi[q];
      ur[q] = ar[q] + br[q];
      ui[q] = ai[q] + bi[q];
      vr[q] = er * c - ei * d;
      vi[q] = er * d + ei * c;
    }
  }
}

CM_SIMD static void pass4(const Plan *plan, int64_t m, int64_t s, const double *xr, const double *xi, double *yr,
                          double *yi) {
  const int64_t by = s / LINES;
  for (int64_t p = 0; p < m; p++) {
    const double c1 = plan->cosine[p * by], d1 = plan->sine[p * by], c2 = plan->cosine[2 * p * by],
                 d2 = plan->sine[2 * p * by], c3 = plan->cosine[3 * p * by], d3 = plan->sine[3 * p * by];
    const double *ar = xr + s * p, *ai = xi + s * p, *br = ar + s * m, *bi = ai + s * m, *cr = br + s * m,
                 *ci = bi + s * m, *dr = cr + s * m, *di = ci + s * m;
    double *zr = yr + s * 4 * p, *zi = yi + s * 4 * p;
    for (int64_t q = 0; q < s; q++) {
      const double sr = ar[q] + cr[q], si = ai[q] + ci[q], tr = ar[q] - cr[q], ti = ai[q] - ci[q];
      const double ur = br[q] + dr[q], ui = bi[q] + di[q], vr = br[q] - dr[q], vi = bi[q] - di[q];
      const double er = tr + vi, ei = ti - vr, fr = sr - ur, fi = si - ui, gr = tr - vi, gi = ti + vr;
      zr[q] = sr + ur;
      zi[q] = si + ui;
      zr[q + s] = er * c1 - ei * d1;
      zi[q + s] = er * d1 + ei * c1;
      zr[q + 2 * s] = fr * c2 - fi * d2;
      zi[q + 2 * s] = fr * d2 + fi * c2;
      zr[q + 3 * s] = gr * c3 - gi * d3;
      zi[q + 3 * s] = gr * d3 + gi * c3;
    }
  }
}

/* Any small radix, by its definition. */
CM_SIMD static void pass_any(const Plan *plan, int radix, int64_t m, int64_t s, const double *xr, const double *xi,
                             double *yr, double *yi) {
  const int64_t by = s / LINES, around = plan->n / radix;
  for (int64_t p = 0; p < m; p++)
    for (int k = 0; k < radix; k++) {
      const double c = plan->cosine[k * p * by], d = plan->sine[k * p * by];
      double *zr = yr + s * (radix * p + k), *zi = yi + s * (radix * p + k);
      memcpy(zr, xr + s * p, (size_t)s * sizeof(double));
      memcpy(zi, xi + s * p, (size_t)s * sizeof(double));
      for (int j = 1; j < radix; j++) {
        const double wc = plan->cosine[j * k % radix * around], ws = plan->sine[j * k % radix * around];
        const double *ar = xr + s * (p + m * j), *ai = xi + s * (p + m * j);
        for (int64_t q = 0; q < s; q++) {
          zr[q] += ar[q] * wc - ai[q] * ws;
          zi[q] += ar[q] * ws + ai[q] * wc;
        }
      }
      for (int64_t q = 0; q < s; q++) {
        const double r = zr[q] * c - zi[q] * d;
        zi[q] = zr[q] * d + zi[q] * c;
        zr[q] = r;
      }
    }
}

/* Transforms the lines in buffer 0; returns the buffer that holds the result. */
static int transform_smooth(const Plan *plan, const Work *work) {
  int64_t left = plan->n, s = LINES;
  int at = 0;
  for (int f = 0; f < plan->factors; f++) {
    const int radix = plan->factor[f];
    const double *xr = work->re[at], *xi = work->im[at];
    double *yr = work->re[1 - at], *yi = work->im[1 - at];
    left /= radix;
    if (radix == 4)
      pass4(plan, left, s, xr, xi, yr, yi);
    else if (radix == 2)
      pass2(plan, left, s, xr, xi, yr, yi);
    else
      pass_any(plan, radix, left, s, xr, xi, yr, yi);
    s *= radix;
    at = 1 - at;
  }
  return at;
}

/* Multiplies number k of each line with (c[k], d[k]). */
CM_SIMD static void turn(int64_t n, const double *c, const double *d, double *re, double *im) {
  for (int64_t k = 0; k < n; k++)
    for (int b = 0; b < LINES; b++) {
      const int64_t at = k * LINES + b;
      const double r = re[at] * c[k] - im[at] * d[k];
      im[at] = re[at] * d[k] + im[at] * c[k];
      re[at] = r;
    }
}

/* Bluestein: kn = (k^2 + n^2 - (k - n)^2) / 2 makes the transform a convolution with a chirp. */
static int transform_any(const Plan *plan, const Work *work) {
  const int64_t n = plan->n, m = plan->inner->n;
  const size_t tail = (size_t)((m - n) * LINES) * sizeof(double);
  turn(n, plan->chirp_re, plan->chirp_im, work->re[0], work->im[0]);
  memset(work->re[0] + n * LINES, 0, tail);
  memset(work->im[0] + n * LINES, 0, tail);
  int at = transform_smooth(plan->inner, work);
  turn(m, plan->kernel_re, plan->kernel_im, work->re[at], work->im[at]);
  /* back: the same transform with real and imaginary parts exchanged */
  const Work back = {{work->im[at], work->im[1 - at]}, {work->re[at], work->re[1 - at]}};
  at = transform_smooth(plan->inner, &back) ? 1 - at : at;
  turn(n, plan->chirp_re, plan->chirp_im, work->re[at], work->im[at]);
  return at;
}

/* ---- plans ---- */

static void plan_free(Plan *plan) {
  if (plan->inner) plan_free(plan->inner);
  cm_free(plan->inner);
  cm_free(plan->cosine);
  cm_free(plan->chirp_re);
}

static bool plan_factors(Plan *plan) {
  int64_t left = plan->n;
  plan->factors = 0;
  for (int radix = 4; left > 1 && radix <= LARGEST_FACTOR;) {
    if (left % radix == 0) {
      plan->factor[plan->factors++] = radix;
      left /= radix;
    } else
      radix = radix == 4 ? 2 : radix == 2 ? 3 : radix == 3 ? 5 : radix + 2;
  }
  return left == 1;
}

static bool plan_smooth(Plan *plan, CmError **err) {
  plan->cosine = cm_alloc_array(plan->ctx, 2 * (size_t)plan->n, sizeof(double), err);
  if (!plan->cosine) return false;
  plan->sine = plan->cosine + plan->n;
  for (int64_t k = 0; k < plan->n; k++) {
    plan->cosine[k] = cos(2.0 * PI * (double)k / (double)plan->n);
    plan->sine[k] = -sin(2.0 * PI * (double)k / (double)plan->n);
  }
  return true;
}

static bool work_alloc(CmContext *ctx, int64_t longest, Work *work, CmError **err) {
  const size_t size = (size_t)longest * LINES;
  double *block = cm_alloc_array(ctx, 4 * size, sizeof(double), err);
  if (!block) return false;
  *work = (Work){{block, block + size}, {block + 2 * size, block + 3 * size}};
  return true;
}

static bool plan_chirp(Plan *plan, CmError **err) {
  const int64_t n = plan->n, m = plan->inner->n;
  Work work;
  if (!(plan->chirp_re = cm_alloc_array(plan->ctx, 2 * (size_t)(n + m), sizeof(double), err))) return false;
  if (!work_alloc(plan->ctx, m, &work, err)) return false;
  plan->chirp_im = plan->chirp_re + n;
  plan->kernel_re = plan->chirp_im + n;
  plan->kernel_im = plan->kernel_re + m;
  memset(work.re[0], 0, (size_t)(m * LINES) * sizeof(double));
  memset(work.im[0], 0, (size_t)(m * LINES) * sizeof(double));
  for (int64_t k = 0; k < n; k++) {
    const double angle = PI * (double)(k * k % (2 * n)) / (double)n;
    plan->chirp_re[k] = cos(angle);
    plan->chirp_im[k] = -sin(angle);
    for (int side = 0; side < (k > 0 ? 2 : 1); side++) {
      const int64_t at = (side ? m - k : k) * LINES;
      work.re[0][at] = cos(angle);
      work.im[0][at] = sin(angle);
    }
  }
  const int at = transform_smooth(plan->inner, &work);
  for (int64_t k = 0; k < m; k++) { /* the division of the way back is put in here */
    plan->kernel_re[k] = work.re[at][k * LINES] / (double)m;
    plan->kernel_im[k] = work.im[at][k * LINES] / (double)m;
  }
  cm_free(work.re[0]);
  return true;
}

static bool plan_make(Plan *plan, CmContext *ctx, int64_t n, CmError **err) {
  *plan = (Plan){.ctx = ctx, .n = n};
  if (plan_factors(plan)) return plan_smooth(plan, err);
  plan->inner = cm_calloc(ctx, 1, sizeof(*plan->inner), err);
  return plan->inner && plan_make(plan->inner, ctx, cm__fourier_size(2 * n - 1), err) && plan_chirp(plan, err);
}

/* ---- along an axis of a volume ---- */

typedef struct Axis {
  const Plan *plan;
  Work *work; /* one a worker */
  double *re, *im;
  int64_t lines, stride; /* stride: between the numbers of a line */
  int64_t inner;         /* lines l = outer * inner + at begin at outer * inner * n + at; along x each at l * n */
  double scale;
} Axis;

static int64_t line_begin(const Axis *axis, int64_t line) {
  return axis->stride == 1 ? line * axis->plan->n
                           : line / axis->inner * axis->inner * axis->plan->n + line % axis->inner;
}

static bool transform_lines(void *arg, CmRange range, CmError **err) {
  const Axis *axis = arg;
  const Work *work = &axis->work[range.worker];
  const int64_t n = axis->plan->n;
  (void)err;
  for (int64_t first = range.begin; first < range.end; first += LINES) {
    int64_t begin[LINES];
    const int count = (int)(axis->lines - first < LINES ? axis->lines - first : LINES);
    for (int b = 0; b < LINES; b++) begin[b] = line_begin(axis, first + (b < count ? b : 0));
    for (int64_t k = 0; k < n; k++)
      for (int b = 0; b < LINES; b++) {
        work->re[0][k * LINES + b] = axis->re[begin[b] + k * axis->stride];
        work->im[0][k * LINES + b] = axis->im[begin[b] + k * axis->stride];
      }
    const int at = axis->plan->inner ? transform_any(axis->plan, work) : transform_smooth(axis->plan, work);
    for (int64_t k = 0; k < n; k++)
      for (int b = 0; b < count; b++) {
        axis->re[begin[b] + k * axis->stride] = work->re[at][k * LINES + b] * axis->scale;
        axis->im[begin[b] + k * axis->stride] = work->im[at][k * LINES + b] * axis->scale;
      }
  }
  return true;
}

static bool along(CmContext *ctx, const char *what, const int64_t n[3], int a, double *re, double *im, bool inverse,
                  CmError **err) {
  const int64_t total = n[0] * n[1] * n[2];
  const int threads = cm_context_threads(ctx);
  Plan plan;
  Axis axis = {
      .plan = &plan, .re = inverse ? im : re, .im = inverse ? re : im, .scale = inverse ? 1.0 / (double)n[a] : 1.0};
  axis.lines = total / n[a];
  axis.stride = axis.inner = a == 0 ? 1 : a == 1 ? n[0] : n[0] * n[1];
  bool ok = plan_make(&plan, ctx, n[a], err);
  if (ok) ok = (axis.work = cm_calloc(ctx, (size_t)threads, sizeof(*axis.work), err)) != NULL;
  for (int t = 0; ok && t < threads; t++) ok = work_alloc(ctx, plan.inner ? plan.inner->n : n[a], &axis.work[t], err);
  const int64_t chunk = LINES * (1 + 65536 / (LINES * n[a]));
  if (ok) ok = cm_parallel_for(ctx, what, axis.lines, chunk, transform_lines, &axis, err);
  for (int t = 0; axis.work && t < threads; t++) cm_free(axis.work[t].re[0]);
  cm_free(axis.work);
  plan_free(&plan);
  return ok;
}

bool cm__fourier(CmContext *ctx, const char *what, const int64_t n[3], double *re, double *im, bool inverse,
                 CmError **err) {
  for (int a = 0; a < 3; a++)
    if (n[a] > 1 && !along(ctx, what, n, a, re, im, inverse, err)) return false;
  return true;
}
