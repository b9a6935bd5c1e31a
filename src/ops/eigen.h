/* Eigenvalues of symmetric 2x2 and 3x3 matrices. Only basic operations and square roots: the same bits everywhere. */
#ifndef CM_OPS_EIGEN_H
#define CM_OPS_EIGEN_H

#include <stdint.h>

/* Of {xx, yy, zz, xy, xz, yz}, largest first, by Jacobi's rotations: to the last few bits of the largest one. For
 * single matrices. */
void cm__eigen3(const double m[6], double e[3]);

/* Of n matrices at once, for a row of voxels: m[0..5] are lines of xx, yy, zz, xy, xz, yz, e[0..2] the lines of the
 * eigenvalues, largest first. Closed form, side by side in the vector registers, about forty times as fast as the
 * rotations; a pair of equal eigenvalues may come out 3e-8 of the largest magnitude apart. Numbers that are not finite,
 * or above 1e150: NaN. A line of e may be a line of m. */
void cm__eigen3_line(const double *const m[6], int64_t n, double *const e[3]);
/* The same in 2D: m[0..2] are lines of xx, yy, xy; to the last few bits of the largest magnitude. */
void cm__eigen2_line(const double *const m[3], int64_t n, double *const e[2]);

#endif
