#include <float.h>
#include <math.h>

#include "cormack/parallel.h"
#include "ops/denoise/noise.h"
#include "ops/intensity/stats.h"

/* The upper quartile of the normal distribution: half of all absolute values lie below it. */
static const double quartile = 0.67448975019608171;

/* A coefficient that is not larger than this share of the largest value is 0 but for rounding. */
static const double rounding = 1e-13;

typedef struct Sieve {
  CmContext *ctx;
  CmImage *details; /* f64 */
  const CmImage *image;
  const CmMask *mask; /* NULL: everywhere */
  const bool *halved;
  double least;              /* what is not larger counts as 0 */
  int64_t t, *left, *inside; /* of each chunk */
} Sieve;

/* Which voxels of the image's row the coefficients of this row stand for. */
static void mask_row(const Sieve *job, const CmGrid *from, int64_t row, int64_t ny, uint8_t *inside) {
  int64_t y = row % ny * (job->halved[1] ? 2 : 1), z = row / ny * (job->halved[2] ? 2 : 1);
  y = y < from->ny ? y : from->ny - 1;
  z = z < from->nz ? z : from->nz - 1;
  cm__mask_row(job->mask, (job->t * from->nz + z) * from->ny + y, inside);
}

/* Coefficients that do not count become NaN, which statistics leave out. */
static bool sieve_rows(void *arg, CmRange range, CmError **err) {
  const Sieve *job = arg;
  const CmGrid grid = cm__grid(job->details), from = cm__grid(job->image);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)from.nx, err);
  int64_t left = 0, all = 0;
  for (int64_t row = range.begin; inside && row < range.end; row++) {
    double *line = cm__row_mut(job->details, &grid, row);
    if (job->mask) mask_row(job, &from, row, grid.ny, inside);
    for (int64_t x = 0; x < grid.row; x++) {
      const int64_t at = job->halved[0] ? 2 * x : x;
      const bool counts = line[x] == line[x] && (!job->mask || inside[at < from.nx ? at : from.nx - 1]);
      const bool stays = counts && fabs(line[x]) > job->least;
      all += counts;
      left += stays;
      line[x] = stays ? line[x] : NAN;
    }
  }
  job->left[range.chunk] = left;
  job->inside[range.chunk] = all;
  cm_free(inside);
  return inside != NULL;
}

static bool median_of_details(Sieve *job, int64_t component, double *sigma, CmError **err) {
  const CmGrid grid = cm__grid(job->details);
  const int64_t chunk = cm__row_chunk(&grid), chunks = cm_chunk_count(grid.rows, chunk);
  const CmPart part = {.image = job->details, .row_end = grid.rows, .component = 0};
  const int64_t *dims = cm_image_dims(job->image), rows = dims[1] * dims[2];
  const CmPart whole = {
      .image = job->image, .row_begin = job->t * rows, .row_end = (job->t + 1) * rows, .component = component};
  const double zero = 0.0, half = 0.5;
  CmMoments moments;
  int64_t left = 0, inside = 0;
  bool ok = false;
  job->left = cm_calloc(job->ctx, (size_t)(2 * chunks), sizeof(int64_t), err);
  if (!job->left) return false;
  job->inside = job->left + chunks;
  if (!cm__part_ends(job->ctx, &whole, &moments, err)) goto done;
  job->least = rounding * fmin(fmax(fabs(moments.min), fabs(moments.max)), DBL_MAX);
  if (!cm_parallel_for(job->ctx, NULL, grid.rows, chunk, sieve_rows, job, err)) goto done;
  for (int64_t k = 0; k < chunks; k++) {
    left += job->left[k];
    inside += job->inside[k];
  }
  *sigma = 0.0;
  if (inside == 0) {
    cm_error_set(err, CM_ERR_DATA, "there is no noise to measure: the mask is empty, or the values are not numbers");
    goto done;
  }
  ok = left == 0 || cm__part_quantiles(job->ctx, &part, &zero, &half, 1, sigma, err);
  *sigma /= quartile;
done:
  cm_free(job->left);
  return ok;
}

