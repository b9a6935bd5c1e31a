/* Drawings of decision trees. */
#ifndef CORMACK_LEARN_DRAW_H
#define CORMACK_LEARN_DRAW_H

#include "learn/trees.h"

/* state: a CmTrees of one tree an output, alike but for the leaves. */
void cm__draw_tree(const void *state, const CmModel *model, bool svg, CmTextBuffer *to);

#endif
