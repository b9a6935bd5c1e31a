/* Sums in eight lanes that are added in a fixed order: quick, and the same bits on every machine. */
#ifndef CORMACK_LEARN_LANES_H
#define CORMACK_LEARN_LANES_H

#include <stdint.h>

/* Squared Euclidean distance from a to each of `rows` rows of b, count numbers each; to: rows places. */
void cm__lanes_distances(const double *a, const double *b, int64_t rows, int count, double *to);
/* Scalar products of a with each of `rows` rows of b. */
void cm__lanes_products(const double *a, const double *b, int64_t rows, int count, double *to);

/* Sum, and sum of the squares about `center`. */
double cm__lanes_sum(const double *a, int64_t count);
double cm__lanes_squares(const double *a, double center, int64_t count);

/* Scalar product, and to += share from. */
double cm__lanes_dot(const double *a, const double *b, int64_t count);
void cm__lanes_add(double *to, double share, const double *from, int64_t count);

#endif
