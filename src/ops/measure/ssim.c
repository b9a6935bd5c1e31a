/* cormack ssim: how alike two images look, by structure. */
#include <math.h>

#include "ops/measure/data_range.h"
#include "ops/measure/ssim_map.h"

enum { GAUSSIAN, UNIFORM };

typedef struct SsimParams {
  int32_t window;
  double sigma, truncate;
  int64_t radius;
  bool slices, sample_covariance;
  int32_t edges;
  double k1, k2;
  int32_t range;
  double data_range;
  int32_t border;
  int32_t per;
  bool per_component;
} SsimParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(SsimParams, window, "gaussian|uniform", "gaussian", "weights of the window"),
    CM_PARAM_REAL(SsimParams, sigma, 1.5, 0, 20, "voxel", "standard deviation of the Gaussian window"),
    CM_PARAM_REAL(SsimParams, truncate, 3.5, 0.5, 6, "1", "the Gaussian window ends at so many standard deviations"),
    CM_PARAM_INT(SsimParams, radius, 3, 1, 100, "voxel", "of the uniform window, which is 2 radius + 1 voxels wide"),
    CM_PARAM_BOOL(SsimParams, slices, "false", "windows in the plane of x and y only"),
    CM_PARAM_BOOL(SsimParams, sample_covariance, "false",
                  "variances divided by n - 1, n voxels of the window, as scikit-image does unless told otherwise"),
    CM_PARAM_ENUM(SsimParams, edges, "crop|all", "crop",
                  "which voxels count in the mean: those whose window lies inside the image, or all"),
    CM_PARAM_REAL(SsimParams, k1, 0.01, 0, 1, "1", "share of the data range that steadies means"),
    CM_PARAM_REAL(SsimParams, k2, 0.03, 0, 1, "1", "share of the data range that steadies variances"),
    CM_DATA_RANGE_PARAMS(SsimParams),
    CM_PARAM_ENUM(SsimParams, border, "replicate|reflect|mirror|wrap", "reflect",
                  "what windows see beyond the border: the nearest voxel, reflected with (reflect) or without (mirror) "
                  "repeating it, or the other side (wrap)"),
    CM_SCOPE_PARAMS(SsimParams),
};
static const CmPort outputs[] = {
    {.name = "table", .kind = CM_KIND_TABLE, .help = "a row per part"},
    {.name = "map",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .types = CM_TYPE_BIT(CM_F32),
     .components = true,
     .help = "SSIM of each voxel, f32"},
};

enum { COUNT, SSIM, RANGE, COLUMNS };
static const CmPartColumn columns[COLUMNS] = {{"count", ""}, {"ssim", ""}, {"data_range", "@"}};

typedef struct Job {
  CmSsim ssim;
  CmPairs pairs;
  double range;
} Job;

static bool measure(void *arg, const CmPart *part, double *out, CmError **err) {
  (void)err;
  const Job *job = arg;
  const CmGrid *grid = &job->pairs.grid;
  double sum = 0.0, count = 0.0;
  for (int64_t slice = part->row_begin / grid->ny; slice < part->row_end / grid->ny; slice++)
    for (int64_t c = 0; c < grid->components; c++) {
      if (part->component >= 0 && part->component != c) continue;
      sum += job->ssim.sum[slice * grid->components + c];
      count += job->ssim.count[slice * grid->components + c];
    }
  out[COUNT] = count;
  out[SSIM] = count > 0.0 ? sum / count : NAN;
  out[RANGE] = job->range;
  return true;
}

static bool uniform_taps(CmContext *ctx, int64_t radius, CmTaps *taps, CmError **err) {
  *taps = (CmTaps){.radius = radius, .parity = 1, .half = cm_alloc_array(ctx, (size_t)radius + 1, sizeof(double), err)};
  if (!taps->half) return false;
  for (int64_t k = 0; k <= radius; k++) taps->half[k] = 1.0 / (2.0 * (double)radius + 1.0);
  return true;
}

/* The window; sets the covariance's factor. CM_ERR_DATA where it fits nowhere and only whole windows count. */
static bool open_window(Job *job, const SsimParams *p, CmError **err) {
  const int64_t n[3] = {job->pairs.grid.nx, job->pairs.grid.ny, job->pairs.grid.nz};
  double voxels = 1.0;
  for (int axis = 0; axis < 3; axis++) {
    CmTaps *taps = &job->ssim.taps[axis];
    if (n[axis] == 1 || (axis == 2 && p->slices)) continue;
    if (!(p->window == UNIFORM ? uniform_taps(job->ssim.ctx, p->radius, taps, err)
                               : cm__gaussian_taps(job->ssim.ctx, p->sigma, p->truncate, 0, taps, err)))
      return false;
    const int64_t wide = 2 * taps->radius + 1;
    voxels *= (double)wide;
    if (p->edges == 0 && wide > n[axis]) {
      cm_error_set(err, CM_ERR_DATA,
                   "the window is %lld voxels wide and the image %lld along %c, so no window lies inside; give a "
                   "smaller one or edges=all",
                   (long long)wide, (long long)n[axis], "xyz"[axis]);
      return false;
    }
  }
  job->ssim.covariance = p->sample_covariance && voxels > 1.0 ? voxels / (voxels - 1.0) : 1.0;
  return true;
}

