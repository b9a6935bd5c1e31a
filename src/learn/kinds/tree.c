/* A single decision tree. */

#include "learn/cart.h"
#include "learn/draw.h"
#include "learn/json.h"

enum { CLASS_WEIGHT_NONE, CLASS_WEIGHT_BALANCED };

typedef struct TreeParams {
  int32_t criterion;
  int64_t max_depth;
  double min_split, min_leaf, min_gain;
  int32_t class_weight;
} TreeParams;

static const CmParam params_table[] = {
    CM_PARAM_ENUM(TreeParams, criterion, "gini|entropy", "gini",
                  "impurity that splits lower; regression: the variance"),
    CM_PARAM_INT(TreeParams, max_depth, 0, 0, 64, "", "most splits from the root to a leaf; 0: until leaves are pure"),
    CM_PARAM_REAL(TreeParams, min_split, 2, 2, 1e9, "1", "fewest rows (their weight) of a node that is split"),
    CM_PARAM_REAL(TreeParams, min_leaf, 1, 1e-6, 1e9, "1", "fewest rows (their weight) of a leaf"),
    CM_PARAM_REAL(TreeParams, min_gain, 0, 0, 1e300, "",
                  "least fall of the impurity, times the node's share of the rows"),
    CM_PARAM_ENUM(TreeParams, class_weight, "none|balanced", "none",
                  "whether each class weighs the same whatever its number of rows"),
};

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const TreeParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  CmCart options = {p->criterion, p->max_depth, p->min_split, p->min_leaf, p->min_gain, NULL};
  CmTrees *trees = CM__NEW(hold, CmTrees, 1, err);
  bool ok = trees != NULL;
  if (ok && training->y && p->class_weight == CLASS_WEIGHT_BALANCED)
    ok = (options.weight = cm__balance(&scratch, training, err)) != NULL;
  ok = ok && cm__cart(hold, training, &options, trees, err);
  cm__arena_free(&scratch);
  return ok ? trees : NULL;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  const CmTrees *trees = state;
  return cm__trees_predict(trees, ctx, x, rows, trees->width == 1 ? cm__trees_number : cm__trees_shares, to, err);
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  CmTrees *trees = cm__trees_read(hold, json, shape, err);
  if (!trees) return NULL;
  bool same = trees->count == trees->outputs; /* one an output, alike but for the leaves */
  for (int t = 0; same && t < trees->count; t++) {
    const CmTree *a = &trees->tree[0], *b = &trees->tree[t];
    same = b->output == t && a->nodes == b->nodes;
    for (int i = 0; same && i < a->nodes; i++)
      same = a->feature[i] == b->feature[i] && a->right[i] == b->right[i] &&
             (a->feature[i] < 0 || a->number[i] == b->number[i]);
  }
  return same ? trees : (cm__json_refuse(err, "predictor.trees"), NULL);
}

CM_MODEL_KIND(tree) = {
    .kind = {.about = {.name = "tree",
                       .family = "model",
                       .since = "0.1",
                       .summary = "One decision tree, which can be drawn.",
                       .details =
                           "Each split lowers the impurity most, of all features and all places between two "
                           "values; of equals the first feature's lowest. Leaves hold the shares of the classes, "
                           "or the mean. «cormack draw» shows it. Contributions are exact Shapley values.",
                       CM_OP_PARAMS(TreeParams, params_table),
                       .cite = "Breiman, Friedman, Olshen, Stone: Classification and regression trees, 1984"},
             .tasks = CM_TASKS_CLASSES | 1u << CM_TASK_REGRESSION,
             .explains_rows = true},
    .fit = fit,
    .predict = predict_rows,
    .explain = cm__trees_explain,
    .weights = cm__trees_gain,
    .draw = cm__draw_tree,
    .write = cm__trees_write,
    .read = read_state,
};
