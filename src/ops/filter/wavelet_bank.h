/* Orthogonal wavelets: their filters, and what lies beyond the ends of a line. */
#ifndef CM_OPS_FILTER_WAVELET_BANK_H
#define CM_OPS_FILTER_WAVELET_BANK_H

#include "ops/lines.h"

#define CM_WAVELET_CHOICES                                                                                           \
  "haar|db2|db3|db4|db5|db6|db7|db8|db9|db10|db11|db12|db13|db14|db15|db16|db17|db18|db19|db20|sym2|sym3|sym4|sym5|" \
  "sym6|sym7|sym8|sym9|sym10|sym11|sym12|sym13|sym14|sym15|sym16|sym17|sym18|sym19|sym20|coif1|coif2|coif3|coif4|"   \
  "coif5"
enum { CM_WAVELET_HAAR, CM_WAVELET_DB2, CM_WAVELET_COUNT = 44, CM_WAVELET_TAPS = 40 };

/* h[0..length): sum of h[k] h[k + 2m] is 1 for m = 0, else 0; sum of h is the root of 2. */
typedef struct CmScalingFilter {
  int64_t length;
  const double *h;
} CmScalingFilter;
extern const CmScalingFilter cm__scaling_filters[CM_WAVELET_COUNT];

/* The two filters of one wavelet. One level of the transform is
 *   low[i] = sum over t of h[t] v[2 i + t - shift], high[i] = the same with g[t] = (-1)^t h[length - 1 - t],
 *   v[j] = sum over i of low[i] h[j - 2 i + shift] + high[i] g[j - 2 i + shift]. */
typedef struct CmBank {
  int64_t length;
  double h[CM_WAVELET_TAPS], g[CM_WAVELET_TAPS];
  float h32[CM_WAVELET_TAPS], g32[CM_WAVELET_TAPS];
} CmBank;
void cm__wavelet_bank(int32_t wavelet, CmBank *bank);

/* The borders of `lines.h` (constant as 0), three more, and periodization, which keeps the number of coefficients. */
#define CM_WAVELET_BORDERS "replicate|reflect|mirror|wrap|zero|smooth|antisymmetric|antireflect|periodization"
typedef enum CmWaveletBorder {
  CM_WAVELET_ZERO = CM_BORDER_CONSTANT,
  CM_WAVELET_SMOOTH,
  CM_WAVELET_ANTISYMMETRIC,
  CM_WAVELET_ANTIREFLECT,
  CM_WAVELET_PERIODIZATION
} CmWaveletBorder;

/* What stands at i, before, in or beyond a line of n values: the sum of weight[k] * v[at[k]], k < count. */
typedef struct CmBeyond {
  int count;
  int64_t at[3];
  double weight[3];
} CmBeyond;
CmBeyond cm__wavelet_beyond(int32_t border, int64_t i, int64_t n);

#endif
