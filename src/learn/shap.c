/* Shapley values of sums of trees. */
#include <string.h>

#include "learn/trees.h"

/* A path holds, for each feature met on the way down: the share of subsets that flow on without it (zero) and with it
 * (one: 1 or 0), and the weights of subsets by size. */
typedef struct CmPath {
  int feature;
  bool one;
  double zero, weight;
} CmPath;

enum { LONGEST_PATH = CM__DEEPEST_TREE + 2 };

typedef struct CmWalk {
  const CmTree *tree;
  const double *x;
  double *phi;                      /* features */
  double inverse[LONGEST_PATH + 1]; /* of the whole numbers; [0] is not used */
} CmWalk;

static void extend(const CmWalk *w, CmPath *path, int depth, double zero, bool one, int feature) {
  path[depth] = (CmPath){feature, one, zero, depth == 0 ? 1 : 0};
  for (int i = depth - 1; i >= 0; i--) {
    double share = path[i].weight * w->inverse[depth + 1];
    if (one) path[i + 1].weight += share * (i + 1);
    path[i].weight = zero * share * (depth - i);
  }
}

static void unwind(const CmWalk *w, CmPath *path, int depth, int at) {
  double zero = path[at].zero, next = path[depth].weight, factor = (depth + 1) / zero;
  if (path[at].one) {
    for (int i = depth - 1; i >= 0; i--) {
      double old = path[i].weight;
      path[i].weight = next * (depth + 1) * w->inverse[i + 1];
      next = old - path[i].weight * zero * (depth - i) * w->inverse[depth + 1];
    }
  } else {
    for (int i = depth - 1; i >= 0; i--) path[i].weight *= factor * w->inverse[depth - i];
  }
  for (int i = at; i < depth; i++) {
    path[i].feature = path[i + 1].feature;
    path[i].zero = path[i + 1].zero;
    path[i].one = path[i + 1].one;
  }
}

/* The sum of the weights after unwind() of a feature that flows on. */
static double unwound_sum(const CmWalk *w, const CmPath *path, int depth, double zero) {
  double next = path[depth].weight, total = 0, back = zero * w->inverse[depth + 1];
  for (int i = depth - 1; i >= 0; i--) {
    double part = next * ((depth + 1) * w->inverse[i + 1]);
    total += part;
    next = path[i].weight - part * (back * (depth - i));
  }
  return total;
}

/* Features that do not flow on all change the leaf's share by the same: -zero times the unwound sum, in which zero
 * cancels. */
static void add_leaf(const CmWalk *w, const CmPath *path, int depth, double leaf) {
  double without = 0;
  for (int i = depth - 1; i >= 0; i--) without += path[i].weight * w->inverse[depth - i];
  without *= -(depth + 1) * leaf;
  for (int i = 1; i <= depth; i++)
    w->phi[path[i].feature] +=
        path[i].one ? unwound_sum(w, path, depth, path[i].zero) * (1 - path[i].zero) * leaf : without;
}

/* `above` is the parent's path; `path` the room behind it. Depth is at most CM__DEEPEST_TREE. */
static void walk(const CmWalk *w, int node, int depth, const CmPath *above, CmPath *path, double zero, bool one,
                 int feature) {
  if (depth) memcpy(path, above, sizeof *path * (size_t)depth);
  extend(w, path, depth, zero, one, feature);
  const CmTree *tree = w->tree;
  if (tree->feature[node] < 0) {
    add_leaf(w, path, depth, (double)tree->number[node]);
    return;
  }
  int left = node + 1, right = tree->right[node], split = tree->feature[node];
  bool to_left = cm__tree_goes_left(tree, node, w->x);
  int hot = to_left ? left : right, cold = to_left ? right : left;
  double met_zero = 1;
  bool met_one = true;
  for (int i = 1; i <= depth; i++) {
    if (path[i].feature != split) continue;
    met_zero = path[i].zero;
    met_one = path[i].one;
    unwind(w, path, depth, i);
    depth--;
    break;
  }
  double cover = (double)tree->cover[left] + (double)tree->cover[right]; /* so that the shares sum to one exactly */
  walk(w, hot, depth + 1, path, path + depth + 1, met_zero * (double)tree->cover[hot] / cover, met_one, split);
  walk(w, cold, depth + 1, path, path + depth + 1, met_zero * (double)tree->cover[cold] / cover, false, split);
}

/* Mean of the leaves by cover, below `node`. */
static double expect(const CmTree *tree, int node) {
  if (tree->feature[node] < 0) return (double)tree->number[node];
  int left = node + 1, right = tree->right[node];
  double a = (double)tree->cover[left], b = (double)tree->cover[right];
  return (a * expect(tree, left) + b * expect(tree, right)) / (a + b);
}

/* A tree stays in the cache for all rows. */
bool cm__trees_explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                       CmError **err) {
  const CmTrees *trees = state;
  /* each level needs room for its path: 1 + 2 + ... + LONGEST_PATH */
  CmPath *path = cm_alloc_array(ctx, LONGEST_PATH * (LONGEST_PATH + 1) / 2, sizeof *path, err);
  if (!path) return false;
  int64_t width = trees->features + 1;
  CmWalk w = {0};
  for (int i = 1; i <= LONGEST_PATH; i++) w.inverse[i] = 1.0 / i;
  memset(contribution, 0, sizeof *contribution * (size_t)(rows * trees->outputs * width));
  for (int64_t i = 0; i < rows * trees->outputs; i++) contribution[i * width + trees->features] = (double)trees->base;
  for (int t = 0; t < trees->count; t++) {
    w.tree = &trees->tree[t];
    double base = expect(w.tree, 0);
    for (int64_t i = 0; i < rows; i++) {
      w.x = x + i * trees->features;
      w.phi = contribution + (i * trees->outputs + w.tree->output) * width;
      w.phi[trees->features] += base;
      walk(&w, 0, 0, NULL, path, 1, true, -1);
    }
  }
  cm_free(path);
  return true;
}
