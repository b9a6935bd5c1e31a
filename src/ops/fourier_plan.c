#include "ops/fourier_plan.h"

#include <math.h>
#include <string.h>

#include "ops/simd.h"

enum { LARGEST_FACTOR = 7, GAP = 136 /* doubles between buffers, so that they do not share sets of the cache */ };
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

/* ---- one step of Stockham's transform: m butterflies of `radix` points, `s` numbers side by side ---- */

CM_SIMD static void pass2(const CmFourierPlan *plan, int64_t m, int64_t s, const double *restrict xr,
                          const double *restrict xi, double *restrict yr, double *restrict yi) {
  const int64_t by = s / LINES;
  for (int64_t p = 0; p < m; p++) {
    const double c = plan->cosine[p * by], d = plan->sine[p * by];
    const double *ar = xr + s * p, *ai = xi + s * p, *br = ar + s * m, *bi = ai + s * m;
    double *ur = yr + s * 2 * p, *ui = yi + s * 2 * p, *vr = ur + s, *vi = ui + s;
    CM_INDEPENDENT
    for (int64_t q = 0; q < s; q++) {
      const double er = ar[q] - br[q], ei = ai[q] - bi[q];
      ur[q] = ar[q] + br[q];
      ui[q] = ai[q] + bi[q];
      vr[q] = er * c - ei * d;
      vi[q] = er * d + ei * c;
    }
  }
}

