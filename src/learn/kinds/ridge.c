/* Linear regression with a squared penalty. */
#include "learn/regress.h"

typedef struct RidgeParams {
  double alpha;
} RidgeParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(RidgeParams, alpha, 1, 0, 1e12, "", "weight of the penalty; more shrinks more, 0: least squares"),
};

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const RidgeParams *p = params;
  return cm__least_squares(hold, training, p->alpha, err);
}

CM_MODEL_KIND(ridge) = {
    .kind = {.about = {.name = "ridge",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Linear regression that shrinks its coefficients.",
                       .details = "Minimises the squared error plus alpha times the squares of the coefficients, by "
                                  "singular values. The intercept is "
                                  "not penalised.",
                       CM_OP_PARAMS(RidgeParams, params_table),
                       .cite = "Hoerl, Kennard: Ridge regression, Technometrics 12, 1970"},
             .tasks = 1u << CM_TASK_REGRESSION,
             .wants_scaling = true,
             .explains_rows = true},
    .fit = fit,
    .predict = cm__linear_predict,
    .explain = cm__linear_explain,
    .forecast = cm__linear_forecast,
    .weights = cm__linear_weights,
    .write = cm__linear_write,
    .read = cm__linear_read,
};
