#include "learn/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/simd.h"
#include "learn/lanes.h"

enum { MOST_SWEEPS = 60 };

bool cm__cholesky(double *a, int n) {
  for (int i = 0; i < n; i++) {
    double *row = a + (int64_t)i * n;
    for (int j = 0; j <= i; j++) {
      const double *other = a + (int64_t)j * n;
      double sum = row[j];
      for (int k = 0; k < j; k++) sum -= row[k] * other[k];
      if (j < i)
        row[j] = sum / other[j];
      else if (sum > 0 && isfinite(sum))
        row[i] = sqrt(sum);
      else
        return false;
    }
  }
  return true;
}

void cm__cholesky_forward(const double *l, int n, double *x) {
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < i; k++) x[i] -= l[(int64_t)i * n + k] * x[k];
    x[i] /= l[(int64_t)i * n + i];
  }
}

void cm__cholesky_solve(const double *l, int n, double *x) {
  cm__cholesky_forward(l, n, x);
  for (int i = n - 1; i >= 0; i--) {
    for (int k = i + 1; k < n; k++) x[i] -= l[(int64_t)k * n + i] * x[k];
    x[i] /= l[(int64_t)i * n + i];
  }
}

/* ---- singular values ------------------------------------------------------------------------------------------------
 */

CM_SIMD static void rotate(double *a, double *b, double cosine, double sine, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    double x = a[i], y = b[i];
    a[i] = cosine * x - sine * y;
    b[i] = sine * x + cosine * y;
  }
}

/* Columns as rows. */
static double *transpose(CmArena *hold, const double *a, int64_t rows, int64_t columns, CmError **err) {
  size_t cells;
  if (!cm_size_multiply((size_t)rows, (size_t)columns, &cells, err)) return NULL;
  double *to = CM__NEW(hold, double, cells, err);
  for (int64_t i = 0; to && i < rows; i++)
    for (int64_t j = 0; j < columns; j++) to[j * rows + i] = a[i * columns + j];
  return to;
}

/* Each of `columns` vectors of `size` numbers (size >= columns) in turn is mirrored onto its axis, and those behind it
 * and the `extra` ones with it. Mirror j stays in vector j from place j on, with its factor; the diagonal is apart. */
static void reduce(double *vector, int64_t size, int columns, double *extra, int count, double *factor,
                   double *diagonal) {
  for (int j = 0; j < columns; j++) {
    double *v = vector + j * size + j;
    int64_t n = size - j;
    double length = sqrt(cm__lanes_dot(v, v, n));
    diagonal[j] = v[0] > 0 ? -length : length;
    factor[j] = 0;
    if (length == 0) continue;
    v[0] -= diagonal[j];
    factor[j] = 2 / cm__lanes_dot(v, v, n);
    for (int k = j + 1; k < columns; k++) {
      double *other = vector + k * size + j;
      cm__lanes_add(other, -factor[j] * cm__lanes_dot(v, other, n), v, n);
    }
    for (int k = 0; k < count; k++) {
      double *other = extra + k * size + j;
      cm__lanes_add(other, -factor[j] * cm__lanes_dot(v, other, n), v, n);
    }
  }
}

