#include <math.h>
#include <string.h>

#include "ops/filter/separable.h"

typedef struct GradientParams {
  CmReals sigma;
  int32_t units;
  int32_t per;
  double truncate;
  int32_t border;
  double border_value;
  int32_t type;
} GradientParams;

static const CmParam params[] = {
  CM_PARAM_REALS(GradientParams, sigma, "0", 0, 1000, 1, 3, "", "standard deviation of the smoothing, one for all axes or one each for x,y,z; 0: central differences"),
  CM_UNITS_PARAM(GradientParams, "mm"),
  CM_PARAM_ENUM(GradientParams, per, "mm|voxel", "mm", "whether the slope is per mm or per voxel"),
  CM_PARAM_REAL(GradientParams, truncate, 4, 1, 20, "1", "where the kernel ends, in standard deviations"),
  CM_BORDER_PARAMS(GradientParams),
  CM_PARAM_ENUM(GradientParams, type, "f32|f64", "f32", "voxel type of the result"),
};

/* The squares of the slopes gather in the result itself, axis after axis; the last one takes the root. */
typedef struct Gather {
  CmImage *out;
  CmGrid grid;
  double scale;
  bool first, last;
} Gather;

static void gather(void *arg, void *line, int64_t row, int64_t n, bool wide)
{
  const Gather *job = arg;
  const void *before = cm__row(job->out, &job->grid, row);
  const bool out_f64 = cm_image_type(job->out) == CM_F64;
  for (int64_t i = 0; i < n; i++) {
    double slope = (wide ? ((double *)line)[i] : (double)((float *)line)[i]) * job->scale;
    double sum = slope * slope;
    if (!job->first)
      sum += out_f64 ? ((const double *)before)[i] : (double)((const float *)before)[i];
    if (job->last)
      sum = sqrt(sum);
    if (wide)
      ((double *)line)[i] = sum;
    else
      ((float *)line)[i] = (float)sum;
  }
}

static bool axis_taps(CmContext *ctx, const GradientParams *p, double sigma, bool derivative, CmTaps *taps, CmError **err)
{
  if (sigma > 0.0 || !derivative)
    return cm__gaussian_taps(ctx, sigma, p->truncate, derivative, taps, err);
  *taps = (CmTaps){.radius = 1, .parity = -1};
  taps->half = cm_calloc(ctx, 2, sizeof(double), err);
  if (!taps->half)
    return false;
  taps->half[1] = 0.5;
  return true;
}

/* Voxels outside the mask are 0. */
static void blank(CmImage *out, const CmGrid *grid, const CmMask *mask, uint8_t *inside)
{
  for (int64_t row = 0; row < grid->rows; row++) {
    cm__mask_row(mask, row, inside);
    char *to = cm__row_mut(out, grid, row);
    for (int64_t x = 0; x < grid->nx; x++)
      if (!inside[x])
        memset(to + (size_t)(x * grid->components) * grid->size, 0, (size_t)grid->components * grid->size);
  }
}

static bool run(const CmCall *call, CmError **err)
{
  const GradientParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  bool ok = false, first = true;
  int last = -1;
  uint8_t *inside = NULL;
  CmImage *out = NULL;
  CmSeparable job = {.what = "gradient_magnitude", .image = image, .border = (CmBorder)p->border, .border_value = p->border_value};
  double sigma[3];
  cm__axis_sizes(&p->sigma, p->units, image, sigma);
  if (!cm__mask_open(&mask, &call->in[1], image, err))
    goto done;
  out = cm_image_create_like(call->ctx, image, p->type == 1 ? CM_F64 : CM_F32, cm_image_components(image), err);
  if (!out)
    goto done;
  CmGrid grid = cm__grid(out);
  for (int axis = 0; axis < 3; axis++)
    last = cm_image_dims(image)[axis] > 1 ? axis : last;
  if (last < 0)
    memset(cm_image_data_mut(out), 0, cm_image_bytes(out));
  for (int axis = 0; axis < 3; axis++) {
    if (cm_image_dims(image)[axis] == 1)
      continue;
    Gather slope = {.out = out, .grid = grid, .scale = p->per == 0 ? 1.0 / cm_image_geometry(image)->spacing[axis] : 1.0,
                    .first = first, .last = axis == last};
    job.out = out;
    job.finish = gather;
    job.arg = &slope;
    bool made = true;
    for (int k = 0; k < 3 && made; k++)
      made = axis_taps(call->ctx, p, sigma[k], k == axis, &job.taps[k], err);
    made = made && cm__separable(call->ctx, &job, err);
    cm__separable_free(&job);
    if (!made)
      goto done;
    first = false;
  }
  if (mask.image) {
    inside = cm_alloc(call->ctx, (size_t)grid.nx, err);
    if (!inside)
      goto done;
    blank(out, &grid, &mask, inside);
  }
  call->out[0] = cm_value_image(cm_image_ref(out));
  ok = true;
done:
  cm_free(inside);
  cm_image_unref(&out);
  return ok;
}

CM_OP(gradient_magnitude) = {
  .name = "gradient_magnitude", .family = "filter", .since = "0.1", .summary = "The steepest slope at each voxel.",
  .details = "sqrt of the sum over the axes of the squared slopes. sigma 0: (v[i+1] - v[i-1]) / 2 along each axis; else the first "
             "derivative of the sampled Gaussian along that axis, scaled so that a ramp keeps its slope, and the Gaussian "
             "along the others. Each slope is divided by the spacing unless per=voxel. "
             CM_BORDER_DETAILS "Mask: voxels outside are 0; neighbourhoods inside still see them. NaN: spreads to every voxel "
             "whose kernel holds it.",
  CM_OP_PARAMS(GradientParams, params), CM_FILTER_PORTS, .tolerance = 1e-6,
  .cite = "Canny J. A computational approach to edge detection. IEEE TPAMI 8(6), 1986",
  .examples = "cormack gradient_magnitude ct.nii.gz edges.nii.gz --sigma 1",
  .run = run,
};
