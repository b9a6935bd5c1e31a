/* JPEG-LS (ITU-T T.87): markers, presets and the order of components.
 *
 * Our own decoder: CharLS as Debian 12 ships it (2.4.1) spins for seconds on damaged scans, which a reader of foreign
 * files must not. */
#include "io/dicom/codec_jpegls.h"

#include <string.h>

#define MARKER_SOI 0xD8
#define MARKER_EOI 0xD9
#define MARKER_SOS 0xDA
#define MARKER_DRI 0xDD
#define MARKER_SOF55 0xF7
#define MARKER_LSE 0xF8
#define MARKER_APP8 0xE8
#define MOST_COMPONENTS 4

typedef struct Stream {
  const uint8_t *at, *end;
  int precision, components;
  uint8_t ids[MOST_COMPONENTS];
  bool framed;
  int32_t preset[5]; /* MAXVAL, T1, T2, T3, RESET of LSE; 0: the default */
} Stream;

static int read_u16be(const uint8_t *at) {
  return at[0] << 8 | at[1];
}

static bool damaged(const char *what, CmError **err) {
  cm_error_set(err, CM_ERR_FORMAT, "the JPEG-LS frame is damaged: %s", what);
  return false;
}

static bool unsupported(const char *what, CmError **err) {
  cm_error_set(err, CM_ERR_UNSUPPORTED, "the JPEG-LS frame has %s, which is not supported; re-encode the file", what);
  return false;
}

/* The next marker segment: its body lies at *body, `length` bytes. Markers without a segment have length 0. */
static bool next_segment(Stream *s, int *marker, const uint8_t **body, int *length, CmError **err) {
  while (s->end - s->at >= 2 && s->at[0] == 0xFF && s->at[1] == 0xFF) s->at++; /* fill bytes */
  if (s->end - s->at < 2 || s->at[0] != 0xFF) return damaged("a marker is missing", err);
  *marker = s->at[1];
  s->at += 2;
  *length = 0;
  *body = s->at;
  if (*marker == MARKER_SOI || *marker == MARKER_EOI) return true;
  if (s->end - s->at < 2) return damaged("a marker segment is cut off", err);
  int size = read_u16be(s->at);
  if (size < 2 || s->end - s->at < size) return damaged("a marker segment is longer than what is left", err);
  *body = s->at + 2;
  *length = size - 2;
  s->at += size;
  return true;
}

static bool read_frame(Stream *s, const uint8_t *body, int length, const CmFrameShape *shape, CmError **err) {
  if (s->framed) return damaged("it has two frame headers", err);
  if (length < 6 || length < 6 + 3 * body[5]) return damaged("its frame header is short", err);
  s->precision = body[0];
  s->components = body[5];
  if (s->precision < 2 || s->precision > 16) return damaged("its precision is not 2 to 16", err);
  if (!cm__codec_same_shape(shape, "JPEG-LS", read_u16be(body + 3), read_u16be(body + 1), s->components, s->precision,
                            err))
    return false;
  if (s->components > MOST_COMPONENTS) return unsupported("more than 4 components", err);
  for (int c = 0; c < s->components; c++) {
    s->ids[c] = body[6 + 3 * c];
    if (body[7 + 3 * c] != 0x11) return unsupported("subsampled components", err);
  }
  s->framed = true;
  return true;
}

/* T.87 C.2.4.1. */
static bool read_presets(Stream *s, const uint8_t *body, int length, CmError **err) {
  if (length < 1) return damaged("an LSE segment is short", err);
  if (body[0] == 4) return unsupported("dimensions of more than 16 bits", err);
  if (body[0] != 1) return unsupported("mapping tables", err);
  if (length < 11) return damaged("an LSE segment is short", err);
  for (int i = 0; i < 5; i++) s->preset[i] = read_u16be(body + 1 + 2 * i);
  return true;
}

static int32_t clamp_to(int32_t value, int32_t low, int32_t most) {
  return value > most || value < low ? low : value;
}
static int32_t larger(int32_t a, int32_t b) {
  return a > b ? a : b;
}

/* Defaults of T.87 C.2.4.1.1.1. */
static bool resolve(const Stream *s, CmJlsScan *scan, CmError **err) {
  int32_t whole = (1 << s->precision) - 1;
  scan->most = s->preset[0] ? s->preset[0] : whole;
  if (scan->most > whole) return damaged("MAXVAL is above its precision", err);
  int32_t near_limit = scan->most / 2 < 255 ? scan->most / 2 : 255;
  if (scan->near > near_limit) return damaged("NEAR is above half of MAXVAL", err);
  int32_t t[3], low = scan->near + 1;
  static const int32_t basic[3] = {3, 7, 21};
  for (int i = 0; i < 3; i++) {
    int32_t offset = 2 + i, step = (3 + 2 * i) * scan->near;
    if (scan->most >= 128) {
      int32_t factor = ((scan->most < 4095 ? scan->most : 4095) + 128) / 256;
      t[i] = factor * (basic[i] - offset) + offset + step;
    } else {
      int32_t factor = 256 / (scan->most + 1);
      t[i] = larger(offset, basic[i] / factor + step);
    }
    low = t[i] = clamp_to(t[i], low, scan->most);
  }
  for (int i = 0; i < 3; i++) scan->threshold[i] = s->preset[1 + i] ? s->preset[1 + i] : t[i];
  scan->reset = s->preset[4] ? s->preset[4] : 64;
  if (scan->threshold[0] < scan->near + 1 || scan->threshold[1] < scan->threshold[0] ||
      scan->threshold[2] < scan->threshold[1] || scan->threshold[2] > scan->most || scan->reset < 3) {
    return damaged("its thresholds are out of order", err);
  }
  return true;
}

