/* Extrema by their height, and of any height. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/morphology/geodesic.h"
#include "ops/morphology/regional.h"

typedef struct ExtremaParams {
  double h;
  int32_t connectivity;
  bool allow_borders;
} ExtremaParams;

#define CONNECTIVITY_PARAM                                                                             \
  CM_PARAM_ENUM(ExtremaParams, connectivity, CM_CONNECT_CHOICES, "26",                                 \
                "which voxels touch: by faces (6), also edges (18), also corners (26); each slice by " \
                "itself: sides (4), also corners (8)")

static const CmParam h_params[] = {
    CM_PARAM_REAL(ExtremaParams, h, 1, 0, 1e30, "", "the least height or depth, above 0"),
    CONNECTIVITY_PARAM,
};
static const CmParam regional_params[] = {
    CONNECTIVITY_PARAM,
    CM_PARAM_BOOL(ExtremaParams, allow_borders, "true", "extrema that reach the border count, too"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "the image"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "the result is 0 where it is 0; what lies there still has its height"},
};
static const CmPort outputs[] = {
    {.name = "extrema", .kind = CM_KIND_LABELS, .types = CM_TYPE_BIT(CM_U8), .help = "1 on the extrema"},
};

#define CM_TEMPLATE "ops/morphology/extrema_tmpl.c"
#include "ops/each_type.h"

static void (*const shift_row[CM_TYPE_COUNT])(const void *, int64_t, double, bool, void *) = CM_TYPE_TABLE(shift_row);
static void (*const mark_row[CM_TYPE_COUNT])(const void *, const void *, int64_t, double, bool,
                                             uint8_t *) = CM_TYPE_TABLE(mark_row);

typedef struct Extrema {
  const CmImage *image;
  CmImage *marker, *out;
  CmGrid grid;
  double height; /* 0: any */
  bool minima;
} Extrema;

static bool shift_rows(void *arg, CmRange range, CmError **err) {
  const Extrema *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    shift_row[cm_image_type(job->image)](cm__row(job->image, &job->grid, row), job->grid.nx, job->height, job->minima,
                                         cm__row_mut(job->marker, &job->grid, row));
  return true;
}

static bool mark_rows(void *arg, CmRange range, CmError **err) {
  const Extrema *job = arg;
  const CmGrid *grid = &job->grid;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    mark_row[cm_image_type(job->image)](cm__row(job->image, grid, row), cm__row(job->marker, grid, row), grid->nx,
                                        job->height, job->minima,
                                        (uint8_t *)cm_image_data_mut(job->out) + row * grid->nx);
  return true;
}

/* Time points whose values differ by less than the height, or not at all, have no extrema. */
static bool clear_flat(CmContext *ctx, const Extrema *job, CmError **err) {
  const int64_t rows = job->grid.ny * job->grid.nz, voxels = rows * job->grid.nx;
  for (int64_t t = 0; t < job->grid.nt; t++) {
    const CmPart part = {.image = job->image, .row_begin = t * rows, .row_end = (t + 1) * rows};
    CmMoments moments;
    if (!cm__part_moments(ctx, &part, &moments, err)) return false;
    if (!(moments.max > moments.min) || moments.max - moments.min < job->height)
      memset((uint8_t *)cm_image_data_mut(job->out) + t * voxels, 0, (size_t)voxels);
  }
  return true;
}

/* Where a marker that is lower by the height stays as low as it was put. */
static bool by_height(CmContext *ctx, Extrema *job, CmConnect connect, CmError **err) {
  const int64_t chunk = cm__row_chunk(&job->grid);
  job->marker = cm_image_create_like(ctx, job->image, cm_image_type(job->image), 1, err);
  const bool ok = job->marker && cm_parallel_for(ctx, NULL, job->grid.rows, chunk, shift_rows, job, err) &&
                  cm__reconstruct(ctx, job->marker, job->image, connect, NULL, job->minima, err) &&
                  cm_parallel_for(ctx, NULL, job->grid.rows, chunk, mark_rows, job, err);
  cm_image_unref(&job->marker);
  return ok;
}

