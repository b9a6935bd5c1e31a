/* Exponentials and logarithms from basic operations only: the same bits on every machine, fit for loops over lanes. */
#ifndef CM_OPS_EXP_H
#define CM_OPS_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* 2^-t for t >= 0, relative error below 2e-7: 2^n times a polynomial of degree 5, fitted to the smallest largest
 * relative error, on the rest |r| <= 1/2. Beyond t = 126, and for NaN, it stays at 2^-126. */
static inline float cm__exp2_minus(float t) {
  const float bounded = t < 126.0f ? t : 126.0f;
  const float n = rintf(-bounded);
  const float r = -bounded - n;
  float p = 1.32647273e-3f;
  p = p * r + 9.67151299e-3f;
  p = p * r + 5.55073358e-2f;
  p = p * r + 2.40222424e-1f;
  p = p * r + 6.93147004e-1f;
  p = p * r + 1.0f;
  const int32_t bits = ((int32_t)n + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof(power));
  return p * power;
}

/* log2(e): exp(-x) = 2^-(x * CM_LOG2_E) */
#define CM_LOG2_E 1.4426950408889634

/* e^x: relative error below 2e-15; 0 below -708, the largest finite power above 709; NaN stays. 2^n e^r, |r| <= ln 2
 * / 2. */
static inline double cm__exp(double x) {
  const double at = x < -708.0 ? -708.0 : x > 709.0 ? 709.0 : x;
  const double shifted = at * 1.4426950408889634 + 6755399441055744.0; /* 1.5 * 2^52: n stands in the low bits */
  const double n = shifted - 6755399441055744.0;
  const double r = (at - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  double e = 1.0 / 479001600.0;
  e = e * r + 1.0 / 39916800.0;
  e = e * r + 1.0 / 3628800.0;
  e = e * r + 1.0 / 362880.0;
  e = e * r + 1.0 / 40320.0;
  e = e * r + 1.0 / 5040.0;
  e = e * r + 1.0 / 720.0;
  e = e * r + 1.0 / 120.0;
  e = e * r + 1.0 / 24.0;
  e = e * r + 1.0 / 6.0;
  e = e * r + 0.5;
  e = e * r + 1.0;
  e = e * r + 1.0;
  uint64_t bits;
  memcpy(&bits, &shifted, sizeof(bits));
  bits = (bits << 52) + (UINT64_C(1023) << 52);
  double power;
  memcpy(&power, &bits, sizeof(power));
  return x < -708.0 ? 0.0 : e * power;
}

/* ln x for normal x > 0: relative error below 1e-15 outside [0.99, 1.01], absolute below 1e-17 inside. x = 2^n m with m
 * around 1, ln m = 2 artanh((m - 1) / (m + 1)). */
static inline double cm__log(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof(bits));
  const uint64_t shifted = bits - UINT64_C(0x3FE6A09E667F3BCD); /* so that m runs from the root of 1/2 to that of 2 */
  const uint64_t rest = (shifted & UINT64_C(0xFFFFFFFFFFFFF)) + UINT64_C(0x3FE6A09E667F3BCD);
  const uint64_t biased = ((shifted >> 52) + 1024) % 4096 + UINT64_C(0x4330000000000000); /* 2^52 + n + 1024 */
  double m, n;
  memcpy(&m, &rest, sizeof(m));
  memcpy(&n, &biased, sizeof(n));
  n -= 4503599627370496.0 + 1024.0;
  const double s = (m - 1.0) / (m + 1.0), q = s * s;
  double a = 1.0 / 23.0;
  a = a * q + 1.0 / 21.0;
  a = a * q + 1.0 / 19.0;
  a = a * q + 1.0 / 17.0;
  a = a * q + 1.0 / 15.0;
  a = a * q + 1.0 / 13.0;
  a = a * q + 1.0 / 11.0;
  a = a * q + 1.0 / 9.0;
  a = a * q + 1.0 / 7.0;
  a = a * q + 1.0 / 5.0;
  a = a * q + 1.0 / 3.0;
  return n * 0.693147180369123816490 + (n * 1.90821492927058770002e-10 + (2.0 * s + 2.0 * s * (a * q)));
}

#endif
