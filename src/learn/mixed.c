#include "learn/mixed.h"

#include <math.h>
#include <string.h>

#include "learn/bfgs.h"
#include "learn/dense.h"

#define LARGEST_SHARE 1e10 /* of the residual variance; beyond it there is none */

#define LEAST_PIVOT 1e-12 /* of a column's square: what is left of it beside the others */

/* Sums over the rows of each group, and what one likelihood needs. q: random, p: fixed. */
typedef struct Profile {
  const CmMixedData *data;
  int p, q;
  double degrees;
  double *xx, *xy, yy;  /* p x p; p */
  double *zz, *zx, *zy; /* of each group: q x q; q x p; q */
  double *a, *b, rss;   /* X' V^-1 X, then its Cholesky factor; the coefficients; r' V^-1 r */
  double *u;            /* q x p */
  double *diagonal;     /* p, of X' V^-1 X */
  double log_v, log_a;  /* logarithms of determinants */
  double root[CM__MOST_EFFECTS * CM__MOST_EFFECTS]; /* lower triangle: share = root root' */
} Profile;

/* ---- sums -----------------------------------------------------------------------------------------------------------
 */

static void add_outer(double *to, const double *a, int count_a, const double *b, int count_b) {
  for (int i = 0; i < count_a; i++)
    for (int j = 0; j < count_b; j++) to[(int64_t)i * count_b + j] += a[i] * b[j];
}

static void add_row(Profile *f, const double *x, double y, int64_t group) {
  const double z[CM__MOST_EFFECTS] = {1, f->q > 1 ? x[f->data->slope] : 0};
  add_outer(f->xx, x, f->p, x, f->p);
  add_outer(f->xy, x, f->p, &y, 1);
  f->yy += y * y;
  add_outer(f->zz + group * f->q * f->q, z, f->q, z, f->q);
  add_outer(f->zx + group * f->q * f->p, z, f->q, x, f->p);
  add_outer(f->zy + group * f->q, z, f->q, &y, 1);
}

static bool make_profile(CmArena *scratch, const CmMixedData *d, Profile *f, CmError **err) {
  int64_t p = d->fixed, q = d->random;
  *f = (Profile){.data = d, .p = d->fixed, .q = d->random, .degrees = (double)(d->reml ? d->rows - p : d->rows)};
  f->xx = CM__NEW(scratch, double, p *p, err);
  f->xy = CM__NEW(scratch, double, p, err);
  f->zz = CM__NEW(scratch, double, d->groups *q *q, err);
  f->zx = CM__NEW(scratch, double, d->groups *q *p, err);
  f->zy = CM__NEW(scratch, double, d->groups *q, err);
  f->a = CM__NEW(scratch, double, p *p, err);
  f->b = CM__NEW(scratch, double, p, err);
  f->u = CM__NEW(scratch, double, q *p, err);
  f->diagonal = CM__NEW(scratch, double, p, err);
  if (!f->diagonal || !f->xx || !f->xy || !f->zz || !f->zx || !f->zy || !f->a || !f->b || !f->u) return false;
  for (int64_t i = 0; i < d->rows; i++) add_row(f, d->x + i * p, d->y[i], d->group[i]);
  return true;
}

/* ---- the likelihood -------------------------------------------------------------------------------------------------
 */

/* k: lower Cholesky factor of root' Z'Z root + 1. */
static bool factor_group(const Profile *f, const double *zz, double k[CM__MOST_EFFECTS * CM__MOST_EFFECTS]) {
  int q = f->q;
  for (int i = 0; i < q; i++)
    for (int j = 0; j < q; j++) {
      double sum = i == j;
      for (int a = 0; a < q; a++)
        for (int b = 0; b < q; b++) sum += f->root[a * q + i] * zz[a * q + b] * f->root[b * q + j];
      k[i * q + j] = sum;
    }
  return cm__cholesky(k, q);
}

