/* Kernels of support vector machines. */
#ifndef CORMACK_LEARN_KERNEL_H
#define CORMACK_LEARN_KERNEL_H

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

#endif
