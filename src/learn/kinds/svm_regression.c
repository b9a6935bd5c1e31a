/* Support vector regression, trained by LIBSVM. */
#include "learn/kernel.h"

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
  struct svm_parameter parameter = cm__svm_settings(&kernel, p->tolerance);
  parameter.svm_type = EPSILON_SVR;
  parameter.C = p->C;
  parameter.p = p->epsilon;
  return cm__machine_fit(hold, training, &kernel, &parameter, training->value, err);
}

CM_MODEL_KIND(svm_regression) = {
    .kind = {.about = {.name = "svm_regression",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Support vector regression.",
                       .details =
                           "Trained by LIBSVM (epsilon-SVR). The saved model holds the support vectors: treat it "
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
