/* Gradient-boosted trees: on histograms by the library's own code, exactly by XGBoost. */
#include <float.h>
#include <math.h>

#include "learn/boost.h"
#include "learn/grow.h"
#include "learn/kind.h"

enum { METHOD_HIST, METHOD_EXACT };
enum { CLASS_WEIGHT_NONE, CLASS_WEIGHT_BALANCED };

typedef struct BoostingParams {
  int64_t rounds;
  double learning_rate;
  int64_t max_depth;
  double min_child_weight, l2, l1, min_gain, row_sample, column_sample;
  int32_t method;
  int64_t bins;
  int32_t class_weight;
  int64_t seed;
} BoostingParams;

static const CmParam params_table[] = {
    CM_PARAM_INT(BoostingParams, rounds, 100, 1, 100000, "", "how many times trees are added"),
    CM_PARAM_REAL(BoostingParams, learning_rate, 0.1, 1e-6, 1, "1", "share of each tree that is added"),
    CM_PARAM_INT(BoostingParams, max_depth, 3, 1, 32, "", "most splits from the root to a leaf"),
    CM_PARAM_REAL(BoostingParams, min_child_weight, 1, 1e-6, 1e9, "1",
                  "least sum of p (1 - p) in a leaf; regression: number of rows"),
    CM_PARAM_REAL(BoostingParams, l2, 1, 0, 1e9, "1", "penalty on the squares of the leaves"),
    CM_PARAM_REAL(BoostingParams, l1, 0, 0, 1e9, "1", "penalty on the absolute values of the leaves"),
    CM_PARAM_REAL(BoostingParams, min_gain, 0, 0, 1e9, "1", "least drop of the loss that a split must bring"),
    CM_PARAM_REAL(BoostingParams, row_sample, 1, 0.01, 1, "1", "share of the rows that each tree sees"),
    CM_PARAM_REAL(BoostingParams, column_sample, 1, 0.001, 1, "1", "share of the features that each tree sees"),
    CM_PARAM_ENUM(BoostingParams, method, "hist|exact", "hist",
                  "split at the edges of bins, or between any two values"),
    CM_PARAM_INT(BoostingParams, bins, 256, 2, 65535, "", "per feature, for method hist"),
    CM_PARAM_ENUM(BoostingParams, class_weight, "none|balanced", "none",
                  "whether each class weighs the same whatever its number of rows"),
    CM_PARAM_INT(BoostingParams, seed, 0, 0, 2147483647, "", "of the sampling"),
};

/* Trees are grown in single precision, differences of two targets as well. */
static bool fill_target(const CmTraining *training, float *target, CmError **err) {
  for (int64_t i = 0; i < training->rows; i++) {
    target[i] = training->y ? (float)training->y[i] : (float)training->value[i];
    if (training->y || fabs(training->value[i]) < FLT_MAX / 2) continue;
    cm_error_set(err, CM_ERR_DATA, "a target of %g is too large for boosted trees, which go to %g; scale it",
                 training->value[i], FLT_MAX / 2);
    return false;
  }
  return true;
}

static double mean_of(const CmTraining *training) {
  double sum = 0;
  for (int64_t i = 0; i < training->rows; i++) sum += training->value[i];
  return sum / (double)training->rows;
}

/* What both ways of growing need. */
typedef struct Job {
  const BoostingParams *params;
  const CmTraining *training;
  float *target, *weight;
  double base; /* of the number, or of the probability */
} Job;

