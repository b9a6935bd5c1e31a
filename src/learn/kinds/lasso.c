/* Linear regression that drops features. */
#include "learn/regress.h"

typedef struct LassoParams {
  double alpha, tolerance;
  int64_t rounds;
} LassoParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(LassoParams, alpha, 1, 0, 1e12, "", "weight of the penalty; more shrinks more"),
    CM_PARAM_REAL(LassoParams, tolerance, 1e-8, 1e-15, 1, "1",
                  "ends at this duality gap, as a share of the target's squares"),
    CM_PARAM_INT(LassoParams, rounds, 10000, 1, 10000000, "", "over the features, at most"),
};

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const LassoParams *p = params;
  const CmDescent options = {p->alpha, 1, p->tolerance, p->rounds};
  return cm__descend(hold, training, &options, err);
}

CM_MODEL_KIND(lasso) = {
    .kind = {.about = {.name = "lasso",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Linear regression that drops features.",
                       .details = "Minimises the mean squared error / 2 plus alpha times the absolute coefficients, by "
                                  "coordinate descent. The "
                                  "intercept is not penalised.",
                       CM_OP_PARAMS(LassoParams, params_table),
                       .cite = "Tibshirani: Regression shrinkage and selection via the lasso, J. R. Stat. Soc. B 58, "
                               "1996; Friedman, Hastie, Tibshirani, J. Stat. Softw. 33, 2010"},
             .tasks = 1u << CM_TASK_REGRESSION,
             .wants_scaling = true,
             .explains_rows = true},
    .fit = fit,
    .predict = cm__linear_predict,
    .explain = cm__linear_explain,
    .weights = cm__linear_weights,
    .write = cm__linear_write,
    .read = cm__linear_read,
};
