#include "ops/filter/spectral.h"

#include <math.h>
#include <string.h>

#include "ops/block.h"
#include "ops/exp.h"
#include "ops/filter/overlap.h"
#include "ops/simd.h"

/* ---- gains ---- */

CM_SIMD static void multiply(double *restrict gain, const double *restrict by, int64_t n) {
  for (int64_t i = 0; i < n; i++) gain[i] *= by[i];
}

CM_SIMD static void low_ideal(const double *restrict squared, double cutoff, double *restrict low) {
  const double most = cutoff * cutoff * (1.0 + 1e-12); /* a frequency on the cut-off passes whatever the rounding */
  for (int b = 0; b < CM_FOURIER_LINES; b++) low[b] = squared[b] <= most ? 1.0 : 0.0;
}

CM_SIMD static void low_butterworth(const double *restrict squared, double cutoff, int64_t order,
                                    double *restrict low) {
  double share[CM_FOURIER_LINES], power[CM_FOURIER_LINES];
  for (int b = 0; b < CM_FOURIER_LINES; b++) power[b] = share[b] = squared[b] / (cutoff * cutoff);
  for (int64_t k = 1; k < order; k++)
    for (int b = 0; b < CM_FOURIER_LINES; b++) power[b] *= share[b];
  for (int b = 0; b < CM_FOURIER_LINES; b++) low[b] = 1.0 / (1.0 + power[b]);
}

CM_SIMD static void low_gaussian(const double *restrict squared, double cutoff, double *restrict low) {
  for (int b = 0; b < CM_FOURIER_LINES; b++) low[b] = cm__exp(-0.5 * (squared[b] / (cutoff * cutoff)));
}

void cm__profile_multiply(const CmProfile *profile, double cutoff, bool high, const double *squared, double *gain,
                          int64_t n) {
  for (int64_t i = 0; i < n; i += CM_FOURIER_LINES) {
    double low[CM_FOURIER_LINES];
    if (profile->shape == 0)
      low_ideal(squared + i, cutoff, low);
    else if (profile->shape == 1)
      low_butterworth(squared + i, cutoff, profile->order, low);
    else
      low_gaussian(squared + i, cutoff, low);
    for (int b = 0; high && b < CM_FOURIER_LINES; b++) low[b] = 1.0 - low[b];
    multiply(gain + i, low, CM_FOURIER_LINES);
  }
}

static double squared_part(const CmSpectral *job, int axis, double frequency, double centre) {
  double d = frequency - centre;
  d = (d - rint(d)) * job->scale[axis];
  return d * d;
}

CM_SIMD static void add_parts(const double *restrict base, double part, double *restrict to) {
  for (int b = 0; b < CM_FOURIER_LINES; b++) to[b] = base[b] + part;
}

void cm__spectral_distance(const CmSpectral *job, int axis, const int64_t at[CM_FOURIER_LINES][3],
                           const double centre[3], double *to) {
  double base[CM_FOURIER_LINES] = {0};
  for (int b = 0; b < CM_FOURIER_LINES; b++)
    for (int a = 0; a < 3; a++)
      if (a != axis) base[b] += squared_part(job, a, job->frequency[a][at[b][a]], centre[a]);
  for (int64_t k = 0; k < job->n[axis]; k++)
    add_parts(base, squared_part(job, axis, job->frequency[axis][k], centre[axis]), to + k * CM_FOURIER_LINES);
}

/* ---- the call ---- */

typedef struct Walk {
  CmSpectral *job;
  CmBlocks blocks;
  int64_t t, component, pad[3];
  double **scratch; /* one a worker */
} Walk;

static bool load(void *arg, int worker, int64_t row, double *to, CmError **err) {
  const Walk *walk = arg;
  const int64_t *n = walk->job->n, *pad = walk->pad;
  const CmBlock line = {.t = walk->t,
                        .component = walk->component,
                        .start = {-pad[0], row % n[1] - pad[1], row / n[1] - pad[2]},
                        .size = {n[0], 1, 1}};
  cm__block_load_f64(&walk->blocks, &line, walk->scratch[worker], to);
  return cm__check_finite(to, n[0], err);
}

static void store(void *arg, int worker, int64_t row, const double *line) {
  const Walk *walk = arg;
  const CmGrid *grid = &walk->blocks.grid;
  const int64_t y = row % walk->job->n[1] - walk->pad[1], z = row / walk->job->n[1] - walk->pad[2];
  if (y < 0 || y >= grid->ny || z < 0 || z >= grid->nz) return;
  cm__block_store_line_f64(&walk->blocks, (walk->t * grid->nz + z) * grid->ny + y, 0, walk->component,
                           line + walk->pad[0], grid->nx, walk->scratch[worker]);
}

