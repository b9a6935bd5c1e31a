/* JPEG-LS (ITU-T T.87) by CharLS. */
#include <charls/charls.h>
#include <string.h>

#include "io/dicom/codec.h"

/* Samples of `size` bytes, by plane or by pixel, to pixels in cells that may be wider. */
static void spread(const uint8_t *from, const CmFrameShape *shape, size_t size, bool planar, uint8_t *to) {
  size_t cell = (size_t)shape->cell_bytes, samples = (size_t)shape->samples;
  size_t pixels = (size_t)shape->columns * (size_t)shape->rows;
  if (cell > size) memset(to, 0, shape->bytes);
  for (size_t s = 0; s < samples; s++) {
    const uint8_t *in = planar ? from + s * pixels * size : from + s * size;
    size_t step = planar ? size : samples * size;
    for (size_t i = 0; i < pixels; i++) memcpy(to + (i * samples + s) * cell, in + i * step, size);
  }
}

static bool decode_cells(CmContext *ctx, charls_jpegls_decoder *decoder, const CmFrameShape *shape, int precision, void *cells,
                         CmError **err) {
  size_t pixels = (size_t)shape->columns * (size_t)shape->rows, values = pixels * (size_t)shape->samples;
  size_t size = precision > 8 ? 2 : 1, need = 0;
  uint8_t *scratch = NULL;
  bool ok = false;
  charls_interleave_mode mode;
  charls_jpegls_errc code = charls_jpegls_decoder_get_interleave_mode(decoder, &mode);
  if (code) goto failed;
  code = charls_jpegls_decoder_get_destination_size(decoder, 0, &need);
  if (code) goto failed;
  if (need != values * size) {
    cm_error_set(err, CM_ERR_FAULT, "CharLS wants %zu bytes for a frame of %zu", need, values * size);
    goto done;
  }
  bool planar = mode == CHARLS_INTERLEAVE_MODE_NONE && shape->samples > 1;
  bool direct = !planar && (int)size == shape->cell_bytes;
  if (!direct) {
    scratch = cm_alloc(ctx, need, err);
    if (!scratch) goto done;
  }
  code = charls_jpegls_decoder_decode_to_buffer(decoder, direct ? cells : scratch, need, 0);
  if (code) goto failed;
  if (!direct) spread(scratch, shape, size, planar, cells);
  ok = true;
  goto done;
failed:
  if (code == CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY) {
    cm_error_set(err, CM_ERR_MEMORY, "no memory to decode the JPEG-LS frame");
  } else {
    cm_error_set(err, CM_ERR_FORMAT, "the JPEG-LS frame is damaged: %s", charls_get_error_message(code));
  }
done:
  cm_free(scratch);
  return ok;
}

bool cm__codec_jpegls(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                      CmError **err) {
  *coded = (CmCoded){0};
  bool ok = false;
  charls_jpegls_decoder *decoder = charls_jpegls_decoder_create();
  if (!decoder) {
    cm_error_set(err, CM_ERR_MEMORY, "no memory for the JPEG-LS decoder");
    return false;
  }
  charls_frame_info info;
  charls_jpegls_errc code = charls_jpegls_decoder_set_source_buffer(decoder, input.bytes, input.size);
  if (!code) code = charls_jpegls_decoder_read_header(decoder);
  if (!code) code = charls_jpegls_decoder_get_frame_info(decoder, &info);
  if (code) {
    cm_error_set(err, CM_ERR_FORMAT, "the JPEG-LS header is damaged: %s", charls_get_error_message(code));
    goto done;
  }
  if (!cm__codec_same_shape(shape, "JPEG-LS", info.width, info.height, info.component_count, info.bits_per_sample, err)) goto done;
  coded->precision = info.bits_per_sample;
  ok = decode_cells(ctx, decoder, shape, info.bits_per_sample, cells, err);
done:
  charls_jpegls_decoder_destroy(decoder);
  return ok;
}
