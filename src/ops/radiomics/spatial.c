/* Sums over all pairs are inner products with a convolution by 1 / distance, which the Fourier transform makes cheap:
 * of x + i m (intensities without their mean, and the mask) both convolutions come out of one transform. */
#include "ops/radiomics/spatial.h"

#include <math.h>
#include <string.h>

#include "ops/fourier.h"

typedef struct Field {
  int64_t n[3]; /* padded: what wraps around meets zeros */
  double *re, *im;
} Field;

static bool make_field(CmContext *ctx, const int64_t n[3], Field *field, CmError **err) {
  size_t count;
  memcpy(field->n, n, sizeof field->n);
  if (!cm_size_multiply((size_t)(n[0] * n[1]), (size_t)(2 * n[2]), &count, err)) return false;
  field->re = cm_calloc(ctx, count, sizeof(double), err);
  field->im = field->re ? field->re + count / 2 : NULL;
  return field->re != NULL;
}

static int64_t place(const Field *field, int64_t x, int64_t y, int64_t z) {
  return x + field->n[0] * (y + field->n[1] * z);
}

static void fill_weights(const Field *field, const double spacing[3]) {
  for (int64_t z = 0; z < field->n[2]; z++)
    for (int64_t y = 0; y < field->n[1]; y++)
      for (int64_t x = 0; x < field->n[0]; x++) {
        const int64_t at[3] = {x, y, z};
        double square = 0.0;
        for (int k = 0; k < 3; k++) {
          const double d = (double)(2 * at[k] > field->n[k] ? field->n[k] - at[k] : at[k]) * spacing[k];
          square += d * d;
        }
        field->re[place(field, x, y, z)] = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
      }
}

static void fill_values(const CmRoi *roi, double mean, const Field *field) {
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++)
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const int64_t from = cm__roi_at(roi, x, y, z),
                      to = place(field, x - roi->lo[0], y - roi->lo[1], z - roi->lo[2]);
        if (!roi->inside[from]) continue;
        field->re[to] = roi->value[from] - mean;
        field->im[to] = 1.0;
      }
}

/* Of all ordered pairs: the weights, weights times both values, weights times the square of one value. */
typedef struct Sums {
  double weight, product, square, variance;
} Sums;

static void sum_up(const CmRoi *roi, double mean, const Field *field, Sums *sums) {
  *sums = (Sums){0};
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++)
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const int64_t from = cm__roi_at(roi, x, y, z),
                      at = place(field, x - roi->lo[0], y - roi->lo[1], z - roi->lo[2]);
        if (!roi->inside[from]) continue;
        const double v = roi->value[from] - mean;
        sums->weight += field->im[at];
        sums->product += v * field->re[at];
        sums->square += v * v * field->im[at];
        sums->variance += v * v;
      }
}

static bool convolve(CmContext *ctx, const Field *values, const Field *weights, CmError **err) {
  const int64_t *n = values->n;
  if (!cm__fourier(ctx, NULL, n, weights->re, weights->im, false, err) ||
      !cm__fourier(ctx, NULL, n, values->re, values->im, false, err))
    return false;
  for (int64_t k = 0; k < n[0] * n[1] * n[2]; k++) { /* weights are even: their transform is real */
    values->re[k] *= weights->re[k];
    values->im[k] *= weights->re[k];
  }
  return cm__fourier(ctx, NULL, n, values->re, values->im, true, err);
}

bool cm__spatial(const CmRoi *roi, double *moran, double *geary, CmError **err) {
  Field values = {.re = NULL}, weights = {.re = NULL};
  int64_t n[3];
  double mean = 0.0;
  Sums sums;
  *moran = *geary = NAN;
  if (roi->voxels < 2 || roi->sorted[0] == roi->sorted[roi->voxels - 1]) return true;
  for (int64_t k = 0; k < roi->voxels; k++) mean += roi->sorted[k];
  mean /= (double)roi->voxels;
  for (int k = 0; k < 3; k++) n[k] = cm__fourier_size(2 * (roi->hi[k] - roi->lo[k]) - 1);
  bool ok = make_field(roi->ctx, n, &values, err) && make_field(roi->ctx, n, &weights, err);
  if (ok) {
    fill_weights(&weights, roi->spacing);
    fill_values(roi, mean, &values);
    ok = convolve(roi->ctx, &values, &weights, err);
  }
  if (ok) {
    const double count = (double)roi->voxels;
    sum_up(roi, mean, &values, &sums);
    *moran = count / sums.weight * sums.product / sums.variance;
    *geary = (count - 1.0) / sums.weight * (sums.square - sums.product) / sums.variance;
  }
  cm_free(values.re);
  cm_free(weights.re);
  return ok;
}
