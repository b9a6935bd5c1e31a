#include "ops/filter/spectral.h"

typedef struct FourierFilterParams {
  int32_t kind;
  CmReals cutoff;
  int32_t per, profile;
  int64_t order;
  CmReals pad;
  int32_t border;
  double border_value;
  int32_t type;
} FourierFilterParams;

enum { LOWPASS, HIGHPASS, BANDPASS, BANDSTOP };

static const CmParam params[] = {
    CM_PARAM_ENUM(FourierFilterParams, kind, "lowpass|highpass|bandpass|bandstop", "lowpass",
                  "which frequencies pass: those below the cut-off, above it, between two, or all but those"),
    CM_PARAM_REALS(FourierFilterParams, cutoff, "0.1", 1e-6, 1e6, 1, 2, "",
                   "cut-off frequency; bandpass and bandstop: the lower and the upper one"),
    CM_SPECTRAL_PER_PARAM(FourierFilterParams, "mm"),
    CM_PROFILE_PARAMS(FourierFilterParams),
    CM_PAD_PARAM(FourierFilterParams),
    CM_BORDER_PARAMS(FourierFilterParams),
    CM_TYPE_PARAM(FourierFilterParams),
};

static void gain(const CmSpectral *job, int axis, const int64_t at[CM_FOURIER_LINES][3], double *scratch,
                 double *gain) {
  const FourierFilterParams *p = job->arg;
  const CmProfile profile = {p->profile, p->order};
  const int64_t n = job->n[axis] * CM_FOURIER_LINES;
  cm__spectral_distance(job, axis, at, (const double[3]){0.0, 0.0, 0.0}, scratch);
  cm__profile_multiply(&profile, p->cutoff.value[0], p->kind != LOWPASS, scratch, gain, n);
  if (p->kind >= BANDPASS) cm__profile_multiply(&profile, p->cutoff.value[1], false, scratch, gain, n);
  for (int64_t i = 0; p->kind == BANDSTOP && i < n; i++) gain[i] = 1.0 - gain[i];
}

static bool run(const CmCall *call, CmError **err) {
  const FourierFilterParams *p = call->params;
  CmSpectral job = {.what = "fourier filter",
                    .border = p->border,
                    .border_value = p->border_value,
                    .pad = &p->pad,
                    .lowest = p->cutoff.value[0],
                    .per = p->per,
                    .type = p->type,
                    .gain = gain,
                    .arg = p};
  return cm__spectral_call(call, &job, err);
}

static bool check(const void *values, CmError **err) {
  const FourierFilterParams *p = values;
  const int wanted = p->kind >= BANDPASS ? 2 : 1;
  if (p->cutoff.count != wanted) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "cutoff has %d values; lowpass and highpass take one, bandpass and bandstop two", p->cutoff.count);
    return false;
  }
  if (wanted == 2 && !(p->cutoff.value[0] < p->cutoff.value[1])) {
    cm_error_set(err, CM_ERR_PARAMETER, "cutoff is %g,%g; give the lower one first", p->cutoff.value[0],
                 p->cutoff.value[1]);
    return false;
  }
  return true;
}

CM_OP(fourier_filter) = {
    .name = "fourier_filter",
    .family = "filter",
    .since = "0.1",
    .summary = "Let low, high or middle frequencies pass.",
    .details =
        "D is the length of a frequency (x,y,z), C the cut-off, L(C) the low-pass gain: ideal 1 where D <= C, else 0; "
        "butterworth 1 / (1 + (D / C)^(2 order)), a half at the cut-off; gaussian exp(-D^2 / (2 C^2)). highpass 1 - "
        "L(C); bandpass (1 - L(lower)) L(upper); bandstop 1 less that. highpass and bandpass take the mean away: give "
        "type=f32 to keep what is negative. The highest frequency of an image is 0.5 per "
        "voxel. " CM_SPECTRAL_DETAILS,
    CM_OP_PARAMS(FourierFilterParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-9,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., sections 4.8 to 4.10",
    .examples =
        "cormack fourier_filter ct.nii.gz smooth.nii.gz --cutoff 0.08 --profile gaussian\n"
        "cormack fourier_filter xray.png edges.nii.gz --kind highpass --cutoff 0.05 --per voxel --type f32\n"
        "cormack fourier_filter mr.nii.gz band.nii.gz --kind bandpass --cutoff 0.02,0.2 --order 4 --type f32",
    .check = check,
    .run = run,
};
