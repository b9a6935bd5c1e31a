/* Top-hats and the morphological gradient: differences between the image and what the element makes of it. */
#include "ops/intensity/points.h"
#include "ops/morphology/call.h"

static const CmParam params[] = {
    CM_PARAM_ENUM(CmMorphParams, shape, CM_SHAPE_CHOICES, "ball", "the structuring element"),
    CM_PARAM_REALS(CmMorphParams, radius, "1", 0, 1000, 1, 3, "", "one for all axes, or one each for x,y,z"),
    CM_UNITS_PARAM(CmMorphParams, "voxel"),
    CM_PARAM_ENUM(CmMorphParams, mode, "grey|binary|label", "grey", "how values are treated"),
    CM_PARAM_ENUM(CmMorphParams, border, "ignore|zero", "ignore",
                  "what lies beyond the border: takes no part, or counts as 0"),
    CM_TYPE_PARAM(CmMorphParams),
};

typedef struct Difference {
  const CmImage *other;
  CmGrid grid;
  double sign;
  bool binary; /* the image itself counts as 0 or 1 */
} Difference;

static void subtract(void *arg, int64_t row, double *line, int64_t n) {
  const Difference *job = arg;
  const char *from = cm__row(job->other, &job->grid, row);
  enum { PART = 256 };
  double other[PART];
  for (int64_t begin = 0; begin < n; begin += PART) {
    const int64_t count = n - begin < PART ? n - begin : PART;
    cm__line_to_f64(cm_image_type(job->other), from + (size_t)begin * job->grid.size, count, other);
    for (int64_t i = 0; i < count; i++) {
      const double v = line[begin + i], value = job->binary ? (double)(v < 0.0 || v > 0.0) : v;
      line[begin + i] = job->sign * (value - other[i]);
    }
  }
}

/* One of the four on the whole image, whatever the mask. */
static CmImage *morphed(const CmCall *call, CmMorph morph, CmError **err) {
  const CmValue in[3] = {call->in[0], {.kind = CM_KIND_NONE}, call->in[2]};
  CmValue out = {.kind = CM_KIND_NONE};
  const CmCall inner = {.ctx = call->ctx, .params = call->params, .in = in, .out = &out, .wanted = call->wanted};
  return cm__morph_call(&inner, morph, err) ? out.image : NULL;
}

/* sign * (minuend - what `morph` makes of the image); minuend NULL: the image itself. Takes the minuend over. */
static bool difference(const CmCall *call, CmImage *minuend, CmMorph morph, double sign, CmError **err) {
  const CmMorphParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  CmImage *other = NULL, *out = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) goto done;
  other = morphed(call, morph, err);
  out = other ? cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)),
                                     cm_image_components(image), err)
              : NULL;
  if (!out) goto done;
  Difference job = {.other = other, .grid = cm__grid(other), .sign = sign, .binary = p->mode == 1};
  if (!cm__points(call->ctx, NULL, minuend ? minuend : image, &mask, CM_OUTSIDE_ZERO, subtract, &job, out, err))
    goto done;
  call->out[0] = cm_value_image(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&minuend);
  cm_image_unref(&other);
  cm_image_unref(&out);
  return ok;
}

static bool run_top_hat(const CmCall *call, CmError **err) {
  return difference(call, NULL, CM_MORPH_OPEN, 1.0, err);
}

static bool run_black_hat(const CmCall *call, CmError **err) {
  return difference(call, NULL, CM_MORPH_CLOSE, -1.0, err);
}

static bool run_gradient(const CmCall *call, CmError **err) {
  CmImage *dilated = morphed(call, CM_MORPH_DILATE, err);
  return dilated && difference(call, dilated, CM_MORPH_ERODE, 1.0, err);
}

#define DIFFERENCE(op_name, summary_, formula, run_)                                                           \
  .name = #op_name, .family = "morphology", .since = "0.1", .summary = summary_,                               \
  .details = formula                                                                                           \
      " Element, modes and border are those of `dilate`. With type=keep a difference beyond the range of an "  \
      "integer type is clamped to it; type=f32 keeps it. Mask: voxels outside are 0; neighbourhoods inside "   \
      "still see them. NaN takes no part where the element holds anything else, and stays NaN in top_hat and " \
      "black_hat. One or two images of the input's type are allocated beside the result.",                     \
  CM_OP_PARAMS(CmMorphParams, params), CM_MORPH_PORTS,                                                         \
  .cite = "Soille P. Morphological Image Analysis, 2nd ed., chapters 3 and 4",                                 \
  .examples = "cormack " #op_name " ct.nii.gz out.nii.gz --radius 3 --units mm", .run = run_

CM_OP(top_hat) = {
    DIFFERENCE(top_hat, "What is bright and narrower than the element.", "The image minus its opening.", run_top_hat),
};

CM_OP(black_hat) = {
    DIFFERENCE(black_hat, "What is dark and narrower than the element.", "The closing of the image minus the image.",
               run_black_hat),
};

CM_OP(morphological_gradient) = {
    DIFFERENCE(morphological_gradient, "The range of values under the element.", "The dilation minus the erosion.",
               run_gradient),
};
