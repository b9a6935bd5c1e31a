/* Random forest: own trees on bootstrap samples, grown beside each other. */
#include <math.h>

#include "learn/bins.h"
#include "learn/forest.h"

enum { CLASS_WEIGHT_NONE, CLASS_WEIGHT_BALANCED };

typedef struct ForestParams {
  int64_t trees, max_depth;
  double min_leaf;
  bool bootstrap;
  double row_sample, column_sample;
  int64_t bins;
  int32_t class_weight;
  int64_t seed;
} ForestParams;

static const CmParam params_table[] = {
    CM_PARAM_INT(ForestParams, trees, 200, 1, 10000, "", "how many trees vote"),
    CM_PARAM_INT(ForestParams, max_depth, 16, 1, CM__DEEPEST_TREE, "", "most splits from the root to a leaf"),
    CM_PARAM_REAL(ForestParams, min_leaf, 1, 1e-6, 1e9, "1",
                  "least number of rows in a leaf (their weight, with balanced classes)"),
    CM_PARAM_BOOL(ForestParams, bootstrap, "true", "whether a tree's rows are drawn with putting back"),
    CM_PARAM_REAL(ForestParams, row_sample, 1, 0.01, 1, "1", "how many rows a tree draws, as a share of all"),
    CM_PARAM_REAL(ForestParams, column_sample, 0, 0, 1, "1",
                  "share of the features that each split may choose from; 0: their square root"),
    CM_PARAM_INT(ForestParams, bins, 255, 2, CM__MOST_BINS, "",
                 "per feature; splits are at their edges, so between any two values where these are fewer"),
    CM_PARAM_ENUM(ForestParams, class_weight, "none|balanced", "none",
                  "whether each class weighs the same whatever its number of rows"),
    CM_PARAM_INT(ForestParams, seed, 0, 0, 2147483647, "", "of the sampling"),
};

static int count_choices(double share, int features) {
  double count = share > 0 ? share * features : sqrt((double)features);
  return count < 1 ? 1 : (int)count;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const ForestParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  CmForest options = {.trees = (int)p->trees,
                      .max_depth = (int)p->max_depth,
                      .bins = (int)p->bins,
                      .min_leaf = p->min_leaf,
                      .bootstrap = p->bootstrap,
                      .row_share = p->row_sample,
                      .choices = count_choices(p->column_sample, training->features),
                      .seed = (uint64_t)p->seed};
  CmTrees *trees = CM__NEW(hold, CmTrees, 1, err);
  bool ok = trees != NULL;
  if (ok && training->y && p->class_weight == CLASS_WEIGHT_BALANCED)
    ok = (options.class_weight = cm__balance(&scratch, training, err)) != NULL;
  ok = ok && cm__forest_grow(hold, training, &options, trees, err);
  cm__arena_free(&scratch);
  return ok ? trees : NULL;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *probability,
                         CmError **err) {
  const CmTrees *trees = state;
  return cm__trees_predict(trees, ctx, x, rows, trees->width == 1 ? cm__trees_number : cm__trees_shares, probability,
                           err);
}

CM_MODEL_KIND(random_forest) = {
    .kind = {.about = {.name = "random_forest",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Many trees, each grown on a part of the rows, vote or give their mean.",
                       .details =
                           "Each tree sees a bootstrap sample, each split some of the features; it lowers the Gini "
                           "impurity, or the variance, most. Leaves hold the shares of the classes, or the mean. "
                           "Missing values go down the side that lowers it more. Contributions are exact Shapley "
                           "values of the share of the votes, or of the mean.",
                       CM_OP_PARAMS(ForestParams, params_table),
                       .cite = "Breiman: Random forests, Mach. Learn. 45, 2001; Malley et al.: Probability machines, "
                               "Methods Inf. Med. 51, 2012"},
             .tasks = CM_TASKS_CLASSES | 1u << CM_TASK_REGRESSION,
             .takes_missing = true,
             .explains_rows = true},
    .fit = fit,
    .predict = predict_rows,
    .explain = cm__trees_explain,
    .weights = cm__trees_gain,
    .write = cm__trees_write,
    .read = cm__trees_read,
};
