#include <math.h>

#include "ops/filter/isotropic.h"
#include "ops/filter/spectral.h"

typedef struct SimoncelliParams {
  int32_t wavelet;
  int64_t level;
  int32_t frequencies;
  CmReals pad;
  int32_t border;
  int32_t type;
} SimoncelliParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(SimoncelliParams, wavelet, "simoncelli|shannon", "simoncelli",
                  "the gain: a cosine of the logarithm over two octaves, or 1 in one octave and 0 elsewhere"),
    CM_ISOTROPIC_LEVEL_PARAM(SimoncelliParams),
    CM_FREQUENCIES_PARAM(SimoncelliParams),
    CM_PAD_PARAM(SimoncelliParams),
    CM_PARAM_ENUM(SimoncelliParams, border, CM_BORDER_CHOICES, "wrap", "what lies beyond the border; constant: 0"),
    CM_PARAM_ENUM(SimoncelliParams, type, "f32|f64", "f32", "voxel type of the result"),
};

double cm__isotropic_gain(int32_t wavelet, int64_t level, double d) {
  const double highest = ldexp(1.0, (int)(1 - level));
  if (wavelet == CM_SHANNON) return d >= 0.5 * highest && d <= highest ? 1.0 : 0.0;
  return d >= 0.25 * highest && d <= highest ? cos(1.5707963267948966 * log2(2.0 * d / highest)) : 0.0;
}

double cm__isotropic_frequency(int32_t frequencies, int64_t k, int64_t n) {
  const double centre = 0.5 * (double)(n - 1);
  if (n == 1) return 0.0;
  if (frequencies == 0) return ((double)((k + n / 2) % n) - centre) / centre;
  return 2.0 * (double)(2 * k > n ? k - n : k) / (double)n;
}

static double gain_at(const CmSpectral *job, const int64_t at[3], bool opposite) {
  const SimoncelliParams *p = job->arg;
  double squared = 0.0;
  for (int a = 0; a < 3; a++) {
    const int64_t n = job->n[a], k = opposite ? (n - at[a]) % n : at[a];
    const double c = cm__isotropic_frequency(p->frequencies, k, n);
    squared += c * c;
  }
  return cm__isotropic_gain(p->wavelet, p->level, sqrt(squared));
}

/* The real part of what an uneven gain lets through is what the mean of its values at k and -k lets through. */
static void gain(const CmSpectral *job, int axis, const int64_t at[CM_FOURIER_LINES][3], double *scratch,
                 double *gain) {
  (void)scratch;
  for (int64_t k = 0; k < job->n[axis]; k++)
    for (int b = 0; b < CM_FOURIER_LINES; b++) {
      int64_t here[3] = {at[b][0], at[b][1], at[b][2]};
      here[axis] = k;
      gain[k * CM_FOURIER_LINES + b] *= 0.5 * (gain_at(job, here, false) + gain_at(job, here, true));
    }
}

static bool run(const CmCall *call, CmError **err) {
  const SimoncelliParams *p = call->params;
  CmMask mask;
  CmSpectral job = {.what = "simoncelli",
                    .border = p->border,
                    .pad = &p->pad,
                    .lowest = ldexp(0.25, (int)-p->level),
                    .per = 1,
                    .type = 1 + p->type, /* never that of the input */
                    .gain = gain,
                    .arg = p};
  return cm__spectral_call(call, &job, err) && cm__mask_open(&mask, &call->in[1], call->in[0].image, err) &&
         cm__mask_blank(call->ctx, &mask, call->out[0].image, err);
}

CM_OP(simoncelli) = {
    .name = "simoncelli",
    .family = "filter",
    .since = "0.2",
    .summary = "Isotropic wavelets: the same band of frequencies in all directions.",
    .details =
        "The spectrum times cos(pi/2 log2(2 D / M)) for M/4 <= D <= M and 0 elsewhere (simoncelli), or 1 for M/2 <= D "
        "<= M (shannon), where D is the length of the frequency, that of the highest along an axis being 1, and M = "
        "2^(1-level). Frequencies are per voxel: resample to cubic voxels first. " CM_FREQUENCIES_DETAILS
        "Border: wrap is the plain periodic transform; the others continue the image by `pad` voxels first. Every time "
        "point and component is filtered by itself. Mask: voxels outside are 0; those inside still see them. NaN and "
        "infinities are refused.",
    CM_OP_PARAMS(SimoncelliParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-9,
    .cite =
        "Portilla J, Simoncelli EP. A parametric texture model based on joint statistics of complex wavelet "
        "coefficients. IJCV 40, 2000; Image Biomarker Standardisation Initiative, reference manual part 2, section 3.7",
    .examples = "cormack simoncelli ct.nii.gz band.nii.gz --level 2",
    .run = run,
};
