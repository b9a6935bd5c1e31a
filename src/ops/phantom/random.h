/* Numbers of the phantom: a counter-based generator and the few functions that the C library does not promise to round
 * alike everywhere. Source of the mixing function: Steele, Lea, Flood, «Fast splittable pseudorandom number
 * generators», OOPSLA 2014 (SplitMix64); here the state is the counter, so that number k of a stream is had without the
 * ones before it. */
#ifndef CORMACK_OPS_PHANTOM_RANDOM_H
#define CORMACK_OPS_PHANTOM_RANDOM_H

#include <math.h>
#include <stdint.h>

typedef struct Rng {
  uint64_t key, counter;
} Rng;

static inline uint64_t rng_mix(uint64_t x) {
  x += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

static inline Rng rng_stream(uint64_t seed, uint64_t stream) {
  Rng rng = {rng_mix(seed ^ rng_mix(stream)), 0};
  return rng;
}

static inline uint64_t rng_at(uint64_t key, uint64_t counter) {
  return rng_mix(key + counter * UINT64_C(0x9E3779B97F4A7C15));
}

static inline uint64_t rng_next(Rng *rng) {
  return rng_at(rng->key, rng->counter++);
}

/* [0,1) */
static inline double rng_uniform(Rng *rng) {
  return (double)(rng_next(rng) >> 11) * 0x1p-53;
}
static inline double rng_range(Rng *rng, double low, double high) {
  return low + (high - low) * rng_uniform(rng);
}

/* Mean 0, standard deviation 1: the eight bytes of a number summed (Irwin-Hall), exact in integers, within +-4.9. */
static inline double rng_bell(uint64_t x) {
  const uint64_t m8 = UINT64_C(0x00FF00FF00FF00FF), m16 = UINT64_C(0x0000FFFF0000FFFF);
  x = (x & m8) + ((x >> 8) & m8);
  x = (x & m16) + ((x >> 16) & m16);
  const double sum = (double)((x + (x >> 32)) & 0xFFFFFFFFu);
  return (sum - 1020.0) * (1.0 / 209.0223274188);
}
static inline double rng_normal(Rng *rng) {
  return rng_bell(rng_next(rng));
}

/* Uniform on the unit sphere, by rejection. */
static inline void rng_direction(Rng *rng, double n[3]) {
  double s;
  do {
    for (int k = 0; k < 3; k++) n[k] = rng_range(rng, -1, 1);
    s = n[0] * n[0] + n[1] * n[1] + n[2] * n[2];
  } while (s > 1 || s < 0.01);
  s = 1 / sqrt(s);
  for (int k = 0; k < 3; k++) n[k] *= s;
}

/* Series to x^15: 1e-12 for |x| <= pi/2, which is all that a pose needs. */
static inline double rng_sin(double x) {
  double term = x, sum = x;
  for (int k = 2; k < 16; k += 2) {
    term *= -x * x / (double)(k * (k + 1));
    sum += term;
  }
  return sum;
}
static inline double rng_cos(double x) {
  double term = 1, sum = 1;
  for (int k = 1; k < 17; k += 2) {
    term *= -x * x / (double)(k * (k + 1));
    sum += term;
  }
  return sum;
}

static inline double rng_exp2(double x) {
  const double whole = floor(x), y = (x - whole) * 0.69314718055994530942;
  double term = 1, sum = 1;
  for (int k = 1; k < 20; k++) {
    term *= y / k;
    sum += term;
  }
  return ldexp(sum, (int)whole);
}

/* x > 0, by Newton's iteration from a power of two. */
static inline double rng_cbrt(double x) {
  int e;
  frexp(x, &e);
  double y = ldexp(1.0, (e + (e > 0 ? 2 : 0)) / 3);
  for (int k = 0; k < 12; k++) y = (2 * y + x / (y * y)) / 3;
  return y;
}

#endif
