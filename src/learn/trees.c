#include "learn/trees.h"

#include <float.h>
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
  const float most = nextafterf(FLT_MAX, 0); /* whose text reads back as a float */
  return fmaxf(fminf(below > b ? b : below, most), -most);
}

double *cm__balance(CmArena *scratch, const CmTraining *t, CmError **err) {
  double *weight = CM__NEW(scratch, double, t->classes, err);
  for (int64_t i = 0; weight && i < t->rows; i++) weight[t->y[i]] += 1;
  for (int c = 0; weight && c < t->classes; c++) weight[c] = (double)t->rows / (t->classes * weight[c]);
  return weight;
}

bool cm__trees_ready(CmArena *hold, CmTrees *trees, CmError **err) {
  for (int t = 0; t < trees->count; t++) {
    CmTree *tree = &trees->tree[t];
    tree->step = CM__NEW(hold, CmStep, tree->nodes, err);
    if (!tree->step) return false;
    for (int i = 0; i < tree->nodes; i++)
      tree->step[i] = tree->feature[i] < 0
                          ? (CmStep){-INFINITY, 0, i, 0}
                          : (CmStep){tree->number[i], tree->feature[i], tree->right[i], tree->missing[i]};
  }
  return true;
}

enum { TOGETHER = 8 }; /* rows, so that the reads of one wait beside those of the others */

/* The leaf of each row; x: TOGETHER x features. */
static void find_leaves(const CmStep *step, const float *x, int features, int *leaf) {
  int node[TOGETHER] = {0}, moved;
  do {
    moved = 0;
    for (int r = 0; r < TOGETHER; r++) {
      const CmStep *at = &step[node[r]];
      float value = x[r * features + at->feature];
      int left = -((value < at->number) | (isnan(value) & at->missing)); /* a mask: no branch that is guessed wrong */
      int next = ((node[r] + 1) & left) | (at->right & ~left);
      moved |= next ^ node[r];
      node[r] = next;
    }
  } while (moved);
  memcpy(leaf, node, sizeof node);
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

/* sum: rows x outputs, in the order of the trees; x: rows x features, rows a multiple of TOGETHER. */
static void sum_trees(const CmTrees *trees, const float *x, int64_t rows, float *sum) {
  int leaf[TOGETHER];
  for (int64_t i = 0; i < rows * trees->outputs; i++) sum[i] = trees->base;
  for (int t = 0; t < trees->count; t++) { /* a tree stays in the cache for all rows */
    const CmTree *tree = &trees->tree[t];
    for (int64_t i = 0; i < rows; i += TOGETHER) {
      find_leaves(tree->step, x + i * trees->features, trees->features, leaf);
      for (int r = 0; r < TOGETHER; r++) sum[(i + r) * trees->outputs + tree->output] += tree->number[leaf[r]];
    }
  }
}

bool cm__trees_predict(const CmTrees *trees, CmContext *ctx, const double *x, int64_t rows, CmTreesLinkFn *link,
                       double *to, CmError **err) {
  CmArena scratch = {.ctx = ctx};
  int64_t whole = (rows + TOGETHER - 1) / TOGETHER * TOGETHER;
  size_t cells;
  if (!cm_size_multiply((size_t)whole, (size_t)trees->features, &cells, err)) return false;
  float *single = CM__NEW(&scratch, float, cells, err), *sum = CM__NEW(&scratch, float, whole * trees->outputs, err);
  bool ok = single && sum;
  for (int64_t i = 0; ok && i < rows * trees->features; i++) single[i] = (float)x[i];
  if (ok) sum_trees(trees, single, whole, sum);
  for (int64_t i = 0; ok && i < rows; i++) link(sum + i * trees->outputs, trees->outputs, to + i * trees->width);
  cm__arena_free(&scratch);
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
  return cm__trees_ready(hold, trees, err) ? trees : NULL;
}
