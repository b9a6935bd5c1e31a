#include "ops/filter/edge_kernels.h"

static bool run(const CmCall *call, CmError **err) {
  return cm__edge_call(call, "scharr", 3.0, 10.0, err);
}

CM_OP(scharr) = {
    CM_EDGE_FIELDS(scharr, "Slopes by the Scharr operator, whose direction errs least.", "3, 10, 3"),
    .cite = "Scharr H. Optimal operators in digital image processing. Dissertation, Heidelberg, 2000",
    .run = run,
};