/* to = k^-1 root' from, `count` columns. */
static void whiten(const Profile *f, const double *k, const double *from, int count, double *to) {
  double column[CM__MOST_EFFECTS];
  for (int c = 0; c < count; c++) {
    for (int i = 0; i < f->q; i++) {
      column[i] = 0;
      for (int a = 0; a < f->q; a++) column[i] += f->root[a * f->q + i] * from[(int64_t)a * count + c];
    }
    cm__cholesky_forward(k, f->q, column);
    for (int i = 0; i < f->q; i++) to[(int64_t)i * count + c] = column[i];
  }
}

static void subtract_squares(const Profile *f, const double *u, double *a) {
  for (int r = 0; r < f->q; r++) {
    const double *row = u + (int64_t)r * f->p;
    for (int64_t i = 0; i < f->p; i++)
      for (int64_t j = 0; j <= i; j++) a[i * f->p + j] -= row[i] * row[j];
  }
}

/* X' V^-1 X and its factor, coefficients, residual sum, determinants; false where there are none. */
static bool solve(Profile *f) {
  int p = f->p, q = f->q;
  double k[CM__MOST_EFFECTS * CM__MOST_EFFECTS], own[CM__MOST_EFFECTS];
  f->log_v = f->log_a = 0;
  f->rss = f->yy;
  memcpy(f->a, f->xx, sizeof(double) * (size_t)p * (size_t)p);
  memcpy(f->b, f->xy, sizeof(double) * (size_t)p);
  for (int64_t g = 0; g < f->data->groups; g++) {
    if (!factor_group(f, f->zz + g * q * q, k)) return false;
    for (int i = 0; i < q; i++) f->log_v += 2 * log(k[i * q + i]);
    whiten(f, k, f->zx + g * q * p, p, f->u);
    whiten(f, k, f->zy + g * q, 1, own);
    subtract_squares(f, f->u, f->a);
    for (int r = 0; r < q; r++) {
      for (int j = 0; j < p; j++) f->b[j] -= f->u[(int64_t)r * p + j] * own[r];
      f->rss -= own[r] * own[r];
    }
  }
  for (int i = 0; i < p; i++) f->diagonal[i] = f->a[(int64_t)i * p + i];
  if (!cm__cholesky(f->a, p)) return false;
  for (int i = 0; i < p; i++) {
    double pivot = f->a[(int64_t)i * p + i];
    if (pivot * pivot <= LEAST_PIVOT * f->diagonal[i]) return false;
    f->log_a += 2 * log(pivot);
  }
  cm__cholesky_forward(f->a, p, f->b);
  for (int i = 0; i < p; i++) f->rss -= f->b[i] * f->b[i];
  for (int i = p - 1; i >= 0; i--) { /* the other half of the solution */
    for (int j = i + 1; j < p; j++) f->b[i] -= f->a[(int64_t)j * p + i] * f->b[j];
    f->b[i] /= f->a[(int64_t)i * p + i];
  }
  return f->rss > 0 && isfinite(f->rss);
}

/* What of a group is left after its effects: m = Z' V^-1 Z (q x q), lever = Z' V^-1 X (q x p), pull = Z' V^-1 r (q). */
typedef struct Left {
  double m[CM__MOST_EFFECTS * CM__MOST_EFFECTS], pull[CM__MOST_EFFECTS];
  double *lever;
} Left;

/* to = (1 - Z'Z root k'^-1 k^-1 root') from. */
static void reduce(const Profile *f, const double *zz, const double *k, const double *from, int count, double *to) {
  int q = f->q;
  double column[CM__MOST_EFFECTS], back[CM__MOST_EFFECTS];
  for (int c = 0; c < count; c++) {
    for (int i = 0; i < q; i++) {
      column[i] = 0;
      for (int a = 0; a < q; a++) column[i] += f->root[a * q + i] * from[(int64_t)a * count + c];
    }
    cm__cholesky_solve(k, q, column);
    for (int i = 0; i < q; i++) {
      back[i] = 0;
      for (int a = 0; a < q; a++) back[i] += f->root[i * q + a] * column[a];
    }
    for (int i = 0; i < q; i++) {
      double sum = from[(int64_t)i * count + c];
      for (int a = 0; a < q; a++) sum -= zz[i * q + a] * back[a];
      to[(int64_t)i * count + c] = sum;
    }
  }
}

