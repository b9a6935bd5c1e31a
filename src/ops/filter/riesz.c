#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "ops/filter/isotropic.h"
#include "ops/filter/spectral.h"

typedef struct RieszParams {
  CmInts order;
  int32_t wavelet;
  int64_t level;
  int32_t frequencies, type;
} RieszParams;

static const CmParam params[] = {
    CM_PARAM_INTS(RieszParams, order, "1,0,0", 0, 8, 1, 3, "1", "how often the transform is taken along x,y,z"),
    CM_PARAM_ENUM(RieszParams, wavelet, "simoncelli|shannon|none", "none",
                  "an isotropic wavelet that is applied as well (see `simoncelli`)"),
    CM_ISOTROPIC_LEVEL_PARAM(RieszParams),
    CM_FREQUENCIES_PARAM(RieszParams),
    CM_PARAM_ENUM(RieszParams, type, "f32|f64", "f32", "voxel type of the result"),
};
enum { NO_WAVELET = 2 };

typedef struct Riesz {
  const RieszParams *p;
  int64_t n[3];
  int order[3], total;
  double factor;        /* sqrt(L! / (l1! l2! l3!)), and the sign of (-i)^L */
  double *frequency[3]; /* of number k along each axis */
  double *opposite[3];  /* of number -k */
} Riesz;

static double power(double base, int exponent) {
  double made = 1.0;
  for (int k = 0; k < exponent; k++) made *= base;
  return made;
}

/* What the other two axes give to CM_FOURIER_LINES lines along one: their part of k1^l1 k2^l2 k3^l3 and of |k|^2. */
typedef struct Lines {
  double part[CM_FOURIER_LINES], squared[CM_FOURIER_LINES];
} Lines;

/* Adds k1^l1 k2^l2 k3^l3 / |k|^L, side by side; |k| = 0 gives 0 where L > 0. */
CM_SIMD static void add_gain(const Lines *lines, const double *frequency, int64_t n, int order, int total,
                             double *gain) {
  for (int64_t k = 0; k < n; k++, gain += CM_FOURIER_LINES) {
    const double c = frequency[k], own = power(c, order);
    double square[CM_FOURIER_LINES], length[CM_FOURIER_LINES];
    for (int b = 0; b < CM_FOURIER_LINES; b++) square[b] = lines->squared[b] + c * c;
    for (int b = 0; b < CM_FOURIER_LINES; b++) length[b] = total & 1 ? sqrt(square[b]) : 1.0;
    for (int l = 1; l < total; l += 2)
      for (int b = 0; b < CM_FOURIER_LINES; b++) length[b] *= square[b];
    for (int b = 0; b < CM_FOURIER_LINES; b++) gain[b] += lines->part[b] * own / (length[b] > 0.0 ? length[b] : 1.0);
  }
}

/* The same with the wavelet's gain. */
static void add_wavelet_gain(const Riesz *r, const Lines *lines, const double *frequency, int64_t n, int order,
                             double *gain) {
  for (int64_t k = 0; k < n; k++)
    for (int b = 0; b < CM_FOURIER_LINES; b++) {
      const double c = frequency[k], d = sqrt(lines->squared[b] + c * c);
      const double own = cm__isotropic_gain(r->p->wavelet, r->p->level, d); /* 0 for d = 0 */
      if (own != 0.0) gain[k * CM_FOURIER_LINES + b] += own * lines->part[b] * power(c, order) / power(d, r->total);
    }
}

static void add_lines(const Riesz *r, double *const frequency[3], int axis, const int64_t at[CM_FOURIER_LINES][3],
                      double factor, double *gain) {
  Lines lines;
  for (int b = 0; b < CM_FOURIER_LINES; b++) {
    lines.part[b] = factor;
    lines.squared[b] = 0.0;
    for (int a = 0; a < 3; a++) {
      const double k = frequency[a][at[b][a]];
      if (a == axis) continue;
      lines.part[b] *= power(k, r->order[a]);
      lines.squared[b] += k * k;
    }
  }
  if (r->p->wavelet == NO_WAVELET)
    add_gain(&lines, frequency[axis], r->n[axis], r->order[axis], r->total, gain);
  else
    add_wavelet_gain(r, &lines, frequency[axis], r->n[axis], r->order[axis], gain);
}

/* The real part of what an uneven gain lets through is what the mean of its values at k and -k lets through; of odd
 * orders, half of their difference. */
