/* One-class support vector machine, trained by LIBSVM. */
#include "learn/kernel.h"

typedef struct OneClassParams {
  double nu;
  CM__KERNEL_FIELDS;
  double tolerance;
} OneClassParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(OneClassParams, nu, 0.5, 1e-6, 1, "1", "about the share of the training rows that are outliers"),
    CM__KERNEL_PARAMS(OneClassParams),
    CM_PARAM_REAL(OneClassParams, tolerance, 1e-3, 1e-12, 1, "1", "how far the optimality conditions may be missed"),
};

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const OneClassParams *p = params;
  CmKernel kernel = cm__kernel(p->kernel, p->gamma, p->degree, p->coef0, training);
  struct svm_parameter parameter = cm__svm_settings(&kernel, p->tolerance);
  parameter.svm_type = ONE_CLASS;
  parameter.nu = p->nu;
  return cm__machine_fit(hold, training, &kernel, &parameter, NULL, err);
}

CM_MODEL_KIND(svm_one_class) = {
    .kind = {.about = {.name = "svm_one_class",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Rows unlike the others, by a one-class support vector machine.",
                       .details =
                           "Trained by LIBSVM. The score is the decision value: negative for outliers. The saved "
                           "model holds the support vectors: treat it as patient data.",
                       CM_OP_PARAMS(OneClassParams, params_table),
                       .cite = "Schoelkopf et al.: Estimating the support of a high-dimensional distribution, Neural "
                               "Comput. 13, 2001; Chang, Lin: LIBSVM, ACM TIST 2(3), 2011"},
             .tasks = 1u << CM_TASK_OUTLIERS,
             .wants_scaling = true},
    .fit = fit,
    .predict = cm__machine_predict,
    .write = cm__machine_write,
    .read = cm__machine_read,
};