/* Rotates pairs of the n rows of w until all are orthogonal; the same rotations go to z. */
static void orthogonalise(double *w, double *z, int n) {
  double limit = n > 4 ? n * 0x1p-52 : 4 * 0x1p-52;
  for (int sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    bool turned = false;
    for (int p = 0; p < n; p++) {
      for (int q = p + 1; q < n; q++) {
        double *a = w + (int64_t)p * n, *b = w + (int64_t)q * n;
        double aa = cm__lanes_dot(a, a, n), bb = cm__lanes_dot(b, b, n), ab = cm__lanes_dot(a, b, n);
        if (fabs(ab) <= limit * sqrt(aa * bb)) continue;
        turned = true;
        double zeta = (bb - aa) / (2 * ab), tangent = (zeta > 0 ? 1 : -1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
        double cosine = 1 / sqrt(1 + tangent * tangent), sine = cosine * tangent;
        rotate(a, b, cosine, sine, n);
        rotate(z + (int64_t)p * n, z + (int64_t)q * n, cosine, sine, n);
      }
    }
    if (!turned) return;
  }
}

typedef struct Order {
  double value;
  int at;
} Order;

static int falling(const void *a, const void *b) {
  const Order *p = a, *q = b;
  if (p->value != q->value) return p->value > q->value ? -1 : 1;
  return p->at - q->at;
}

/* The mirrors undone on a vector whose first n numbers are given. */
static void mirror_back(const double *vector, int64_t size, int n, const double *factor, double *x) {
  for (int j = n - 1; j >= 0; j--) {
    const double *v = vector + j * size + j;
    cm__lanes_add(x + j, -factor[j] * cm__lanes_dot(v, x + j, size - j), v, size - j);
  }
}

/* Work of one decomposition: a tall matrix as its n columns of `size` numbers, and its triangle's rotations. */
typedef struct Work {
  int64_t size;
  int n;
  double *vector, *factor, *diagonal;
  double *w, *z; /* n x n: rows s_i u_i, and the rotations */
  Order *order;
} Work;

static bool make_work(CmArena *hold, Work *work, CmError **err) {
  int64_t n = work->n;
  work->factor = CM__NEW(hold, double, n, err);
  work->diagonal = CM__NEW(hold, double, n, err);
  work->w = CM__NEW(hold, double, n *n, err);
  work->z = CM__NEW(hold, double, n *n, err);
  work->order = CM__NEW(hold, Order, n, err);
  return work->factor && work->diagonal && work->w && work->z && work->order;
}

/* Row j of w: column j of R (tall), or of R' (wide). Then w = rows s u, z = rows v of the small matrix. */
static void solve_small(Work *work, bool wide) {
  int n = work->n;
  for (int j = 0; j < n; j++) {
    for (int i = 0; i <= j; i++) {
      double r = i == j ? work->diagonal[j] : work->vector[j * work->size + i];
      work->w[wide ? (int64_t)i * n + j : (int64_t)j * n + i] = r;
    }
    work->z[(int64_t)j * n + j] = 1;
  }
  orthogonalise(work->w, work->z, n);
  for (int i = 0; i < n; i++)
    work->order[i] = (Order){sqrt(cm__lanes_dot(work->w + (int64_t)i * n, work->w + (int64_t)i * n, n)), i};
  qsort(work->order, (size_t)n, sizeof *work->order, falling);
}

/* A direction and its opposite are the same: the largest number becomes positive. The sign that it had. */
static double point_up(double *direction, int count) {
  int largest = 0;
  for (int j = 1; j < count; j++)
    if (fabs(direction[j]) > fabs(direction[largest])) largest = j;
  if (!(direction[largest] < 0)) return 1;
  for (int j = 0; j < count; j++) direction[j] = -direction[j];
  return -1;
}

bool cm__svd(CmArena *hold, double *a, int64_t rows, int columns, double *b, int count, CmSvd *svd, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  bool wide = rows < columns, ok = false;
  Work work = {.size = wide ? columns : rows, .n = wide ? (int)rows : columns};
  int n = work.n;
  *svd = (CmSvd){.rank = n};
  svd->value = CM__NEW(hold, double, n, err);
  svd->right = CM__NEW(hold, double, (int64_t)n *columns, err);
  svd->left = CM__NEW(hold, double, (int64_t)n *count, err);
  if (!svd->value || !svd->right || !svd->left || !make_work(&scratch, &work, err)) goto done;
  double *extra = count ? transpose(&scratch, b, rows, count, err) : NULL;
  work.vector = wide ? a : transpose(&scratch, a, rows, columns, err);
  if (!work.vector || (count && !extra)) goto done;
  reduce(work.vector, work.size, n, wide ? NULL : extra, wide ? 0 : count, work.factor, work.diagonal);
  solve_small(&work, wide);
  for (int i = 0; i < n; i++) {
    const double *w = work.w + (int64_t)work.order[i].at * n, *z = work.z + (int64_t)work.order[i].at * n;
    double value = svd->value[i] = work.order[i].value, *right = svd->right + (int64_t)i * columns;
    memcpy(right, z, sizeof *z * (size_t)n);
    if (wide) mirror_back(work.vector, work.size, n, work.factor, right);
    double sign = point_up(right, columns);
    for (int k = 0; k < count; k++)
      svd->left[(int64_t)i * count + k] = value > 0 ? sign * cm__lanes_dot(w, extra + k * rows, n) / value : 0;
  }
  ok = true;
done:
  cm__arena_free(&scratch);
  return ok;
}
