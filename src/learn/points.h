/* Values with the rows that they come from, sorted. */
#ifndef CORMACK_LEARN_POINTS_H
#define CORMACK_LEARN_POINTS_H

#include <stdint.h>

typedef struct CmPoint {
  double value;
  int64_t row;
} CmPoint;

/* Bits that rise with what they stand for, and where it was before the sort. */
typedef struct CmKey {
  uint32_t bits, at;
} CmKey;

/* By bits; equal ones stay in order. n: 1 or more; from and to: n places each. Returns the one where they lie sorted.
 */
CmKey *cm__sort_keys(CmKey *from, CmKey *to, uint32_t n);
/* By value; rows must rise, and do so among equal values. No NaN. spare: 2 n places. */
void cm__sort_points(CmPoint *points, CmPoint *spare, int64_t n);
/* What is present of column j of x (rows x features), sorted, equal values by row; how many there are. points:
 * `rows` places; spare: twice as many. */
int64_t cm__sorted_column(const double *x, int64_t rows, int features, int j, CmPoint *points, CmPoint *spare);

#endif
