#include "ops/segment/hysteresis.h"

#include "ops/intensity/stats.h"
#include "ops/window.h"

bool cm__hysteresis(CmContext *ctx, const CmImage *candidates, CmConnect connect, int64_t label, CmImage *out,
                    CmError **err) {
  CmComponents found = {.count = 0};
  int64_t *labels = NULL;
  bool ok = false;
  if (!cm__components_find(ctx, candidates, connect, CM_COMPONENTS_NONZERO, &found, err)) goto done;
  labels = cm_calloc(ctx, (size_t)found.count, sizeof(int64_t), err);
  if (!labels) goto done;
  for (int64_t row = 0; row < found.grid.rows; row++) {
    const uint8_t *values = cm__row(candidates, &found.grid, row);
    for (int64_t at = found.row_begin[row]; at < found.row_begin[row + 1]; at++)
      for (int64_t x = found.runs[at].x0; x < found.runs[at].x1 && !labels[found.runs[at].component]; x++)
        if (values[x] == 2) labels[found.runs[at].component] = label;
  }
  ok = cm__components_paint(ctx, &found, labels, false, out, err);
done:
  cm_free(labels);
  cm__components_free(&found);
  return ok;
}

bool cm__hysteresis_check(int32_t thresholds, double lower, double upper, CmError **err) {
  if (!(lower <= upper)) {
    cm_error_set(err, CM_ERR_PARAMETER, "lower %g is above upper %g; swap them", lower, upper);
    return false;
  }
  if (thresholds == 0 && (lower < 0.0 || upper > 100.0)) {
    cm_error_set(err, CM_ERR_PARAMETER, "thresholds=percentile needs lower and upper between 0 and 100");
    return false;
  }
  return true;
}

bool cm__hysteresis_limits(CmContext *ctx, int32_t thresholds, const CmImage *image, const CmMask *mask, double *lower,
                           double *upper, CmError **err) {
  if (thresholds == 1) return true;
  const CmPart part = {.image = image, .mask = mask, .row_begin = 0, .row_end = cm__grid(image).rows, .component = -1};
  const double q[2] = {*lower / 100.0, *upper / 100.0};
  double values[2];
  if (!cm__part_quantiles(ctx, &part, NULL, q, 2, values, err)) return false;
  *lower = values[0];
  *upper = values[1];
  return true;
}

typedef struct HysteresisParams {
  int32_t thresholds;
  double lower, upper;
  int32_t connectivity;
  int64_t foreground;
} HysteresisParams;

static const CmParam params[] = {
    CM_HYSTERESIS_PARAMS(HysteresisParams),
    CM_PARAM_ENUM(HysteresisParams, connectivity, CM_CONNECT_CHOICES, "26",
                  "which voxels touch: by faces (6), also edges (18), also corners (26); each slice by itself: sides "
                  "(4), also corners (8)"),
    CM_PARAM_INT(HysteresisParams, foreground, 1, 1, 255, "1", "label of what is found"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "what is segmented"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {{.name = "labels", .kind = CM_KIND_LABELS, .help = "u8 label map"}};

static void classify(void *arg, const CmWindowRow *row) {
  const HysteresisParams *p = arg;
  for (int64_t i = 0; i < row->n; i++)
    row->to[i] = row->centre[i] >= p->upper ? 2.0 : row->centre[i] >= p->lower ? 1.0 : 0.0;
}

static bool run(const CmCall *call, CmError **err) {
  HysteresisParams p = *(const HysteresisParams *)call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  CmImage *candidates = NULL, *out = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err) ||
      !cm__hysteresis_limits(call->ctx, p.thresholds, image, &mask, &p.lower, &p.upper, err))
    goto done;
  candidates = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  out = candidates ? cm_image_create_like(call->ctx, image, CM_U8, 1, err) : NULL;
  const CmWindow job = {.what = "hysteresis",
                        .image = image,
                        .mask = &mask,
                        .blank = true,
                        .out = candidates,
                        .row = classify,
                        .arg = &p};
  if (!out || !cm_image_set_unit(out, "1", err) || !cm__window(call->ctx, &job, err) ||
      !cm__hysteresis(call->ctx, candidates, (CmConnect)p.connectivity, p.foreground, out, err))
    goto done;
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&candidates);
  cm_image_unref(&out);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const HysteresisParams *p = values;
  return cm__hysteresis_check(p->thresholds, p->lower, p->upper, err);
}

CM_OP(hysteresis) = {
    .name = "hysteresis",
    .family = "segment",
    .since = "0.1",
    .summary = "Threshold that follows strong voxels into weak ones.",
    .details =
        "Voxels with v >= lower whose connected component (of such voxels) holds one with v >= upper. Percentiles are "
        "exact, linear "
        "between order statistics, and measured inside the mask. Mask: what lies outside is background and connects "
        "nothing. NaN is "
        "background. Time points stay apart. Beside the result a byte per voxel and 12 bytes per run of voxels are "
        "allocated.",
    CM_OP_PARAMS(HysteresisParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Canny J. A computational approach to edge detection. IEEE TPAMI 8(6), 1986, section VIII",
    .examples =
        "cormack hysteresis vesselness.nii.gz vessels.nii.gz --lower 92 --upper 99\n"
        "cormack hysteresis ct.nii.gz bone.nii.gz --thresholds value --lower 150 --upper 400",
    .check = check,
    .run = run,
};
