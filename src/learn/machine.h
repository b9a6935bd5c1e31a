/* Single machines of support vectors: a weighted sum of kernels with training rows. */
#ifndef CORMACK_LEARN_MACHINE_H
#define CORMACK_LEARN_MACHINE_H

#include "learn/smo.h"

/* sum of alpha kernel(x, vector) - rho. */
typedef struct CmMachine {
  CmKernel kernel;
  int features, vectors;
  double *vector; /* vectors x features */
  double *alpha, rho;
} CmMachine;

/* Solves the problem; variables of one row add up to its alpha. */
CmMachine *cm__machine_fit(CmArena *hold, const CmTraining *training, const CmKernel *kernel, CmSmo *problem,
                           CmError **err);

/* Functions of a CmModelBody whose state is a CmMachine. */
bool cm__machine_predict(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err);
void cm__machine_write(const void *state, CmTextBuffer *json);
void *cm__machine_read(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err);

#endif
