#include "ops/filter/edge_kernels.h"

static bool run(const CmCall *call, CmError **err) {
  return cm__edge_call(call, "prewitt", 1.0, 1.0, err);
}

CM_OP(prewitt) = {
    CM_EDGE_FIELDS(prewitt, "Slopes by the Prewitt operator.", "1, 1, 1"),
    .cite = "Prewitt JMS. Object enhancement and extraction. In: Picture Processing and Psychopictorics, 1970",
    .run = run,
};