/* T.87 C.2.3. Gives the components of the scan as a mask. */
static bool read_scan_header(const Stream *s, const uint8_t *body, int length, CmJlsScan *scan, unsigned *which,
                             CmError **err) {
  if (!s->framed) return damaged("a scan comes before the frame header", err);
  if (length < 1 || length < 4 + 2 * body[0]) return damaged("a scan header is short", err);
  scan->components = body[0];
  *which = 0;
  for (int i = 0; i < scan->components; i++) {
    int c = 0;
    while (c < s->components && s->ids[c] != body[1 + 2 * i]) c++;
    if (c == s->components || *which >> c & 1 || (*which && *which >> c))
      return damaged("a scan names a component that is not there", err);
    if (body[2 + 2 * i]) return unsupported("mapping tables", err);
    *which |= 1u << c;
  }
  const uint8_t *tail = body + 1 + 2 * scan->components;
  scan->near = tail[0];
  if (tail[1] > 2 || !scan->components || (tail[1] == 0 && scan->components > 1))
    return damaged("its interleave mode does not fit its components", err);
  if (tail[2]) return unsupported("a point transform", err);
  scan->by_sample = tail[1] == 2 && scan->components > 1;
  return resolve(s, scan, err);
}

static bool read_application(int marker, const uint8_t *body, int length, CmError **err) {
  if (marker == MARKER_APP8 && length >= 5 && !memcmp(body, "mrfx", 4) && body[4])
    return unsupported("a colour transform of Hewlett-Packard", err);
  return true;
}

static bool decode_scan(CmContext *ctx, Stream *s, const uint8_t *body, int length, const CmFrameShape *shape,
                        uint16_t *planes, unsigned *done, CmError **err) {
  CmJlsScan scan = {.columns = shape->columns, .rows = shape->rows};
  unsigned which;
  if (!read_scan_header(s, body, length, &scan, &which, err)) return false;
  if (*done & which) return damaged("a component has two scans", err);
  uint16_t *chosen[MOST_COMPONENTS];
  int count = 0;
  for (int c = 0; c < s->components; c++) {
    if (which >> c & 1) chosen[count++] = planes + (size_t)c * (size_t)(shape->columns * shape->rows);
  }
  size_t used;
  if (!cm__jls_scan(ctx, (CmCodecInput){s->at, (size_t)(s->end - s->at)}, &scan, chosen, &used, err)) return false;
  s->at += used;
  *done |= which;
  return true;
}

/* Markers until every component has been decoded. */
static bool decode_stream(CmContext *ctx, Stream *s, const CmFrameShape *shape, uint16_t *planes, CmError **err) {
  unsigned done = 0;
  int marker, length;
  const uint8_t *body;
  if (!next_segment(s, &marker, &body, &length, err)) return false;
  if (marker != MARKER_SOI) return damaged("it does not begin with an SOI marker", err);
  while (!s->framed || done != (1u << s->components) - 1) {
    bool ok = next_segment(s, &marker, &body, &length, err);
    if (!ok) return false;
    switch (marker) {
      case MARKER_SOF55:
        ok = read_frame(s, body, length, shape, err);
        break;
      case MARKER_LSE:
        ok = read_presets(s, body, length, err);
        break;
      case MARKER_SOS:
        ok = decode_scan(ctx, s, body, length, shape, planes, &done, err);
        break;
      case MARKER_DRI:
        ok = unsupported("restart intervals", err);
        break;
      case MARKER_EOI:
        ok = damaged("a component is missing", err);
        break;
      default:
        if (marker >= 0xC0 && marker <= 0xCF) return unsupported("a frame of JPEG, not of JPEG-LS", err);
        ok = read_application(marker, body, length, err);
    }
    if (!ok) return false;
  }
  return true;
}

bool cm__codec_jpegls(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                      CmError **err) {
  Stream stream = {.at = input.bytes, .end = input.bytes + input.size};
  size_t pixels = (size_t)shape->columns * (size_t)shape->rows, samples = (size_t)shape->samples;
  bool direct = samples == 1 && shape->cell_bytes == 2, ok;
  *coded = (CmCoded){0};
  uint16_t *planes = direct ? cells : cm_alloc_array(ctx, pixels * samples, sizeof *planes, err);
  if (!planes) return false;
  ok = decode_stream(ctx, &stream, shape, planes, err);
  for (size_t s = 0; ok && !direct && s < samples; s++) {
    const uint16_t *plane = planes + s * pixels;
    for (size_t i = 0; i < pixels; i++) {
      switch (shape->cell_bytes) {
        case 1:
          ((uint8_t *)cells)[i * samples + s] = (uint8_t)plane[i];
          break;
        case 2:
          ((uint16_t *)cells)[i * samples + s] = plane[i];
          break;
        default:
          ((uint32_t *)cells)[i * samples + s] = plane[i];
      }
    }
  }
  coded->precision = stream.precision;
  if (!direct) cm_free(planes);
  return ok;
}