static void fill_gain(void *arg, int axis, const int64_t at[CM_FOURIER_LINES][3], double *scratch, double *gain) {
  const CmSpectral *job = ((const Walk *)arg)->job;
  for (int64_t i = 0; i < job->n[axis] * CM_FOURIER_LINES; i++) gain[i] = 1.0;
  job->gain(job, axis, at, scratch, gain);
}

/* How far each side of an axis goes on, and its whole length. */
static bool choose_size(Walk *walk, const CmGeometry *geometry, CmError **err) {
  CmSpectral *job = walk->job;
  const CmGrid *grid = &walk->blocks.grid;
  const int64_t n[3] = {grid->nx, grid->ny, grid->nz};
  const CmReals *pad = job->pad;
  for (int a = 0; a < 3; a++) {
    job->scale[a] = job->per == 0 ? 1.0 / geometry->spacing[a] : 1.0;
    double wanted = pad->count == 1 ? floor(pad->value[0]) : a < pad->count ? floor(pad->value[a]) : 0.0;
    if (pad->count == 0 && job->border != CM_BORDER_WRAP)
      wanted = fmin(ceil(job->scale[a] / job->lowest), (double)n[a]);
    if (n[a] == 1) wanted = 0.0;
    if (!(wanted <= (double)n[a])) {
      cm_error_set(err, CM_ERR_PARAMETER, "pad is %g voxels along %c, but the image has %lld; give at most as many",
                   wanted, "xyz"[a], (long long)n[a]);
      return false;
    }
    walk->pad[a] = (int64_t)wanted;
    job->n[a] = n[a] + 2 * walk->pad[a];
    if (pad->count == 0 && walk->pad[a] > 0) job->n[a] = cm__fourier_size(job->n[a]);
  }
  return true;
}

static bool make_frequencies(CmContext *ctx, CmSpectral *job, CmError **err) {
  for (int a = 0; a < 3; a++) {
    const int64_t n = job->n[a];
    if (!(job->frequency[a] = cm_alloc_array(ctx, (size_t)n, sizeof(double), err))) return false;
    for (int64_t k = 0; k < n; k++) job->frequency[a][k] = (double)(2 * k > n ? k - n : k) / (double)n;
  }
  return true;
}

static bool open_walk(const CmCall *call, Walk *walk, CmMask *mask, CmError **err) {
  const CmImage *image = call->in[0].image;
  const int threads = cm_context_threads(call->ctx);
  CmBlocks *blocks = &walk->blocks;
  if (!cm__mask_open(mask, &call->in[1], image, err) || !choose_size(walk, cm_image_geometry(image), err) ||
      !make_frequencies(call->ctx, walk->job, err))
    return false;
  blocks->out = cm_image_create_like(call->ctx, image, cm__out_type(walk->job->type, cm_image_type(image)),
                                     cm_image_components(image), err);
  if (!blocks->out || !(walk->scratch = cm_calloc(call->ctx, (size_t)threads, sizeof(*walk->scratch), err)))
    return false;
  const int64_t size = cm__block_store_scratch(blocks);
  for (int t = 0; t < threads; t++)
    if (!(walk->scratch[t] = cm_alloc_array(call->ctx, (size_t)size, sizeof(double), err))) return false;
  return true;
}

bool cm__spectral_call(const CmCall *call, CmSpectral *job, CmError **err) {
  CmMask mask;
  Walk walk = {.job = job,
               .blocks = {.image = call->in[0].image,
                          .grid = cm__grid(call->in[0].image),
                          .mask = &mask,
                          .border = (CmBorder)job->border,
                          .border_value = job->border_value}};
  const CmGrid *grid = &walk.blocks.grid;
  CmFourierFilter filter = {
      .what = job->what, .load = load, .store = store, .gain = fill_gain, .odd = job->odd, .arg = &walk};
  bool ok = open_walk(call, &walk, &mask, err);
  memcpy(filter.n, job->n, sizeof(filter.n));
  for (int64_t k = 0; ok && k < grid->nt * grid->components; k++) {
    walk.t = k / grid->components;
    walk.component = k % grid->components;
    ok = cm__fourier_filter(call->ctx, &filter, err);
  }
  for (int t = 0; walk.scratch && t < cm_context_threads(call->ctx); t++) cm_free(walk.scratch[t]);
  cm_free(walk.scratch);
  for (int a = 0; a < 3; a++) cm_free(job->frequency[a]);
  if (!ok) {
    cm_image_unref(&walk.blocks.out);
    return false;
  }
  call->out[0] = cm_value_image(walk.blocks.out);
  return true;
}
