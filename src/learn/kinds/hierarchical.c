/* Agglomerative clustering: the two nearest clusters become one, until all are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/json.h"
#include "learn/lanes.h"
#include "learn/means.h"

enum { LINKAGE_WARD, LINKAGE_AVERAGE, LINKAGE_COMPLETE, LINKAGE_SINGLE };

typedef struct HierarchicalParams {
  int64_t clusters;
  int32_t linkage;
} HierarchicalParams;

static const CmParam params_table[] = {
    CM_PARAM_INT(HierarchicalParams, clusters, 3, 1, 1000, "", "how many are left"),
    CM_PARAM_ENUM(HierarchicalParams, linkage, "ward|average|complete|single", "ward",
                  "distance of clusters: growth of the squares, mean, largest or smallest distance of their rows"),
};

typedef struct Hierarchical {
  int clusters, features;
  int64_t rows;
  double *x;  /* rows x features */
  int *label; /* rows */
  int *left;  /* of each of rows - 1 mergers, by rising height: a row, or rows + number of an earlier merger */
  int *right;
  double *height;
} Hierarchical;

typedef struct Merger {
  int a, b; /* a row of each cluster */
  double height;
  int at; /* order of finding, for equal heights */
} Merger;

typedef struct Grouping {
  int64_t n;
  int linkage;
  double *apart; /* pairs i < j; of ward squared */
  int64_t *size; /* 0: merged into another */
  int *chain;
  Merger *merger;
} Grouping;

static double *pair(const Grouping *g, int64_t i, int64_t j) {
  if (i > j) {
    int64_t t = i;
    i = j;
    j = t;
  }
  return &g->apart[i * g->n - i * (i + 1) / 2 + j - i - 1];
}

/* Distance of a merged cluster to another (Lance, Williams, Comput. J. 9, 1967). */
static double update(const Grouping *g, int64_t a, int64_t b, int64_t k, double ab) {
  double ak = *pair(g, a, k), bk = *pair(g, b, k);
  double na = (double)g->size[a], nb = (double)g->size[b], nk = (double)g->size[k];
  switch (g->linkage) {
    case LINKAGE_WARD:
      return ((na + nk) * ak + (nb + nk) * bk - nk * ab) / (na + nb + nk);
    case LINKAGE_AVERAGE:
      return (na * ak + nb * bk) / (na + nb);
    case LINKAGE_COMPLETE:
      return fmax(ak, bk);
    default:
      return fmin(ak, bk);
  }
}

/* The nearest living cluster; of equals `before`, else the first. */
static int nearest(const Grouping *g, int64_t at, int before) {
  int best = before;
  double least = before >= 0 ? *pair(g, at, before) : INFINITY;
  for (int64_t k = 0; k < g->n; k++) {
    if (k == at || !g->size[k]) continue;
    double d = *pair(g, at, k);
    if (!(d < least) && best >= 0) continue;
    least = d;
    best = (int)k;
  }
  return best;
}

/* Chains of nearest neighbours (Murtagh, Comput. J. 26, 1983): each end whose two last are each other's nearest is
 * merged. For these linkages that finds the same mergers as always taking the nearest pair. */
static bool merge_all(Grouping *g, CmContext *ctx, CmError **err) {
  int length = 0, first = 0, found = 0;
  while (found < g->n - 1) {
    if (!length) {
      if (cm_context_cancelled(ctx, err)) return false;
      while (!g->size[first]) first++;
      g->chain[length++] = first;
    }
    int at = g->chain[length - 1], before = length > 1 ? g->chain[length - 2] : -1, next = nearest(g, at, before);
    if (next != before) {
      g->chain[length++] = next;
      continue;
    }
    length -= 2;
    int a = at < before ? at : before, b = at < before ? before : at;
    double ab = *pair(g, a, b);
    g->merger[found] = (Merger){a, b, g->linkage == LINKAGE_WARD ? sqrt(ab) : ab, found};
    found++;
    for (int64_t k = 0; k < g->n; k++)
      if (g->size[k] && k != a && k != b) *pair(g, b, k) = update(g, a, b, k, ab);
    g->size[b] += g->size[a];
    g->size[a] = 0;
  }
  return true;
}

