/* Fourier transforms of some lines of one length side by side. */
#ifndef CM_OPS_FOURIER_PLAN_H
#define CM_OPS_FOURIER_PLAN_H

#include "ops/fourier.h"

#define LINES CM_FOURIER_LINES /* a vector register of doubles, or two */
enum { CM_FOURIER_FACTORS = 64 };

/* How lines of one length are transformed. */
typedef struct CmFourierPlan {
  CmContext *ctx;
  int64_t n;
  int factor[CM_FOURIER_FACTORS], factors;
  double *cosine, *sine; /* of -2 pi k / n, k < n */
  /* Bluestein: the length m of the convolution, the plan for it, the chirp exp(-i pi k^2 / n) and the transform of its
   * conjugate around 0 */
  struct CmFourierPlan *inner;
  double *chirp_re, *chirp_im, *kernel_re, *kernel_im;
} CmFourierPlan;

/* LINES complex lines in each of two buffers; number k of line b at [k * LINES + b]. */
typedef struct CmFourierWork {
  double *re[2], *im[2];
} CmFourierWork;

/* A plan for n numbers; to be freed on failure as well. */
bool cm__fourier_plan(CmFourierPlan *plan, CmContext *ctx, int64_t n, CmError **err);
void cm__fourier_plan_free(CmFourierPlan *plan);
/* How long the lines of its buffers are. */
int64_t cm__fourier_plan_room(const CmFourierPlan *plan);
/* Buffers; free re[0]. */
bool cm__fourier_work(CmContext *ctx, int64_t longest, CmFourierWork *work, CmError **err);

/* Transforms the lines in buffer 0; returns the buffer that holds the result. */
int cm__fourier_lines(const CmFourierPlan *plan, const CmFourierWork *work);
/* Back, from buffer `at`, without the division by n. */
int cm__fourier_lines_back(const CmFourierPlan *plan, const CmFourierWork *work, int at);

#endif
