/* Of columns that go together one stays. */
#include <math.h>

#include "learn/prepare/fit.h"

/* Clusters while they grow: distance between any two, and who belongs to which. */
typedef struct Clusters {
  int count;
  double *distance; /* count x count, 1 - |r|, of clusters the mean over their pairs */
  double *size;     /* 0: taken up by another */
  int *root;        /* count: a column of the same cluster, itself at its end */
  int *chain;
} Clusters;

static double *between(const Clusters *c, int a, int b) {
  return &c->distance[(int64_t)a * c->count + b];
}

static int end_of(const Clusters *c, int a) {
  while (c->root[a] != a) a = c->root[a];
  return a;
}

/* The nearest living cluster; of equals `last`, else the first. */
static int nearest(const Clusters *c, int a, int last) {
  int best = last;
  for (int b = 0; b < c->count; b++)
    if (b != a && c->size[b] > 0 && (best < 0 || *between(c, a, b) < *between(c, a, best))) best = b;
  return best;
}

/* Average linkage: b becomes the two of them. */
static void merge(Clusters *c, int a, int b, bool same) {
  double size = c->size[a] + c->size[b];
  for (int k = 0; k < c->count; k++) {
    if (!(c->size[k] > 0) || k == a || k == b) continue;
    *between(c, b, k) = *between(c, k, b) = (c->size[a] * *between(c, a, k) + c->size[b] * *between(c, b, k)) / size;
  }
  c->size[b] = size;
  c->size[a] = 0;
  if (same) c->root[end_of(c, a)] = end_of(c, b);
}

/* Chains of nearest neighbours (Murtagh, Computational Statistics Quarterly 1, 1984). Heights never fall towards the
 * root, so that a merge below the cut holds only merges below it. */
static void grow(Clusters *c, double cut) {
  int length = 0;
  for (int left = c->count; left > 1;) {
    if (!length)
      for (int a = 0; !length; a++)
        if (c->size[a] > 0) c->chain[length++] = a;
    int a = c->chain[length - 1], b = nearest(c, a, length > 1 ? c->chain[length - 2] : -1);
    if (length > 1 && b == c->chain[length - 2]) {
      merge(c, a, b, *between(c, a, b) <= cut);
      length -= 2;
      left--;
    } else {
      c->chain[length++] = b;
    }
  }
}

/* The column with the largest mean |r| to the others of its cluster stays; of equals the first. */
static void keep_medoids(CmFit *fit, const Clusters *c, const int *column, const double *correlation, int *best,
                         double *best_sum) {
  for (int a = 0; a < c->count; a++) best[a] = -1;
  for (int a = 0; a < c->count; a++) {
    int root = end_of(c, a);
    double sum = 0;
    for (int b = 0; b < c->count; b++)
      if (b != a && end_of(c, b) == root) sum += correlation[(int64_t)a * c->count + b];
    if (best[root] >= 0 && sum <= best_sum[root]) continue;
    best[root] = a;
    best_sum[root] = sum;
  }
  for (int a = 0; a < c->count; a++)
    if (best[end_of(c, a)] != a) fit->column[column[a]].gone = "in a cluster that another one stands for";
}

bool cm__drop_clustered(CmFit *fit, CmError **err) {
  CmArena scratch = {.ctx = fit->scratch->ctx};
  Clusters c = {0};
  bool ok = false;
  size_t cells;
  int *column = CM__NEW(&scratch, int, fit->features, err);
  if (!column) goto done;
  for (int j = 0; j < fit->features; j++)
    if (!fit->column[j].gone) column[c.count++] = j;
  if (!cm_size_multiply((size_t)c.count, (size_t)c.count, &cells, err)) goto done;
  c.distance = CM__NEW(&scratch, double, cells, err);
  c.size = CM__NEW(&scratch, double, c.count, err);
  c.root = CM__NEW(&scratch, int, c.count, err);
  c.chain = CM__NEW(&scratch, int, c.count + 1, err);
  double *correlation = CM__NEW(&scratch, double, cells, err), *sum = CM__NEW(&scratch, double, c.count, err);
  int *best = CM__NEW(&scratch, int, c.count, err);
  if (!c.distance || !c.size || !c.root || !c.chain || !correlation || !sum || !best) goto done;
  for (int a = 0; a < c.count; a++) {
    c.size[a] = 1;
    c.root[a] = a;
    for (int b = 0; b < a; b++) {
      double r = fabs(cm__column_correlation(fit, &fit->column[column[a]], &fit->column[column[b]]));
      correlation[(int64_t)a * c.count + b] = correlation[(int64_t)b * c.count + a] = r;
      *between(&c, a, b) = *between(&c, b, a) = 1 - r;
    }
  }
  grow(&c, 1 - fit->params->max_cluster);
  keep_medoids(fit, &c, column, correlation, best, sum);
  ok = true;
done:
  cm__arena_free(&scratch);
  return ok;
}
