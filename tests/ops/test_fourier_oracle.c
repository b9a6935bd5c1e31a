/* The Fourier transform against its definition, for sizes of every kind: 1, small factors, primes, products with large
 * primes; and back again. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/fourier.h"

#define PI 3.14159265358979323846
#define MOST 4096

static double values[2][MOST], found[2][MOST];

static void fill(int64_t count) {
  uint32_t seed = 7;
  for (int part = 0; part < 2; part++)
    for (int64_t k = 0; k < count; k++) {
      seed = seed * 1664525u + 1013904223u;
      values[part][k] = (double)(seed >> 8) / 8388608.0 - 1.0;
    }
}

/* One number of the spectrum, term by term. */
static void by_definition(const int64_t n[3], const int64_t k[3], double *re, double *im) {
  *re = *im = 0.0;
  for (int64_t z = 0, at = 0; z < n[2]; z++)
    for (int64_t y = 0; y < n[1]; y++)
      for (int64_t x = 0; x < n[0]; x++, at++) {
        const double turns = (double)(x * k[0] % n[0]) / (double)n[0] + (double)(y * k[1] % n[1]) / (double)n[1] +
                             (double)(z * k[2] % n[2]) / (double)n[2];
        const double c = cos(2.0 * PI * turns), s = -sin(2.0 * PI * turns);
        *re += values[0][at] * c - values[1][at] * s;
        *im += values[0][at] * s + values[1][at] * c;
      }
}

static void compare(int64_t nx, int64_t ny, int64_t nz, int threads) {
  const int64_t n[3] = {nx, ny, nz}, count = nx * ny * nz;
  CmContextOptions options;
  CmError *err = NULL;
  cm_context_default_options(&options);
  options.threads = threads;
  CmContext *ctx = cm_context_create(&options, &err);
  assert_true(count <= MOST);
  fill(count);
  memcpy(found, values, sizeof values);
  assert_true(cm__fourier(ctx, NULL, n, found[0], found[1], false, &err));
  for (int64_t at = 0; at < count; at += 1 + count / 200) {
    const int64_t k[3] = {at % nx, at / nx % ny, at / nx / ny};
    double re, im;
    by_definition(n, k, &re, &im);
    /* rounding of the sum of `count` numbers of about 0.6 */
    assert_true(fabs(found[0][at] - re) < 2e-13 * sqrt((double)count) + 1e-13);
    assert_true(fabs(found[1][at] - im) < 2e-13 * sqrt((double)count) + 1e-13);
  }
  assert_true(cm__fourier(ctx, NULL, n, found[0], found[1], true, &err));
  for (int64_t at = 0; at < count; at++) {
    assert_true(fabs(found[0][at] - values[0][at]) < 1e-14 * 10);
    assert_true(fabs(found[1][at] - values[1][at]) < 1e-14 * 10);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_lines(void **state) {
  static const int64_t sizes[] = {1,  2,  3,  4,  5,  6,  7,   8,   9,   10,  11,  13,  14,   16,   25,  27,
                                  30, 31, 49, 64, 77, 97, 120, 121, 128, 211, 256, 509, 1000, 1024, 2310};
  (void)state;
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) compare(sizes[k], 1, 1, 1);
}

static void test_volumes(void **state) {
  (void)state;
  compare(8, 6, 5, 1);
  compare(17, 4, 9, 2);
  compare(1, 13, 12, 2);
  compare(3, 1, 22, 2);
  compare(64, 64, 1, 2);
}

static void test_sizes(void **state) {
  static const int64_t pairs[][2] = {{1, 1},   {7, 8},     {11, 12},   {13, 15},
                                     {17, 18}, {121, 125}, {257, 270}, {1025, 1080}};
  (void)state;
  for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
    assert_int_equal(cm__fourier_size(pairs[k][0]), pairs[k][1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_volumes),
                                     cmocka_unit_test(test_sizes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
