/* Linear regression between lasso and ridge. */
#include "learn/regress.h"

typedef struct ElasticNetParams {
  double alpha, l1_ratio, tolerance;
  int64_t rounds;
} ElasticNetParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(ElasticNetParams, alpha, 1, 0, 1e12, "", "weight of the penalty; more shrinks more"),
    CM_PARAM_REAL(ElasticNetParams, l1_ratio, 0.5, 0, 1, "1", "share of the absolute penalty; 1: lasso, 0: ridge"),
    CM_PARAM_REAL(ElasticNetParams, tolerance, 1e-8, 1e-15, 1, "1",
                  "ends at this duality gap, as a share of the target's squares"),
    CM_PARAM_INT(ElasticNetParams, rounds, 10000, 1, 10000000, "", "over the features, at most"),
};

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const ElasticNetParams *p = params;
  const CmDescent options = {p->alpha, p->l1_ratio, p->tolerance, p->rounds};
  return cm__descend(hold, training, &options, err);
}

CM_MODEL_KIND(elastic_net) = {
    .kind = {.about = {.name = "elastic_net",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Linear regression that shrinks coefficients and drops features.",
                       .details = "Minimises the mean squared error / 2 plus alpha (l1_ratio |w| + (1 - l1_ratio) w^2 "
                                  "/ 2), by coordinate descent. The "
                                  "intercept is not penalised.",
                       CM_OP_PARAMS(ElasticNetParams, params_table),
                       .cite = "Zou, Hastie: Regularization and variable selection via the elastic net, J. R. Stat. "
                               "Soc. B 67, 2005; Friedman, Hastie, Tibshirani, J. Stat. Softw. 33, 2010"},
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
