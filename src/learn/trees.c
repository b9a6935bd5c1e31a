#include "learn/trees.h"

#include <math.h>
#include <string.h>

#include "learn/json.h"

bool cm__tree_create(CmArena *hold, int nodes, CmTree *tree, CmError **err) {
  *tree = (CmTree){.nodes = nodes};
  tree->feature = CM__NEW(hold, int, nodes, err);
  tree->right = CM__NEW(hold, int, nodes, err);
  tree->missing = CM__NEW(hold, int, nodes, err);
  tree->number = CM__NEW(hold, float, nodes, err);
  tree->cover = CM__NEW(hold, float, nodes, err);
  tree->gain = CM__NEW(hold, float, nodes, err);
  return tree->feature && tree->right && tree->missing && tree->number && tree->cover && tree->gain;
}

float cm__above_middle(float a, float b) {
  double middle = (double)a / 2 + (double)b / 2;
  float below = (float)middle;
  if ((double)below <= middle) below = nextafterf(below, INFINITY);
  return below > b ? b : below;
}

double *cm__balance(CmArena *scratch, const CmTraining *t, CmError **err) {
  double *weight = CM__NEW(scratch, double, t->classes, err);
  for (int64_t i = 0; weight && i < t->rows; i++) weight[t->y[i]] += 1;
  for (int c = 0; weight && c < t->classes; c++) weight[c] = (double)t->rows / (t->classes * weight[c]);
  return weight;
}

static bool goes_left(const CmTree *tree, int node, const double *x) {
  float value = (float)x[tree->feature[node]];
  return isnan(value) ? tree->missing[node] : value < tree->number[node];
}

void cm__trees_sum(const CmTrees *trees, const double *x, float *sum) {
  for (int o = 0; o < trees->outputs; o++) sum[o] = trees->base;
  for (int t = 0; t < trees->count; t++) {
    const CmTree *tree = &trees->tree[t];
    int node = 0;
    while (tree->feature[node] >= 0) node = goes_left(tree, node, x) ? node + 1 : tree->right[node];
    sum[tree->output] += tree->number[node];
  }
}

void cm__trees_number(const float *sum, int outputs, double *to) {
  for (int o = 0; o < outputs; o++) to[o] = (double)sum[o];
}

void cm__trees_shares(const float *sum, int outputs, double *probability) {
  if (outputs == 1) {
    double share = fmin(fmax((double)sum[0], 0), 1);
    probability[0] = 1 - share;
    probability[1] = share;
    return;
  }
  double total = 0;
  for (int o = 0; o < outputs; o++) total += probability[o] = fmax((double)sum[o], 0);
  for (int o = 0; o < outputs; o++) probability[o] = total > 0 ? probability[o] / total : 1.0 / outputs;
}

bool cm__trees_predict(const CmTrees *trees, CmContext *ctx, const double *x, int64_t rows, CmTreesLinkFn *link,
                       double *to, CmError **err) {
  float *sum = cm_alloc_array(ctx, (size_t)trees->outputs, sizeof *sum, err);
  if (!sum) return false;
  for (int64_t i = 0; i < rows; i++) {
    cm__trees_sum(trees, x + i * trees->features, sum);
    link(sum, trees->outputs, to + i * trees->width);
  }
  cm_free(sum);
  return true;
}

/* ---- Shapley values
 * -------------------------------------------------------------------------------------------------- A path holds, for
 * each feature met on the way down: the share of subsets that flow on without it (zero) and with it (one), and the
 * weights of subsets by size. */

typedef struct CmPath {
  int feature;
  double zero, one, weight;
} CmPath;

static void extend(CmPath *path, int depth, double zero, double one, int feature) {
  path[depth] = (CmPath){feature, zero, one, depth == 0 ? 1 : 0};
  for (int i = depth - 1; i >= 0; i--) {
    path[i + 1].weight += one * path[i].weight * (i + 1) / (depth + 1);
    path[i].weight = zero * path[i].weight * (depth - i) / (depth + 1);
  }
}

static void unwind(CmPath *path, int depth, int at) {
  double one = path[at].one, zero = path[at].zero, next = path[depth].weight;
  for (int i = depth - 1; i >= 0; i--) {
    if (one != 0) {
      double old = path[i].weight;
      path[i].weight = next * (depth + 1) / ((i + 1) * one);
      next = old - path[i].weight * zero * (depth - i) / (depth + 1);
    } else {
      path[i].weight = path[i].weight * (depth + 1) / (zero * (depth - i));
    }
  }
  for (int i = at; i < depth; i++) {
    path[i].feature = path[i + 1].feature;
    path[i].zero = path[i + 1].zero;
    path[i].one = path[i + 1].one;
  }
}

