/* Spectral norms of several small symmetric matrices side by side: Householder's reduction to tridiagonal ones (Golub
 * GH, Van Loan CF. Matrix Computations, 8.3), then Laguerre's iteration for the largest eigenvalue, which from above
 * converges to it without overshooting (Wilkinson JH. The Algebraic Eigenvalue Problem, 7.20; Li TY, Zeng Z. SIAM J Sci
 * Comput 15, 1994). All arrays have CM__LANES numbers at each place, one of each matrix. */
#include <math.h>
#include <string.h>

#include "ops/radiomics/voxel.h"
#include "ops/simd.h"

#define L CM__LANES
#define EACH_LANE for (int l = 0; l < L; l++)

/* The reflection that clears row k of `a` left of its last but one entry; v: that row. Gives 1 / h with h half the
 * square of its length, 0 where there is nothing to clear. */
static inline void reflect(double *v, int k, double *e, double *inverse) {
  double squares[L] = {0.0};
  for (int j = 0; j < k; j++) EACH_LANE squares[l] += v[j * L + l] * v[j * L + l];
  EACH_LANE {
    const double norm = sqrt(squares[l]), last = v[(k - 1) * L + l], alpha = last > 0.0 ? -norm : norm;
    const double h = squares[l] - last * alpha;
    e[k * L + l] = alpha;
    v[(k - 1) * L + l] = last - alpha;
    inverse[l] = h > 1e-200 ? 1.0 / h : 0.0;
  }
}

/* The matrix becomes tridiagonal: d its diagonal, e beside it, e[0] = 0. */
CM_SIMD static void reduce(double *restrict a, int stride, int n, double *restrict d, double *restrict e) {
  const int row = stride * L;
  for (int k = n - 1; k > 1; k--) {
    double *v = a + (int64_t)k * row, inverse[L], dot[L] = {0.0};
    reflect(v, k, e, inverse);
    for (int i = 0; i < k; i++) {
      double sum[L] = {0.0};
      for (int j = 0; j < k; j++) EACH_LANE sum[l] += a[(int64_t)i * row + j * L + l] * v[j * L + l];
      EACH_LANE {
        d[i * L + l] = sum[l] * inverse[l];
        dot[l] += d[i * L + l] * v[i * L + l];
      }
    }
    EACH_LANE dot[l] *= 0.5 * inverse[l];
    for (int i = 0; i < k; i++) EACH_LANE d[i * L + l] -= dot[l] * v[i * L + l];
    for (int i = 0; i < k; i++)
      for (int j = 0; j < k; j++)
        EACH_LANE a[(int64_t)i * row + j * L + l] -= v[i * L + l] * d[j * L + l] + d[i * L + l] * v[j * L + l];
  }
  EACH_LANE {
    e[l] = 0.0;
    if (n > 1) e[L + l] = a[row + l];
  }
  for (int i = 0; i < n; i++) EACH_LANE d[i * L + l] = a[(int64_t)i * (row + L) + l];
}

/* Sums over the eigenvalues of 1 / (x - own) and of its square, from the pivots q of T - x and their derivatives.
 * highest: the largest pivot; x is above all eigenvalues where that is below 0. */
CM_SIMD static void sums_at(const double *restrict d, const double *restrict e, int n, const double *restrict x,
                            double *restrict first, double *restrict second, double *restrict highest) {
  double inverse[L] = {0.0}, slope[L] = {0.0}, bend[L] = {0.0}; /* of the last pivot: 1 / q, q' / q, q'' / q */
  double ones[L] = {0.0}, squares[L] = {0.0}, most[L];
  EACH_LANE most[l] = -1.0;
  for (int i = 0; i < n; i++) EACH_LANE {
      const double beside = e[i * L + l], r = beside * beside * inverse[l], q = d[i * L + l] - x[l] - r;
      most[l] = q > most[l] ? q : most[l];
      inverse[l] = 1.0 / q;
      bend[l] = r * (bend[l] - 2.0 * slope[l] * slope[l]) * inverse[l];
      slope[l] = (r * slope[l] - 1.0) * inverse[l];
      ones[l] += slope[l];
      squares[l] += slope[l] * slope[l] - bend[l];
    }
  memcpy(first, ones, sizeof ones);
  memcpy(second, squares, sizeof squares);
  memcpy(highest, most, sizeof most);
}

/* No eigenvalue is above: by the rows, and by mean and spread of all of them (Samuelson). */
CM_SIMD static void bound_from(const double *restrict d, const double *restrict e, int n, double *restrict x) {
  double rows[L] = {0.0}, sum[L] = {0.0}, squares[L] = {0.0};
  for (int i = 0; i < n; i++) EACH_LANE {
      const double own = d[i * L + l], before = e[i * L + l], after = i + 1 < n ? e[(i + 1) * L + l] : 0.0;
      const double reach = own + fabs(before) + fabs(after);
      rows[l] = reach > rows[l] ? reach : rows[l];
      sum[l] += own;
      squares[l] += own * own + 2.0 * before * before;
    }
  EACH_LANE {
    const double mean = sum[l] / n, variance = squares[l] / n - mean * mean;
    const double spread = mean + sqrt((n - 1.0) * (variance > 0.0 ? variance : 0.0));
    x[l] = (spread < rows[l] ? spread : rows[l]) * (1.0 + 1e-12) + 1e-15;
  }
}

/* best: becomes the largest eigenvalue where that is above it. */
static void largest(const double *d, const double *e, int n, double *best) {
  double x[L], first[L], second[L], highest[L];
  bool active[L], any = false;
  sums_at(d, e, n, best, first, second, highest);
  EACH_LANE any = (active[l] = !(highest[l] < 0.0)) || any;
  if (!any) return;
  bound_from(d, e, n, x);
  EACH_LANE x[l] = active[l] ? x[l] : 2.0;
  for (int turn = 0; any && turn < 60; turn++) {
    sums_at(d, e, n, x, first, second, highest);
    any = false;
    EACH_LANE {
      const double spread = (n - 1.0) * (n * second[l] - first[l] * first[l]);
      const double step = n / (first[l] + sqrt(spread > 0.0 ? spread : 0.0));
      if (!active[l]) continue;
      active[l] = highest[l] < 0.0 && step > 1e-9 * x[l];
      if (highest[l] < 0.0) x[l] -= step;
      best[l] = x[l];
      any = any || active[l];
    }
  }
}

void cm__spectral_norms(double *matrix, int stride, int n, double *work, double norm[CM__LANES]) {
  double *d = work, *e = work + (int64_t)stride * L;
  reduce(matrix, stride, n, d, e);
  for (int i = 0; i < n; i++) memset(matrix + (int64_t)i * stride * L, 0, (size_t)n * L * sizeof(double));
  EACH_LANE norm[l] = 1e-14;
  largest(d, e, n, norm);
  for (int i = 0; i < n * L; i++) d[i] = -d[i]; /* the signs of e do not matter */
  largest(d, e, n, norm);
  EACH_LANE norm[l] = norm[l] > 1e-14 ? norm[l] : 0.0;
}
