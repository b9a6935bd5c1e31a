/* The steps from a canonical chest CT to its lungs, in the order in which they are taken. */
#ifndef CORMACK_OPS_CHEST_THORAX_H
#define CORMACK_OPS_CHEST_THORAX_H

#include "ops/chest/canonical.h"

/* mask (u8 on the canonical grid): the largest piece of what is above `threshold`, after an opening by a ball of
 * open_mm that cuts off tables, tubes and cloth. false with CM_ERR_DATA where nothing is above it. */
bool cm__body_tissue(CmContext *ctx, const Canonical *c, double threshold, double open_mm, CmImage *mask,
                     CmError **err);

/* air: 1 where HU < threshold and at least `sides` of the four rays within the axial slice (left, right, front, back)
 * meet the body. */
bool cm__enclosed_air(CmContext *ctx, const Canonical *c, const CmImage *body, double threshold, int sides,
                      CmImage *air, CmError **err);

/* Trachea and bronchi. airway: 1 the lumen as far as it could be followed, 2 its wide part (trachea, main bronchi) with
 * the wall; all 0, and *found false, where no trachea was seen. centre_mm: x of the trachea in mm along the canonical x
 * axis. */
bool cm__airway_find(CmContext *ctx, const Canonical *c, const CmImage *body, const CmImage *air, CmImage *airway,
                     bool *found, double *centre_mm, CmError **err);

/* In place: takes gas of stomach and bowel out of `air` (from which the airways were taken before). */
bool cm__gas_erase(CmContext *ctx, const Canonical *c, CmImage *air, CmError **err);

/* In place: 1 -> 1 (right) or 2 (left). centre_mm: x that tells the sides apart where there is only one lung. */
bool cm__lungs_split(CmContext *ctx, const Canonical *c, CmImage *lungs, double centre_mm, CmError **err);

#endif
