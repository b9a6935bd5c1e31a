/* One decision tree by exhaustive search of splits (Breiman, Friedman, Olshen, Stone: Classification and regression
 * trees, 1984). */
#ifndef CORMACK_LEARN_CART_H
#define CORMACK_LEARN_CART_H

#include "learn/trees.h"

enum { CM__CART_GINI, CM__CART_ENTROPY }; /* regression: variance, whatever this says */

typedef struct CmCart {
  int criterion;
  int64_t max_depth;    /* 0: none but CM__DEEPEST_TREE */
  double min_split;     /* least weight of a node that is split */
  double min_leaf;      /* least weight of a leaf */
  double min_gain;      /* least fall of the impurity, times the node's share of all weight */
  const double *weight; /* of each class; NULL: 1 */
} CmCart;

/* One tree an output, of the same splits: leaves hold the share of the output's class, or the mean. Values are single
 * precision. Of equal splits the one of the first feature at the lowest value is taken. */
bool cm__cart(CmArena *hold, const CmTraining *training, const CmCart *options, CmTrees *trees, CmError **err);

#endif
