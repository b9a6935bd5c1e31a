/* Linear regression by least squares. */
#include "learn/regress.h"

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  (void)params;
  return cm__least_squares(hold, training, 0, err);
}

CM_MODEL_KIND(linear) = {
    .kind = {.about = {.name = "linear",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Linear regression by least squares.",
                       .details = "Of equally good coefficients (more features than rows, or copies of a feature) the "
                                  "shortest. Solved by singular values.",
                       .cite = "Golub, Van Loan: Matrix computations, 2013, section 5.5"},
             .tasks = 1u << CM_TASK_REGRESSION,
             .explains_rows = true},
    .fit = fit,
    .predict = cm__linear_predict,
    .explain = cm__linear_explain,
    .forecast = cm__linear_forecast,
    .weights = cm__linear_weights,
    .write = cm__linear_write,
    .read = cm__linear_read,
};