static double unwound_sum(const CmPath *path, int depth, int at) {
  double one = path[at].one, zero = path[at].zero, next = path[depth].weight, total = 0;
  for (int i = depth - 1; i >= 0; i--) {
    if (one != 0) {
      double part = next * (depth + 1) / ((i + 1) * one);
      total += part;
      next = path[i].weight - part * zero * (depth - i) / (depth + 1);
    } else {
      total += path[i].weight * (depth + 1) / (zero * (depth - i));
    }
  }
  return total;
}

typedef struct CmWalk {
  const CmTree *tree;
  const double *x;
  double *phi; /* features */
} CmWalk;

/* `above` is the parent's path; `path` the room behind it. Depth is at most CM__DEEPEST_TREE. */
static void walk(const CmWalk *w, int node, int depth, const CmPath *above, CmPath *path, double zero, double one,
                 int feature) {
  if (depth) memcpy(path, above, sizeof *path * (size_t)depth);
  extend(path, depth, zero, one, feature);
  const CmTree *tree = w->tree;
  if (tree->feature[node] < 0) {
    for (int i = 1; i <= depth; i++)
      w->phi[path[i].feature] +=
          unwound_sum(path, depth, i) * (path[i].one - path[i].zero) * (double)tree->number[node];
    return;
  }
  int left = node + 1, right = tree->right[node], split = tree->feature[node];
  bool to_left = goes_left(tree, node, w->x);
  int hot = to_left ? left : right, cold = to_left ? right : left;
  double met_zero = 1, met_one = 1;
  for (int i = 1; i <= depth; i++) {
    if (path[i].feature != split) continue;
    met_zero = path[i].zero;
    met_one = path[i].one;
    unwind(path, depth, i);
    depth--;
    break;
  }
  double cover = (double)tree->cover[left] + (double)tree->cover[right]; /* so that the shares sum to one exactly */
  walk(w, hot, depth + 1, path, path + depth + 1, met_zero * (double)tree->cover[hot] / cover, met_one, split);
  walk(w, cold, depth + 1, path, path + depth + 1, met_zero * (double)tree->cover[cold] / cover, 0, split);
}

/* Mean of the leaves by cover, below `node`. */
static double expect(const CmTree *tree, int node) {
  if (tree->feature[node] < 0) return (double)tree->number[node];
  int left = node + 1, right = tree->right[node];
  double a = (double)tree->cover[left], b = (double)tree->cover[right];
  return (a * expect(tree, left) + b * expect(tree, right)) / (a + b);
}

bool cm__trees_explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                       CmError **err) {
  const CmTrees *trees = state;
  /* each level needs room for its path: 1 + 2 + ... + (deepest + 2) */
  CmPath *path = cm_alloc_array(ctx, (CM__DEEPEST_TREE + 2) * (CM__DEEPEST_TREE + 3) / 2, sizeof *path, err);
  double *base = cm_calloc(ctx, (size_t)trees->outputs, sizeof *base, err);
  bool ok = path && base;
  if (!ok) goto done;
  for (int o = 0; o < trees->outputs; o++) base[o] = (double)trees->base;
  for (int t = 0; t < trees->count; t++) base[trees->tree[t].output] += expect(&trees->tree[t], 0);
  int64_t width = trees->features + 1;
  for (int64_t i = 0; i < rows; i++) {
    double *to = contribution + i * trees->outputs * width;
    memset(to, 0, sizeof *to * (size_t)(trees->outputs * width));
    for (int t = 0; t < trees->count; t++) {
      const CmTree *tree = &trees->tree[t];
      CmWalk w = {tree, x + i * trees->features, to + tree->output * width};
      walk(&w, 0, 0, NULL, path, 1, 1, -1);
    }
    for (int o = 0; o < trees->outputs; o++) to[o * width + trees->features] = base[o];
  }
done:
  cm_free(base);
  cm_free(path);
  return ok;
}

void cm__trees_gain(const void *state, const double *scale, CmWeights *weights) {
  (void)scale;
  const CmTrees *trees = state;
  weights->measures = 1;
  weights->measure[0] = "gain";
  memset(weights->value[0], 0, sizeof(double) * (size_t)(trees->outputs * trees->features));
  for (int t = 0; t < trees->count; t++) {
    const CmTree *tree = &trees->tree[t];
    for (int i = 0; i < tree->nodes; i++)
      if (tree->feature[i] >= 0)
        weights->value[0][tree->output * trees->features + tree->feature[i]] += (double)tree->gain[i];
  }
  for (int o = 0; o < trees->outputs; o++) {
    double *value = weights->value[0] + o * trees->features, total = 0;
    for (int j = 0; j < trees->features; j++) total += value[j];
    for (int j = 0; j < trees->features && total > 0; j++) value[j] /= total;
  }
}

