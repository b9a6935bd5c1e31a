#include "ops/filter/terms.h"

#include <math.h>
#include <string.h>

/* Terms gather in the result itself, one after the other; the last one of a magnitude takes the root. */
typedef struct Gather {
  CmImage *out;
  CmGrid grid;
  double scale;
  bool magnitude, first, last;
} Gather;

static void gather(void *arg, void *line, int64_t row, int64_t n, bool wide) {
  const Gather *job = arg;
  const void *before = cm__row(job->out, &job->grid, row);
  const bool out_f64 = cm_image_type(job->out) == CM_F64;
  for (int64_t i = 0; i < n; i++) {
    const double term = (wide ? ((double *)line)[i] : (double)((float *)line)[i]) * job->scale;
    double sum = job->magnitude ? term * term : term;
    if (!job->first) sum += out_f64 ? ((const double *)before)[i] : (double)((const float *)before)[i];
    if (job->magnitude && job->last) sum = sqrt(sum);
    if (wide)
      ((double *)line)[i] = sum;
    else
      ((float *)line)[i] = (float)sum;
  }
}

bool cm__terms_call(const CmCall *call, CmTerms *terms, CmError **err) {
  const CmImage *image = call->in[0].image;
  CmMask mask;
  bool ok = false;
  CmImage *out = NULL;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) goto done;
  out = cm_image_create_like(call->ctx, image, terms->type, cm_image_components(image), err);
  if (!out) goto done;
  if (terms->count == 0) memset(cm_image_data_mut(out), 0, cm_image_bytes(out));
  Gather sum = {.out = out, .grid = cm__grid(out), .magnitude = terms->magnitude};
  for (int k = 0; k < terms->count; k++) {
    CmSeparable job = {.what = terms->what,
                       .image = image,
                       .border = (CmBorder)terms->border,
                       .border_value = terms->border_value,
                       .out = out,
                       .finish = gather,
                       .arg = &sum};
    memcpy(job.taps, terms->item[k].taps, sizeof(job.taps));
    sum.scale = terms->item[k].scale;
    sum.first = k == 0;
    sum.last = k == terms->count - 1;
    if (!cm__separable(call->ctx, &job, err)) goto done;
  }
  if (!cm__mask_blank(call->ctx, &mask, out, err)) goto done;
  call->out[0] = cm_value_image(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&out);
  cm__terms_free(terms);
  return ok;
}

void cm__terms_free(CmTerms *terms) {
  for (int k = 0; k < CM_COUNT(terms->item); k++)
    for (int axis = 0; axis < 3; axis++) {
      cm_free(terms->item[k].taps[axis].half);
      terms->item[k].taps[axis].half = NULL;
    }
}

double cm__per_factor(int32_t per, const CmImage *image, int axis, int order) {
  double factor = 1.0;
  for (int k = 0; k < order && per == 0; k++) factor /= cm_image_geometry(image)->spacing[axis];
  return factor;
}

bool cm__terms_gradient(const CmCall *call, CmTerms *terms, const CmReals *sigma, int32_t units, int32_t per,
                        double truncate, CmError **err) {
  const CmImage *image = call->in[0].image;
  double voxels[3];
  cm__axis_sizes(sigma, units, image, voxels);
  terms->magnitude = true;
  for (int axis = 0; axis < 3; axis++) {
    if (cm_image_dims(image)[axis] == 1) continue;
    CmTerm *term = &terms->item[terms->count++];
    term->scale = cm__per_factor(per, image, axis, 1);
    for (int k = 0; k < 3; k++)
      if (!cm__gaussian_taps(call->ctx, voxels[k], truncate, k == axis ? 1 : 0, &term->taps[k], err)) {
        cm__terms_free(terms);
        return false;
      }
  }
  return true;
}