static void gain(const CmSpectral *job, int axis, const int64_t at[CM_FOURIER_LINES][3], double *scratch,
                 double *gain) {
  const Riesz *r = job->arg;
  (void)scratch;
  memset(gain, 0, (size_t)(r->n[axis] * CM_FOURIER_LINES) * sizeof(double));
  add_lines(r, r->frequency, axis, at, 0.5 * r->factor, gain);
  add_lines(r, r->opposite, axis, at, (r->total & 1 ? -0.5 : 0.5) * r->factor, gain);
}

static bool set_order(Riesz *r, CmError **err) {
  static const double factorials[] = {1, 1, 2, 6, 24, 120, 720, 5040, 40320};
  double factor = 1.0;
  for (int a = 0; a < 3; a++) {
    r->order[a] = a < r->p->order.count ? (int)r->p->order.value[a] : 0;
    if (r->order[a] > 0 && r->n[a] == 1) {
      cm_error_set(err, CM_ERR_PARAMETER, "order is %d along %c, where the image is one voxel long; give 0 there",
                   r->order[a], "xyz"[a]);
      return false;
    }
    r->total += r->order[a];
    factor /= factorials[r->order[a]];
  }
  for (int k = 2; k <= r->total; k++) factor *= k;
  r->factor = r->total & 2 ? -sqrt(factor) : sqrt(factor);
  return true;
}

static bool set_frequencies(CmContext *ctx, Riesz *r, CmError **err) {
  for (int a = 0; a < 3; a++) {
    r->frequency[a] = cm_alloc_array(ctx, 2 * (size_t)r->n[a], sizeof(double), err);
    if (!r->frequency[a]) return false;
    r->opposite[a] = r->frequency[a] + r->n[a];
    for (int64_t k = 0; k < r->n[a]; k++) {
      r->frequency[a][k] = cm__isotropic_frequency(r->p->frequencies, k, r->n[a]);
      r->opposite[a][k] = cm__isotropic_frequency(r->p->frequencies, (r->n[a] - k) % r->n[a], r->n[a]);
    }
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const RieszParams *p = call->params;
  const CmGrid grid = cm__grid(call->in[0].image);
  const CmReals no_pad = {.count = 0};
  CmMask mask;
  Riesz r = {.p = p, .n = {grid.nx, grid.ny, grid.nz}};
  CmSpectral job = {.what = "riesz",
                    .border = CM_BORDER_WRAP, /* and no pad: the size stays */
                    .pad = &no_pad,
                    .lowest = 1.0,
                    .per = 1,
                    .type = 1 + p->type, /* never that of the input */
                    .gain = gain,
                    .arg = &r};
  bool ok = set_order(&r, err) && set_frequencies(call->ctx, &r, err);
  job.odd = r.total & 1;
  ok = ok && cm__spectral_call(call, &job, err) && cm__mask_open(&mask, &call->in[1], call->in[0].image, err) &&
       cm__mask_blank(call->ctx, &mask, call->out[0].image, err);
  for (int a = 0; a < 3; a++) cm_free(r.frequency[a]);
  return ok;
}

CM_OP(riesz) = {
    .name = "riesz",
    .family = "filter",
    .since = "0.2",
    .summary = "The Riesz transform: directional derivatives of any order that keep the amplitude.",
    .details =
        "The spectrum times (-i)^L sqrt(L! / (l1! l2! l3!)) k1^l1 k2^l2 k3^l3 / |k|^L, where l is `order`, L its sum "
        "and "
        "k the frequency (k = 0: 0 for L > 0); with a wavelet also times its gain. The filter is linear: to transform "
        "a "
        "Laplacian of Gaussian, apply both in turn. Periodic border (`pad` the image for "
        "another). " CM_FREQUENCIES_DETAILS
        "Needs 8 bytes a voxel. Every time point and component is filtered by itself. Mask: voxels outside are 0; "
        "those "
        "inside still see them. NaN and infinities are refused.",
    CM_OP_PARAMS(RieszParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-9,
    .cite =
        "Unser M, Chenouard N, Van De Ville D. Steerable pyramids and tight wavelet frames in L2(Rd). IEEE Trans Image "
        "Process 20, 2011; Image Biomarker Standardisation Initiative, reference manual part 2, section 3.8",
    .examples =
        "cormack riesz ct.nii.gz slope.nii.gz --order 1,0,0\n"
        "cormack riesz ct.nii.gz band.nii.gz --order 0,2,0 --wavelet simoncelli --level 2",
    .run = run,
};
