#include "ops/radiomics/pyrad_wavelet_bank.h"

void cm__pyrad_wavelet_bank(int32_t wavelet, CmPyradBank *bank) {
  const int32_t pair = wavelet - CM_WAVELET_COUNT;
  const bool reversed = pair >= CM__PYRAD_PAIRS - 1 && pair < 2 * (CM__PYRAD_PAIRS - 1);
  if (pair < 0) {
    const CmScalingFilter *filter = &cm__scaling_filters[wavelet];
    bank->length = filter->length;
    for (int64_t t = 0; t < filter->length; t++) {
      bank->h[t] = filter->h[t];
      bank->g[t] = (t & 1 ? -1.0 : 1.0) * filter->h[filter->length - 1 - t];
    }
    return;
  }
  const CmFilterPair *filters = &cm__pyrad_pairs[pair < CM__PYRAD_PAIRS - 1 ? pair : pair - (CM__PYRAD_PAIRS - 1)];
  bank->length = filters->length;
  for (int64_t t = 0; t < filters->length; t++) { /* a reversed pair changes the roles of analysis and synthesis */
    const int64_t back = filters->length - 1 - t;
    bank->h[t] = reversed ? filters->synthesis[back] : filters->analysis[t];
    bank->g[t] = (t & 1 ? -1.0 : 1.0) * (reversed ? filters->analysis[back] : filters->synthesis[t]);
  }
}
