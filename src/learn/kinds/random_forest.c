/* Random forest, grown by XGBoost: squared error without penalty makes each leaf the mean of its rows. On a 0/1 target
 * that is the share of the class, and each split the largest fall of the Gini impurity. */
#include <math.h>

#include "learn/grow.h"
#include "learn/kind.h"

enum { CLASS_WEIGHT_NONE, CLASS_WEIGHT_BALANCED };

typedef struct ForestParams {
  int64_t trees, max_depth;
  double min_leaf, row_sample, column_sample;
  int64_t bins;
  int32_t class_weight;
  int64_t seed;
} ForestParams;

static const CmParam params_table[] = {
    CM_PARAM_INT(ForestParams, trees, 200, 1, 10000, "", "how many trees vote, for each class where there are several"),
    CM_PARAM_INT(ForestParams, max_depth, 16, 1, 32, "", "most splits from the root to a leaf"),
    CM_PARAM_REAL(ForestParams, min_leaf, 1, 1e-6, 1e9, "1",
                  "least number of rows in a leaf (their weight, with balanced classes)"),
    CM_PARAM_REAL(ForestParams, row_sample, 0.632, 0.01, 1, "1",
                  "share of the rows that each tree sees, drawn without putting back"),
    CM_PARAM_REAL(ForestParams, column_sample, 0, 0, 1, "1",
                  "share of the features that each split may choose from; 0: their square root"),
    CM_PARAM_INT(ForestParams, bins, 256, 2, 65535, "", "per feature; splits are at their edges"),
    CM_PARAM_ENUM(ForestParams, class_weight, "none|balanced", "none",
                  "whether each class weighs the same whatever its number of rows"),
    CM_PARAM_INT(ForestParams, seed, 0, 0, 2147483647, "", "of the sampling"),
};

/* Grows the forest of one class against the rest, or of the numbers, and adds its trees for `output`. */
static bool grow_class(CmArena *hold, const CmTraining *training, const ForestParams *p, float *target,
                       const float *weight, int positive, int output, CmTrees *to, CmError **err) {
  for (int64_t i = 0; i < training->rows; i++)
    target[i] = training->y ? training->y[i] == positive : (float)training->value[i];
  double share = p->column_sample > 0 ? p->column_sample : sqrt((double)training->features) / training->features;
  CmGrowSetting settings[] = {
      cm__grow_text("objective", "reg:squarederror"),
      cm__grow_text("tree_method", "hist"),
      cm__grow_text("base_score", "0"),
      cm__grow_text("eta", "1"),
      cm__grow_text("lambda", "0"),
      cm__grow_text("alpha", "0"),
      cm__grow_text("gamma", "0"),
      cm__grow_int("num_parallel_tree", p->trees),
      cm__grow_int("max_depth", p->max_depth),
      cm__grow_real("min_child_weight", p->min_leaf),
      cm__grow_real("subsample", p->row_sample),
      cm__grow_real("colsample_bynode", share),
      cm__grow_int("max_bin", p->bins),
      cm__grow_int("seed", p->seed + output),
  };
  CmGrow grow = {settings, CM_COUNT(settings), 1, target, weight, 1, to->width, (int)p->trees};
  CmTrees one = {.features = training->features};
  if (!cm__grow(hold, training, &grow, &one, err)) return false;
  for (int t = 0; t < one.count; t++) {
    one.tree[t].output = output;
    to->tree[to->count++] = one.tree[t];
  }
  return true;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const ForestParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  int outputs = cm__outputs(training->task, training->classes);
  CmTrees *trees = CM__NEW(hold, CmTrees, 1, err), *result = NULL;
  float *target = CM__NEW(&scratch, float, training->rows, err), *weight = NULL;
  if (!trees || !target) goto done;
  *trees = (CmTrees){.features = training->features, .outputs = outputs};
  trees->width = cm__width(training->task, training->classes);
  trees->tree = CM__NEW(hold, CmTree, p->trees * outputs, err);
  if (!trees->tree) goto done;
  if (training->y && p->class_weight == CLASS_WEIGHT_BALANCED && !(weight = cm__grow_balance(&scratch, training, err)))
    goto done;
  for (int o = 0; o < outputs; o++)
    if (!grow_class(hold, training, p, target, weight, outputs == 1 ? 1 : o, o, trees, err)) goto done;
  result = trees;
done:
  cm__arena_free(&scratch);
  return result;
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
                           "Grown by XGBoost: leaves hold the share of the class, or the mean of the numbers; "
                           "splits lower the Gini impurity, or the variance, most. Rows are drawn without putting "
                           "back (0.632 of them, as many as a bootstrap sample holds). Several classes: a "
                           "forest each, shares divided by "
                           "their sum. Contributions are exact Shapley values of the share of the votes, or of "
                           "the mean.",
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
