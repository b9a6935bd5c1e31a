/* Growing a random forest (Breiman: Random forests, Mach. Learn. 45, 2001). */
#ifndef CORMACK_LEARN_FOREST_H
#define CORMACK_LEARN_FOREST_H

#include "learn/trees.h"

typedef struct CmForest {
  int trees, max_depth, bins;
  double min_leaf;            /* least weight of a leaf */
  bool bootstrap;             /* rows are drawn with putting back */
  double row_share;           /* of the rows that a tree draws */
  int choices;                /* features that a split may choose from */
  const double *class_weight; /* NULL: 1 */
  uint64_t seed;
} CmForest;

/* One tree an output, of the same splits, for each of the forest's trees: leaves hold the share of the output's class,
 * or the mean, divided by the number of trees. Trees are grown beside each other; the draws of each depend on its
 * number alone. */
bool cm__forest_grow(CmArena *hold, const CmTraining *training, const CmForest *options, CmTrees *trees, CmError **err);

#endif
