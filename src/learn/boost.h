/* Gradient boosting on histograms: the trees of XGBoost's method hist on one thread (Chen, Guestrin: XGBoost, KDD
 * 2016), with the same order of every sum, so that they agree to rounding. Each histogram is summed by one thread in
 * the order of the rows: threads share features, and the bits do not depend on their number. */
#ifndef CORMACK_LEARN_BOOST_H
#define CORMACK_LEARN_BOOST_H

#include "learn/cuts.h"
#include "learn/trees.h"

typedef struct CmBoost {
  int rounds, max_depth, bins;
  float learning_rate, min_child_weight, l2, l1, min_gain, row_share, feature_share;
  uint32_t seed;
  const float *target; /* one a row: class or number */
  const float *weight; /* one a row; NULL: all 1 */
  float base;          /* of each output, as a margin */
} CmBoost;

/* Adds the trees: one an output a round. */
bool cm__boost(CmArena *hold, const CmTraining *training, const CmBoost *options, CmTrees *trees, CmError **err);

/* ---- one tree -------------------------------------------------------------------------------------------------------
 */

/* A row with the gradient and the hessian of its loss. */
typedef struct CmPull {
  float gradient, hessian;
  uint32_t row;
} CmPull;

typedef struct CmBoostTree CmBoostTree; /* the room in which trees are grown in turn */

/* The trees live in `scratch`, which may not be used elsewhere while one grows. */
CmBoostTree *cm__boost_tree_create(CmArena *scratch, const CmBoost *options, const CmCuts *cuts, CmError **err);
/* pull: rows, in rising order, which are put into another. chosen: `count` rising numbers of features. Adds the leaf of
 * each row to margin[row * outputs + tree->output]. */
bool cm__boost_tree_grow(CmArena *hold, CmBoostTree *room, CmPull *pull, const int *chosen, int count, float *margin,
                         int outputs, CmTree *tree, CmError **err);

#endif