static bool grow_exactly(CmArena *hold, const Job *job, CmTrees *trees, CmError **err) {
  const BoostingParams *p = job->params;
  const CmTraining *training = job->training;
  int outputs = cm__outputs(training->task, training->classes);
  char base[32];
  cm_real_text(job->base, base);
  CmGrowSetting settings[] = {
      cm__grow_text("objective", !training->y   ? "reg:squarederror"
                                 : outputs == 1 ? "binary:logistic"
                                                : "multi:softprob"),
      cm__grow_text("tree_method", "exact"),
      cm__grow_text("base_score", base),
      cm__grow_real("eta", p->learning_rate),
      cm__grow_int("max_depth", p->max_depth),
      cm__grow_real("min_child_weight", p->min_child_weight),
      cm__grow_real("lambda", p->l2),
      cm__grow_real("alpha", p->l1),
      cm__grow_real("gamma", p->min_gain),
      cm__grow_real("subsample", p->row_sample),
      cm__grow_real("colsample_bytree", p->column_sample),
      cm__grow_int("seed", p->seed),
      cm__grow_int("num_class", training->classes),
  };
  int count = CM_COUNT(settings) - (outputs == 1);
  CmGrow grow = {settings, count, (int)p->rounds, job->target, job->weight, outputs, 0};
  grow.width = cm__width(training->task, training->classes);
  trees->features = training->features;
  if (!cm__grow(hold, training, &grow, trees, err)) return false;
  if (training->y) /* as a margin: log(0.5 / 0.5); softprob takes the score as it is */
    trees->base = outputs == 1 ? 0 : 0.5f;
  return true;
}

static bool grow_on_histograms(CmArena *hold, const Job *job, CmTrees *trees, CmError **err) {
  const BoostingParams *p = job->params;
  CmBoost boost = {.rounds = (int)p->rounds,
                   .max_depth = (int)p->max_depth,
                   .bins = (int)p->bins,
                   .learning_rate = (float)p->learning_rate,
                   .min_child_weight = (float)p->min_child_weight,
                   .l2 = (float)p->l2,
                   .l1 = (float)p->l1,
                   .min_gain = (float)p->min_gain,
                   .row_share = (float)p->row_sample,
                   .feature_share = (float)p->column_sample,
                   .seed = (uint32_t)p->seed,
                   .target = job->target,
                   .weight = job->weight,
                   .base = job->training->task == CM_TASK_BINARY ? 0 : (float)job->base};
  return cm__boost(hold, job->training, &boost, trees, err);
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const BoostingParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  CmTrees *trees = CM__NEW(hold, CmTrees, 1, err), *result = NULL;
  Job job = {p, training, CM__NEW(&scratch, float, training->rows, err), NULL, training->y ? 0.5 : mean_of(training)};
  if (!trees || !job.target || !fill_target(training, job.target, err)) goto done;
  if (training->y && p->class_weight == CLASS_WEIGHT_BALANCED &&
      !(job.weight = cm__grow_balance(&scratch, training, err)))
    goto done;
  bool exact = p->method == METHOD_EXACT;
  if (exact ? grow_exactly(hold, &job, trees, err) : grow_on_histograms(hold, &job, trees, err)) result = trees;
done:
  cm__arena_free(&scratch);
  return result;
}

static void from_margins(const float *sum, int outputs, double *probability) {
  if (outputs == 1) {
    double margin = (double)sum[0];
    probability[0] = 1 / (1 + exp(margin));
    probability[1] = 1 / (1 + exp(-margin));
    return;
  }
  double most = (double)sum[0], total = 0;
  for (int o = 1; o < outputs; o++) most = fmax(most, (double)sum[o]);
  for (int o = 0; o < outputs; o++) total += probability[o] = exp((double)sum[o] - most);
  for (int o = 0; o < outputs; o++) probability[o] /= total;
}

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *probability,
                         CmError **err) {
  const CmTrees *trees = state;
  return cm__trees_predict(trees, ctx, x, rows, trees->width == 1 ? cm__trees_number : from_margins, probability, err);
}

CM_MODEL_KIND(gradient_boosting) = {
    .kind = {.about = {.name = "gradient_boosting",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Gradient-boosted decision trees.",
                       .details = "The trees of XGBoost (method exact: grown by it), by logistic loss (softmax for "
                                  "several classes; squared error "
                                  "for numbers, from their mean). Missing values go "
                                  "down the side that lowers the loss more. "
                                  "Contributions are exact Shapley values of the log-odds, or of the number.",
                       CM_OP_PARAMS(BoostingParams, params_table),
                       .cite = "Chen, Guestrin: XGBoost, KDD 2016; Lundberg et al., Nat. Mach. Intell. 2, 2020"},
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
