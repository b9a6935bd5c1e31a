/* The reader: everything about a data set's pixels that does not change from frame to frame, and the decoding of one
 * frame. */
#include <math.h>
#include <string.h>

#include "io/dicom/pixel.h"

#define BLOCK 3072 /* values; divisible by 3 samples */

struct CmPixelReader {
  const CmDicom *dicom;
  CmPixelLayout layout;
  CmPixelFrames frames;
  CmPixelMaps maps;
  CmPixelLut palette[3];
};

static bool is_mono(const CmPixelReader *reader) {
  return reader->layout.photometric <= CM_PHOTO_MONOCHROME2;
}

/* PS3.3 C.7.6.3.1.5 and C.7.9. */
static bool open_palette(CmContext *ctx, CmPixelReader *reader, CmError **err) {
  static const char *const names[] = {"red palette (0028,1201)", "green palette (0028,1202)",
                                      "blue palette (0028,1203)"};
  CmDicomSet root = cm_dicom_root(reader->dicom);
  CmDicomElement element;
  for (uint32_t c = 0; c < 3; c++) {
    uint32_t descriptor = CM_TAG(0x0028, 0x1101) + c, plain = CM_TAG(0x0028, 0x1201) + c,
             segmented = CM_TAG(0x0028, 0x1221) + c;
    bool is_signed = reader->layout.pixels.is_signed;
    bool ok = !cm_dicom_find(root, plain, &element) && cm_dicom_find(root, segmented, &element)
                  ? cm__pixel_lut_read_segmented(ctx, root, descriptor, segmented, is_signed, names[c],
                                                 &reader->palette[c], err)
                  : cm__pixel_lut_read(ctx, root, descriptor, plain, is_signed, names[c], &reader->palette[c], err);
    if (!ok) return false;
  }
  return true;
}

CmPixelReader *cm__pixel_reader_open(CmContext *ctx, const CmDicom *dicom, CmError **err) {
  CmPixelReader *reader = cm_calloc(ctx, 1, sizeof *reader, err);
  if (!reader) return NULL;
  reader->dicom = dicom;
  bool ok = cm__pixel_layout(dicom, &reader->layout, err) &&
            cm__pixel_frames_open(ctx, dicom, &reader->layout, &reader->frames, err) &&
            cm__pixel_maps_open(ctx, dicom, &reader->layout, &reader->maps, err) &&
            (reader->layout.photometric != CM_PHOTO_PALETTE || open_palette(ctx, reader, err));
  if (ok) return reader;
  cm_error_context(err, "%s", cm_dicom_path(dicom));
  cm__pixel_reader_close(&reader);
  return NULL;
}

void cm__pixel_reader_close(CmPixelReader **reader) {
  if (!*reader) return;
  cm__pixel_frames_close(&(*reader)->frames);
  cm__pixel_maps_close(&(*reader)->maps);
  for (int c = 0; c < 3; c++) cm__pixel_lut_free(&(*reader)->palette[c]);
  cm_free(*reader);
  *reader = NULL;
}

const CmDicomPixels *cm__pixel_reader_pixels(const CmPixelReader *reader) {
  return &reader->layout.pixels;
}
const char *cm__pixel_reader_unit(const CmPixelReader *reader) {
  return reader->maps.unit;
}

uint64_t cm__pixel_reader_coded(const CmPixelReader *reader, int64_t first, int64_t count) {
  return cm__pixel_frames_coded(&reader->frames, first, count);
}

CmPixelLinear cm__pixel_reader_linear(const CmPixelReader *reader, int64_t frame) {
  if (reader->maps.modality.entries) return (CmPixelLinear){1.0, 0.0};
  return reader->maps.frame_linear ? reader->maps.frame_linear[frame] : reader->maps.linear;
}

static CmType stored_type(const CmDicomPixels *pixels) {
  if (pixels->is_float) return pixels->bits_allocated == 32 ? CM_F32 : CM_F64;
  if (pixels->bits_stored <= 8) return pixels->is_signed ? CM_I8 : CM_U8;
  if (pixels->bits_stored <= 16) return pixels->is_signed ? CM_I16 : CM_U16;
  return pixels->is_signed ? CM_I32 : CM_U32;
}

