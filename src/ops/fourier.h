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

/* The smallest 2^a 3^b 5^c that is not below `least`. */
int64_t cm__fourier_size(int64_t least);

#endif
