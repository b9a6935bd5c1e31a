/* JPEG (ITU-T T.81): reads the frame header, refuses what does not fit, and hands over to the build for its precision.
 */
#include "io/dicom/codec_jpeg.h"

#include <string.h>

#define MARKER_SOI 0xD8
#define MARKER_EOI 0xD9
#define MARKER_SOS 0xDA
#define MARKER_APP0 0xE0
#define MARKER_APP14 0xEE

static int read_u16be(const uint8_t *at) {
  return at[0] << 8 | at[1];
}

static bool is_frame_header(int marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

static bool damaged(const char *what, CmError **err) {
  cm_error_set(err, CM_ERR_FORMAT, "the JPEG frame is damaged: %s", what);
  return false;
}

/* JFIF (ITU-T T.871) is YCbCr for three components; Adobe's APP14 (T.872 6.5.3) states the transform. */
static void read_app(int marker, const uint8_t *body, int length, CmJpegHeader *header, bool *adobe) {
  if (marker == MARKER_APP14 && length >= 12 && !memcmp(body, "Adobe", 5)) {
    header->colour = body[11] == 0 ? CM_COLOUR_RGB : CM_COLOUR_YBR;
    *adobe = true;
  } else if (marker == MARKER_APP0 && length >= 5 && !memcmp(body, "JFIF", 5) && !*adobe) {
    header->colour = CM_COLOUR_YBR;
  }
}

static bool read_frame_header(int marker, const uint8_t *body, int length, CmJpegHeader *header, CmError **err) {
  if (length < 6 || length < 6 + 3 * body[5]) return damaged("its frame header is short", err);
  header->process = marker & 15;
  header->precision = body[0];
  header->rows = read_u16be(body + 1);
  header->columns = read_u16be(body + 3);
  header->components = body[5];
  if (header->components == 3) {
    uint8_t ids[3] = {body[6], body[9], body[12]};
    if (!memcmp(ids, "RGB", 3) || !memcmp(ids, "rgb", 3)) header->colour = CM_COLOUR_RGB;
  } else {
    header->colour = CM_COLOUR_AS_STATED;
  }
  if (header->process > 3) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "the JPEG frame uses process SOF%d (%s), which is not supported; re-encode the file", header->process,
                 header->process > 8 ? "arithmetic coding" : "hierarchical");
    return false;
  }
  for (int i = 0; i < header->components; i++) {
    int h = body[7 + 3 * i] >> 4, v = body[7 + 3 * i] & 15;
    if (h < 1 || h > 4 || v < 1 || v > 4) return damaged("a sampling factor is not 1 to 4", err);
    if (header->process == 3 && (h != 1 || v != 1)) {
      cm_error_set(err, CM_ERR_UNSUPPORTED,
                   "the lossless JPEG frame subsamples its components, which is not supported; re-encode the file");
      return false;
    }
  }
  return true;
}

/* Walks the marker segments up to the frame header. */
static bool read_header(CmCodecInput input, CmJpegHeader *header, CmError **err) {
  const uint8_t *at = input.bytes, *end = at + input.size;
  bool adobe = false;
  *header = (CmJpegHeader){0};
  if (input.size < 4 || at[0] != 0xFF || at[1] != MARKER_SOI)
    return damaged("it does not begin with an SOI marker", err);
  at += 2;
  while (end - at >= 4) {
    if (at[0] != 0xFF) return damaged("a marker is missing", err);
    int marker = at[1];
    if (marker == 0xFF) { /* fill byte, T.81 B.1.1.2 */
      at++;
      continue;
    }
    if (marker == MARKER_SOS || marker == MARKER_EOI) break;
    int length = read_u16be(at + 2);
    if (length < 2 || end - at < 2 + (ptrdiff_t)length)
      return damaged("a marker segment is longer than what is left", err);
    if (is_frame_header(marker)) return read_frame_header(marker, at + 4, length - 2, header, err);
    read_app(marker, at + 4, length - 2, header, &adobe);
    at += 2 + length;
  }
  return damaged("it has no frame header", err);
}

bool cm__codec_jpeg(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                    CmError **err) {
  (void)ctx;
  *coded = (CmCoded){0};
  CmJpegHeader header;
  if (!read_header(input, &header, err)) return false;
  if (!cm__codec_same_shape(shape, "JPEG", header.columns, header.rows, header.components, header.precision, err))
    return false;
  if (header.process != 3 && header.precision != 8 && header.precision != 12) {
    return damaged("a DCT process has a precision other than 8 or 12", err);
  }
  coded->precision = header.precision;
  coded->colour = header.colour;
  if (header.process != 3 && header.precision == 8) return cm__codec_jpeg_dct8(input, &header, shape, cells, err);
  if (header.precision <= 8) return cm__codec_jpeg8(input, &header, shape, cells, err);
  if (header.precision <= 12) return cm__codec_jpeg12(input, &header, shape, cells, err);
  return cm__codec_jpeg16(input, &header, shape, cells, err);
}
