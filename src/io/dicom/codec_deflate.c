/* Deflated Image Frame Compression: PS3.5 A.4.14; the stream is raw deflate, RFC 1951. */
#include <libdeflate.h>

#include "io/dicom/codec.h"

bool cm__codec_deflate(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                       CmError **err) {
  (void)ctx;
  *coded = (CmCoded){0};
  struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
  if (!inflater) {
    cm_error_set(err, CM_ERR_MEMORY, "no memory for the inflater");
    return false;
  }
  size_t consumed = 0, got = 0;
  enum libdeflate_result result =
      libdeflate_deflate_decompress_ex(inflater, input.bytes, input.size, cells, shape->bytes, &consumed, &got);
  libdeflate_free_decompressor(inflater);
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
    cm_error_set(err, CM_ERR_FORMAT, "the deflated frame holds more than the %zu bytes of its size", shape->bytes);
  } else if (result != LIBDEFLATE_SUCCESS) {
    cm_error_set(err, CM_ERR_FORMAT, "the deflated frame is damaged");
  } else if (got != shape->bytes) {
    cm_error_set(err, CM_ERR_FORMAT, "the deflated frame holds %zu bytes; its size needs %zu", got, shape->bytes);
  } else {
    return true;
  }
  return false;
}