/* The type for all stored values under the frames' linear maps. */
static CmType linear_type(const CmPixelReader *reader) {
  const CmDicomPixels *pixels = &reader->layout.pixels;
  double least = pixels->is_signed ? -ldexp(1.0, pixels->bits_stored - 1) : 0.0;
  double most = ldexp(1.0, pixels->bits_stored - (pixels->is_signed ? 1 : 0)) - 1.0;
  double low = INFINITY, high = -INFINITY;
  bool whole = !pixels->is_float, identity = true;
  int64_t count = reader->maps.frame_linear ? pixels->frames : 1;
  for (int64_t f = 0; f < count; f++) {
    CmPixelLinear linear = cm__pixel_reader_linear(reader, f);
    double a = least * linear.slope + linear.intercept, b = most * linear.slope + linear.intercept;
    low = fmin(low, fmin(a, b));
    high = fmax(high, fmax(a, b));
    identity = identity && linear.slope == 1.0 && linear.intercept == 0.0;
    whole = whole && linear.slope == nearbyint(linear.slope) && linear.intercept == nearbyint(linear.intercept);
  }
  static const CmType integers[] = {CM_I16, CM_U16, CM_I32};
  if (identity) return stored_type(pixels);
  for (int i = 0; whole && i < CM_COUNT(integers); i++) {
    if (low >= cm_type_min(integers[i]) && high <= cm_type_max(integers[i])) return integers[i];
  }
  return pixels->bits_stored <= 16 ? CM_F32 : CM_F64;
}

CmType cm__pixel_reader_type(const CmPixelReader *reader, CmPixelStage stage) {
  if (stage == CM_PIXEL_DISPLAY) return CM_U8;
  if (stage == CM_PIXEL_STORED) return stored_type(&reader->layout.pixels);
  if (reader->layout.photometric == CM_PHOTO_PALETTE) {
    int bits = 0;
    for (int c = 0; c < 3; c++) bits = reader->palette[c].bits > bits ? reader->palette[c].bits : bits;
    return bits <= 8 ? CM_U8 : CM_U16;
  }
  if (!is_mono(reader)) return stored_type(&reader->layout.pixels);
  if (reader->maps.modality.entries) return reader->maps.modality.bits <= 8 ? CM_U8 : CM_U16;
  return linear_type(reader);
}

int cm__pixel_reader_components(const CmPixelReader *reader, CmPixelStage stage) {
  if (stage != CM_PIXEL_STORED && reader->layout.photometric == CM_PHOTO_PALETTE) return 3;
  return reader->layout.pixels.samples;
}

/* ---- colour ---- */

typedef enum ColourWay { WAY_RGB, WAY_YBR, WAY_YBR_PARTIAL } ColourWay;

/* PS3.5 8.2.1: what a codestream states of its colours holds, then the photometric interpretation. RCT and ICT were
 * undone by the codec. */
static ColourWay colour_way(const CmPixelReader *reader, const CmPixelCells *cells) {
  switch (cells->colour) {
    case CM_COLOUR_RGB:
      return WAY_RGB;
    case CM_COLOUR_YBR:
      return WAY_YBR;
    case CM_COLOUR_AS_STATED:
      break;
  }
  switch (reader->layout.photometric) {
    case CM_PHOTO_YBR_FULL:
    case CM_PHOTO_YBR_FULL_422:
      return WAY_YBR;
    case CM_PHOTO_YBR_PARTIAL_422:
    case CM_PHOTO_YBR_PARTIAL_420:
      return WAY_YBR_PARTIAL;
    default:
      return WAY_RGB;
  }
}

static void put_u8(const int32_t *from, int64_t count, int shift, uint8_t *to) {
  for (int64_t i = 0; i < count; i++) to[i] = (uint8_t)(shift < 0 ? from[i] << -shift : from[i] >> shift);
}

