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

static void finish(const double n[4], const double d[4], double scale, CmTaps *taps) {
  for (int k = 0; k < 4; k++) taps->forward[k] = n[k] * scale;
  for (int k = 0; k < 4; k++) taps->back[k] = (k < 3 ? taps->forward[k + 1] : 0.0) - d[k] * taps->forward[0];
}

void cm__recursion_make(double sigma, double across, CmRecursion *r) {
  const Waves w = waves_of(sigma);
  const double e1 = w.exp1, e2 = w.exp2;
  double n0[4], n2[4], n[4];
  r->d[3] = e1 * e1 * e2 * e2;
  r->d[2] = -2.0 * w.cos1 * e1 * e2 * e2 - 2.0 * w.cos2 * e2 * e1 * e1;
  r->d[1] = 4.0 * w.cos2 * w.cos1 * e1 * e2 + e1 * e1 + e2 * e2;
  r->d[0] = -2.0 * (e2 * w.cos2 + e1 * w.cos1);
  const double *d = r->d;
  const double sd = 1.0 + d[0] + d[1] + d[2] + d[3], dd = d[0] + 2.0 * d[1] + 3.0 * d[2] + 4.0 * d[3];
  const double ed = d[0] + 4.0 * d[1] + 9.0 * d[2] + 16.0 * d[3];
  r->rest = 1.0 / sd;
  numerator(&w, 1.3530, 1.8151, -0.3531, 0.0902, n0);
  const double s0 = n0[0] + n0[1] + n0[2] + n0[3];
  finish(n0, d, 1.0 / (2.0 * s0 / sd - n0[0]), &r->smooth);
  numerator(&w, -1.3563, 5.2318, 0.3446, -2.2355, n2);
  const double s2 = n2[0] + n2[1] + n2[2] + n2[3];
  const double beta = -(2.0 * s2 - sd * n2[0]) / (2.0 * s0 - sd * n0[0]);
  for (int k = 0; k < 4; k++) n[k] = n2[k] + beta * n0[k];
  const double sn = n[0] + n[1] + n[2] + n[3], dn = n[1] + 2.0 * n[2] + 3.0 * n[3], en = n[1] + 4.0 * n[2] + 9.0 * n[3];
  const double alpha = (en * sd * sd - ed * sn * sd - 2.0 * dn * dd * sd + 2.0 * dd * dd * sn) / (sd * sd * sd);
  finish(n, d, across / alpha, &r->second);
}

/* ---- lines ---- */

/* fma(): rounded once, the same on all machines; written out, as compilers make one instruction of it so. */
typedef double Lanes __attribute__((vector_size(CM__LANES * sizeof(double))));
#define KERNEL static inline __attribute__((always_inline))

/* to += a * b */
KERNEL void add(const Lanes *a, double b, Lanes *to) {
  const Lanes v = *a, t = *to;
  *to = (Lanes){fma(v[0], b, t[0]), fma(v[1], b, t[1]), fma(v[2], b, t[2]), fma(v[3], b, t[3]),
                fma(v[4], b, t[4]), fma(v[5], b, t[5]), fma(v[6], b, t[6]), fma(v[7], b, t[7])};
}

/* The last four states, the newest first. */
typedef struct States {
  Lanes a, b, c, d;
} States;

KERNEL void begin(const CmRecursion *r, const double *from, States *s) {
  memcpy(&s->a, from, sizeof s->a);
  s->a *= r->rest;
  s->b = s->c = s->d = s->a;
}

KERNEL void advance(const CmRecursion *r, const double *from, States *s) {
  Lanes now;
  memcpy(&now, from, sizeof now);
  add(&s->d, -r->d[3], &now);
  add(&s->c, -r->d[2], &now);
  add(&s->b, -r->d[1], &now);
  add(&s->a, -r->d[0], &now);
  s->d = s->c;
  s->c = s->b;
  s->b = s->a;
  s->a = now;
}

KERNEL void tap(const double taps[4], const States *s, Lanes *to) {
  add(&s->a, taps[0], to);
  add(&s->b, taps[1], to);
  add(&s->c, taps[2], to);
  add(&s->d, taps[3], to);
}

/* The result of one value; forward is the first of both ways. */
KERNEL void give(bool forward, const CmTaps *taps, const States *s, double *to) {
  Lanes sum = {0.0};
  if (!forward) memcpy(&sum, to, sizeof sum);
  tap(forward ? taps->forward : taps->back, s, &sum);
  memcpy(to, &sum, sizeof sum);
}

typedef enum Kind { SPLIT, CROSS, LAST } Kind;

KERNEL void give_all(const CmRecursion *r, const CmLines *l, int64_t at, bool forward, Kind kind, const States s[3]) {
  give(forward, kind == LAST ? &r->second : &r->smooth, &s[0], l->to[0] + at);
  give(forward, kind == LAST ? &r->smooth : &r->second, &s[kind == LAST], l->to[1] + at);
  if (kind != SPLIT) give(forward, &r->smooth, &s[kind == LAST ? 2 : 1], l->to[2] + at);
}

KERNEL void advance_all(const CmRecursion *r, const CmLines *l, int64_t at, Kind kind, States s[3]) {
  advance(r, l->from[0] + at, &s[0]);
  if (kind != SPLIT) advance(r, l->from[1] + at, &s[1]);
  if (kind == LAST) advance(r, l->from[2] + at, &s[2]);
}

KERNEL void sweep(const CmRecursion *r, const CmLines *l, bool forward, Kind kind) {
  const int64_t length = l->stretch.length, lead = forward ? l->stretch.before : l->stretch.after;
  const int64_t start = forward ? 0 : l->stretch.before + length + l->stretch.after - 1;
  const int64_t step = forward ? l->step : -l->step;
  int64_t from = start * l->step;
  States s[3];
  for (int k = 0; k <= (int)kind; k++) begin(r, l->from[k] + from, &s[k]);
  for (int64_t i = 0; i < lead; i++, from += step) advance_all(r, l, from, kind, s);
  for (int64_t i = 0; i < length; i++, from += step) {
    const int64_t at = (forward ? i : length - 1 - i) * l->to_step;
    if (!forward) give_all(r, l, at, forward, kind, s);
    advance_all(r, l, from, kind, s);
    if (forward) give_all(r, l, at, forward, kind, s);
  }
}

CM_SIMD void cm__recursion_split(const CmRecursion *r, const CmLines *lines) {
  sweep(r, lines, true, SPLIT);
  sweep(r, lines, false, SPLIT);
}

CM_SIMD void cm__recursion_cross(const CmRecursion *r, const CmLines *lines) {
  sweep(r, lines, true, CROSS);
  sweep(r, lines, false, CROSS);
}

CM_SIMD void cm__recursion_last(const CmRecursion *r, const CmLines *lines) {
  sweep(r, lines, true, LAST);
  sweep(r, lines, false, LAST);
}
