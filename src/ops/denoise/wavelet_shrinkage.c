#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/denoise/noise.h"

typedef struct ShrinkageParams {
  int32_t method, mode;
  double sigma;
  int32_t wavelet;
  int64_t levels;
  int32_t axes, border, type;
} ShrinkageParams;

enum { BAYES, VISU };
enum { SOFT, HARD };

static const CmParam params[] = {
    CM_PARAM_ENUM(ShrinkageParams, method, "bayes|visu", "bayes",
                  "the threshold: of each band by its own variance (BayesShrink), or one for all (VisuShrink)"),
    CM_PARAM_ENUM(ShrinkageParams, mode, "soft|hard", "soft",
                  "what is above the threshold is drawn in by it, or kept; what is below becomes 0"),
    CM_PARAM_REAL(ShrinkageParams, sigma, 0, 0, 1e30, "",
                  "standard deviation of the noise, in image units; 0: estimated, for each component and time point"),
    CM_PARAM_ENUM(ShrinkageParams, wavelet, CM_WAVELET_CHOICES, "haar", "the wavelet"),
    CM_PARAM_INT(ShrinkageParams, levels, 0, 0, CM_WAVELET_LEVELS, "1",
                 "how often the approximation is split; 0: three times less than possible, but once at least"),
    CM_AXES_PARAM(ShrinkageParams),
    CM_PARAM_ENUM(ShrinkageParams, border, CM_WAVELET_BORDERS, "reflect", "what lies beyond the border"),
    CM_TYPE_PARAM(ShrinkageParams),
};

/* One band of coefficients. */
typedef struct Band {
  const CmWavelet *plan;
  char *first;
  int64_t nx, ny, rows, row, plane; /* values along x; rows; values between rows and between planes */
  double *squares, *counts;         /* of each chunk */
  double threshold;
  int32_t mode;
} Band;

static void *band_row(const Band *band, int64_t k) {
  const int64_t at = k / band->ny * band->plane + k % band->ny * band->row;
  return band->first + (size_t)at * (band->plan->wide ? sizeof(double) : sizeof(float));
}

static bool sum_rows(void *arg, CmRange range, CmError **err) {
  const Band *band = arg;
  double sum = 0.0, count = 0.0;
  (void)err;
  for (int64_t k = range.begin; k < range.end; k++) {
    const double *f64 = band_row(band, k);
    const float *f32 = band_row(band, k);
    for (int64_t x = 0; x < band->nx; x++) {
      const double v = band->plan->wide ? f64[x] : (double)f32[x];
      sum += v == v ? v * v : 0.0;
      count += v == v;
    }
  }
  band->squares[range.chunk] = sum;
  band->counts[range.chunk] = count;
  return true;
}

static double shrunk(double v, double threshold, int32_t mode) {
  const double size = fabs(v);
  if (v != v) return v;
  if (mode == HARD) return size < threshold ? 0.0 : v;
  return size <= threshold ? 0.0 : copysign(size - threshold, v);
}

static bool shrink_rows(void *arg, CmRange range, CmError **err) {
  const Band *band = arg;
  (void)err;
  for (int64_t k = range.begin; k < range.end; k++) {
    double *f64 = band_row(band, k);
    float *f32 = band_row(band, k);
    for (int64_t x = 0; x < band->nx; x++)
      if (band->plan->wide)
        f64[x] = shrunk(f64[x], band->threshold, band->mode);
      else
        f32[x] = (float)shrunk((double)f32[x], band->threshold, band->mode);
  }
  return true;
}

/* BayesShrink: noise variance over the standard deviation of the signal; everything goes where there is no signal. */
static bool bayes_threshold(Band *band, double sigma, int64_t chunk, CmError **err) {
  const int64_t chunks = cm_chunk_count(band->rows, chunk);
  double sum = 0.0, count = 0.0;
  band->squares = cm_calloc(band->plan->ctx, (size_t)(2 * chunks), sizeof(double), err);
  if (!band->squares) return false;
  band->counts = band->squares + chunks;
  const bool ok = cm_parallel_for(band->plan->ctx, NULL, band->rows, chunk, sum_rows, band, err);
  for (int64_t k = 0; k < chunks; k++) {
    sum += band->squares[k];
    count += band->counts[k];
  }
  const double variance = sigma * sigma, signal = sum / count - variance;
  band->threshold = variance == 0.0 ? 0.0 : signal > 0.0 ? variance / sqrt(signal) : INFINITY;
  cm_free(band->squares);
  return ok;
}

/* Band `bits` (1 x, 2 y, 4 z high) of level j. */
static bool shrink_band(const CmWavelet *plan, const ShrinkageParams *p, void *packed, int j, int bits, double sigma,
                        CmError **err) {
  const int64_t *size = plan->size[j], *start = plan->start[j];
  Band band = {.plan = plan,
               .nx = size[0],
               .ny = size[1],
               .rows = size[1] * size[2],
               .row = plan->packed[0],
               .plane = plan->packed[0] * plan->packed[1],
               .mode = p->mode};
  const int64_t at =
      (bits & 1 ? start[0] : 0) + (bits & 2 ? start[1] * band.row : 0) + (bits & 4 ? start[2] * band.plane : 0);
  const int64_t chunk = 65536 / size[0] + 1;
  band.first = (char *)packed + (size_t)at * (plan->wide ? sizeof(double) : sizeof(float));
  band.threshold =
      sigma * sqrt(2.0 * log((double)plan->size[0][0] * (double)plan->size[0][1] * (double)plan->size[0][2]));
  if (p->method == BAYES && !bayes_threshold(&band, sigma, chunk, err)) return false;
  return cm_parallel_for(plan->ctx, NULL, band.rows, chunk, shrink_rows, &band, err);
}