CM_SIMD static void pass4(const CmFourierPlan *plan, int64_t m, int64_t s, const double *restrict xr,
                          const double *restrict xi, double *restrict yr, double *restrict yi) {
  const int64_t by = s / LINES;
  for (int64_t p = 0; p < m; p++) {
    const double c1 = plan->cosine[p * by], d1 = plan->sine[p * by], c2 = plan->cosine[2 * p * by],
                 d2 = plan->sine[2 * p * by], c3 = plan->cosine[3 * p * by], d3 = plan->sine[3 * p * by];
    const double *ar = xr + s * p, *ai = xi + s * p, *br = ar + s * m, *bi = ai + s * m, *cr = br + s * m,
                 *ci = bi + s * m, *dr = cr + s * m, *di = ci + s * m;
    double *zr = yr + s * 4 * p, *zi = yi + s * 4 * p;
    CM_INDEPENDENT
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

/* An odd radix: numbers j and radix - j together, which share their cosine and have opposite sines. */
static inline void pass_odd(const CmFourierPlan *plan, int radix, int64_t m, int64_t s, const double *restrict xr,
                            const double *restrict xi, double *restrict yr, double *restrict yi) {
  const int64_t by = s / LINES, around = plan->n / radix;
  const int half = radix / 2;
  double c[LARGEST_FACTOR], d[LARGEST_FACTOR], tc[LARGEST_FACTOR], td[LARGEST_FACTOR];
  for (int k = 0; k < radix; k++) {
    c[k] = plan->cosine[k * around];
    d[k] = plan->sine[k * around];
  }
  for (int64_t p = 0; p < m; p++) {
    for (int k = 0; k < radix; k++) {
      tc[k] = plan->cosine[k * p * by];
      td[k] = plan->sine[k * p * by];
    }
    const double *ar = xr + s * p, *ai = xi + s * p;
    double *zr = yr + s * radix * p, *zi = yi + s * radix * p;
    CM_INDEPENDENT
    for (int64_t q = 0; q < s; q++) {
      double sr[LARGEST_FACTOR / 2], si[LARGEST_FACTOR / 2], dr[LARGEST_FACTOR / 2], di[LARGEST_FACTOR / 2];
      double all_r = ar[q], all_i = ai[q];
      for (int j = 1; j <= half; j++) {
        const int64_t one = q + s * m * j, other = q + s * m * (radix - j);
        sr[j - 1] = ar[one] + ar[other];
        si[j - 1] = ai[one] + ai[other];
        dr[j - 1] = ar[one] - ar[other];
        di[j - 1] = ai[one] - ai[other];
        all_r += sr[j - 1];
        all_i += si[j - 1];
      }
      zr[q] = all_r;
      zi[q] = all_i;
      for (int k = 1; k <= half; k++) {
        double er = ar[q], ei = ai[q], fr = 0.0, fi = 0.0;
        for (int j = 1; j <= half; j++) {
          er += sr[j - 1] * c[j * k % radix];
          ei += si[j - 1] * c[j * k % radix];
          fr += dr[j - 1] * d[j * k % radix];
          fi += di[j - 1] * d[j * k % radix];
        }
        const double ur = er - fi, ui = ei + fr, vr = er + fi, vi = ei - fr;
        zr[q + s * k] = ur * tc[k] - ui * td[k];
        zi[q + s * k] = ur * td[k] + ui * tc[k];
        zr[q + s * (radix - k)] = vr * tc[radix - k] - vi * td[radix - k];
        zi[q + s * (radix - k)] = vr * td[radix - k] + vi * tc[radix - k];
      }
    }
  }
}

#define ODD_PASS(radix)                                                                                                \
  CM_SIMD static void pass##radix(const CmFourierPlan *plan, int64_t m, int64_t s, const double *xr, const double *xi, \
                                  double *yr, double *yi) {                                                            \
    pass_odd(plan, radix, m, s, xr, xi, yr, yi);                                                                       \
  }
ODD_PASS(3)
ODD_PASS(5)
ODD_PASS(7)

/* Transforms the lines in buffer 0; returns the buffer that holds the result. */
static int transform_smooth(const CmFourierPlan *plan, const CmFourierWork *work) {
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
    else if (radix == 3)
      pass3(plan, left, s, xr, xi, yr, yi);
    else if (radix == 5)
      pass5(plan, left, s, xr, xi, yr, yi);
    else
      pass7(plan, left, s, xr, xi, yr, yi);
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
static int transform_any(const CmFourierPlan *plan, const CmFourierWork *work) {
  const int64_t n = plan->n, m = plan->inner->n;
  const size_t tail = (size_t)((m - n) * LINES) * sizeof(double);
  turn(n, plan->chirp_re, plan->chirp_im, work->re[0], work->im[0]);
  memset(work->re[0] + n * LINES, 0, tail);
  memset(work->im[0] + n * LINES, 0, tail);
  int at = transform_smooth(plan->inner, work);
  turn(m, plan->kernel_re, plan->kernel_im, work->re[at], work->im[at]);
  at = cm__fourier_lines_back(plan->inner, work, at);
  turn(n, plan->chirp_re, plan->chirp_im, work->re[at], work->im[at]);
  return at;
}

int cm__fourier_lines(const CmFourierPlan *plan, const CmFourierWork *work) {
  return plan->inner ? transform_any(plan, work) : transform_smooth(plan, work);
}

/* Back, from buffer `at`, without the division by n: the same with real and imaginary parts exchanged. Returns the
 * buffer that holds the result. */
int cm__fourier_lines_back(const CmFourierPlan *plan, const CmFourierWork *work, int at) {
  const CmFourierWork back = {{work->im[at], work->im[1 - at]}, {work->re[at], work->re[1 - at]}};
  return cm__fourier_lines(plan, &back) ? 1 - at : at;
}

/* ---- plans ---- */

void cm__fourier_plan_free(CmFourierPlan *plan) {
  if (plan->inner) cm__fourier_plan_free(plan->inner);
  cm_free(plan->inner);
  cm_free(plan->cosine);
  cm_free(plan->chirp_re);
}

static bool plan_factors(CmFourierPlan *plan) {
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

static bool plan_smooth(CmFourierPlan *plan, CmError **err) {
  plan->cosine = cm_alloc_array(plan->ctx, 2 * (size_t)plan->n, sizeof(double), err);
  if (!plan->cosine) return false;
  plan->sine = plan->cosine + plan->n;
  for (int64_t k = 0; k < plan->n; k++) {
    plan->cosine[k] = cos(2.0 * PI * (double)k / (double)plan->n);
    plan->sine[k] = -sin(2.0 * PI * (double)k / (double)plan->n);
  }
  return true;
}

bool cm__fourier_work(CmContext *ctx, int64_t longest, CmFourierWork *work, CmError **err) {
  const size_t size = (size_t)longest * LINES + GAP;
  double *block = cm_alloc_array(ctx, 4 * size, sizeof(double), err);
  if (!block) return false;
  *work = (CmFourierWork){{block, block + size}, {block + 2 * size, block + 3 * size}};
  return true;
}

static bool plan_chirp(CmFourierPlan *plan, CmError **err) {
  const int64_t n = plan->n, m = plan->inner->n;
  CmFourierWork work;
  if (!(plan->chirp_re = cm_alloc_array(plan->ctx, 2 * (size_t)(n + m), sizeof(double), err))) return false;
  if (!cm__fourier_work(plan->ctx, m, &work, err)) return false;
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

bool cm__fourier_plan(CmFourierPlan *plan, CmContext *ctx, int64_t n, CmError **err) {
  *plan = (CmFourierPlan){.ctx = ctx, .n = n};
  if (plan_factors(plan)) return plan_smooth(plan, err);
  plan->inner = cm_calloc(ctx, 1, sizeof(*plan->inner), err);
  return plan->inner && cm__fourier_plan(plan->inner, ctx, cm__fourier_size(2 * n - 1), err) && plan_chirp(plan, err);
}

int64_t cm__fourier_plan_room(const CmFourierPlan *plan) {
  return plan->inner ? plan->inner->n : plan->n;
}