static int lower_first(const void *a, const void *b) {
  const Merger *p = a, *q = b;
  if (p->height != q->height) return p->height < q->height ? -1 : 1;
  return p->at - q->at;
}

static int find(int *parent, int at) {
  while (parent[at] != at) at = parent[at] = parent[parent[at]];
  return at;
}

/* Mergers by rising height with the numbers of what they merge, and the labels that all but the last leave. */
static bool name_mergers(CmArena *scratch, const Grouping *g, Hierarchical *to, CmError **err) {
  int n = (int)g->n;
  int *parent = CM__NEW(scratch, int, n, err), *named = CM__NEW(scratch, int, n, err),
      *place = CM__NEW(scratch, int, n, err);
  if (!parent || !named || !place) return false;
  qsort(g->merger, (size_t)(n - 1), sizeof *g->merger, lower_first);
  for (int i = 0; i < n; i++) {
    parent[i] = named[i] = i;
    place[i] = -1;
  }
  for (int m = 0; m <= n - 1; m++) {
    if (m == n - to->clusters) {
      int next = 0;
      for (int i = 0; i < n; i++) {
        int *at = &place[find(parent, i)];
        if (*at < 0) *at = next++;
        to->label[i] = *at;
      }
    }
    if (m == n - 1) break;
    int a = find(parent, g->merger[m].a), b = find(parent, g->merger[m].b);
    to->left[m] = named[a] < named[b] ? named[a] : named[b];
    to->right[m] = named[a] < named[b] ? named[b] : named[a];
    to->height[m] = g->merger[m].height;
    parent[a] = b;
    named[b] = n + m;
  }
  return true;
}

static bool measure(CmArena *scratch, const CmTraining *t, Grouping *g, CmError **err) {
  size_t pairs;
  if (!cm_size_multiply((size_t)g->n, (size_t)g->n, &pairs, err)) return false;
  g->apart = CM__NEW(scratch, double, pairs / 2, err);
  g->size = CM__NEW(scratch, int64_t, g->n, err);
  g->chain = CM__NEW(scratch, int, g->n, err);
  g->merger = CM__NEW(scratch, Merger, g->n, err);
  if (!g->apart || !g->size || !g->chain || !g->merger) return false;
  int d = t->features;
  for (int64_t i = 0; i < g->n; i++) {
    g->size[i] = 1;
    if (i + 1 == g->n) break;
    double *row = pair(g, i, i + 1);
    cm__lanes_distances(t->x + i * d, t->x + (i + 1) * d, g->n - i - 1, d, row);
    for (int64_t k = 0; k < g->n - i - 1 && g->linkage != LINKAGE_WARD; k++) row[k] = sqrt(row[k]);
  }
  return true;
}

static Hierarchical *make(CmArena *hold, int clusters, int features, int64_t rows, CmError **err) {
  Hierarchical *h = CM__NEW(hold, Hierarchical, 1, err);
  if (h) *h = (Hierarchical){.clusters = clusters, .features = features, .rows = rows};
  return h;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const HierarchicalParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  int64_t n = training->rows;
  if (p->clusters > n || n > 1 << 24) {
    cm_error_set(err, CM_ERR_DATA, "clusters: %lld are asked of %lld rows; use fewer, or k_means for many rows",
                 (long long)p->clusters, (long long)n);
    return NULL;
  }
  Grouping g = {.n = n, .linkage = p->linkage};
  Hierarchical *h = make(hold, (int)p->clusters, training->features, n, err);
  bool ok = h != NULL;
  if (ok) {
    h->x = CM__NEW(hold, double, n * training->features, err);
    h->label = CM__NEW(hold, int, n, err);
    h->left = CM__NEW(hold, int, n - 1, err);
    h->right = CM__NEW(hold, int, n - 1, err);
    h->height = CM__NEW(hold, double, n - 1, err);
    ok = h->x && h->label && h->left && h->right && h->height;
  }
  if (ok) memcpy(h->x, training->x, sizeof(double) * (size_t)(n * training->features));
  ok =
      ok && measure(&scratch, training, &g, err) && merge_all(&g, hold->ctx, err) && name_mergers(&scratch, &g, h, err);
  cm__arena_free(&scratch);
  return ok ? h : NULL;
}

