/* Kernels, and single machines of support vectors: a weighted sum of kernels with training rows. LIBSVM only trains. */
#ifndef CORMACK_LEARN_KERNEL_H
#define CORMACK_LEARN_KERNEL_H

#include <libsvm/svm.h>

#include "learn/kind.h"

enum { CM__KERNEL_LINEAR, CM__KERNEL_RBF, CM__KERNEL_POLY };

typedef struct CmKernel {
  int kind, degree;
  double gamma, coef0;
} CmKernel;

/* Parameters of a kernel, and rows that describe them for a struct S with these members. */
#define CM__KERNEL_FIELDS \
  int32_t kernel;         \
  double gamma;           \
  int64_t degree;         \
  double coef0
#define CM__KERNEL_PARAMS(S)                                                                                     \
  CM_PARAM_ENUM(S, kernel, "linear|rbf|poly", "rbf", "x'y, exp(-gamma |x-y|^2), or (gamma x'y + coef0)^degree"), \
      CM_PARAM_REAL(S, gamma, 0, 0, 1e12, "1", "of the kernel; 0: 1 / (features * variance of all values)"),     \
      CM_PARAM_INT(S, degree, 3, 1, 10, "", "of the polynomial"),                                                \
      CM_PARAM_REAL(S, coef0, 0, -1e6, 1e6, "1", "constant of the polynomial")

/* gamma 0: as CM__KERNEL_PARAMS says. */
CmKernel cm__kernel(int kind, double gamma, int64_t degree, double coef0, const CmTraining *training);
/* The kernel between x and each of `count` vectors. */
void cm__kernel_values(const CmKernel *kernel, const double *x, const double *vectors, int count, int features,
                       double *values);
void cm__kernel_write(const CmKernel *kernel, CmTextBuffer *json); /* as one object */
bool cm__kernel_read(CmArena *hold, const json_t *json, CmKernel *kernel, CmError **err);

/* Training rows as LIBSVM wants them, one a pointer. NULL on failure. */
struct svm_node **cm__svm_rows(CmArena *scratch, const CmTraining *training, CmError **err);
/* LIBSVM's settings for a kernel; the caller adds its own. */
struct svm_parameter cm__svm_settings(const CmKernel *kernel, double tolerance);
/* Trains; free with svm_free_and_destroy_model(). NULL and *err on failure. */
struct svm_model *cm__svm_train(const struct svm_problem *problem, const struct svm_parameter *parameter,
                                CmError **err);

/* One machine: sum of alpha kernel(x, vector) - rho. */
typedef struct CmMachine {
  CmKernel kernel;
  int features, vectors;
  double *vector; /* vectors x features */
  double *alpha, rho;
} CmMachine;

/* parameter: from cm__svm_settings(), for EPSILON_SVR or ONE_CLASS; target NULL for the latter. */
CmMachine *cm__machine_fit(CmArena *hold, const CmTraining *training, const CmKernel *kernel,
                           const struct svm_parameter *parameter, const double *target, CmError **err);

/* Functions of a CmModelBody whose state is a CmMachine. */
bool cm__machine_predict(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err);
void cm__machine_write(const void *state, CmTextBuffer *json);
void *cm__machine_read(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err);

#endif
