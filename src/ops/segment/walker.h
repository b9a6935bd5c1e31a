/* Linear systems on the graph of a grid's faces: sum over the neighbours of w (x - x') = 0 where x is not given.
 *
 * Voxels are red where x + y + z is even, else black; every edge joins a red one to a black one. Red ones are
 * eliminated exactly, and the conjugate gradient method with the diagonal as preconditioner finds the black ones. */
#ifndef CM_OPS_SEGMENT_WALKER_H
#define CM_OPS_SEGMENT_WALKER_H

#include "ops/lines.h"

/* Half a row: the red or black voxels of one; `half` of them with one more before and behind. Row number `rows` is 0
 * all along and stands for what lies outside. */
typedef struct CmWalker {
  CmContext *ctx;
  int64_t nx, ny, nz, rows, half, stride, chunk;
  float *weight[6];      /* of red voxels to the neighbour before and behind along x, y, z */
  double *red, *black;   /* 1 / degree of red voxels, degree of black ones */
  float *scale;          /* 1 / diagonal of the black system */
  double *x, *r, *p, *q; /* black */
  double *t;             /* red */
  double *red_b;         /* right-hand side of red voxels; that of black ones is handed over in r */
  double *part;          /* sums by chunk */
} CmWalker;

/* Room for a grid; all weights are 0. Free with cm__walker_close(), also after a failure. */
bool cm__walker_open(CmContext *ctx, const int64_t n[3], CmWalker *walker, CmError **err);
void cm__walker_close(CmWalker *walker);

/* Where voxel x of row (y, z) stands in the arrays of its colour. */
static inline int64_t cm__walker_at(const CmWalker *w, int64_t x, int64_t row) {
  return row * w->stride + 1 + x / 2;
}
static inline bool cm__walker_is_red(const CmWalker *w, int64_t x, int64_t row) {
  return ((x + row % w->ny + row / w->ny) & 1) == 0;
}

/* Once the weights are set: degrees. Then fixed(arg, x, row) says whose value is given: their edges are cut (and stay
 * in their neighbours' degrees). */
bool cm__walker_prepare(CmWalker *walker, bool (*fixed)(const void *arg, int64_t x, int64_t row), const void *arg,
                        CmError **err);
/* red_b and r hold the right-hand sides; x the result for black voxels, t that for red ones. Ends when the residual,
 * measured in the norm of the preconditioner, is `tol` of what it was. CM_ERR_DATA after `iterations` steps. */
bool cm__walker_solve(CmWalker *walker, const char *what, double tol, int64_t iterations, CmError **err);

#endif
