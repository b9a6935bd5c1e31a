/* RLE Lossless: PS3.5 annex G. */
#include <string.h>

#include "io/dicom/codec.h"

#define RLE_HEADER 64
#define RLE_SEGMENTS 15

static uint32_t read_u32le(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Unpacks one segment into every `stride`-th byte. Returns the number of bytes written, at most `count`. */
static size_t unpack_segment(CmCodecInput input, uint8_t *to, size_t count, size_t stride) {
  const uint8_t *in = input.bytes, *end = in + input.size;
  size_t done = 0;
  while (done < count && in < end) {
    uint8_t code = *in++;
    if (code == 128) continue; /* no operation */
    size_t run = code < 128 ? (size_t)code + 1 : 257u - code;
    size_t fits = run < count - done ? run : count - done;
    if (code < 128) {
      size_t have = (size_t)(end - in);
      if (fits > have) fits = have;
      if (stride == 1) {
        memcpy(to + done, in, fits);
      } else {
        for (size_t i = 0; i < fits; i++) to[(done + i) * stride] = in[i];
      }
      in += run < have ? run : have;
    } else {
      if (in == end) break;
      uint8_t value = *in++;
      if (stride == 1) {
        memset(to + done, value, fits);
      } else {
        for (size_t i = 0; i < fits; i++) to[(done + i) * stride] = value;
      }
    }
    done += fits;
  }
  return done;
}

bool cm__codec_rle(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                   CmError **err) {
  (void)ctx;
  *coded = (CmCoded){0};
  if (input.size < RLE_HEADER) {
    cm_error_set(err, CM_ERR_FORMAT, "the RLE frame has %zu bytes, less than its header of 64", input.size);
    return false;
  }
  uint32_t segments = read_u32le(input.bytes);
  uint32_t expected = (uint32_t)(shape->samples * shape->cell_bytes);
  if (segments != expected || segments > RLE_SEGMENTS) {
    cm_error_set(err, CM_ERR_FORMAT, "the RLE frame has %u segments; %d samples of %d bytes need %u", segments,
                 shape->samples, shape->cell_bytes, expected);
    return false;
  }
  size_t stride = expected, pixels = shape->bytes / expected;
  for (uint32_t s = 0; s < segments; s++) {
    size_t begin = read_u32le(input.bytes + 4 + 4 * (size_t)s);
    size_t end = s + 1 < segments ? read_u32le(input.bytes + 8 + 4 * (size_t)s) : input.size;
    if (begin < RLE_HEADER || begin > end || end > input.size) {
      cm_error_set(err, CM_ERR_FORMAT, "RLE segment %u lies at bytes %zu to %zu of a frame of %zu", s + 1, begin, end,
                   input.size);
      return false;
    }
    /* segments run sample by sample, the most significant byte first; the machine is little endian */
    size_t sample = s / (uint32_t)shape->cell_bytes, byte = s % (uint32_t)shape->cell_bytes;
    uint8_t *to = (uint8_t *)cells + sample * (size_t)shape->cell_bytes + ((size_t)shape->cell_bytes - 1 - byte);
    size_t done = unpack_segment((CmCodecInput){input.bytes + begin, end - begin}, to, pixels, stride);
    if (done != pixels) {
      cm_error_set(err, CM_ERR_FORMAT, "RLE segment %u ends after %zu of %zu pixels; the frame is damaged", s + 1, done,
                   pixels);
      return false;
    }
  }
  return true;
}
