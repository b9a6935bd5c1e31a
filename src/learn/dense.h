/* Dense linear algebra on small matrices, row-major, in a fixed order of operations: the same bits everywhere. */
#ifndef CORMACK_LEARN_DENSE_H
#define CORMACK_LEARN_DENSE_H

#include "core/arena.h"

/* a: n x n, symmetric positive definite; its lower triangle becomes L of a = L L'. false where a pivot is not > 0. */
bool cm__cholesky(double *a, int n);
/* x becomes the solution of L L' x = b, b given in x. */
void cm__cholesky_solve(const double *l, int n, double *x);
/* x becomes L^-1 x, the first half of it. */
void cm__cholesky_forward(const double *l, int n, double *x);

/* Singular values of a (rows x columns), falling, and what belongs to them. rank = min(rows, columns). */
typedef struct CmSvd {
  int rank;
  double *value; /* rank */
  double *right; /* rank x columns: each row a direction of length 1, its largest number positive */
  double *left;  /* rank x count: scalar products of the left directions with each of the `count` columns of b */
} CmSvd;
/* a: rows x columns; b: rows x count, or NULL with count 0; both are overwritten. Householder's reduction, then
 * one-sided Jacobi rotations (Golub, Van Loan: Matrix computations, 2013, sections 5.2 and 8.6.3). */
bool cm__svd(CmArena *hold, double *a, int64_t rows, int columns, double *b, int count, CmSvd *svd, CmError **err);

#endif
