/* cormack body: the patient in a CT or PET, without table and air. */
#include <math.h>
#include <string.h>

#include "cormack/op.h"
#include "cormack/parallel.h"
#include "ops/chest/thorax.h"
#include "ops/lines.h"
#include "ops/segment/holes.h"

enum { AUTO, FIXED };

typedef struct BodyParams {
  int32_t method;
  double threshold, opening;
  bool fill;
} BodyParams;

typedef struct Mark {
  const CmImage *image;
  CmGrid grid;
  double limit, *line;
  uint8_t *out;
} Mark;

static bool mark_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Mark *m = arg;
  double *line = m->line + range.worker * m->grid.nx;
  for (int64_t r = range.begin; r < range.end; r++) {
    cm__line_to_f64(cm_image_type(m->image), cm__row(m->image, &m->grid, r), m->grid.nx, line);
    for (int64_t x = 0; x < m->grid.nx; x++) m->out[r * m->grid.nx + x] = line[x] >= m->limit;
  }
  return true;
}

static bool choose_limit(const BodyParams *p, const CmImage *image, double *limit, CmError **err) {
  *limit = p->threshold;
  if (p->method == FIXED) return true;
  const char *unit = cm_image_unit(image);
  if (strcmp(unit, "HU") == 0)
    *limit = -300;
  else if (strcmp(unit, "g/ml") == 0)
    *limit = 0.15;
  else {
    cm_error_set(err, CM_ERR_DATA,
                 "the unit is «%s», for which no threshold is known; give method=fixed and a threshold", unit);
    return false;
  }
  return true;
}

static CmImage *mark_body(CmContext *ctx, const CmImage *image, double limit, CmError **err) {
  CmImage *mask = cm_image_create_like(ctx, image, CM_U8, 1, err);
  if (!mask) return NULL;
  Mark m = {.image = image, .grid = cm__grid(image), .limit = limit, .out = cm_image_data_mut(mask)};
  m.line = cm_alloc_array(ctx, (size_t)cm_context_threads(ctx), (size_t)m.grid.nx * sizeof(double), err);
  if (!m.line || !cm_parallel_for(ctx, NULL, m.grid.rows, cm__row_chunk(&m.grid), mark_rows, &m, err))
    cm_image_unref(&mask);
  cm_free(m.line);
  return mask;
}

static bool run(const CmCall *call, CmError **err) {
  const BodyParams *p = call->params;
  CmContext *ctx = call->ctx;
  const CmImage *image = call->in[0].image;
  double limit;
  if (!choose_limit(p, image, &limit, err)) return false;
  Canonical c = {0};
  CmImage *raw = mark_body(ctx, image, limit, err), *mask = NULL, *out = NULL;
  bool ok = false;
  if (!raw || !cm__canonical_make(ctx, raw, 0, &c, err)) goto done;
  mask = cm__canonical_mask(ctx, &c, err);
  out = mask ? cm_image_create_like(ctx, image, CM_U8, 1, err) : NULL;
  if (!out || !cm__body_tissue(ctx, &c, 0.5, p->opening, mask, err)) goto done;
  if (p->fill && (!cm__fill_holes(ctx, mask, CM_CONNECT_4, 0, false, err) ||
                  !cm__fill_holes(ctx, mask, CM_CONNECT_6, 0, false, err)))
    goto done;
  if (!cm__canonical_back(ctx, &c, mask, out, err) || !cm_image_set_unit(out, "1", err) ||
      !cm_image_set_label(out, 1, "body", (const uint8_t[]){204, 121, 167}, err))
    goto done;
  call->out[0] = cm_value_labels(out);
  out = NULL;
  ok = true;
done:
  cm_image_unref(&out);
  cm_image_unref(&mask);
  cm_image_unref(&raw);
  cm__canonical_free(&c);
  return ok;
}

static const CmParam params[] = {
    CM_PARAM_ENUM(BodyParams, method, "auto|fixed", "auto",
                  "auto: by the unit (-300 HU, SUV 0.15 g/ml); fixed: threshold"),
    CM_PARAM_REAL(BodyParams, threshold, -300, -1e30, 1e30, "",
                  "least value of the body where method is fixed, in the image's unit"),
    CM_PARAM_REAL(BodyParams, opening, 3, 0, 50, "mm",
                  "radius of the ball whose opening cuts off table, tubes and cloth"),
    CM_PARAM_BOOL(BodyParams, fill, "true", "fill what the body encloses: lungs, airways, bowel gas"),
};
static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "CT in HU, PET in SUV, or any volume with method=fixed"}};
static const CmPort outputs[] = {{.name = "body", .kind = CM_KIND_LABELS, .help = "1 body"}};

CM_OP(body) = {
    .name = "body",
    .family = "chest",
    .since = "0.1",
    .summary = "Segment the patient's body in a CT or PET.",
    .details =
        "What is at least the threshold, opened by a ball, its largest piece by faces, holes filled in each axial "
        "slice and in 3D. The axial slice "
        "is found from the direction matrix.",
    CM_OP_PARAMS(BodyParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 0,
    .cite = "Threshold of air and soft tissue: Hu, Hoffman, Reinhardt, IEEE Trans Med Imaging 20 (2001) 490",
    .examples = "cormack body ct.nii.gz body.nii.gz\ncormack body mr.nii.gz body.nii.gz --method fixed --threshold 60",
    .run = run,
};
