/* Top-hats and the morphological gradient: differences between the image and what the element makes of it. */
#include <float.h>

#include "cormack/parallel.h"
#include "ops/intensity/points.h"
#include "ops/morphology/call.h"
#include "ops/simd.h"

#define CM_TEMPLATE "ops/morphology/difference_tmpl.c"
#include "ops/each_type.h"
static void (*const less[CM_TYPE_COUNT])(const void *, const void *, int64_t, void *) = CM_TYPE_TABLE(less);

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

/* Of images of one type, row by row. */
typedef struct Plain {
  const CmImage *minuend, *subtrahend;
  CmImage *out; /* may be one of them */
  CmGrid grid;
} Plain;

static bool plain_rows(void *arg, CmRange range, CmError **err) {
  const Plain *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    less[cm_image_type(job->out)](cm__row(job->minuend, &job->grid, row), cm__row(job->subtrahend, &job->grid, row),
                                  job->grid.row, cm__row_mut(job->out, &job->grid, row));
  return true;
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
  if (!other) goto done;
  const CmType type = cm__out_type(p->type, cm_image_type(image));
  const CmImage *from = minuend ? minuend : image;
  if (p->mode != 1 && type == cm_image_type(other) && type == cm_image_type(from)) {
    out = cm_image_ref(other);
    Plain job = {sign > 0.0 ? from : other, sign > 0.0 ? other : from, out, cm__grid(out)};
    if (!cm_parallel_for(call->ctx, NULL, job.grid.rows, cm__row_chunk(&job.grid), plain_rows, &job, err) ||
        !cm__mask_blank(call->ctx, &mask, out, err))
      goto done;
  } else {
    out = cm_image_create_like(call->ctx, image, type, cm_image_components(image), err);
    Difference job = {.other = other, .grid = cm__grid(other), .sign = sign, .binary = p->mode == 1};
    if (!out || !cm__points(call->ctx, NULL, from, &mask, CM_OUTSIDE_ZERO, subtract, &job, out, err)) goto done;
  }
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

#define DIFFERENCE(op_name, summary_, formula, reach_, run_)                                                   \
  .name = #op_name, .family = "morphology", .since = "0.1", .summary = summary_,                               \
  .details = formula                                                                                           \
      " Element, modes and border are those of `dilate`. With type=keep a difference beyond the range of an "  \
      "integer type is clamped to it; type=f32 keeps it. Mask: voxels outside are 0; neighbourhoods inside "   \
      "still see them. NaN takes no part where the element holds anything else, and stays NaN in top_hat and " \
      "black_hat. One or two images of the input's type are allocated beside the result.",                     \
  CM_OP_PARAMS(CmMorphParams, params), CM_MORPH_PORTS,                                                         \
  .cite = "Soille P. Morphological Image Analysis, 2nd ed., chapters 3 and 4",                                 \
  .examples = "cormack " #op_name " ct.nii.gz out.nii.gz --radius 3 --units mm", .reach = reach_, .run = run_

CM_OP(top_hat) = {
    DIFFERENCE(top_hat, "What is bright and narrower than the element.", "The image minus its opening.",
               cm__morph_reach_twice, run_top_hat),
};

CM_OP(black_hat) = {
    DIFFERENCE(black_hat, "What is dark and narrower than the element.", "The closing of the image minus the image.",
               cm__morph_reach_twice, run_black_hat),
};

CM_OP(morphological_gradient) = {
    DIFFERENCE(morphological_gradient, "The range of values under the element.", "The dilation minus the erosion.",
               cm__morph_reach, run_gradient),
};
