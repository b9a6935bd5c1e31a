#include "ops/filter/terms.h"

#include <math.h>
#include <string.h>

#include "ops/simd.h"

/* Terms gather in the result itself, one after the other; the last one of a magnitude takes the root. */
typedef struct Gather {
  CmImage *out;
  CmGrid grid;
  double scale;
  bool magnitude, first, last;
} Gather;

#define GATHER(name, Line, Out)                                                                             \
  CM_SIMD static void name(const Gather *job, Line *restrict line, const Out *restrict before, int64_t n) { \
    const double scale = job->scale;                                                                        \
    const bool magnitude = job->magnitude, first = job->first, root = magnitude && job->last;               \
    for (int64_t i = 0; i < n; i++) {                                                                       \
      const double term = (double)line[i] * scale;                                                          \
      double sum = magnitude ? term * term : term;                                                          \
      if (!first) sum += (double)before[i];                                                                 \
      line[i] = (Line)(root ? sqrt(sum) : sum);                                                             \
    }                                                                                                       \
  }
GATHER(gather_f32_f32, float, float)
GATHER(gather_f64_f32, double, float)
GATHER(gather_f64_f64, double, double)

static void gather(void *arg, void *line, int64_t row, int64_t n, bool wide) {
  const Gather *job = arg;
  const void *before = cm__row(job->out, &job->grid, row);
  if (cm_image_type(job->out) == CM_F64)
    gather_f64_f64(job, line, before, n); /* such a result is calculated in double */
  else if (wide)
    gather_f64_f32(job, line, before, n);
  else
    gather_f32_f32(job, line, before, n);
}

bool cm__terms_call(const CmCall *call, CmTerms *terms, CmError **err) {
  const CmImage *image = call->in[0].image;
  CmSeparable jobs[CM_SEPARABLE_MOST];
  Gather sums[CM_SEPARABLE_MOST];
  CmMask mask;
  bool ok = false;
  CmImage *out = NULL;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) goto done;
  out = cm_image_create_like(call->ctx, image, terms->type, cm_image_components(image), err);
  if (!out) goto done;
  if (terms->count == 0) memset(cm_image_data_mut(out), 0, cm_image_bytes(out));
  for (int k = 0; k < terms->count; k++) {
    sums[k] = (Gather){.out = out,
                       .grid = cm__grid(out),
                       .scale = terms->item[k].scale,
                       .magnitude = terms->magnitude,
                       .first = k == 0,
                       .last = k == terms->count - 1};
    jobs[k] = (CmSeparable){.what = terms->what,
                            .image = image,
                            .border = (CmBorder)terms->border,
                            .border_value = terms->border_value,
                            .out = out,
                            .finish = gather,
                            .arg = &sums[k]};
    memcpy(jobs[k].taps, terms->item[k].taps, sizeof(jobs[k].taps));
  }
  if (!cm__separable_several(call->ctx, jobs, terms->count, err)) goto done;
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
