#include "ops/morphology/call.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/morphology/grey.h"
#include "ops/morphology/labels.h"

const CmParam cm__morph_params[5] = {
    CM_PARAM_ENUM(CmMorphParams, shape, CM_SHAPE_CHOICES, "ball", "the structuring element"),
    CM_PARAM_REALS(CmMorphParams, radius, "1", 0, 1000, 1, 3, "", "one for all axes, or one each for x,y,z"),
    CM_UNITS_PARAM(CmMorphParams, "voxel"),
    CM_PARAM_ENUM(CmMorphParams, mode, "grey|binary|label", "grey", "how values are treated"),
    CM_PARAM_ENUM(CmMorphParams, border, "ignore|zero", "ignore",
                  "what lies beyond the border: takes no part, or counts as 0"),
};

const CmPort cm__morph_inputs[3] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is filtered"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
    {.name = "element",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .own_grid = true,
     .help = "a structuring element of your own, on any grid: its voxels that are not 0; instead of shape and radius"},
};

/* The value v of an image that has only 0 and v > 0, and at least one v; else 0. Such an image goes by bits in
 * mode=grey. */
#define CM_TEMPLATE "ops/morphology/two_valued_tmpl.c"
#include "ops/each_type.h"
static bool (*const two_valued[CM_TYPE_COUNT])(const void *, int64_t, double *) = CM_TYPE_TABLE(two_valued);

typedef struct Scan {
  const CmImage *image;
  double *values; /* per chunk: 0 nothing yet, -1 more than two values */
} Scan;

static bool scan_values(void *arg, CmRange range, CmError **err) {
  const Scan *scan = arg;
  (void)err;
  const char *from =
      (const char *)cm_image_data(scan->image) + (size_t)range.begin * cm_type_size(cm_image_type(scan->image));
  double value = 0.0;
  scan->values[range.chunk] =
      two_valued[cm_image_type(scan->image)](from, range.end - range.begin, &value) ? value : -1.0;
  return true;
}

static bool find_value(CmContext *ctx, const CmImage *image, double *value, CmError **err) {
  const int64_t n = cm_image_values(image), chunks = cm_chunk_count(n, 1 << 20);
  Scan scan = {.image = image, .values = cm_alloc_array(ctx, (size_t)chunks, sizeof(double), err)};
  bool ok = scan.values && cm_parallel_for(ctx, NULL, n, 1 << 20, scan_values, &scan, err);
  *value = 0.0;
  for (int64_t k = 0; ok && k < chunks; k++) {
    if (scan.values[k] == 0.0) continue;
    if (scan.values[k] < 0.0 || (*value != 0.0 && *value != scan.values[k])) {
      *value = 0.0;
      break;
    }
    *value = scan.values[k];
  }
  cm_free(scan.values);
  return ok;
}

static bool work(const CmCall *call, CmMorph morph, const CmElement *element, CmImage *out, CmError **err) {
  const CmMorphParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const bool zero = p->border == 1;
  double value = 1.0;
  if (p->mode == 2) return cm__morph_labels(call->ctx, image, morph, element, zero, out, err);
  if (p->mode == 0 && cm_image_components(image) == 1 && !find_value(call->ctx, image, &value, err)) return false;
  if (p->mode == 1 || (value > 0.0 && cm_image_components(image) == 1 && cm_type_is_integer(cm_image_type(image))))
    return cm__morph_binary(call->ctx, image, morph, element, zero, (int64_t)value, out, err);
  return cm__morph_grey(call->ctx, image, morph, element, zero, out, err);
}

bool cm__morph_call(const CmCall *call, CmMorph morph, CmError **err) {
  const CmMorphParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmElement element = {.items = NULL};
  CmImage *out = NULL;
  CmMask mask;
  double radii[3];
  bool ok = false;
  if (p->mode != 0 && cm_image_components(image) != 1) {
    cm_error_set(err, CM_ERR_PARAMETER, "mode=%s needs an image with one component, this one has %d; use mode=grey",
                 p->mode == 1 ? "binary" : "label", cm_image_components(image));
    return false;
  }
  if (p->mode == 2 && !cm_type_is_integer(cm_image_type(image))) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "mode=label needs a label map, but the image is %s; convert it to an integer type",
                 cm_type_name(cm_image_type(image)));
    return false;
  }
  cm__axis_sizes(&p->radius, p->units, image, radii);
  if (!cm__mask_open(&mask, &call->in[1], image, err) ||
      !(call->in[2].kind == CM_KIND_NONE
            ? cm__element_create(call->ctx, (CmShape)p->shape, radii, cm_image_dims(image), &element, err)
            : cm__element_of_image(call->ctx, call->in[2].image, image, &element, err)))
    goto done;
  out = cm_image_create_like(call->ctx, image, cm_image_type(image), cm_image_components(image), err);
  if (!out || !work(call, morph, &element, out, err) || !cm__mask_keep(call->ctx, &mask, image, out, err)) goto done;
  call->out[0] = cm_value_image(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&out);
  cm_free(element.items);
  return ok;
}

bool cm__morph_reach(const void *params, const CmImage *image, int64_t reach[3]) {
  const CmMorphParams *p = params;
  return cm__box_reach(&p->radius, p->units, CM_BORDER_CONSTANT, image, reach);
}

bool cm__morph_reach_twice(const void *params, const CmImage *image, int64_t reach[3]) {
  const bool known = cm__morph_reach(params, image, reach);
  for (int axis = 0; axis < 3; axis++) reach[axis] *= 2;
  return known;
}
