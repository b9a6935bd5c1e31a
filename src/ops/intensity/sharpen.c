#include "ops/intensity/sharpen.h"

#include <math.h>
#include <string.h>

bool cm__sharpen_open(CmContext *ctx, CmSharpen *sharpen, int64_t bins, double fwhm, double noise, CmError **err) {
  int64_t padded = 2;
  while (padded < 2 * bins) padded *= 2;
  *sharpen = (CmSharpen){.bins = bins, .padded = padded, .fwhm = fwhm, .noise = noise};
  sharpen->cosine = cm_alloc_array(ctx, (size_t)padded, sizeof(double), err);
  sharpen->work = sharpen->cosine ? cm_alloc_array(ctx, (size_t)padded, 6 * sizeof(double), err) : NULL;
  if (!sharpen->work) {
    cm__sharpen_close(sharpen);
    return false;
  }
  for (int64_t k = 0; k < padded; k++)
    sharpen->cosine[k] = cos(2.0 * 3.14159265358979323846 * (double)k / (double)padded);
  return true;
}

void cm__sharpen_close(CmSharpen *sharpen) {
  cm_free(sharpen->cosine);
  cm_free(sharpen->work);
  memset(sharpen, 0, sizeof(*sharpen));
}

/* Fourier transform of a real even sequence, which is real and even; the sequence is a narrow Gaussian or its inverse,
 * and the lengths are some hundreds, so that the sum is as good as a fast transform. */
static void transform_even(const CmSharpen *s, const double *from, double *to) {
  const int64_t n = s->padded, half = n / 2;
  for (int64_t k = 0; k <= half; k++) {
    double sum = from[0] + (k % 2 ? -from[half] : from[half]);
    for (int64_t i = 1; i < half; i++) sum += 2.0 * from[i] * s->cosine[i * k & (n - 1)];
    to[k] = sum;
    if (k > 0) to[n - k] = sum;
  }
}

/* Circular convolution with an even kernel. */
static void convolve(const CmSharpen *s, const double *from, const double *kernel, double *to) {
  const int64_t n = s->padded;
  memset(to, 0, (size_t)n * sizeof(double));
  for (int64_t i = 0; i < n; i++) {
    const double v = from[i];
    if (v == 0.0) continue;
    for (int64_t k = 0; k < i; k++) to[k] += v * kernel[n - i + k];
    for (int64_t k = i; k < n; k++) to[k] += v * kernel[k - i];
  }
}

void cm__sharpen(const CmSharpen *s, const double *histogram, double least, double slope, double *expected) {
  const int64_t n = s->padded, offset = (n - s->bins) / 2;
  double *blur = s->work, *spectrum = blur + n, *inverse = spectrum + n, *padded = inverse + n, *sharp = padded + n,
         *mean = sharp + n;
  const double width = s->fwhm / slope, factor = 4.0 * log(2.0) / (width * width);
  const double scale = 2.0 * sqrt(log(2.0) / 3.14159265358979323846) / width;
  for (int64_t k = 0; k <= n / 2; k++) {
    blur[k] = scale * exp(-(double)(k * k) * factor);
    if (k > 0) blur[n - k] = blur[k];
  }
  transform_even(s, blur, spectrum);
  for (int64_t k = 0; k < n; k++) spectrum[k] = spectrum[k] / (spectrum[k] * spectrum[k] + s->noise) / (double)n;
  transform_even(s, spectrum, inverse);
  memset(padded, 0, (size_t)n * sizeof(double));
  memcpy(padded + offset, histogram, (size_t)s->bins * sizeof(double));
  convolve(s, padded, inverse, sharp);
  for (int64_t k = 0; k < n; k++) {
    sharp[k] = sharp[k] > 0.0 ? sharp[k] : 0.0;
    padded[k] = sharp[k] * (least + (double)(k - offset) * slope);
  }
  double *weighted = spectrum;
  convolve(s, padded, blur, weighted);
  convolve(s, sharp, blur, mean);
  for (int64_t k = 0; k < s->bins; k++)
    expected[k] = mean[k + offset] != 0.0 ? weighted[k + offset] / mean[k + offset] : 0.0;
}
