/* Householder's reduction to a tridiagonal matrix, then bisection by the signs of Sturm's sequence (Golub GH, Van Loan
 * CF. Matrix Computations, 8.3 and 8.4). */
#include <math.h>
#include <string.h>

#include "ops/radiomics/pyrad.h"
#include "ops/simd.h"

enum { LANES = CM__PYRAD_LANES, WIDE = 4 * LANES };

static int padded(int k) {
  return (k + LANES - 1) / LANES * LANES;
}

/* to = a v for the first k rows of the symmetric a; columns up to the next multiple of LANES. */
CM_SIMD static void apply(const double *a, int stride, int k, const double *v, double *to) {
  const int width = padded(k);
  int first = 0;
  for (; first + WIDE <= width; first += WIDE) {
    double sum[WIDE] = {0.0};
    for (int j = 0; j < k; j++)
      for (int i = 0; i < WIDE; i++) sum[i] = fma(a[(int64_t)j * stride + first + i], v[j], sum[i]);
    for (int i = 0; i < WIDE; i++) to[first + i] = sum[i];
  }
  for (; first < width; first += LANES) {
    double sum[LANES] = {0.0};
    for (int j = 0; j < k; j++)
      for (int i = 0; i < LANES; i++) sum[i] = fma(a[(int64_t)j * stride + first + i], v[j], sum[i]);
    for (int i = 0; i < LANES; i++) to[first + i] = sum[i];
  }
}

/* a -= v d' + d v' */
CM_SIMD static void reduce(double *restrict a, int stride, int k, const double *restrict v, const double *restrict d) {
  const int width = padded(k);
  for (int i = 0; i < k; i++) {
    double *row = a + (int64_t)i * stride;
    for (int j = 0; j < width; j++) row[j] = fma(-v[i], d[j], fma(-d[i], v[j], row[j]));
  }
}

/* Of two vectors with 0 behind the last of them. */
CM_SIMD static double dot(const double *a, const double *b, int k) {
  double part[LANES] = {0.0}, sum = 0.0;
  for (int i = 0; i < padded(k); i += LANES)
    for (int j = 0; j < LANES; j++) part[j] = fma(a[i + j], b[i + j], part[j]);
  for (int j = 0; j < LANES; j++) sum += part[j];
  return sum;
}

/* The symmetric a becomes tridiagonal with the same eigenvalues: d its diagonal, e[1 .. n - 1] beside it. In each turn
 * a becomes v' a v with a reflection that clears row k left of its last but one entry; columns from k on may hold
 * anything then. */
static void make_tridiagonal(double *a, int n, int stride, double *d, double *e, double *v, double *w) {
  for (int k = n - 1; k > 1; k--) {
    const double *row = a + (int64_t)k * stride;
    memset(v, 0, (size_t)stride * sizeof(double));
    memcpy(v, row, (size_t)k * sizeof(double));
    const double norm = sqrt(dot(v, v, k)), last = v[k - 1], alpha = last > 0.0 ? -norm : norm;
    d[k] = row[k];
    e[k] = alpha;
    const double h = norm * norm - last * alpha; /* half the square of the length of v below */
    if (h <= 0.0) continue;
    v[k - 1] = last - alpha;
    apply(a, stride, k, v, w);
    for (int i = k; i < padded(k); i++) w[i] = 0.0;
    const double along = dot(w, v, k) / (2.0 * h * h);
    for (int i = 0; i < k; i++) w[i] = w[i] / h - along * v[i];
    reduce(a, stride, k, v, w);
  }
  d[0] = a[0];
  e[0] = 0.0;
  if (n < 2) return;
  d[1] = a[stride + 1];
  e[1] = a[stride];
}

enum { POINTS = 8, BOTH = 2 * POINTS, UNSCALED = 8 };

/* How many eigenvalues are above each x: pairs of neighbours of the same sign in the sequence of the leading
 * determinants (a 0 has the sign that the one before has not), which is scaled now and then; ee: squares of e, none so
 * small that a number could vanish in between. */
CM_SIMD static void count_above(const double *d, const double *ee, int n, const double x[BOTH], double count[BOTH]) {
  double one[BOTH], two[BOTH], sign[BOTH];
  for (int k = 0; k < BOTH; k++) {
    one[k] = sign[k] = 1.0;
    two[k] = 0.0;
    count[k] = n;
  }
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < BOTH; k++) {
      const double next = fma(d[i] - x[k], one[k], -(ee[i] * two[k]));
      const double now = next > 0.0 ? 1.0 : next < 0.0 ? -1.0 : -sign[k];
      count[k] += now * sign[k];
      sign[k] = now;
      two[k] = one[k];
      one[k] = next;
    }
    if (i % UNSCALED != UNSCALED - 1) continue;
    for (int k = 0; k < BOTH; k++) {
      const double scale = 1.0 / (fabs(one[k]) + fabs(two[k]));
      one[k] *= scale;
      two[k] *= scale;
    }
  }
  for (int k = 0; k < BOTH; k++) count[k] *= 0.5;
}

/* Looks for the eigenvalue that `rank` - 1 others are above. */
typedef struct Search {
  int rank;
  double low, high;
} Search;

static bool is_open(const Search *s) {
  return s->high - s->low > 1e-13 * (1.0 + fabs(s->high));
}

static void narrow(Search *s, const double *x, const double *count) {
  int k = 0;
  while (k < POINTS && count[k] >= s->rank) k++;
  if (k > 0) s->low = x[k - 1];
  if (k < POINTS) s->high = x[k];
}

/* In every turn a ninth of both ranges is left. */
static void bisect(const double *d, const double *ee, int n, Search search[2]) {
  while (is_open(&search[0]) || is_open(&search[1])) {
    double x[BOTH], count[BOTH];
    for (int k = 0; k < BOTH; k++) {
      const Search *s = &search[k / POINTS];
      x[k] = s->low + (k % POINTS + 1) * ((s->high - s->low) / (POINTS + 1));
    }
    count_above(d, ee, n, x, count);
    narrow(&search[0], x, count);
    narrow(&search[1], x + POINTS, count + POINTS);
  }
}

double cm__pyrad_second_magnitude(double *matrix, int n, double *scratch) {
  const int stride = padded(n);
  double *d = scratch, *e = d + stride, low = 0.0, high = 0.0;
  make_tridiagonal(matrix, n, stride, d, e, e + stride, e + 2 * stride);
  for (int i = 0; i < n; i++) {
    const double reach = fabs(e[i]) + (i + 1 < n ? fabs(e[i + 1]) : 0.0);
    low = fmin(low, d[i] - reach);
    high = fmax(high, d[i] + reach);
  }
  for (int i = 0; i < n; i++) e[i] = fmax(e[i] * e[i], 1e-30);
  Search search[2] = {{2, low, high}, {n, low, high}};
  bisect(d, e, n, search);
  return fmax(fabs(0.5 * (search[0].low + search[0].high)), -0.5 * (search[1].low + search[1].high));
}
