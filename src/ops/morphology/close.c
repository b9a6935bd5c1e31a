#include "ops/morphology/call.h"

static bool run(const CmCall *call, CmError **err) {
  return cm__morph_call(call, CM_MORPH_CLOSE, err);
}

CM_OP(close) = {
    CM_MORPH_OP(close, "Dilate, then erode: closes gaps that are narrower than the element.", run),
    .reach = cm__morph_reach_twice,
    .examples =
        "cormack close mask.nii.gz out.nii.gz --radius 3 --units mm\ncormack close organs.nii.gz out.nii.gz --shape "
        "box --radius 2,2,1 --mode label",
};
