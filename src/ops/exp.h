/* exp of numbers that are not above 0, in float, the same bits on every machine, fit for loops over lanes. */
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

#endif