typedef struct Restore {
  CmContext *ctx;
  const CmImage *image;
  const CmMask *mask;
  CmImage *out;
} Restore;

static bool restore_rows(void *arg, CmRange range, CmError **err) {
  const Restore *job = arg;
  const CmGrid grid = cm__grid(job->image), out = cm__grid(job->out);
  double *scratch = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid.nx, err);
  const bool ok = scratch && inside;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    cm__mask_row(job->mask, row, inside);
    cm__mask_restore(inside, &grid, cm_image_type(job->image), cm__row(job->image, &grid, row), cm_image_type(job->out),
                     cm__row_mut(job->out, &out, row), scratch);
  }
  cm_free(scratch);
  cm_free(inside);
  return ok;
}

static bool shrink_volume(const CmWavelet *plan, const ShrinkageParams *p, const CmImage *image, const CmMask *mask,
                          int64_t t, int64_t c, void *packed, CmError **err) {
  double sigma = p->sigma;
  const CmNoiseMethod method = {p->wavelet, p->border, p->axes};
  if (sigma == 0.0 && !cm__estimate_noise(plan->ctx, image, mask, method, t, c, &sigma, err)) return false;
  if (!cm__wavelet_forward(plan, image, t, c, packed, err)) return false;
  for (int j = 1; j <= plan->levels; j++)
    for (int bits = 1; bits < 8; bits++) {
      const bool exists =
          (!(bits & 1) || plan->active[0]) && (!(bits & 2) || plan->active[1]) && (!(bits & 4) || plan->active[2]);
      if (exists && !shrink_band(plan, p, packed, j, bits, sigma, err)) return false;
    }
  return cm__wavelet_inverse(plan, packed, err);
}

static bool make_plan(CmWavelet *plan, const ShrinkageParams *p, const CmImage *image, bool wide, CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  if (!cm__wavelet_plan(plan, p->wavelet, p->border, p->axes, p->levels ? p->levels : 1, dims, wide, err)) return false;
  const int most = cm__wavelet_most_levels(plan, dims);
  return p->levels || most < 5 || cm__wavelet_plan(plan, p->wavelet, p->border, p->axes, most - 3, dims, wide, err);
}

static bool run(const CmCall *call, CmError **err) {
  const ShrinkageParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  const CmType type = cm__out_type(p->type, cm_image_type(image));
  const bool wide = type == CM_F64 || !cm__type_fits_f32(cm_image_type(image));
  CmWavelet plan = {.ctx = call->ctx, .what = "wavelet_shrinkage"};
  CmMask mask;
  if (!cm__mask_open(&mask, &call->in[1], image, err) || !make_plan(&plan, p, image, wide, err)) return false;
  CmImage *out = cm_image_create_like(call->ctx, image, type, (int)grid.components, err);
  void *packed = cm_alloc_array(call->ctx, (size_t)cm__wavelet_values(&plan), wide ? 8 : 4, err);
  bool ok = out && packed;
  for (int64_t t = 0; ok && t < grid.nt; t++)
    for (int64_t c = 0; ok && c < grid.components; c++)
      ok = shrink_volume(&plan, p, image, &mask, t, c, packed, err) && cm__wavelet_store(&plan, packed, out, t, c, err);
  cm_free(packed);
  Restore job = {.ctx = call->ctx, .image = image, .mask = &mask, .out = out};
  if (ok && mask.image) ok = cm_parallel_for(call->ctx, NULL, grid.rows, cm__row_chunk(&grid), restore_rows, &job, err);
  if (!ok) {
    cm_image_unref(&out);
    return false;
  }
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(wavelet_shrinkage) = {
    .name = "wavelet_shrinkage",
    .family = "denoise",
    .since = "0.2",
    .summary = "Take noise out by drawing small wavelet coefficients to zero.",
    .details =
        "The details of the decimated wavelet transform (see `wavelet`) are drawn towards 0 by a threshold t: soft "
        "gives "
        "sign(d) max(|d| - t, 0), hard d where |d| >= t, else 0; the approximation stays. visu: t = sigma sqrt(2 ln "
        "n), "
        "n the number of voxels. bayes: in each band t = sigma^2 / sqrt(max(mean(d^2) - sigma^2, 0)), so that a band "
        "without more than noise becomes 0. sigma=0 estimates it as estimate_noise does, with this wavelet and border. "
        "Every time point and component is treated by itself. u8 to i16 and f32 are calculated in f32, the others and "
        "type=f64 in f64. Mask: noise is estimated inside; voxels outside keep their value; neighbourhoods inside "
        "still "
        "see them. NaN: spreads to what its kernels make.",
    CM_OP_PARAMS(ShrinkageParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Chang SG, Yu B, Vetterli M. Adaptive wavelet thresholding for image denoising and compression. IEEE TIP 9(9), "
        "2000; Donoho DL, Johnstone IM. Ideal spatial adaptation by wavelet shrinkage. Biometrika 81(3), 1994",
    .examples =
        "cormack wavelet_shrinkage mr.nii.gz out.nii.gz --wavelet db4\n"
        "cormack wavelet_shrinkage xray.png out.png --method visu --mode hard --sigma 12",
    .run = run,
};
