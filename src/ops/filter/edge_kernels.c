#include "ops/filter/edge_kernels.h"

const CmParam cm__edge_params[6] = {
    CM_PARAM_ENUM(CmEdgeParams, output, "magnitude|x|y|z", "magnitude",
                  "the magnitude of the slopes, or the slope along one axis"),
    CM_PARAM_ENUM(CmEdgeParams, weights, "unit|raw", "unit",
                  "weights scaled so that a ramp gives its slope, or whole numbers"),
    CM_PER_PARAM(CmEdgeParams),
    CM_BORDER_PARAMS(CmEdgeParams),
    CM_TERMS_TYPE_PARAM(CmEdgeParams),
};

static bool three_taps(CmContext *ctx, int parity, double middle, double side, CmTaps *taps, CmError **err) {
  *taps = (CmTaps){.radius = 1, .parity = parity};
  taps->half = cm_alloc_array(ctx, 2, sizeof(double), err);
  if (!taps->half) return false;
  taps->half[0] = middle;
  taps->half[1] = side;
  return true;
}

bool cm__edge_call(const CmCall *call, const char *what, double side, double middle, CmError **err) {
  return cm__edge_magnitude(call, what, side, middle, false, err);
}

bool cm__edge_reach(const void *params, const CmImage *image, int64_t reach[3]) {
  const CmEdgeParams *p = params;
  return cm__box_reach(&(CmReals){.count = 1, .value = {1}}, 0, p->border, image, reach);
}

bool cm__edge_magnitude(const CmCall *call, const char *what, double side, double middle, bool slices, CmError **err) {
  const int axes = slices ? 2 : 3;
  const CmEdgeParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const double sum = p->weights == 0 ? middle + 2.0 * side : 1.0;
  CmTerms terms = {.what = what,
                   .magnitude = p->output == 0,
                   .border = p->border,
                   .border_value = p->border_value,
                   .type = p->type == 1 ? CM_F64 : CM_F32};
  for (int axis = 0; axis < axes; axis++) {
    if (cm_image_dims(image)[axis] == 1 || (p->output != 0 && p->output != axis + 1)) continue;
    CmTerm *term = &terms.item[terms.count++];
    term->scale = cm__per_factor(p->per, image, axis, 1);
    for (int k = 0; k < axes; k++) {
      if (cm_image_dims(image)[k] == 1) continue;
      const bool made = k == axis ? three_taps(call->ctx, -1, 0.0, p->weights == 0 ? 0.5 : 1.0, &term->taps[k], err)
                                  : three_taps(call->ctx, 1, middle / sum, side / sum, &term->taps[k], err);
      if (!made) {
        cm__terms_free(&terms);
        return false;
      }
    }
  }
  return cm__terms_call(call, &terms, err);
}
