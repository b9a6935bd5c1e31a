/* Exact search for the nearest rows by Euclidean distance. */
#ifndef CORMACK_LEARN_NEAREST_H
#define CORMACK_LEARN_NEAREST_H

#include "core/arena.h"

typedef struct CmNear {
  double distance; /* squared */
  int64_t row;
} CmNear;

/* The k nearest so far, the farthest on top; of equal distances the earlier row is nearer. */
typedef struct CmNearHeap {
  CmNear *near; /* k places */
  int k, count;
} CmNearHeap;

void cm__near_put(CmNearHeap *heap, CmNear near);

/* Rows that are searched, in single precision in tiles beside the doubles. */
typedef struct CmNearest {
  int64_t rows;
  int features;
  const double *x; /* borrowed: rows x features */
  float *tile;     /* of 16 rows each: features x 16 */
  float *half;     /* half the squared length of each row; infinite behind the last */
  double longest;  /* row; infinite where single precision is not enough */
} CmNearest;

bool cm__nearest_make(CmArena *hold, const double *x, int64_t rows, int features, CmNearest *nearest, CmError **err);
/* Puts all rows that can be among the nearest of each of `count` points into its heap. */
bool cm__nearest_find(const CmNearest *nearest, CmContext *ctx, const double *x, int64_t count, CmNearHeap *heap,
                      CmError **err);

#endif
