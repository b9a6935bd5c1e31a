#include "ops/morphology/call.h"

static bool run(const CmCall *call, CmError **err) {
  return cm__morph_call(call, CM_MORPH_DILATE, err);
}

CM_OP(dilate) = {
    CM_MORPH_OP(dilate, "Grow by a structuring element.", run),
    .reach = cm__morph_reach,
    .examples =
        "cormack dilate mask.nii.gz out.nii.gz --radius 3 --units mm\ncormack dilate organs.nii.gz out.nii.gz --shape "
        "box --radius 2,2,1 --mode label",
};
