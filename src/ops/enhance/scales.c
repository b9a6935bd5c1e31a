#include "ops/enhance/hessian.h"
#include "ops/simd.h"

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

/* to[i * c] = line[i], or the larger of the two; NaN counts as largest. One component at a time, or all there is. */
CM_SIMD static void keep_f32(const double *restrict line, bool first, int64_t n, int64_t c, float *restrict to) {
  if (first && c == 1)
    for (int64_t i = 0; i < n; i++) to[i] = (float)line[i];
  else if (c == 1)
    for (int64_t i = 0; i < n; i++) to[i] = line[i] <= (double)to[i] || to[i] != to[i] ? to[i] : (float)line[i];
  else
    for (int64_t i = 0; i < n; i++)
      to[i * c] = !first && (line[i] <= (double)to[i * c] || to[i * c] != to[i * c]) ? to[i * c] : (float)line[i];
}

static void keep_f64(const double *restrict line, bool first, int64_t n, int64_t c, double *restrict to) {
  for (int64_t i = 0; i < n; i++)
    to[i * c] = !first && (line[i] <= to[i * c] || to[i * c] != to[i * c]) ? to[i * c] : line[i];
}

void cm__scales_keep(CmImage *out, const CmHessianPiece *piece, int64_t component, bool first, const double *line) {
  const CmGrid grid = cm__grid(out);
  const int64_t c = grid.components, at = piece->x * c + component;
  if (cm_image_type(out) == CM_F64)
    keep_f64(line, first, piece->n, c, (double *)cm__row_mut(out, &grid, piece->row) + at);
  else
    keep_f32(line, first, piece->n, c, (float *)cm__row_mut(out, &grid, piece->row) + at);
}

void cm__scales_get(const CmImage *out, const CmHessianPiece *piece, int64_t component, double *line) {
  const CmGrid grid = cm__grid(out);
  const int64_t c = grid.components, at = piece->x * c + component;
  const char *from = (const char *)cm__row(out, &grid, piece->row) + (size_t)at * grid.size;
  if (c == 1) {
    cm__line_to_f64(cm_image_type(out), from, piece->n, line);
    return;
  }
  for (int64_t i = 0; i < piece->n; i++)
    cm__line_to_f64(cm_image_type(out), from + (size_t)(i * c) * grid.size, 1, line + i);
}
