/* JPEG 2000 (ITU-T T.800) and high-throughput JPEG 2000 (T.814) by OpenJPEG.
 *
 * The size marker is read here first, so that nothing is allocated for tiles or components that the bytes cannot hold.
 */
#include <openjpeg.h>
#include <stdio.h>
#include <string.h>

#include "io/dicom/codec.h"

#define SOC_SIZ 0xFF4FFF51u
#define JP2_SIGNATURE_BOX 0x6A502020u  /* "jP  " */
#define JP2_CODESTREAM_BOX 0x6A703263u /* "jp2c" */
#define LEAST_TILE_BYTES 14            /* SOT segment and SOD marker */

typedef struct J2kJob {
  CmCodecInput input;
  size_t at;
  char message[160];
} J2kJob;

static uint32_t read_u16be(const uint8_t *at) {
  return (uint32_t)at[0] << 8 | at[1];
}
static uint32_t read_u32be(const uint8_t *at) {
  return read_u16be(at) << 16 | read_u16be(at + 2);
}

static bool damaged(const char *what, CmError **err) {
  cm_error_set(err, CM_ERR_FORMAT, "the JPEG 2000 frame is damaged: %s", what);
  return false;
}

/* The codestream inside a JP2 file (T.800 annex I), whose boxes DICOM ignores (PS3.5 8.2.4). */
static bool find_codestream(CmCodecInput *input, CmError **err) {
  if (input->size >= 12 && read_u32be(input->bytes + 4) == JP2_SIGNATURE_BOX) {
    size_t at = 0;
    while (input->size - at >= 8) {
      uint64_t length = read_u32be(input->bytes + at), head = 8;
      uint32_t type = read_u32be(input->bytes + at + 4);
      if (length == 1 && input->size - at >= 16) {
        length = (uint64_t)read_u32be(input->bytes + at + 8) << 32 | read_u32be(input->bytes + at + 12);
        head = 16;
      }
      if (length == 0) length = input->size - at;
      if (length < head || length > input->size - at) return damaged("a box is longer than what is left", err);
      if (type == JP2_CODESTREAM_BOX) {
        *input = (CmCodecInput){input->bytes + at + head, (size_t)(length - head)};
        break;
      }
      at += (size_t)length;
    }
  }
  if (input->size < 4 || read_u32be(input->bytes) != SOC_SIZ) return damaged("it has no SOC and SIZ markers", err);
  return true;
}

/* T.800 A.5.1. Nothing past the marker segment is looked at. */
static bool check_size(CmCodecInput input, const CmFrameShape *shape, CmCoded *coded, CmError **err) {
  const uint8_t *siz = input.bytes + 4;
  if (input.size < 4 + 38) return damaged("its SIZ marker is short", err);
  uint32_t length = read_u16be(siz), components = read_u16be(siz + 36);
  if (components < 1 || length != 38 + 3 * components || input.size - 4 < length)
    return damaged("its SIZ marker is short", err);
  uint32_t x1 = read_u32be(siz + 4), y1 = read_u32be(siz + 8), x0 = read_u32be(siz + 12), y0 = read_u32be(siz + 16);
  uint32_t tile_x = read_u32be(siz + 20), tile_y = read_u32be(siz + 24), tile_x0 = read_u32be(siz + 28),
           tile_y0 = read_u32be(siz + 32);
  if (x1 <= x0 || y1 <= y0 || !tile_x || !tile_y || tile_x0 > x0 || tile_y0 > y0)
    return damaged("its SIZ marker is absurd", err);
  uint64_t across = ((uint64_t)x1 - tile_x0 + tile_x - 1) / tile_x,
           down = ((uint64_t)y1 - tile_y0 + tile_y - 1) / tile_y;
  if (across > 65535 || down > 65535 || across * down > input.size / LEAST_TILE_BYTES) {
    return damaged("it claims more tiles than its bytes can hold", err);
  }
  const uint8_t *parts = siz + 38;
  int precision = (parts[0] & 127) + 1;
  if (!cm__codec_same_shape(shape, "JPEG 2000", (int64_t)x1 - x0, (int64_t)y1 - y0, components, precision, err))
    return false;
  for (uint32_t c = 0; c < components; c++) {
    if (parts[3 * c] != parts[0] || parts[3 * c + 1] != 1 || parts[3 * c + 2] != 1) {
      cm_error_set(err, CM_ERR_UNSUPPORTED,
                   "the JPEG 2000 frame has components of different depth or sampling, which is not supported; "
                   "re-encode the file");
      return false;
    }
  }
  coded->precision = precision;
  coded->is_signed = (parts[0] & 128) != 0;
  return true;
}

