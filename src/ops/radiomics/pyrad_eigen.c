/* Householder's reduction to a tridiagonal matrix, then bisection by the signs of Sturm's sequence (Golub GH, Van Loan
 * CF. Matrix Computations, 8.3 and 8.4). */
#include <float.h>
#include <math.h>

#include "ops/radiomics/pyrad.h"

/* a becomes v' a v with a reflection that clears row k left of its last but one entry; d, e: diagonals. */
static void make_tridiagonal(double *a, int n, double *d, double *e) {
  for (int k = n - 1; k > 1; k--) {
    double *v = a + (int64_t)k * n, norm = 0.0, dot = 0.0;
    for (int j = 0; j < k; j++) norm += v[j] * v[j];
    norm = sqrt(norm);
    const double last = v[k - 1], alpha = last > 0.0 ? -norm : norm;
    e[k] = alpha;
    const double h = norm * norm - last * alpha; /* half the square of the length of v below */
    if (h <= 0.0) continue;
    v[k - 1] = last - alpha;
    for (int i = 0; i < k; i++) {
      double sum = 0.0;
      for (int j = 0; j < k; j++) sum += a[(int64_t)i * n + j] * v[j];
      d[i] = sum / h;
      dot += d[i] * v[i];
    }
    for (int i = 0; i < k; i++) d[i] -= dot / (2.0 * h) * v[i];
    for (int i = 0; i < k; i++)
      for (int j = 0; j < k; j++) a[(int64_t)i * n + j] -= v[i] * d[j] + d[i] * v[j];
  }
  if (n > 1) e[1] = a[n];
  e[0] = 0.0;
  for (int i = 0; i < n; i++) d[i] = a[(int64_t)i * n + i];
}

/* How many eigenvalues are above x. */
static int above(const double *d, const double *e, int n, double x) {
  int count = 0;
  double q = 1.0;
  for (int i = 0; i < n; i++) {
    const double ee = e[i] * e[i];
    q = d[i] - x - (i > 0 ? ee / q : 0.0);
    if (q == 0.0) q = -DBL_MIN;
    count += q > 0.0;
  }
  return count;
}

double cm__pyrad_second_eigenvalue(double *matrix, int n, double *d, double *e) {
  double low = 0.0, high = 0.0;
  make_tridiagonal(matrix, n, d, e);
  for (int i = 0; i < n; i++) {
    const double reach = fabs(e[i]) + (i + 1 < n ? fabs(e[i + 1]) : 0.0);
    low = fmin(low, d[i] - reach);
    high = fmax(high, d[i] + reach);
  }
  for (int step = 0; step < 200 && high - low > 2e-16 * (fabs(low) + fabs(high)); step++) {
    const double middle = 0.5 * (low + high);
    if (above(d, e, n, middle) >= 2)
      low = middle;
    else
      high = middle;
  }
  return 0.5 * (low + high);
}
