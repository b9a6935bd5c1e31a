#include "ops/segment/lab.h"

#include <math.h>

/* x^(1/n) for x > 0 by Newton's iteration, from above, where it falls until it rests. */
static double root(double x, int n) {
  double y = x > 1.0 ? x : 1.0;
  for (int turn = 0; turn < 200; turn++) {
    double power = y;
    for (int k = 2; k < n; k++) power *= y;
    const double next = ((double)(n - 1) * y + x / power) / (double)n;
    if (!(next < y)) break;
    y = next;
  }
  return y;
}

/* v^2.4 = v^2 (v^2)^(1/5) */
static double linear(double v) {
  if (v <= 0.04045) return v / 12.92;
  const double base = (v + 0.055) / 1.055, square = base * base;
  return square * root(square, 5);
}

static double compress(double t) {
  return t > 0.008856 ? root(t, 3) : 7.787 * t + 16.0 / 116.0;
}

void cm__lab_from_srgb(const double rgb[3], double lab[3]) {
  const double r = linear(rgb[0]), g = linear(rgb[1]), b = linear(rgb[2]);
  const double x = compress((0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.95047);
  const double y = compress(0.212671 * r + 0.715160 * g + 0.072169 * b);
  const double z = compress((0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883);
  lab[0] = 116.0 * y - 16.0;
  lab[1] = 500.0 * (x - y);
  lab[2] = 200.0 * (y - z);
}