static bool extrema(const CmCall *call, double height, bool minima, CmError **err) {
  const ExtremaParams *p = call->params;
  const CmConnect connect = (CmConnect)p->connectivity;
  Extrema job = {.image = call->in[0].image, .height = height, .minima = minima};
  CmMask mask;
  job.grid = cm__grid(job.image);
  if (!cm__mask_open(&mask, &call->in[1], job.image, err)) return false;
  job.out = cm_image_create_like(call->ctx, job.image, CM_U8, 1, err);
  const bool ok =
      job.out &&
      (height > 0.0 ? by_height(call->ctx, &job, connect, err)
                    : cm__regional(call->ctx, job.image, connect, minima, p->allow_borders, job.out, err)) &&
      clear_flat(call->ctx, &job, err) && cm__mask_blank(call->ctx, &mask, job.out, err);
  if (ok) call->out[0] = cm_value_labels(cm_image_ref(job.out));
  cm_image_unref(&job.out);
  return ok;
}

static double height_of(const CmCall *call) {
  const double h = ((const ExtremaParams *)call->params)->h;
  return cm_type_is_integer(cm_image_type(call->in[0].image)) ? ceil(h) : h;
}

static bool run_h_maxima(const CmCall *call, CmError **err) {
  return extrema(call, height_of(call), false, err);
}
static bool run_h_minima(const CmCall *call, CmError **err) {
  return extrema(call, height_of(call), true, err);
}
static bool run_regional_maxima(const CmCall *call, CmError **err) {
  return extrema(call, 0.0, false, err);
}
static bool run_regional_minima(const CmCall *call, CmError **err) {
  return extrema(call, 0.0, true, err);
}

static bool check_h(const void *params, CmError **err) {
  if (((const ExtremaParams *)params)->h > 0.0) return true;
  cm_error_set(err, CM_ERR_PARAMETER,
               "h has to be above 0; regional_maxima and regional_minima find those of any height");
  return false;
}

#define EXTREMA(op_name, summary_, table, details_)                                                               \
  .name = #op_name, .family = "morphology", .since = "0.1", .summary = summary_,                                  \
  .details = details_                                                                                             \
      " NaN is a wall and no extremum. Mask: the result is 0 outside. Time points stay apart. Memory: one "       \
      "image of the input's type and a queue.",                                                                   \
  CM_OP_PARAMS(ExtremaParams, table), CM_OP_INPUTS(inputs), CM_OP_OUTPUTS(outputs), .geometry = CM_GEOMETRY_KEEP, \
  .cite = "Soille P. Morphological Image Analysis, 2nd ed., section 6.3 (regional and extended extrema)",         \
  .examples = "cormack " #op_name " ct.nii.gz peaks.nii.gz"

CM_OP(h_maxima) = {
    EXTREMA(h_maxima, "Find the tops that stand h above their surroundings.", h_params,
            "1 on the highest voxels of every dome that one has to come down from by h or more to get to a higher "
            "voxel. An image whose values differ by less than h has none. In integer images h is rounded up."),
    .check = check_h,
    .run = run_h_maxima,
};
CM_OP(h_minima) = {
    EXTREMA(h_minima, "Find the bottoms that lie h below their surroundings.", h_params,
            "1 on the lowest voxels of every basin that one has to climb out of by h or more to get to a lower voxel. "
            "An image whose values differ by less than h has none. In integer images h is rounded up."),
    .check = check_h,
    .run = run_h_minima,
};
CM_OP(regional_maxima) = {
    EXTREMA(regional_maxima, "Find the plateaus whose neighbours are all lower.", regional_params,
            "1 on touching voxels of equal value that touch lower ones only. An image of one value has none. With "
            "allow_borders=false plateaus that reach the border are left out."),
    .run = run_regional_maxima,
};
CM_OP(regional_minima) = {
    EXTREMA(regional_minima, "Find the plateaus whose neighbours are all higher.", regional_params,
            "1 on touching voxels of equal value that touch higher ones only. An image of one value has none. With "
            "allow_borders=false plateaus that reach the border are left out."),
    .run = run_regional_minima,
};
