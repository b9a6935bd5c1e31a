/* What the codecs share. */
#include "io/dicom/codec.h"

bool cm__codec_same_shape(const CmFrameShape *shape, const char *kind, int64_t columns, int64_t rows, int64_t samples,
                          int precision, CmError **err) {
  if (columns != shape->columns || rows != shape->rows || samples != shape->samples) {
    cm_error_set(
        err, CM_ERR_FORMAT,
        "the %s frame is %lld x %lld with %lld samples, but the header says %lld x %lld with %d; one of them is wrong",
        kind, (long long)columns, (long long)rows, (long long)samples, (long long)shape->columns,
        (long long)shape->rows, shape->samples);
    return false;
  }
  if (precision < 1 || precision > 8 * shape->cell_bytes) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "the %s frame has samples of %d bits, but BitsAllocated (0028,0100) leaves room for %d", kind,
                 precision, 8 * shape->cell_bytes);
    return false;
  }
  return true;
}
