#include "ops/radiomics/pyrad_recursion.h"

#include <math.h>
#include <string.h>

#include "ops/simd.h"

/* The two damped oscillations of Deriche's fit. */
typedef struct Waves {
  double sin1, sin2, cos1, cos2, exp1, exp2;
} Waves;

static Waves waves_of(double sigma) {
  const double w1 = 0.6681, l1 = -1.3932, w2 = 2.0787, l2 = -1.3732;
  return (Waves){sin(w1 / sigma), sin(w2 / sigma), cos(w1 / sigma), cos(w2 / sigma), exp(l1 / sigma), exp(l2 / sigma)};
}

static void numerator(const Waves *w, double a1, double b1, double a2, double b2, double n[4]) {
  const double e1 = w->exp1, e2 = w->exp2;
  n[0] = a1 + a2;
  n[1] = e2 * (b2 * w->sin2 - (a2 + 2.0 * a1) * w->cos2) + e1 * (b1 * w->sin1 - (a1 + 2.0 * a2) * w->cos1);
  n[2] = 2.0 * e1 * e2 * ((a1 + a2) * w->cos2 * w->cos1 - (b1 * w->cos2 * w->sin1 + b2 * w->cos1 * w->sin2)) +
         a2 * e1 * e1 + a1 * e2 * e2;
  n[3] = e2 * e1 * e1 * (b2 * w->sin2 - a2 * w->cos2) + e1 * e2 * e2 * (b1 * w->sin1 - a1 * w->cos1);
}

static void finish(CmRecursion *r, double scale) {
  double sn = 0.0, sm = 0.0, sd = 1.0;
  for (int k = 0; k < 4; k++) r->n[k] *= scale;
  for (int k = 0; k < 4; k++) {
    r->m[k] = (k < 3 ? r->n[k + 1] : 0.0) - r->d[k] * r->n[0];
    sn += r->n[k];
    sm += r->m[k];
    sd += r->d[k];
  }
  r->rest[0] = sn / sd;
  r->rest[1] = sm / sd;
}

void cm__recursion_make(double sigma, bool second, double across, CmRecursion *r) {
  const Waves w = waves_of(sigma);
  const double e1 = w.exp1, e2 = w.exp2;
  double n0[4], n2[4];
  r->d[3] = e1 * e1 * e2 * e2;
  r->d[2] = -2.0 * w.cos1 * e1 * e2 * e2 - 2.0 * w.cos2 * e2 * e1 * e1;
  r->d[1] = 4.0 * w.cos2 * w.cos1 * e1 * e2 + e1 * e1 + e2 * e2;
  r->d[0] = -2.0 * (e2 * w.cos2 + e1 * w.cos1);
  const double *d = r->d;
  const double sd = 1.0 + d[0] + d[1] + d[2] + d[3], dd = d[0] + 2.0 * d[1] + 3.0 * d[2] + 4.0 * d[3];
  const double ed = d[0] + 4.0 * d[1] + 9.0 * d[2] + 16.0 * d[3];
  numerator(&w, 1.3530, 1.8151, -0.3531, 0.0902, n0);
  const double s0 = n0[0] + n0[1] + n0[2] + n0[3];
  if (!second) {
    memcpy(r->n, n0, sizeof n0);
    finish(r, 1.0 / (2.0 * s0 / sd - n0[0]));
    return;
  }
  numerator(&w, -1.3563, 5.2318, 0.3446, -2.2355, n2);
  const double s2 = n2[0] + n2[1] + n2[2] + n2[3];
  const double beta = -(2.0 * s2 - sd * n2[0]) / (2.0 * s0 - sd * n0[0]);
  for (int k = 0; k < 4; k++) r->n[k] = n2[k] + beta * n0[k];
  const double *n = r->n;
  const double sn = n[0] + n[1] + n[2] + n[3], dn = n[1] + 2.0 * n[2] + 3.0 * n[3], en = n[1] + 4.0 * n[2] + 9.0 * n[3];
  const double alpha = (en * sd * sd - ed * sn * sd - 2.0 * dn * dd * sd + 2.0 * dd * dd * sn) / (sd * sd * sd);
  finish(r, across / alpha);
}

void cm__recursion_weights(const CmRecursion *r, bool forward, int64_t count, double *weights) {
  double past[CM__MEMORY] = {0.0}, rest = r->rest[!forward];
  for (int64_t j = 0; j < count; j++) { /* what a 1 gives j results later; `rest`: from there on */
    const int64_t tap = forward ? j : j - 1;
    double now = tap < 0 || tap > 3 ? 0.0 : forward ? r->n[tap] : r->m[tap];
    for (int t = 0; t < CM__MEMORY; t++) now -= r->d[t] * past[t];
    for (int t = CM__MEMORY - 1; t > 0; t--) past[t] = past[t - 1];
    past[0] = now;
    for (int64_t k = 0; k < CM__MEMORY; k++) {
      double *of = weights + k * count;
      const int64_t at = j + k, last = count - 1;
      if (j == 0)
        for (int64_t i = 0; i < k && i < count; i++) of[forward ? last - i : i] = i == last ? rest : 0.0;
      if (at <= last) of[forward ? last - at : at] = at == last ? rest : now;
    }
    rest -= now;
  }
}

/* Value i from the first on (forward, with n) or from the last back (with m). fma(): rounded once, the same on all
 * machines. */
static inline __attribute__((always_inline)) void advance(const CmRecursion *r, bool forward, const double *data,
                                                          double *out) {
  const int64_t back = forward ? -CM__LANES : CM__LANES;
  const double *n = forward ? r->n : r->m, *d = r->d, *x = forward ? data : data + back;
  for (int k = 0; k < CM__LANES; k++) {
    const double in = fma(x[3 * back + k], n[3], fma(x[2 * back + k], n[2], fma(x[back + k], n[1], x[k] * n[0])));
    out[k] = fma(out[back + k], -d[0],
                 fma(out[2 * back + k], -d[1], fma(out[3 * back + k], -d[2], fma(out[4 * back + k], -d[3], in))));
  }
}

/* Both ways at once, as neither waits for the other. */
CM_SIMD void cm__recursion_run(const CmRecursion *r, const double *restrict data, double *restrict one,
                               double *restrict other, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    const int64_t at = i * CM__LANES, end = (count - 1 - i) * CM__LANES;
    advance(r, true, data + at, one + at);
    advance(r, false, data + end, other + end);
  }
}