/* ---- as data --------------------------------------------------------------------------------------------------------
 */

void cm__trees_write(const void *state, CmTextBuffer *json) {
  const CmTrees *trees = state;
  cm__text_add(json, "{\"base\":");
  cm__json_floats(json, &trees->base, 1);
  cm__text_add(json, ",\"trees\":[");
  for (int t = 0; t < trees->count; t++) {
    const CmTree *tree = &trees->tree[t];
    cm__text_addf(json, "%s{\"output\":%d,\"feature\":", t ? "," : "", tree->output);
    cm__json_ints(json, tree->feature, tree->nodes);
    cm__text_add(json, ",\"right\":");
    cm__json_ints(json, tree->right, tree->nodes);
    cm__text_add(json, ",\"missing_left\":");
    cm__json_ints(json, tree->missing, tree->nodes);
    cm__text_add(json, ",\"number\":");
    cm__json_floats(json, tree->number, tree->nodes);
    cm__text_add(json, ",\"cover\":");
    cm__json_floats(json, tree->cover, tree->nodes);
    cm__text_add(json, ",\"gain\":");
    cm__json_floats(json, tree->gain, tree->nodes);
    cm__text_add(json, "}");
  }
  cm__text_add(json, "]}");
}

/* Walks the tree as prediction will; the node behind the subtree, or -1. */
static int check_subtree(const CmTree *tree, int node, int depth) {
  if (node >= tree->nodes || depth > CM__DEEPEST_TREE || !(tree->cover[node] > 0)) return -1;
  if (tree->feature[node] < 0) return tree->right[node] == 0 ? node + 1 : -1;
  int right = check_subtree(tree, node + 1, depth + 1);
  return right > 0 && right == tree->right[node] ? check_subtree(tree, right, depth + 1) : -1;
}

static bool read_tree(CmArena *hold, const json_t *json, int features, int outputs, CmTree *tree, CmError **err) {
  const json_t *output, *feature, *right, *missing, *number, *cover, *gain;
  CmJsonMember members[] = {{"output", &output}, {"feature", &feature}, {"right", &right}, {"missing_left", &missing},
                            {"number", &number}, {"cover", &cover},     {"gain", &gain}};
  if (!cm__json_members(json, "predictor.trees", members, CM_COUNT(members), err)) return false;
  int64_t nodes = (int64_t)json_array_size(feature);
  bool good = nodes >= 1 && nodes < INT32_MAX && json_is_integer(output) && json_integer_value(output) >= 0 &&
              json_integer_value(output) < outputs;
  if (!good) return cm__json_refuse(err, "predictor.trees");
  *tree = (CmTree){.nodes = (int)nodes, .output = (int)json_integer_value(output)};
  const char *where = "predictor.trees";
  tree->feature = cm__json_read_ints(hold, feature, where, nodes, -1, features - 1, err);
  tree->right = tree->feature ? cm__json_read_ints(hold, right, where, nodes, 0, nodes - 1, err) : NULL;
  tree->missing = tree->right ? cm__json_read_ints(hold, missing, where, nodes, 0, 1, err) : NULL;
  tree->number = tree->missing ? cm__json_read_floats(hold, number, where, nodes, err) : NULL;
  tree->cover = tree->number ? cm__json_read_floats(hold, cover, where, nodes, err) : NULL;
  tree->gain = tree->cover ? cm__json_read_floats(hold, gain, where, nodes, err) : NULL;
  if (!tree->gain) return false;
  return check_subtree(tree, 0, 0) == tree->nodes || cm__json_refuse(err, where);
}

void *cm__trees_read(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  int features = shape->features, outputs = cm__outputs(shape->task, shape->classes);
  const json_t *base, *list;
  CmJsonMember members[] = {{"base", &base}, {"trees", &list}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  CmTrees *trees = CM__NEW(hold, CmTrees, 1, err);
  float *number = trees ? cm__json_read_floats(hold, base, "predictor.base", 1, err) : NULL;
  if (!number) return NULL;
  if (!json_is_array(list) || json_array_size(list) > INT32_MAX) return cm__json_refuse(err, "predictor.trees"), NULL;
  *trees = (CmTrees){.features = features, .outputs = outputs, .count = (int)json_array_size(list), .base = *number};
  trees->width = cm__width(shape->task, shape->classes);
  trees->tree = CM__NEW(hold, CmTree, trees->count, err);
  if (!trees->tree) return NULL;
  for (int t = 0; t < trees->count; t++)
    if (!read_tree(hold, json_array_get(list, (size_t)t), features, outputs, &trees->tree[t], err)) return NULL;
  return trees;
}
