/* Kernels between training rows, kept for all machines that are trained on them: folds and pairs of classes share most
 * rows. */
#ifndef CORMACK_LEARN_GRAM_H
#define CORMACK_LEARN_GRAM_H

#include <stdatomic.h>

#include "learn/kernel.h"

typedef struct CmGram {
  CmContext *ctx;
  const CmKernel *kernel;
  const double *x;
  int rows, features;
  _Atomic(float *) *row; /* each computed when it is first asked for */
  atomic_int stored;
  int most; /* that are kept */
} CmGram;

/* One thread's sight of it: rows that find no room are computed anew, and the last few held. */
typedef struct CmGramView {
  CmGram *gram;
  float *slot; /* slots x rows */
  int *held;   /* the row in each slot, or -1 */
  int *place;  /* rows: the slot of each, or -1 */
  int slots, next;
} CmGramView;

bool cm__gram_open(CmArena *hold, const CmKernel *kernel, const CmTraining *training, CmGram *gram, CmError **err);
void cm__gram_close(CmGram *gram);
bool cm__gram_view(CmArena *hold, CmGram *gram, CmGramView *view, CmError **err);
/* The kernel between a row and all rows, in single precision; valid until two others were asked for. NULL on failure.
 */
const float *cm__gram_row(CmGramView *view, int row, CmError **err);
double cm__gram_diagonal(const CmGram *gram, int row);

#endif
