/* Growing trees with XGBoost. Its library is loaded when the first tree is asked for, so that the program starts
 * without it. */
#ifndef CORMACK_LEARN_GROW_H
#define CORMACK_LEARN_GROW_H

#include "learn/trees.h"

typedef struct CmGrowSetting {
  const char *name;
  char value[64];
} CmGrowSetting;

typedef struct CmGrow {
  const CmGrowSetting *settings;
  int setting_count;
  int rounds;
  const float *target; /* one a row */
  const float *weight; /* one a row; NULL: all 1 */
  int outputs;         /* trees of a round go to the outputs in turn: 0 .. outputs-1 */
  int width;           /* of a prediction, see CmTrees */
} CmGrow;

/* Adds the trees to `trees` (tree, count, base are set; outputs as given). Single-threaded, so that the bits do not
 * depend on threads; may run in several threads at once. CM_ERR_UNSUPPORTED where libxgboost is not installed. */
bool cm__grow(CmArena *hold, const CmTraining *training, const CmGrow *grow, CmTrees *trees, CmError **err);

/* A setting as XGBoost reads it. */
CmGrowSetting cm__grow_real(const char *name, double value);
CmGrowSetting cm__grow_int(const char *name, int64_t value);
CmGrowSetting cm__grow_text(const char *name, const char *value);
/* Weights that make all classes weigh the same, mean 1; NULL on failure. */
float *cm__grow_balance(CmArena *scratch, const CmTraining *training, CmError **err);

#endif
