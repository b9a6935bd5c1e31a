#include "ops/filter/edge_kernels.h"

static bool run(const CmCall *call, CmError **err) {
  return cm__edge_call(call, "sobel", 1.0, 2.0, err);
}

CM_OP(sobel) = {
    CM_EDGE_FIELDS(sobel, "Slopes by the Sobel operator.", "1, 2, 1"),
    .cite = "Sobel I, Feldman G. A 3x3 isotropic gradient operator for image processing. Stanford AI Project, 1968",
    .run = run,
};
