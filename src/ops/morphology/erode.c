#include "ops/morphology/call.h"

static bool run(const CmCall *call, CmError **err) {
  return cm__morph_call(call, CM_MORPH_ERODE, err);
}

CM_OP(erode) = {
    CM_MORPH_OP(erode, "Shrink by a structuring element.", run),
    .reach = cm__morph_reach,
    .examples =
        "cormack erode mask.nii.gz out.nii.gz --radius 3 --units mm\ncormack erode organs.nii.gz out.nii.gz --shape "
        "box --radius 2,2,1 --mode label",
};
