/* Eigenvalues of matrices that are made from known ones: R diag(e) R^T with a rotation R. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/eigen.h"

enum { COUNT = 1009 };

static double next_real(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return (double)(*seed >> 8) / 8388608.0 - 1.0;
}

/* The rotation of a unit quaternion. */
static void rotation(uint32_t *seed, double r[3][3]) {
  double q[4], sum = 0.0;
  for (int k = 0; k < 4; k++) {
    q[k] = next_real(seed);
    sum += q[k] * q[k];
  }
  for (int k = 0; k < 4; k++) q[k] /= sqrt(sum);
  const double w = q[0], x = q[1], y = q[2], z = q[3];
  const double m[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)},
                          {2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)},
                          {2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)}};
  for (int i = 0; i < 9; i++) r[i / 3][i % 3] = m[i / 3][i % 3];
}

/* Three numbers, largest first; every third time two or all three agree, or one is 0. */
static void known(int at, uint32_t *seed, double e[3]) {
  for (int k = 0; k < 3; k++) e[k] = next_real(seed) * pow(10.0, at % 7 - 3);
  if (at % 3 == 1) e[1] = e[0];
  if (at % 6 == 1) e[2] = e[0];
  if (at % 9 == 2) e[2] = 0.0;
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < 2; k++)
      if (e[k] < e[k + 1]) {
        const double swap = e[k];
        e[k] = e[k + 1];
        e[k + 1] = swap;
      }
}

static void test_three(void **state) {
  (void)state;
  static const int pair[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  static double m[6][COUNT], truth[COUNT][3], line[3][COUNT];
  uint32_t seed = 7;
  for (int at = 0; at < COUNT; at++) {
    double r[3][3];
    rotation(&seed, r);
    known(at, &seed, truth[at]);
    for (int k = 0; k < 6; k++) {
      m[k][at] = 0.0;
      for (int j = 0; j < 3; j++) m[k][at] += r[pair[k][0]][j] * truth[at][j] * r[pair[k][1]][j];
    }
  }
  const double *const from[6] = {m[0], m[1], m[2], m[3], m[4], m[5]};
  double *const to[3] = {line[0], line[1], line[2]};
  cm__eigen3_line(from, COUNT, to);
  for (int at = 0; at < COUNT; at++) {
    double e[3], size = fmax(fabs(truth[at][0]), fabs(truth[at][2]));
    cm__eigen3((const double[6]){m[0][at], m[1][at], m[2][at], m[3][at], m[4][at], m[5][at]}, e);
    for (int k = 0; k < 3; k++) {
      assert_true(fabs(e[k] - truth[at][k]) <= 4e-15 * size);
      assert_true(fabs(line[k][at] - truth[at][k]) <= 3e-8 * size);
      if (at % 3 != 1) assert_true(fabs(line[k][at] - truth[at][k]) <= 1e-11 * size);
    }
  }
}

static void test_two(void **state) {
  (void)state;
  double m[3][COUNT], truth[COUNT][2];
  uint32_t seed = 9;
  for (int at = 0; at < COUNT; at++) {
    const double angle = next_real(&seed) * 3.2, c = cos(angle), s = sin(angle), a = next_real(&seed),
                 b = at % 4 ? next_real(&seed) : a;
    truth[at][0] = fmax(a, b);
    truth[at][1] = fmin(a, b);
    m[0][at] = a * c * c + b * s * s;
    m[1][at] = a * s * s + b * c * c;
    m[2][at] = (a - b) * c * s;
  }
  const double *const from[3] = {m[0], m[1], m[2]};
  double *const to[2] = {m[2], m[0]}; /* in place */
  cm__eigen2_line(from, COUNT, to);
  for (int at = 0; at < COUNT; at++)
    for (int k = 0; k < 2; k++) assert_true(fabs(to[k][at] - truth[at][k]) <= 4e-15);
}

static void test_not_finite(void **state) {
  (void)state;
  const double one[2] = {1.0, 1.0}, bad[2] = {(double)NAN, (double)INFINITY}, zero[2] = {0.0, 0.0};
  double e[3][2];
  const double *const from[6] = {one, bad, zero, zero, zero, zero};
  double *const to[3] = {e[0], e[1], e[2]};
  cm__eigen3_line(from, 2, to);
  for (int k = 0; k < 6; k++) assert_true(isnan(e[k / 2][k % 2]));
  cm__eigen2_line(from, 2, to);
  for (int k = 0; k < 4; k++) assert_true(isnan(e[k / 2][k % 2]));
  const double *const none[6] = {zero, zero, zero, zero, zero, zero};
  cm__eigen3_line(none, 2, to);
  for (int k = 0; k < 6; k++) assert_true(e[k / 2][k % 2] == 0.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_three),
      cmocka_unit_test(test_two),
      cmocka_unit_test(test_not_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