static OPJ_SIZE_T stream_read(void *to, OPJ_SIZE_T count, void *user) {
  J2kJob *job = user;
  size_t left = job->input.size - job->at;
  if (!left) return (OPJ_SIZE_T)-1;
  if (count > left) count = left;
  memcpy(to, job->input.bytes + job->at, count);
  job->at += count;
  return count;
}

static OPJ_OFF_T stream_skip(OPJ_OFF_T count, void *user) {
  J2kJob *job = user;
  size_t left = job->input.size - job->at;
  if (count < 0) return -1;
  if ((uint64_t)count > left) count = (OPJ_OFF_T)left;
  job->at += (size_t)count;
  return count;
}

static OPJ_BOOL stream_seek(OPJ_OFF_T to, void *user) {
  J2kJob *job = user;
  if (to < 0 || (uint64_t)to > job->input.size) return OPJ_FALSE;
  job->at = (size_t)to;
  return OPJ_TRUE;
}

static void on_error(const char *text, void *user) {
  J2kJob *job = user;
  if (job->message[0]) return; /* the first is the cause */
  snprintf(job->message, sizeof job->message, "%s", text);
  job->message[strcspn(job->message, "\r\n")] = '\0';
}

static void on_note(const char *text, void *user) {
  (void)text;
  (void)user;
}

static opj_stream_t *open_stream(J2kJob *job) {
  size_t buffer = job->input.size < 65536 ? 4096 : 65536;
  opj_stream_t *stream = opj_stream_create(buffer, OPJ_TRUE);
  if (!stream) return NULL;
  opj_stream_set_user_data(stream, job, NULL);
  opj_stream_set_user_data_length(stream, job->input.size);
  opj_stream_set_read_function(stream, stream_read);
  opj_stream_set_skip_function(stream, stream_skip);
  opj_stream_set_seek_function(stream, stream_seek);
  return stream;
}

/* Into every `step`-th cell from number `at` on. */
#define PUT_CELLS(ctype)                                                                       \
  do {                                                                                         \
    ctype *restrict cell = (ctype *)cells + at;                                                \
    for (size_t i = 0; i < count && step == 1; i++) cell[i] = (ctype)(uint32_t)from[i];        \
    for (size_t i = 0; i < count && step != 1; i++) cell[i * step] = (ctype)(uint32_t)from[i]; \
  } while (0)

static void put_cells(const OPJ_INT32 *restrict from, size_t count, int cell_bytes, size_t step, size_t at,
                      void *cells) {
  if (cell_bytes == 1)
    PUT_CELLS(uint8_t);
  else if (cell_bytes == 2)
    PUT_CELLS(uint16_t);
  else
    PUT_CELLS(uint32_t);
}

static bool copy_components(const opj_image_t *image, const CmFrameShape *shape, void *cells, CmError **err) {
  size_t pixels = (size_t)shape->columns * (size_t)shape->rows, samples = (size_t)shape->samples;
  if (image->numcomps != samples) return damaged("a component is missing", err);
  for (size_t s = 0; s < samples; s++) {
    const opj_image_comp_t *part = &image->comps[s];
    if (!part->data || (int64_t)part->w != shape->columns || (int64_t)part->h != shape->rows)
      return damaged("a component is missing", err);
    put_cells(part->data, pixels, shape->cell_bytes, samples, s, cells);
  }
  return true;
}

bool cm__codec_j2k(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                   CmError **err) {
  (void)ctx;
  *coded = (CmCoded){0};
  if (!find_codestream(&input, err) || !check_size(input, shape, coded, err)) return false;
  J2kJob job = {.input = input};
  bool ok = false;
  opj_image_t *image = NULL;
  opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
  opj_stream_t *stream = open_stream(&job);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  if (!codec || !stream) {
    cm_error_set(err, CM_ERR_MEMORY, "no memory for the JPEG 2000 decoder");
    goto done;
  }
  opj_set_error_handler(codec, on_error, &job);
  opj_set_warning_handler(codec, on_note, &job);
  opj_set_info_handler(codec, on_note, &job);
  if (!opj_setup_decoder(codec, &parameters) || !opj_decoder_set_strict_mode(codec, OPJ_TRUE) ||
      !opj_read_header(stream, codec, &image) || !opj_decode(codec, stream, image)) {
    damaged(job.message[0] ? job.message : "it cannot be decoded", err);
    goto done;
  }
  ok = copy_components(image, shape, cells, err);
done:
  opj_image_destroy(image);
  if (stream) opj_stream_destroy(stream);
  if (codec) opj_destroy_codec(codec);
  return ok;
}
