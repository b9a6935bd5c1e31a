#include "ops/morphology/call.h"

static bool run(const CmCall *call, CmError **err) {
  return cm__morph_call(call, CM_MORPH_OPEN, err);
}

CM_OP(open) = {
    CM_MORPH_OP(open, "Erode, then dilate: takes off what is thinner than the element.", run),
    .reach = cm__morph_reach_twice,
    .examples =
        "cormack open mask.nii.gz out.nii.gz --radius 3 --units mm\ncormack open organs.nii.gz out.nii.gz --shape box "
        "--radius 2,2,1 --mode label",
};
