/* The largest eigenvalue of a symmetric tridiagonal matrix by Laguerre's iteration, which from above converges to it
 * without overshooting (Wilkinson JH. The Algebraic Eigenvalue Problem, 7.20; Li TY, Zeng Z. SIAM J Sci Comput 15,
 * 1994). */
#include <math.h>

#include "ops/radiomics/voxel.h"

/* Sums over the eigenvalues of 1 / (x - own) and of its square, from the pivots q of T - x and their derivatives; e[0]
 * is 0.
 * false: x is not above all eigenvalues. */
static bool sums_at(const double *d, const double *e, int n, double x, double *first, double *second) {
  double inverse = 0.0, slope = 0.0, bend = 0.0; /* of the last pivot: 1 / q, q' / q, q'' / q */
  *first = *second = 0.0;
  for (int i = 0; i < n; i++) {
    const double r = e[i] * e[i] * inverse, q = d[i] - x - r;
    const double q1 = r * slope - 1.0, q2 = r * (bend - 2.0 * slope * slope);
    if (!(q < 0.0)) return false;
    inverse = 1.0 / q;
    slope = q1 * inverse;
    bend = q2 * inverse;
    *first += slope;
    *second += slope * slope - bend;
  }
  return true;
}

/* No eigenvalue is above: by the rows, and by the sum of their squares. */
static double bound_of(const double *d, const double *e, int n) {
  double rows = 0.0, squares = 0.0;
  for (int i = 0; i < n; i++) {
    const double reach = d[i] + fabs(e[i]) + (i + 1 < n ? fabs(e[i + 1]) : 0.0);
    rows = reach > rows ? reach : rows;
    squares += d[i] * d[i] + 2.0 * e[i] * e[i];
  }
  const double root = sqrt(squares);
  return (root < rows ? root : rows) * (1.0 + 1e-12) + 1e-15;
}

/* The largest eigenvalue where it is above `least`, otherwise least. */
static double largest(const double *d, const double *e, int n, double least) {
  double first, second;
  if (sums_at(d, e, n, least, &first, &second)) return least;
  double x = bound_of(d, e, n);
  for (int turn = 0; turn < 100 && sums_at(d, e, n, x, &first, &second); turn++) {
    const double spread = (n - 1.0) * (n * second - first * first);
    const double step = n / (first + sqrt(spread > 0.0 ? spread : 0.0));
    x -= step;
    if (!(step > 1e-10 * x)) break;
  }
  return x;
}

double cm__spectral_norm(double *matrix, int n, double *d, double *e) {
  if (n == 1) return fabs(matrix[0]);
  if (n == 2) {
    const double middle = 0.5 * (matrix[0] + matrix[3]), apart = 0.5 * (matrix[0] - matrix[3]);
    return fabs(middle) + sqrt(apart * apart + matrix[1] * matrix[1]);
  }
  cm__pyrad_tridiagonal(matrix, n, d, e);
  const double top = largest(d, e, n, 0.0);
  for (int i = 0; i < n; i++) d[i] = -d[i]; /* the signs of e do not matter */
  return largest(d, e, n, top);
}
