#ifndef CORMACK_OPS_CHEST_LUNGS_H
#define CORMACK_OPS_CHEST_LUNGS_H

#include "ops/chest/canonical.h"

typedef struct LungsParams {
  double threshold, closing, smallest, least;
} LungsParams;

bool cm__lungs_default_params(CmContext *ctx, LungsParams *params, CmError **err);
/* Labels of the operation «lungs» on the canonical grid (see thorax.h); airway gets the airways. */
bool cm__lungs_find(CmContext *ctx, const Canonical *c, const LungsParams *params, CmImage *lungs, CmImage *airway,
                    CmError **err);

#endif