static void leave(const Profile *f, int64_t g, Left *left) {
  int p = f->p, q = f->q;
  const double *zz = f->zz + g * q * q, *zx = f->zx + g * q * p, *zy = f->zy + g * q;
  double k[CM__MOST_EFFECTS * CM__MOST_EFFECTS], residual[CM__MOST_EFFECTS];
  factor_group(f, zz, k); /* it was, in solve() */
  for (int i = 0; i < q; i++) {
    residual[i] = zy[i];
    for (int j = 0; j < p; j++) residual[i] -= zx[(int64_t)i * p + j] * f->b[j];
  }
  reduce(f, zz, k, zz, q, left->m);
  reduce(f, zz, k, zx, p, left->lever);
  reduce(f, zz, k, residual, 1, left->pull);
}

/* Adds a group's part of the slope of the deviance in `share`. */
static void add_slope(const Profile *f, const Left *left, double *half, double *slope) {
  int p = f->p, q = f->q;
  for (int i = 0; i < q * q; i++) slope[i] += left->m[i];
  for (int i = 0; i < q; i++)
    for (int j = 0; j < q; j++) slope[i * q + j] -= f->degrees / f->rss * left->pull[i] * left->pull[j];
  if (!f->data->reml) return;
  memcpy(half, left->lever, sizeof(double) * (size_t)q * (size_t)p);
  for (int i = 0; i < q; i++) cm__cholesky_forward(f->a, p, half + (int64_t)i * p);
  for (int i = 0; i < q; i++)
    for (int j = 0; j < q; j++)
      for (int k = 0; k < p; k++) slope[i * q + j] -= half[(int64_t)i * p + k] * half[(int64_t)j * p + k];
}

typedef struct Deviance {
  Profile *profile;
  Left left;
  double *half;
} Deviance;

/* w: the lower triangle of root, by rows. */
static void set_root(Profile *f, const double *w) {
  memset(f->root, 0, sizeof f->root);
  for (int i = 0, at = 0; i < f->q; i++)
    for (int j = 0; j <= i; j++) f->root[i * f->q + j] = w[at++];
}

static double deviance(void *arg, const double *w, double *gradient) {
  Deviance *d = arg;
  Profile *f = d->profile;
  int q = f->q;
  double slope[CM__MOST_EFFECTS * CM__MOST_EFFECTS] = {0};
  set_root(f, w);
  if (!solve(f)) return INFINITY;
  for (int64_t g = 0; g < f->data->groups; g++) {
    leave(f, g, &d->left);
    add_slope(f, &d->left, d->half, slope);
  }
  for (int i = 0, at = 0; i < q; i++)
    for (int j = 0; j <= i; j++) {
      gradient[at] = 0;
      for (int k = 0; k < q; k++) gradient[at] += 2 * slope[i * q + k] * f->root[k * q + j];
      at++;
    }
  return f->log_v + (f->data->reml ? f->log_a : 0) + f->degrees * log(f->rss);
}

/* ---- the fit --------------------------------------------------------------------------------------------------------
 */

static void share_of(const Profile *f, double *share) {
  int q = f->q;
  for (int i = 0; i < q; i++)
    for (int j = 0; j < q; j++) {
      share[i * q + j] = 0;
      for (int k = 0; k < q; k++) share[i * q + j] += f->root[i * q + k] * f->root[j * q + k];
    }
}

/* share times `from` (q x count). */
static void spread(const double *share, int q, const double *from, int count, double *to) {
  for (int i = 0; i < q; i++)
    for (int c = 0; c < count; c++) {
      double sum = 0;
      for (int k = 0; k < q; k++) sum += share[i * q + k] * from[(int64_t)k * count + c];
      to[(int64_t)i * count + c] = sum;
    }
}

