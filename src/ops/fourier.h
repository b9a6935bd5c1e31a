/* Discrete Fourier transforms of volumes, in double precision and in place. Debian's kissfft is single precision, and
 * FFTW and GSL are GPL: hence our own. */
#ifndef CM_OPS_FOURIER_H
#define CM_OPS_FOURIER_H

#include "cormack/context.h"

/* X[k] = sum over x of v[x] exp(-2 pi i sum of k[a] x[a] / n[a]) of nx * ny * nz complex numbers, x fastest; inverse:
 * with
 * + in the exponent, divided by their number. Any size: factors 2 to 7 go by mixed radix (Stockham), others by
 * Bluestein's convolution. About 1e-15 log2(n) of the largest magnitude off. The same bits at any thread count. */
bool cm__fourier(CmContext *ctx, const char *what, const int64_t n[3], double *re, double *im, bool inverse,
                 CmError **err);

/* The same along one axis alone, which may be one number long. */
bool cm__fourier_axis(CmContext *ctx, const char *what, const int64_t n[3], int axis, double *re, double *im,
                      bool inverse, CmError **err);

/* A real volume that is filtered by its spectrum: its transform is multiplied by a gain and transformed back. Of the
 * spectrum, which is symmetric, one half is kept: n[0] / 2 + 1 complex numbers a row, in double. */
enum { CM_FOURIER_LINES = 8 };
typedef struct CmFourierFilter {
  const char *what; /* for progress; may be NULL */
  int64_t n[3];
  /* Row `row` (z * n[1] + y) of the volume: n[0] numbers to read or to keep. From several workers at once. */
  bool (*load)(void *arg, int worker, int64_t row, double *to, CmError **err);
  void (*store)(void *arg, int worker, int64_t row, const double *line);
  /* The gain, real and the same for k and -k (odd: the opposite, and the spectrum is multiplied by -i too), along
   * CM_FOURIER_LINES lines of the spectrum: line b runs along `axis` (1 or 2) through frequency at[b][0..2], whose
   * number along `axis` is 0; number k of it goes to gain[k * CM_FOURIER_LINES + b]. scratch: as long as gain. */
  void (*gain)(void *arg, int axis, const int64_t at[CM_FOURIER_LINES][3], double *scratch, double *gain);
  bool odd;
  void *arg;
} CmFourierFilter;
bool cm__fourier_filter(CmContext *ctx, const CmFourierFilter *job, CmError **err);

/* The smallest 2^a 3^b 5^c that is not below `least`. */
int64_t cm__fourier_size(int64_t least);

#endif
