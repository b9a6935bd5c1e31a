/* One-class support vector machine. */
#include <math.h>

#include "learn/machine.h"

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
  CmArena scratch = {.ctx = hold->ctx};
  CmSmo problem;
  CmMachine *machine = NULL;
  double sum = p->nu * (double)training->rows; /* of all b; the first rows start with it */
  if (cm__smo_make(&scratch, training->rows, p->tolerance, &problem, err)) {
    for (int i = 0; i < problem.count; i++) {
      problem.row[i] = i;
      problem.high[i] = 1;
      problem.b[i] = fmin(fmax(sum - i, 0), 1);
    }
    machine = cm__machine_fit(hold, training, &kernel, &problem, err);
  }
  cm__arena_free(&scratch);
  return machine;
}

CM_MODEL_KIND(svm_one_class) = {
    .kind =
        {.about = {.name = "svm_one_class",
                   .family = "model",
                   .since = "0.1",
                   .summary = "Rows unlike the others, by a one-class support vector machine.",
                   .details =
                       "Optimised as LIBSVM does. The score is the decision value: negative for outliers. The saved "
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
