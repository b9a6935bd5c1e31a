/* From voxels to stored values that lose nothing. */
#include <math.h>

#include "io/dicom/write.h"

#define RANGE_OF(ctype)                              \
  do {                                               \
    const ctype *values = cm_image_data(image);      \
    ctype least = values[0], most = values[0];       \
    for (int64_t i = 1; i < count; i++) {            \
      least = values[i] < least ? values[i] : least; \
      most = values[i] > most ? values[i] : most;    \
    }                                                \
    *low = (double)least;                            \
    *high = (double)most;                            \
  } while (0)

/* Lowest and highest value, and whether all are integers; false where one is not finite. */
static bool all_within(const CmImage *image, double *low, double *high, bool *whole) {
  int64_t count = cm_image_values(image);
  *low = INFINITY;
  *high = -INFINITY;
  *whole = true;
  switch (cm_image_type(image)) {
    case CM_U8:
      RANGE_OF(uint8_t);
      return true;
    case CM_I16:
      RANGE_OF(int16_t);
      return true;
    case CM_U16:
      RANGE_OF(uint16_t);
      return true;
    default:
      break;
  }
  for (int64_t i = 0; i < count; i++) {
    double value = cm_image_value(image, i);
    if (!isfinite(value)) return false;
    if (value < *low) *low = value;
    if (value > *high) *high = value;
    if (*whole && rint(value) != value) *whole = false;
  }
  return true;
}

/* What a reader computes from a stored value, in the precision that the image has. */
static double restored(const CmImage *image, const CmDicomStorage *storage, int64_t stored) {
  double value = storage->slope * (double)stored + storage->intercept;
  return cm_image_type(image) == CM_F32 ? (double)(float)value : value;
}

static int64_t stored_value(const CmDicomStorage *storage, double value) {
  return (int64_t)rint((value - storage->intercept) / storage->slope);
}

static bool holds_all(const CmImage *image, const CmDicomStorage *storage) {
  int64_t count = cm_image_values(image), lowest = storage->is_signed ? -32768 : 0, highest = lowest + 65535;
  for (int64_t i = 0; i < count; i++) {
    double value = cm_image_value(image, i);
    int64_t stored = stored_value(storage, value);
    if (stored < lowest || stored > highest || restored(image, storage, stored) != value) return false;
  }
  return true;
}

/* Slopes that measurements are quantized by: powers of two and of ten, and fives. */
static bool find_slope(const CmImage *image, bool allow_offset, CmDicomStorage *storage) {
  double low = storage->low, range = storage->high - low;
  for (int power = 16; power >= -24; power--) {
    double slopes[3] = {ldexp(1, power), NAN, NAN};
    if (power <= 6 && power >= -9) {
      slopes[1] = power >= 0 ? pow(10, power) : 1 / pow(10, -power);
      slopes[2] = slopes[1] / 2;
    }
    for (int i = 0; i < 3; i++) {
      char text[17];
      double slope = slopes[i], back, offset;
      if (isnan(slope) || !cm__parse_real(cm__dicom_decimal(slope, text), &back) || back != slope) continue;
      if (range / slope > 65535) continue;
      *storage = (CmDicomStorage){.bits = 16, .slope = slope, .is_signed = low < 0, .low = low, .high = storage->high};
      if (holds_all(image, storage)) return true;
      if (!allow_offset || !cm__parse_real(cm__dicom_decimal(rint(low / slope) * slope, text), &offset)) continue;
      storage->is_signed = false;
      storage->intercept = offset;
      if (holds_all(image, storage)) return true;
    }
  }
  return false;
}

bool cm__dicom_choose_storage(const CmImage *image, bool allow_8, bool allow_rescale, bool allow_offset,
                              CmDicomStorage *storage, CmError **err) {
  CmType type = cm_image_type(image);
  *storage = (CmDicomStorage){.slope = 1, .bits = 16};
  bool whole;
  if (!all_within(image, &storage->low, &storage->high, &whole)) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "DICOM holds no values that are not finite; clip the image or write NIfTI");
    return false;
  }
  if (type == CM_U8 && allow_8) {
    storage->bits = 8;
    storage->direct = true;
    return true;
  }
  storage->direct = type == CM_U16 || type == CM_I16;
  storage->is_signed = type == CM_I16 || (storage->low < 0 && whole);
  if (storage->direct || (whole && storage->low >= -32768 && storage->high <= (storage->is_signed ? 32767 : 65535)))
    return true;
  if (allow_rescale && find_slope(image, allow_offset, storage)) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED,
               "%s values from %g to %g cannot be held exactly by 16 bits with a slope and an intercept; write NIfTI, "
               "or convert to i16",
               cm_type_name(type), storage->low, storage->high);
  return false;
}

bool cm__dicom_store(const CmImage *image, const CmDicomStorage *storage, int64_t first, int64_t count,
                     CmTextBuffer *out) {
  size_t size = cm_type_size(cm_image_type(image));
  if (storage->direct) {
    cm__text_add_n(out, (const char *)cm_image_data(image) + (size_t)first * size, (size_t)count * size);
    return !out->failed;
  }
  for (int64_t i = first; i < first + count && !out->failed;) {
    int16_t piece[512]; /* the bits are the same for unsigned values */
    int n = 0;
    for (; n < 512 && i < first + count; n++, i++)
      piece[n] = (int16_t)(uint16_t)stored_value(storage, cm_image_value(image, i));
    cm__text_add_n(out, (const char *)piece, (size_t)n * 2);
  }
  return !out->failed;
}
