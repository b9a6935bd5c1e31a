/* Householder's reduction to a tridiagonal matrix, then bisection by the signs of Sturm's sequence (Golub GH, Van Loan
 * CF. Matrix Computations, 8.3 and 8.4). */
#include <float.h>
#include <math.h>

#include "ops/radiomics/pyrad.h"
#include "ops/simd.h"

/* to = a v / h for the first k rows and columns of the symmetric a; v' to. */
CM_SIMD static double apply(const double *a, int n, int k, const double *v, double h, double *to) {
  double dot = 0.0;
  for (int i = 0; i < k; i++) to[i] = 0.0;
  int j = 0;
  for (; j + 3 < k; j += 4) {
    const double *row = a + (int64_t)j * n, *b = row + n, *c = b + n, *d = c + n;
    for (int i = 0; i < k; i++) to[i] += (row[i] * v[j] + b[i] * v[j + 1]) + (c[i] * v[j + 2] + d[i] * v[j + 3]);
  }
  for (; j < k; j++)
    for (int i = 0; i < k; i++) to[i] += a[(int64_t)j * n + i] * v[j];
  for (int i = 0; i < k; i++) {
    to[i] /= h;
    dot += to[i] * v[i];
  }
  return dot;
}

/* a -= v d' + d v' */
CM_SIMD static void reduce(double *a, int n, int k, const double *v, const double *d) {
  for (int i = 0; i < k; i++) {
    double *row = a + (int64_t)i * n;
    for (int j = 0; j < k; j++) row[j] -= v[i] * d[j] + d[i] * v[j];
  }
}

/* a becomes v' a v with a reflection that clears row k left of its last but one entry. */
void cm__pyrad_tridiagonal(double *a, int n, double *d, double *e) {
  for (int k = n - 1; k > 1; k--) {
    double *v = a + (int64_t)k * n, norm = 0.0;
    for (int j = 0; j < k; j++) norm += v[j] * v[j];
    norm = sqrt(norm);
    const double last = v[k - 1], alpha = last > 0.0 ? -norm : norm;
    e[k] = alpha;
    const double h = norm * norm - last * alpha; /* half the square of the length of v below */
    if (h <= 0.0) continue;
    v[k - 1] = last - alpha;
    const double dot = apply(a, n, k, v, h, d);
    for (int i = 0; i < k; i++) d[i] -= dot / (2.0 * h) * v[i];
    reduce(a, n, k, v, d);
  }
  if (n > 1) e[1] = a[n];
  e[0] = 0.0;
  for (int i = 0; i < n; i++) d[i] = a[(int64_t)i * n + i];
}

enum { POINTS = 16 };

/* How many eigenvalues are above each x, by Sturm's sequence; ee: squares of e. */
CM_SIMD static void count_above(const double *d, const double *ee, int n, const double x[POINTS],
                                double count[POINTS]) {
  double q[POINTS];
  for (int k = 0; k < POINTS; k++) {
    q[k] = 1.0;
    count[k] = 0.0;
  }
  for (int i = 0; i < n; i++)
    for (int k = 0; k < POINTS; k++) {
      const double next = d[i] - x[k] - ee[i] / q[k];
      q[k] = next == 0.0 ? -DBL_MIN : next;
      count[k] += q[k] > 0.0 ? 1.0 : 0.0;
    }
}

/* The eigenvalue that `rank` - 1 others are above, between low and high: in every turn a seventeenth of the range is
 * left. */
static double ranked(const double *d, const double *ee, int n, int rank, double low, double high) {
  while (high - low > 1e-13 * (1.0 + fabs(high))) {
    const double width = (high - low) / (POINTS + 1), start = low;
    double x[POINTS], count[POINTS];
    for (int k = 0; k < POINTS; k++) x[k] = start + (k + 1) * width;
    count_above(d, ee, n, x, count);
    int k = 0;
    while (k < POINTS && count[k] >= rank) k++;
    if (k > 0) low = x[k - 1];
    if (k < POINTS) high = x[k];
  }
  return 0.5 * (low + high);
}

double cm__pyrad_second_magnitude(double *matrix, int n, double *d, double *e) {
  double low = 0.0, high = 0.0;
  cm__pyrad_tridiagonal(matrix, n, d, e);
  for (int i = 0; i < n; i++) {
    const double reach = fabs(e[i]) + (i + 1 < n ? fabs(e[i + 1]) : 0.0);
    low = fmin(low, d[i] - reach);
    high = fmax(high, d[i] + reach);
  }
  for (int i = 0; i < n; i++) e[i] *= e[i];
  const double second = ranked(d, e, n, 2, low, high), least = ranked(d, e, n, n, low, high);
  return fmax(fabs(second), -least);
}
