/* Support vector regression. */
#include "learn/machine.h"

typedef struct RegressionParams {
  double C, epsilon;
  CM__KERNEL_FIELDS;
  double tolerance;
} RegressionParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(RegressionParams, C, 1, 1e-12, 1e12, "1", "cost of a unit of error beyond epsilon"),
    CM_PARAM_REAL(RegressionParams, epsilon, 0.1, 0, 1e12, "", "errors up to this cost nothing, in the target's unit"),
    CM__KERNEL_PARAMS(RegressionParams),
    CM_PARAM_REAL(RegressionParams, tolerance, 1e-3, 1e-12, 1, "1", "how far the optimality conditions may be missed"),
};

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const RegressionParams *p = params;
  CmKernel kernel = cm__kernel(p->kernel, p->gamma, p->degree, p->coef0, training);
  CmArena scratch = {.ctx = hold->ctx};
  CmSmo problem;
  CmMachine *machine = NULL;
  if (cm__smo_make(&scratch, 2 * training->rows, p->tolerance, &problem, err)) {
    for (int i = 0; i < problem.count; i++) { /* errors above the target, then those below */
      bool below = i >= training->rows;
      problem.row[i] = below ? i - (int)training->rows : i;
      problem.linear[i] = (below ? -p->epsilon : p->epsilon) - training->value[problem.row[i]];
      problem.low[i] = below ? -p->C : 0;
      problem.high[i] = below ? 0 : p->C;
    }
    machine = cm__machine_fit(hold, training, &kernel, &problem, err);
  }
  cm__arena_free(&scratch);
  return machine;
}

CM_MODEL_KIND(svm_regression) = {
    .kind = {.about = {.name = "svm_regression",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Support vector regression.",
                       .details =
                           "Epsilon-SVR, optimised as LIBSVM does. The saved model holds the support vectors: treat it "
                           "as patient data.",
                       CM_OP_PARAMS(RegressionParams, params_table),
                       .cite = "Chang, Lin: LIBSVM, ACM TIST 2(3), 2011; Drucker et al.: Support vector regression "
                               "machines, NIPS 9, 1996"},
             .tasks = 1u << CM_TASK_REGRESSION,
             .wants_scaling = true},
    .fit = fit,
    .predict = cm__machine_predict,
    .write = cm__machine_write,
    .read = cm__machine_read,
};