static int parts(const void *state) {
  return ((const Hierarchical *)state)->clusters;
}

/* The cluster of the nearest training row. */
static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  const Hierarchical *h = state;
  double *distances = cm_alloc_array(ctx, (size_t)h->rows, sizeof *distances, err), distance;
  if (!distances) return false;
  for (int64_t i = 0; i < rows; i++) {
    int near = cm__means_nearest(x + i * h->features, h->x, (int)h->rows, h->features, distances, &distance);
    for (int c = 0; c < h->clusters; c++) to[i * h->clusters + c] = c == h->label[near];
  }
  cm_free(distances);
  return true;
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Hierarchical *h = state;
  cm__text_add(json, "{\"label\":");
  cm__json_ints(json, h->label, h->rows);
  cm__text_add(json, ",\"left\":");
  cm__json_ints(json, h->left, h->rows - 1);
  cm__text_add(json, ",\"right\":");
  cm__json_ints(json, h->right, h->rows - 1);
  cm__text_add(json, ",\"height\":");
  cm__json_reals(json, h->height, h->rows - 1);
  cm__text_add(json, ",\"x\":");
  cm__json_reals(json, h->x, h->rows * h->features);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *label, *left, *right, *height, *x;
  CmJsonMember members[] = {{"label", &label}, {"left", &left}, {"right", &right}, {"height", &height}, {"x", &x}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  int64_t rows = (int64_t)json_array_size(label);
  if (rows < shape->classes || rows > 1 << 24) return cm__json_refuse(err, "predictor.label"), NULL;
  Hierarchical *h = make(hold, shape->classes, shape->features, rows, err);
  if (!h) return NULL;
  h->label = cm__json_read_ints(hold, label, "predictor.label", rows, 0, shape->classes - 1, err);
  h->left = h->label ? cm__json_read_ints(hold, left, "predictor.left", rows - 1, 0, 2 * rows - 2, err) : NULL;
  h->right = h->left ? cm__json_read_ints(hold, right, "predictor.right", rows - 1, 0, 2 * rows - 2, err) : NULL;
  h->height = h->right ? cm__json_read_reals(hold, height, "predictor.height", rows - 1, false, err) : NULL;
  h->x = h->height ? cm__json_read_reals(hold, x, "predictor.x", rows * shape->features, false, err) : NULL;
  return h->x ? h : NULL;
}

CM_MODEL_KIND(hierarchical) = {
    .kind =
        {.about = {.name = "hierarchical",
                   .family = "model",
                   .since = "0.1",
                   .summary = "Clusters by merging the nearest, with all mergers.",
                   .details = "Chains of nearest neighbours; the saved model has every merger with its height, as a "
                              "dendrogram needs. Clusters are numbered by their first training row; a new row goes "
                              "to the cluster of the nearest training row. Memory grows with the square of the rows. "
                              "The saved model holds the training rows: treat it as patient data.",
                   CM_OP_PARAMS(HierarchicalParams, params_table),
                   .cite = "Ward, JASA 58, 1963; Lance, Williams, Comput. J. 9, 1967; Murtagh, Comput. J. 26, 1983"},
         .tasks = 1u << CM_TASK_CLUSTERING,
         .wants_scaling = true},
    .fit = fit,
    .predict = predict_rows,
    .parts = parts,
    .write = write_state,
    .read = read_state,
};