static void predict_group(const Profile *f, const Left *left, int64_t g, CmMixed *mixed) {
  int q = f->q, p = f->p;
  double *rest = mixed->rest + g * q * q, part[CM__MOST_EFFECTS * CM__MOST_EFFECTS];
  spread(mixed->share, q, left->pull, 1, mixed->effect + g * q);
  spread(mixed->share, q, left->lever, p, mixed->lever + g * q * p);
  spread(mixed->share, q, left->m, q, part);
  for (int i = 0; i < q; i++)
    for (int j = 0; j < q; j++) {
      rest[i * q + j] = mixed->share[i * q + j];
      for (int k = 0; k < q; k++) rest[i * q + j] -= part[i * q + k] * mixed->share[k * q + j];
    }
}

static bool hand_over(CmArena *hold, const Profile *f, Left *left, CmMixed *mixed, CmError **err) {
  int64_t p = f->p, q = f->q, groups = f->data->groups;
  mixed->b = CM__NEW(hold, double, p, err);
  mixed->factor = CM__NEW(hold, double, p *p, err);
  mixed->effect = CM__NEW(hold, double, groups *q, err);
  mixed->rest = CM__NEW(hold, double, groups *q *q, err);
  mixed->lever = CM__NEW(hold, double, groups *q *p, err);
  if (!mixed->b || !mixed->factor || !mixed->effect || !mixed->rest || !mixed->lever) return false;
  memcpy(mixed->b, f->b, sizeof(double) * (size_t)p);
  for (int64_t i = 0; i < p; i++)
    for (int64_t j = 0; j <= i; j++) mixed->factor[i * p + j] = f->a[i * p + j];
  mixed->variance = f->rss / f->degrees;
  share_of(f, mixed->share);
  mixed->log_likelihood =
      -0.5 * (f->degrees * (1 + log(2 * acos(-1.0) * mixed->variance)) + f->log_v + (f->data->reml ? f->log_a : 0));
  for (int64_t g = 0; g < groups; g++) {
    leave(f, g, left);
    predict_group(f, left, g, mixed);
  }
  return true;
}

static bool refuse(CmError **err, const char *why) {
  cm_error_set(err, CM_ERR_DATA, "%s", why);
  return false;
}

bool cm__mixed_fit(CmArena *hold, const CmMixedData *data, CmMixed *mixed, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  Profile profile;
  Deviance d = {.profile = &profile};
  double w[CM__MOST_EFFECTS * (CM__MOST_EFFECTS + 1) / 2], gradient[CM__MOST_EFFECTS * (CM__MOST_EFFECTS + 1) / 2];
  int at = 0;
  for (int i = 0; i < data->random; i++)
    for (int j = 0; j <= i; j++) w[at++] = i == j;
  bool ok =
      data->rows > data->fixed || refuse(err, "there are not more rows than features; use fewer features (k_best)");
  ok = ok && make_profile(&scratch, data, &profile, err);
  d.left.lever = CM__NEW(&scratch, double, (int64_t)data->random * data->fixed, err);
  d.half = CM__NEW(&scratch, double, (int64_t)data->random * data->fixed, err);
  ok = ok && d.left.lever && d.half;
  if (ok && !isfinite(deviance(&d, w, gradient)))
    ok = refuse(err,
                "features are combinations of others, or leave no error at all; use fewer features (max_correlation)");
  ok = ok && cm__bfgs(hold->ctx, deviance, &d, at, w, err);
  for (int i = 0; ok && i < at; i++)
    if (!(w[i] * w[i] < LARGEST_SHARE))
      ok = refuse(err, "the rows of a subject leave no error of their own; take a model without effects of subjects");
  if (ok) deviance(&d, w, gradient);
  ok = ok && hand_over(hold, &profile, &d.left, mixed, err);
  cm__arena_free(&scratch);
  return ok;
}