static bool open_range(Job *job, const SsimParams *p, CmError **err) {
  const CmPart whole = {.image = job->pairs.image, .row_end = job->pairs.grid.rows, .component = -1};
  CmPairMoments moments = {.count = 0.0};
  if (!cm__data_range_check(p->range, job->pairs.reference, err) ||
      !cm__pairs_moments(job->ssim.ctx, &job->pairs, &whole, &moments, err))
    return false;
  for (int of = 0; of < 2; of++) {
    const double middle = 0.5 * moments.low[of] + 0.5 * moments.high[of];
    job->ssim.shift[of] = isfinite(middle) ? middle : 0.0;
  }
  job->range = cm__data_range(p->range, p->data_range, job->pairs.reference, &moments);
  job->ssim.c1 = (p->k1 * job->range) * (p->k1 * job->range);
  job->ssim.c2 = (p->k2 * job->range) * (p->k2 * job->range);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const SsimParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Job job = {.ssim = {.ctx = call->ctx, .border = (CmBorder)p->border, .crop = p->edges == 0}};
  bool ok = false;
  job.ssim.pairs = &job.pairs;
  if (!cm__pairs_open(&job.pairs, &call->in[0], &call->in[1], &call->in[2], err) || !open_window(&job, p, err) ||
      !open_range(&job, p, err))
    goto done;
  const CmGrid *grid = &job.pairs.grid;
  if (call->wanted[1]) {
    job.ssim.map = cm_image_create_like(call->ctx, image, CM_F32, (int)grid->components, err);
    if (!job.ssim.map || !cm_image_set_unit(job.ssim.map, "1", err)) goto done;
  }
  const size_t slices = (size_t)(grid->nt * grid->nz * grid->components);
  job.ssim.sum = cm_alloc_array(call->ctx, slices, 2 * sizeof(double), err);
  if (!job.ssim.sum) goto done;
  job.ssim.count = job.ssim.sum + slices;
  if (!cm__ssim(&job.ssim, err) || !cm__part_table(call, 0, "ssim", image, &job.pairs.mask, (CmScope)p->per,
                                                   p->per_component, columns, COLUMNS, measure, &job, err))
    goto done;
  if (job.ssim.map) call->out[1] = cm_value_image(cm_image_ref(job.ssim.map));
  ok = true;
done:
  for (int axis = 0; axis < 3; axis++) cm_free(job.ssim.taps[axis].half);
  cm_free(job.ssim.sum);
  cm_image_unref(&job.ssim.map);
  return ok;
}

CM_OP(ssim) = {
    .name = "ssim",
    .family = "measure",
    .since = "0.1",
    .summary = "Structural similarity of an image and a reference, and its map.",
    .details =
        "SSIM = (2 ma mb + C1)(2 sab + C2) / ((ma^2 + mb^2 + C1)(sa^2 + sb^2 + C2)) with the means, variances and "
        "covariance of both images under a window around each voxel, C1 = (k1 L)^2, C2 = (k2 L)^2 and the data range "
        "L; "
        "ssim is its mean. The defaults are those of the paper (Gaussian, sigma 1.5, 11 voxels wide), in 2D and 3D; an "
        "axis one voxel long takes no part. scikit-image's defaults: window=uniform, "
        "sample_covariance=true. " CM_DATA_RANGE_DETAILS
        "Mask: only voxels inside count in the mean and for the data range; windows see the others too. NaN: windows "
        "that "
        "hold one are NaN in the map and left out of the mean. Where means and variances are 0 and the data range too, "
        "SSIM is NaN. Time points and components are compared by themselves; the data range is one for all.",
    CM_OP_PARAMS(SsimParams, params),
    .inputs = cm__pair_inputs,
    .input_count = 3,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-7,
    .cite =
        "Wang Z, Bovik AC, Sheikh HR, Simoncelli EP. Image quality assessment: from error visibility to structural "
        "similarity. IEEE Trans Image Process 13(4), 2004",
    .examples =
        "cormack ssim denoised.nii.gz clean.nii.gz quality.csv\n"
        "cormack ssim low_dose.nii.gz full_dose.nii.gz q.csv --map ssim.nii.gz --range fixed --data_range 2000",
    .run = run,
};
