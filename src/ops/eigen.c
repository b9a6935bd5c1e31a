#include "ops/eigen.h"

#include <math.h>

#include "ops/simd.h"

static void rotate(double a[3][3], int p, int q) {
  const double theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
  const double t = (theta < 0.0 ? -1.0 : 1.0) / (fabs(theta) + sqrt(theta * theta + 1.0)), c = 1.0 / sqrt(t * t + 1.0),
               s = t * c;
  const int r = 3 - p - q;
  const double pq = a[p][q], rp = a[r][p], rq = a[r][q];
  a[p][p] -= t * pq;
  a[q][q] += t * pq;
  a[p][q] = a[q][p] = 0.0;
  a[r][p] = a[p][r] = c * rp - s * rq;
  a[r][q] = a[q][r] = s * rp + c * rq;
}

static void order(double *high, double *low) {
  const double a = *high, b = *low;
  *high = a < b ? b : a;
  *low = a < b ? a : b;
}

void cm__eigen3(const double m[6], double e[3]) {
  double a[3][3] = {{m[0], m[3], m[4]}, {m[3], m[1], m[5]}, {m[4], m[5], m[2]}};
  /* Convergence is quadratic: five sweeps reach the last bit, the others are for matrices of mixed magnitude. */
  for (int sweep = 0; sweep < 12; sweep++)
    for (int p = 0; p < 2; p++)
      for (int q = p + 1; q < 3; q++)
        if (a[p][q] != 0.0) rotate(a, p, q);
  for (int k = 0; k < 3; k++) e[k] = a[k][k];
  order(&e[0], &e[1]);
  order(&e[1], &e[2]);
  order(&e[0], &e[1]);
}

/* With mean q = trace / 3 and p = sqrt(sum of squares of A - q I / 6) the eigenvalues are q + 2 p cos(phi + 2 pi k /
 * 3), cos(3 phi) = r = det((A - q I) / p) / 2 (Smith 1961). Instead of the arc cosine, y = cos(phi), the largest root
 * of 4 y^3 - 3 y = |r|, is found by Newton's method from a parabola through its ends: y lies between sqrt(3) / 2 and 1,
 * where the slope is at least 6. The other two roots are -y / 2 +- sqrt(3) / 2 sin(phi). */
CM_SIMD static void eigen3(const double *restrict xx, const double *restrict yy, const double *restrict zz,
                           const double *restrict xy, const double *restrict xz, const double *restrict yz, int64_t n,
                           double *restrict high, double *restrict mid, double *restrict low) {
  for (int64_t i = 0; i < n; i++) {
    const double q = (xx[i] + yy[i] + zz[i]) / 3.0;
    const double a = xx[i] - q, b = yy[i] - q, c = zz[i] - q, d = xy[i], e = xz[i], f = yz[i];
    const double p = sqrt((a * a + b * b + c * c + 2.0 * (d * d + e * e + f * f)) / 6.0);
    const double by = p > 0.0 ? 1.0 / p : 0.0;
    const double det = a * by * (b * by * (c * by) - f * by * (f * by)) -
                       d * by * (d * by * (c * by) - f * by * (e * by)) +
                       e * by * (d * by * (f * by) - b * by * (e * by));
    const double half = 0.5 * det, size = fabs(half), r = size > 1.0 ? 1.0 : size;
    double y = 0.8660254037844386 + r * (0.1666666666666667 - r * 0.0326920704511053);
    for (int k = 0; k < 3; k++) y -= (y * (4.0 * y * y - 3.0) - r) / (12.0 * y * y - 3.0);
    const double rest = 1.0 - y * y, s = 0.8660254037844386 * sqrt(rest > 0.0 ? rest : 0.0);
    /* r < 0: the roots of the negated matrix */
    const double one = 2.0 * y, two = 2.0 * s - y, three = -2.0 * s - y;
    const double bad = p - p; /* NaN where the matrix is not finite */
    high[i] = q + p * (half < 0.0 ? -three : one) + bad;
    mid[i] = q + p * (half < 0.0 ? -two : two) + bad;
    low[i] = q + p * (half < 0.0 ? -one : three) + bad;
  }
}

enum { PIECE = 256 }; /* results wait here, so that a line of e may be a line of m */

void cm__eigen3_line(const double *const m[6], int64_t n, double *const e[3]) {
  double out[3][PIECE];
  for (int64_t at = 0; at < n; at += PIECE) {
    const int64_t count = n - at < PIECE ? n - at : PIECE;
    eigen3(m[0] + at, m[1] + at, m[2] + at, m[3] + at, m[4] + at, m[5] + at, count, out[0], out[1], out[2]);
    for (int k = 0; k < 3; k++)
      for (int64_t i = 0; i < count; i++) e[k][at + i] = out[k][i];
  }
}

CM_SIMD static void eigen2(const double *xx, const double *yy, const double *xy, int64_t n, double *restrict high,
                           double *restrict low) {
  for (int64_t i = 0; i < n; i++) {
    const double mean = 0.5 * (xx[i] + yy[i]), half = 0.5 * (xx[i] - yy[i]);
    const double s = sqrt(half * half + xy[i] * xy[i]), bad = s - s;
    high[i] = mean + s + bad;
    low[i] = mean - s + bad;
  }
}

void cm__eigen2_line(const double *const m[3], int64_t n, double *const e[2]) {
  double out[2][PIECE];
  for (int64_t at = 0; at < n; at += PIECE) {
    const int64_t count = n - at < PIECE ? n - at : PIECE;
    eigen2(m[0] + at, m[1] + at, m[2] + at, count, out[0], out[1]);
    for (int k = 0; k < 2; k++)
      for (int64_t i = 0; i < count; i++) e[k][at + i] = out[k][i];
  }
}
