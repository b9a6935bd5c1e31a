#include "ops/intensity/gaps.h"

#include <math.h>

/* Second derivatives at the known places of the natural cubic spline: Thomas' algorithm on its tridiagonal equations,
 * h0/6 m0 + (h0 + h1)/3 m1 + h1/6 m2 = (v2 - v1)/h1 - (v1 - v0)/h0, m = 0 at both ends. */
static void curvatures(const double *v, const int64_t *at, int64_t count, double *m, double *ratio) {
  m[0] = 0.0;
  ratio[0] = 0.0;
  for (int64_t k = 1; k + 1 < count; k++) {
    const double h0 = (double)(at[k] - at[k - 1]), h1 = (double)(at[k + 1] - at[k]);
    const double right = (v[at[k + 1]] - v[at[k]]) / h1 - (v[at[k]] - v[at[k - 1]]) / h0;
    const double pivot = (h0 + h1) / 3.0 - h0 / 6.0 * ratio[k - 1];
    ratio[k] = h1 / 6.0 / pivot;
    m[k] = (right - h0 / 6.0 * m[k - 1]) / pivot;
  }
  m[count - 1] = 0.0;
  for (int64_t k = count - 2; k > 0; k--) m[k] -= ratio[k] * m[k + 1];
}

static double between(CmGapMethod method, double a, double b, double ma, double mb, double before, double after) {
  const double h = before + after, p = before / h, q = after / h;
  if (method == CM_GAP_NEAREST) return before <= after ? a : b;
  const double line = q * a + p * b;
  return method == CM_GAP_LINEAR ? line : line + ((q * q * q - q) * ma + (p * p * p - p) * mb) * h * h / 6.0;
}

bool cm__fill_gaps(CmGapMethod method, double *v, const uint8_t *missing, int64_t n, double *gap, double *work) {
  int64_t *at = (int64_t *)(void *)work, count = 0, k = 0;
  double *m = work + n;
  for (int64_t i = 0; i < n; i++)
    if (!missing[i]) at[count++] = i;
  if (count == 0) return false;
  if (method == CM_GAP_SPLINE) curvatures(v, at, count, m, m + n);
  for (int64_t i = 0; i < n; i++) {
    if (!missing[i]) continue;
    while (k < count && at[k] < i) k++; /* at[k]: the first known behind i */
    if (gap) gap[i] = k == 0 || k == count ? INFINITY : (double)(at[k] - at[k - 1]);
    if (k == 0)
      v[i] = v[at[0]];
    else if (k == count)
      v[i] = v[at[count - 1]];
    else
      v[i] = between(method, v[at[k - 1]], v[at[k]], method == CM_GAP_SPLINE ? m[k - 1] : 0.0,
                     method == CM_GAP_SPLINE ? m[k] : 0.0, (double)(i - at[k - 1]), (double)(at[k] - i));
  }
  return true;
}
