/* The filters of all wavelets that PyWavelets has and the undecimated transform can use. */
#ifndef CM_OPS_RADIOMICS_PYRAD_WAVELET_BANK_H
#define CM_OPS_RADIOMICS_PYRAD_WAVELET_BANK_H

#include "ops/filter/wavelet_bank.h"

/* Behind the orthogonal ones: biorthogonal, reverse biorthogonal in the same order, discrete Meyer. */
#define CM__PYRAD_BIOR(x)                                                                                       \
  x "1.1|" x "1.3|" x "1.5|" x "2.2|" x "2.4|" x "2.6|" x "2.8|" x "3.1|" x "3.3|" x "3.5|" x "3.7|" x "3.9|" x \
    "4.4|" x "5.5|" x "6.8"
#define CM__PYRAD_WAVELETS CM_WAVELET_CHOICES "|" CM__PYRAD_BIOR("bior") "|" CM__PYRAD_BIOR("rbio") "|dmey"
enum { CM__PYRAD_PAIRS = 16, CM__PYRAD_TAPS = 62 };

/* Low-pass filters of analysis and synthesis, both turned round. */
typedef struct CmFilterPair {
  int64_t length;
  const double *analysis, *synthesis;
} CmFilterPair;
extern const CmFilterPair cm__pyrad_pairs[CM__PYRAD_PAIRS];

/* Analysis: low[i] = sum over t of h[t] v[i + t - shift], high[i] the same with g. */
typedef struct CmPyradBank {
  int64_t length;
  double h[CM__PYRAD_TAPS], g[CM__PYRAD_TAPS];
} CmPyradBank;
/* wavelet: in the order of CM__PYRAD_WAVELETS. */
void cm__pyrad_wavelet_bank(int32_t wavelet, CmPyradBank *bank);

#endif