/* Writes integers as the type asked for, or as display levels of `bits` bits. */
static bool put_colours(const int32_t *block, int64_t count, int bits, CmPixelStage stage, CmType type, void *to,
                        int64_t at, CmError **err) {
  if (stage == CM_PIXEL_DISPLAY) {
    put_u8(block, count, bits - 8, (uint8_t *)to + at);
    return true;
  }
  return cm__pixel_store_i32(block, count, type, to, at, err);
}

static bool decode_colour(const CmPixelReader *reader, const CmPixelCells *cells, CmPixelStage stage, CmType type,
                          void *to, CmError **err) {
  const CmDicomPixels *pixels = &reader->layout.pixels;
  int64_t values = pixels->columns * pixels->rows * 3;
  ColourWay way = colour_way(reader, cells);
  int32_t block[BLOCK];
  if (way == WAY_RGB && stage == CM_PIXEL_VALUES) return cm__pixel_store(cells, values, NULL, NULL, type, to, err);
  if (cells->cell_bytes > 2) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%s of %d bits cannot be turned into RGB or shown; read the stored values",
                 pixels->photometric, pixels->bits_stored);
    return false;
  }
  for (int64_t done = 0; done < values; done += BLOCK) {
    int64_t n = values - done < BLOCK ? values - done : BLOCK;
    cm__pixel_widen_i32(cells, done, n, block);
    if (way != WAY_RGB) cm__pixel_ybr_to_rgb(block, n / 3, cells->bits, way == WAY_YBR_PARTIAL);
    if (!put_colours(block, n, cells->bits, stage, type, to, done, err)) return false;
  }
  return true;
}

static bool decode_palette(const CmPixelReader *reader, const CmPixelCells *cells, CmPixelStage stage, CmType type,
                           void *to, CmError **err) {
  const CmDicomPixels *pixels = &reader->layout.pixels;
  int64_t count = pixels->columns * pixels->rows;
  int bits = cm__pixel_reader_type(reader, CM_PIXEL_VALUES) == CM_U8 ? 8 : 16;
  double index[BLOCK / 3];
  int32_t block[BLOCK];
  for (int64_t done = 0; done < count; done += BLOCK / 3) {
    int64_t n = count - done < BLOCK / 3 ? count - done : BLOCK / 3;
    cm__pixel_widen_f64(cells, done, n, index);
    for (int64_t i = 0; i < n; i++) {
      for (int c = 0; c < 3; c++) block[3 * i + c] = cm__pixel_lut_at(&reader->palette[c], (int64_t)index[i]);
    }
    if (!put_colours(block, 3 * n, bits, stage, type, to, 3 * done, err)) return false;
  }
  return true;
}

/* ---- grey ---- */

static void frame_values(const CmPixelReader *reader, const CmPixelCells *cells, CmPixelLinear linear, int64_t first,
                         int64_t count, double *to) {
  const CmPixelLut *lut = &reader->maps.modality;
  cm__pixel_widen_f64(cells, first, count, to);
  for (int64_t i = 0; i < count; i++) {
    to[i] = lut->entries ? (double)cm__pixel_lut_at(lut, (int64_t)to[i]) : to[i] * linear.slope + linear.intercept;
  }
}

/* The whole range of the frame's own values, where nobody says what to look at. */
static CmPixelWindow range_window(const CmPixelReader *reader, const CmPixelCells *cells, CmPixelLinear linear,
                                  int64_t count) {
  double low = INFINITY, high = -INFINITY, block[BLOCK];
  for (int64_t done = 0; done < count; done += BLOCK) {
    int64_t n = count - done < BLOCK ? count - done : BLOCK;
    frame_values(reader, cells, linear, done, n, block);
    for (int64_t i = 0; i < n; i++) {
      if (!isfinite(block[i])) continue;
      low = fmin(low, block[i]);
      high = fmax(high, block[i]);
    }
  }
  if (!(high > low))
    return (CmPixelWindow){.center = low, .width = 1.0, .kind = CM_WINDOW_LINEAR_EXACT, .present = true};
  return (CmPixelWindow){
      .center = low + (high - low) / 2.0, .width = high - low, .kind = CM_WINDOW_LINEAR_EXACT, .present = true};
}

