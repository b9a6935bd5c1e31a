#include "ops/enhance/hessian.h"

bool cm__scales_open(const CmCall *call, int32_t type, CmMask *mask, CmImage **out, CmError **err) {
  const CmImage *image = call->in[0].image;
  if (!cm__mask_open(mask, &call->in[1], image, err)) return false;
  *out = cm_image_create_like(call->ctx, image, type == 1 ? CM_F64 : CM_F32, cm_image_components(image), err);
  return *out != NULL;
}

bool cm__scales_close(const CmCall *call, bool ok, const CmMask *mask, CmImage *out, CmError **err) {
  if (!ok || !cm__mask_blank(call->ctx, mask, out, err)) {
    cm_image_unref(&out);
    return false;
  }
  call->out[0] = cm_value_image(out);
  return true;
}

static double larger(double a, double b) {
  return a > b || a != a ? a : b;
}

void cm__scales_keep(CmImage *out, const CmHessianPiece *piece, int64_t component, bool first, const double *line) {
  const CmGrid grid = cm__grid(out);
  const int64_t c = grid.components, at = piece->x * c + component;
  if (cm_image_type(out) == CM_F64) {
    double *to = (double *)cm__row_mut(out, &grid, piece->row) + at;
    for (int64_t i = 0; i < piece->n; i++) to[i * c] = first ? line[i] : larger(line[i], to[i * c]);
  } else {
    float *to = (float *)cm__row_mut(out, &grid, piece->row) + at;
    for (int64_t i = 0; i < piece->n; i++) to[i * c] = (float)(first ? line[i] : larger(line[i], (double)to[i * c]));
  }
}

void cm__scales_get(const CmImage *out, const CmHessianPiece *piece, int64_t component, double *line) {
  const CmGrid grid = cm__grid(out);
  const int64_t c = grid.components, at = piece->x * c + component;
  const void *row = cm__row(out, &grid, piece->row);
  for (int64_t i = 0; i < piece->n; i++)
    line[i] =
        cm_image_type(out) == CM_F64 ? ((const double *)row)[at + i * c] : (double)((const float *)row)[at + i * c];
}