bool cm__estimate_noise(CmContext *ctx, const CmImage *image, const CmMask *mask, CmNoiseMethod method, int64_t t,
                        int64_t component, double *sigma, CmError **err) {
  CmWavelet plan = {.ctx = ctx, .what = "estimate_noise"};
  if (!cm__wavelet_plan(&plan, method.wavelet, method.border, method.axes, 1, cm_image_dims(image), true, err))
    return false;
  Sieve job = {.ctx = ctx, .image = image, .t = t, .mask = mask && mask->image ? mask : NULL, .halved = plan.active};
  job.details = cm_image_create(ctx, CM_F64, 3, plan.size[1], 1, err);
  const bool ok = job.details && cm__wavelet_finest(&plan, image, t, component, cm_image_data_mut(job.details), err) &&
                  median_of_details(&job, component, sigma, err);
  if (!plan.active[0] && !plan.active[1] && !plan.active[2]) *sigma = 0.0; /* one voxel has no detail */
  cm_image_unref(&job.details);
  return ok;
}

typedef struct NoiseParams {
  int32_t axes;
} NoiseParams;

static const CmParam params[] = {
    CM_AXES_PARAM(NoiseParams),
};

static const CmPort outputs[] = {
    {.name = "noise", .kind = CM_KIND_TABLE, .help = "a row per time point and component: t, component, sigma"},
};

static CmTable *make_table(const CmImage *image, CmContext *ctx, CmError **err) {
  CmTable *table = cm_table_create(ctx, err);
  if (table && cm_table_add_column(table, "t", CM_COLUMN_INT, "", err) >= 0 &&
      cm_table_add_column(table, "component", CM_COLUMN_INT, "", err) >= 0 &&
      cm_table_add_column(table, "sigma", CM_COLUMN_REAL, cm_image_unit(image), err) >= 0)
    return table;
  cm_table_unref(&table);
  return NULL;
}

static bool run(const CmCall *call, CmError **err) {
  const NoiseParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmNoiseMethod method = CM_NOISE_USUAL;
  CmMask mask;
  method.axes = p->axes;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  CmTable *table = make_table(image, call->ctx, err);
  bool ok = table != NULL;
  for (int64_t t = 0; ok && t < cm_image_dims(image)[3]; t++)
    for (int c = 0; ok && c < cm_image_components(image); c++) {
      double sigma = NAN;
      const int64_t row = cm_table_add_row(table, err);
      ok = row >= 0 && cm__estimate_noise(call->ctx, image, &mask, method, t, c, &sigma, err);
      if (!ok) break;
      cm_table_set_int(table, row, 0, t);
      cm_table_set_int(table, row, 1, c);
      cm_table_set_real(table, row, 2, sigma);
    }
  if (ok)
    call->out[0] = cm_value_table(table);
  else
    cm_table_unref(&table);
  return ok;
}

CM_OP(estimate_noise) = {
    .name = "estimate_noise",
    .family = "denoise",
    .since = "0.2",
    .summary = "Estimate the standard deviation of the noise from the finest wavelet coefficients.",
    .details =
        "The median of |d| over 0.6745, where d are the coefficients of one level of the db2 wavelet transform that "
        "are high along every axis (borders reflected cba|abcd|dcb); coefficients that are 0 but for rounding "
        "(1e-13 of the largest value) are left out, as parts that were blanked before. It holds for Gaussian white "
        "noise; noise that was smoothed is "
        "underestimated. axes=in_plane takes x and y alone, for thick slices. Calculated in f64. "
        "Mask: a coefficient counts where voxel 2i along each axis lies inside. NaN: coefficients "
        "whose kernel holds one are left out. A flat image has sigma 0.",
    CM_OP_PARAMS(NoiseParams, params),
    .inputs = cm__filter_inputs,
    .input_count = 2,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-12,
    .cite =
        "Donoho DL, Johnstone IM. Ideal spatial adaptation by wavelet shrinkage. Biometrika 81(3), 1994, section 4.2",
    .examples =
        "cormack estimate_noise mr.nii.gz noise.csv\n"
        "cormack estimate_noise mr.nii.gz noise.csv --axes in_plane --mask brain.nii.gz",
    .run = run,
};