static void show_lut(const CmPixelLut *lut, bool inverse, const double *values, int64_t count, uint8_t *to) {
  double most = (double)((1u << lut->bits) - 1u);
  for (int64_t i = 0; i < count; i++) {
    double at = fmin(fmax(values[i], -1e9), 1e9);
    double level = (double)cm__pixel_lut_at(lut, (int64_t)floor(at + 0.5)) / most * 255.0;
    to[i] = (uint8_t)floor((inverse ? 255.0 - level : level) + 0.5);
  }
}

static void show_grey(const CmPixelReader *reader, const CmPixelCells *cells, int64_t frame, uint8_t *to) {
  const CmPixelMaps *maps = &reader->maps;
  int64_t count = reader->layout.pixels.columns * reader->layout.pixels.rows;
  CmPixelLinear linear = cm__pixel_reader_linear(reader, frame);
  CmPixelWindow window = maps->frame_window ? maps->frame_window[frame] : maps->window;
  double block[BLOCK];
  bool by_lut = !window.present && maps->voi.entries;
  if (!window.present && !by_lut) window = range_window(reader, cells, linear, count);
  for (int64_t done = 0; done < count; done += BLOCK) {
    int64_t n = count - done < BLOCK ? count - done : BLOCK;
    frame_values(reader, cells, linear, done, n, block);
    if (by_lut) {
      show_lut(&maps->voi, maps->inverse, block, n, to + done);
    } else {
      cm__pixel_window(&window, maps->inverse, block, n, to + done);
    }
  }
}

static bool decode_grey(const CmPixelReader *reader, const CmPixelCells *cells, int64_t frame, CmPixelStage stage,
                        CmType type, void *to, CmError **err) {
  if (stage == CM_PIXEL_DISPLAY) {
    show_grey(reader, cells, frame, to);
    return true;
  }
  CmPixelLinear linear = cm__pixel_reader_linear(reader, frame);
  bool identity = linear.slope == 1.0 && linear.intercept == 0.0;
  const CmPixelLut *lut = reader->maps.modality.entries ? &reader->maps.modality : NULL;
  int64_t count = reader->layout.pixels.columns * reader->layout.pixels.rows;
  return cm__pixel_store(cells, count, identity ? NULL : &linear, lut, type, to, err);
}

bool cm__pixel_reader_frame(CmContext *ctx, const CmPixelReader *reader, int64_t frame, CmPixelStage stage, CmType type,
                            void *to, CmError **err) {
  const CmDicomPixels *pixels = &reader->layout.pixels;
  CmPixelCells cells;
  bool ok = false;
  if (frame < 0 || frame >= pixels->frames) {
    cm_error_set(err, CM_ERR_PARAMETER, "frame %lld is asked for, of %lld", (long long)frame,
                 (long long)pixels->frames);
  } else if (stage == CM_PIXEL_DISPLAY && type != CM_U8) {
    cm_error_set(err, CM_ERR_PARAMETER, "display values are u8, not %s", cm_type_name(type));
  } else if (cm__pixel_cells(ctx, &reader->layout, &reader->frames, frame, &cells, err)) {
    if (stage == CM_PIXEL_STORED) {
      ok = cm__pixel_store(&cells, pixels->columns * pixels->rows * pixels->samples, NULL, NULL, type, to, err);
    } else if (reader->layout.photometric == CM_PHOTO_PALETTE) {
      ok = decode_palette(reader, &cells, stage, type, to, err);
    } else if (is_mono(reader)) {
      ok = decode_grey(reader, &cells, frame, stage, type, to, err);
    } else {
      ok = decode_colour(reader, &cells, stage, type, to, err);
    }
    cm_free(cells.owned);
  }
  if (!ok) {
    if (pixels->frames > 1) cm_error_context(err, "frame %lld", (long long)frame + 1);
    cm_error_context(err, "%s", cm_dicom_path(reader->dicom));
  }
  return ok;
}
