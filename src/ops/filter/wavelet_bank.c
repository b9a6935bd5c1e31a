#include "ops/filter/wavelet_bank.h"

void cm__wavelet_bank(int32_t wavelet, CmBank *bank) {
  const CmScalingFilter *filter = &cm__scaling_filters[wavelet];
  bank->length = filter->length;
  for (int64_t t = 0; t < filter->length; t++) {
    bank->h[t] = filter->h[t];
    bank->g[t] = (t & 1 ? -1.0 : 1.0) * filter->h[filter->length - 1 - t];
    bank->h32[t] = (float)bank->h[t];
    bank->g32[t] = (float)bank->g[t];
  }
}

static CmBeyond one(int64_t at, double weight) {
  return (CmBeyond){.count = 1, .at = {at}, .weight = {weight}};
}

/* The line through the last two values. */
static CmBeyond smooth(int64_t i, int64_t n) {
  if (n == 1) return one(0, 1.0);
  const int64_t end = i < 0 ? 0 : n - 1, next = i < 0 ? 1 : n - 2;
  const double steps = (double)(i < 0 ? -i : i - end);
  return (CmBeyond){.count = 2, .at = {end, next}, .weight = {1.0 + steps, -steps}};
}

/* Turned around each end: after two turns the line comes back, higher by twice what it rises. */
static CmBeyond antireflect(int64_t i, int64_t n) {
  if (n == 1) return one(0, 1.0);
  const int64_t period = 2 * (n - 1);
  const int64_t shifted = i + n - 1, turns = shifted >= 0 ? shifted / period : -((period - 1 - shifted) / period);
  const int64_t within = i - turns * period; /* -(n - 1) .. n - 2 */
  const double rise = 2.0 * (double)turns, weight[3] = {within < 0 ? -1.0 : 1.0, within < 0 ? 2.0 - rise : -rise, rise};
  const int64_t at[3] = {within < 0 ? -within : within, 0, n - 1};
  CmBeyond beyond = {.count = 0};
  for (int k = 0; k < 3; k++) {
    if (weight[k] == 0.0) continue; /* NaN there must not spread */
    beyond.at[beyond.count] = at[k];
    beyond.weight[beyond.count++] = weight[k];
  }
  return beyond;
}

CmBeyond cm__wavelet_beyond(int32_t border, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return one(i, 1.0);
  switch (border) {
    case CM_WAVELET_ZERO:
      return (CmBeyond){.count = 0};
    case CM_WAVELET_SMOOTH:
      return smooth(i, n);
    case CM_WAVELET_ANTIREFLECT:
      return antireflect(i, n);
    case CM_WAVELET_ANTISYMMETRIC: {
      const int64_t turns = i >= 0 ? i / n : -((n - 1 - i) / n);
      return one(cm__border_index(CM_BORDER_REFLECT, i, n), turns % 2 ? -1.0 : 1.0);
    }
    case CM_WAVELET_PERIODIZATION: {
      const int64_t at = cm__border_index(CM_BORDER_WRAP, i, n + n % 2); /* an odd line: its last value twice */
      return one(at < n ? at : n - 1, 1.0);
    }
    default:
      return one(cm__border_index((CmBorder)border, i, n), 1.0);
  }
}
