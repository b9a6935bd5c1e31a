/* Sums of decision trees: applied, explained and stored here, grown by boost.h, forest.h, cart.h or XGBoost (grow.h).
 * Numbers are single precision and added in the order of the trees, so that a sum has the bits that XGBoost's own
 * predictor gives. */
#ifndef CORMACK_LEARN_TREES_H
#define CORMACK_LEARN_TREES_H

#include <jansson.h>
#include <math.h>

#include "core/arena.h"
#include "core/text.h"
#include "learn/kind.h"

#define CM__DEEPEST_TREE 64

/* A node for prediction, which a row visits with one read: a leaf leads to itself. */
typedef struct CmStep {
  float number;
  int feature, right, missing;
} CmStep;

/* Nodes in preorder: the left child of node i is i + 1. */
typedef struct CmTree {
  int nodes, output; /* which output it adds to */
  int *feature;      /* -1: a leaf */
  int *right;        /* node number; of a leaf 0 */
  int *missing;      /* 1: missing values go left */
  float *number;     /* value < number goes left; of a leaf what it adds */
  float *cover;      /* weight of the training rows that came by, > 0 */
  float *gain;       /* by which the split lowered the loss; of a leaf 0 */
  CmStep *step;      /* the same, by cm__trees_ready() */
} CmTree;

typedef struct CmTrees {
  int features, outputs, count;
  int width;  /* numbers that a prediction gives for a row */
  float base; /* of each output */
  CmTree *tree;
} CmTrees;

/* The smallest float above half way from a to b, so that what is at or below the middle goes left. */
float cm__above_middle(float a, float b);
/* Weights of the classes that make all the same, mean 1; NULL on failure. */
double *cm__balance(CmArena *scratch, const CmTraining *training, CmError **err);
bool cm__tree_create(CmArena *hold, int nodes, CmTree *tree, CmError **err);
/* Makes what prediction reads, once all nodes are there. */
bool cm__trees_ready(CmArena *hold, CmTrees *trees, CmError **err);
static inline bool cm__tree_goes_left(const CmTree *tree, int node, const double *x) {
  float value = (float)x[tree->feature[node]];
  return isnan(value) ? tree->missing[node] : value < tree->number[node];
}

/* The functions below take a CmTrees as the state of a CmModelBody. */
/* From the sums of a row (`outputs` numbers) to what is predicted: cm__width() numbers. */
typedef void CmTreesLinkFn(const float *sum, int outputs, double *to);
CmTreesLinkFn cm__trees_number; /* the sum itself */
CmTreesLinkFn cm__trees_shares; /* shares of votes, made to sum to 1 */
bool cm__trees_predict(const CmTrees *trees, CmContext *ctx, const double *x, int64_t rows, CmTreesLinkFn *link,
                       double *to, CmError **err);
/* Exact path-dependent Shapley values of the sums (Lundberg et al., Consistent individualized feature attribution for
 * tree ensembles, 2018, algorithm 2); contribution: rows x outputs x (features + 1), the base last. */
bool cm__trees_explain(const void *trees, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                       CmError **err);
/* Each feature's share of the total gain, per output: the measure "gain". */
void cm__trees_gain(const void *trees, const double *scale, CmWeights *weights);
void cm__trees_write(const void *trees, CmTextBuffer *json);
/* Refuses trees that are not in preorder, too deep, or name unknown features. */
void *cm__trees_read(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err);

#endif
