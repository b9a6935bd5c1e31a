/* From pixel data to values: the description, the frames' bytes, the cells, the value maps.
 *
 *   description -> frame's bytes -> cells (after the codec, interleaved) -> stored values -> modality values -> display
 *
 * A CmPixelReader is made once per data set and is read-only afterwards: any number of threads may decode frames with
 * it. */
#ifndef CORMACK_IO_DICOM_PIXEL_H
#define CORMACK_IO_DICOM_PIXEL_H

#include "cormack/dicom.h"
#include "io/dicom/codec.h"

#define CM__TAG_PIXELS CM_TAG(0x7FE0, 0x0010)
#define CM__TAG_FLOAT_PIXELS CM_TAG(0x7FE0, 0x0008)
#define CM__TAG_DOUBLE_PIXELS CM_TAG(0x7FE0, 0x0009)

typedef enum CmPhotometric {
  CM_PHOTO_MONOCHROME1,
  CM_PHOTO_MONOCHROME2,
  CM_PHOTO_PALETTE,
  CM_PHOTO_RGB,
  CM_PHOTO_YBR_FULL,
  CM_PHOTO_YBR_FULL_422,
  CM_PHOTO_YBR_PARTIAL_422,
  CM_PHOTO_YBR_PARTIAL_420,
  CM_PHOTO_YBR_ICT,
  CM_PHOTO_YBR_RCT,
} CmPhotometric;

typedef struct CmPixelSyntax {
  const char *uid;
  const char *name;
  bool encapsulated;
  CmCodecFn codec;   /* NULL: native */
  bool native_frame; /* the codec gives the frame's native bytes (deflate) */
} CmPixelSyntax;

/* NULL and CM_ERR_UNSUPPORTED, with the name, for a syntax whose pixel data are not decoded. */
const CmPixelSyntax *cm__pixel_syntax(const char *uid, CmError **err);

typedef struct CmPixelLayout {
  CmDicomPixels pixels;
  CmPhotometric photometric;
  bool planar;  /* PlanarConfiguration 1 */
  uint32_t tag; /* of the pixel data */
} CmPixelLayout;

bool cm__pixel_layout(const CmDicom *dicom, CmPixelLayout *layout, CmError **err);

/* ---- frames' bytes ---- */

typedef struct CmPixelFrames {
  const CmPixelSyntax *syntax;
  const uint8_t *native; /* native: the whole value */
  uint64_t native_size;
  bool big_endian;
  bool swap_words;         /* OW of a big endian syntax with cells that are not 16 or 32 bits */
  bool word_order;         /* the same with 32 bits: the order of the words is in doubt */
  bool subsampled;         /* native 4:2:2: two samples per pixel */
  CmCodecInput *fragments; /* encapsulated */
  int64_t fragment_count;
  int64_t *first_fragment; /* frames + 1 */
} CmPixelFrames;

bool cm__pixel_frames_open(CmContext *ctx, const CmDicom *dicom, const CmPixelLayout *layout, CmPixelFrames *frames,
                           CmError **err);
void cm__pixel_frames_close(CmPixelFrames *frames);
/* Compressed bytes of frames [first, first+count); UINT64_MAX where they are native. */
uint64_t cm__pixel_frames_coded(const CmPixelFrames *frames, int64_t first, int64_t count);

/* ---- cells ---- */

/* Samples of one frame, interleaved: how to read them. */
typedef struct CmPixelCells {
  const uint8_t *bytes; /* unaligned */
  int cell_bytes;       /* 1, 2, 4 or 8 */
  bool swap;            /* the other byte order than the machine's */
  bool is_float, is_signed;
  int shift, bits; /* the stored value's place in the cell */
  CmCodedColour colour;
  void *owned; /* cm_free */
} CmPixelCells;

bool cm__pixel_cells(CmContext *ctx, const CmPixelLayout *layout, const CmPixelFrames *frames, int64_t frame,
                     CmPixelCells *cells, CmError **err);
/* Bytes of one frame as its cells, and the bits of one in native form. */
size_t cm__pixel_cell_bytes(const CmPixelLayout *layout);
uint64_t cm__pixel_native_bits(const CmPixelLayout *layout, bool subsampled);
/* Packed cells of `bits` bits, least significant first (PS3.5 8.1.1), from bit `first`, into cells of 1, 2 or 4 bytes.
 */
void cm__pixel_unpack(const uint8_t *bytes, uint64_t first, int bits, int64_t count, int cell_bytes, void *to);

/* ---- value maps ---- */

typedef struct CmPixelLut {
  uint16_t *entries;
  int64_t count, first; /* the stored value that entry 0 is for */
  int bits;             /* of an entry */
} CmPixelLut;

/* From a descriptor and its data (PS3.3 C.11.1.1, C.7.6.3.1.5): `what` names it in messages. */
bool cm__pixel_lut_read(CmContext *ctx, CmDicomSet set, uint32_t descriptor, uint32_t data, bool is_signed,
                        const char *what, CmPixelLut *lut, CmError **err);
/* Segmented data (PS3.3 C.7.9.2). */
bool cm__pixel_lut_read_segmented(CmContext *ctx, CmDicomSet set, uint32_t descriptor, uint32_t data, bool is_signed,
                                  const char *what, CmPixelLut *lut, CmError **err);
void cm__pixel_lut_free(CmPixelLut *lut);
/* Values before the first entry take the first, those behind the last the last. */
static inline uint16_t cm__pixel_lut_at(const CmPixelLut *lut, int64_t value) {
  int64_t at = value - lut->first;
  return lut->entries[at < 0 ? 0 : at >= lut->count ? lut->count - 1 : at];
}

typedef struct CmPixelLinear {
  double slope, intercept;
} CmPixelLinear;

typedef enum CmWindowKind { CM_WINDOW_LINEAR, CM_WINDOW_LINEAR_EXACT, CM_WINDOW_SIGMOID } CmWindowKind;

typedef struct CmPixelWindow {
  double center, width;
  CmWindowKind kind;
  bool present;
} CmPixelWindow;

/* Maps of monochrome images; frames == NULL where all frames have the same. */
typedef struct CmPixelMaps {
  CmPixelLut modality; /* entries NULL: none */
  CmPixelLinear linear, *frame_linear;
  CmPixelWindow window, *frame_window;
  CmPixelLut voi;
  bool inverse; /* shown white where the value is lowest */
  const char *unit;
} CmPixelMaps;

bool cm__pixel_maps_open(CmContext *ctx, const CmDicom *dicom, const CmPixelLayout *layout, CmPixelMaps *maps,
                         CmError **err);
void cm__pixel_maps_close(CmPixelMaps *maps);

/* Window of PS3.3 C.11.2.1 on `count` values, to 0..255. */
void cm__pixel_window(const CmPixelWindow *window, bool inverse, const double *values, int64_t count, uint8_t *to);

/* ---- kernels ---- */

/* Stored value number `first` and on. Cells of at most 16 bits as integers; any cell as a double. */
void cm__pixel_widen_i32(const CmPixelCells *cells, int64_t first, int64_t count, int32_t *to);
void cm__pixel_widen_f64(const CmPixelCells *cells, int64_t first, int64_t count, double *to);
/* Stored values through `linear` or `lut` (NULL: none) into `type`; CM_ERR_DATA where one does not fit. */
bool cm__pixel_store(const CmPixelCells *cells, int64_t count, const CmPixelLinear *linear, const CmPixelLut *lut,
                     CmType type, void *to, CmError **err);
/* Integers as values number `at` and on of `to`. count > 0. */
bool cm__pixel_store_i32(const int32_t *from, int64_t count, CmType type, void *to, int64_t at, CmError **err);
/* YBR to RGB in place, on interleaved triples of samples of `bits` bits (PS3.3 C.7.6.3.1.2). */
void cm__pixel_ybr_to_rgb(int32_t *triples, int64_t pixels, int bits, bool partial_range);

/* ---- the reader ---- */

typedef struct CmPixelReader CmPixelReader;

/* `dicom` must have been opened CM_DICOM_WHOLE and outlive the reader. */
CmPixelReader *cm__pixel_reader_open(CmContext *ctx, const CmDicom *dicom, CmError **err);
void cm__pixel_reader_close(CmPixelReader **reader);
const CmDicomPixels *cm__pixel_reader_pixels(const CmPixelReader *reader);
/* The type that holds every value that the description allows, and the components, of all frames at a stage. */
CmType cm__pixel_reader_type(const CmPixelReader *reader, CmPixelStage stage);
int cm__pixel_reader_components(const CmPixelReader *reader, CmPixelStage stage);
/* Slope and intercept of a frame; {1, 0} where there is a LUT or none. */
CmPixelLinear cm__pixel_reader_linear(const CmPixelReader *reader, int64_t frame);
/* "HU", "Gy" or the unit that RescaleType names; "1". Static. */
const char *cm__pixel_reader_unit(const CmPixelReader *reader);
uint64_t cm__pixel_reader_coded(const CmPixelReader *reader, int64_t first, int64_t count); /* cm__pixel_frames_coded */
/* Decodes one frame straight into `to`: columns * rows * components values of `type`, which may be narrower or wider
 * than cm__pixel_reader_type() says (STORED and VALUES); a value that does not fit is CM_ERR_DATA. Re-entrant. */
bool cm__pixel_reader_frame(CmContext *ctx, const CmPixelReader *reader, int64_t frame, CmPixelStage stage, CmType type,
                            void *to, CmError **err);

/* One call of the above for a file of which one frame is wanted. */
bool cm__dicom_decode_into(CmContext *ctx, const CmDicom *dicom, CmPixelStage stage, int64_t frame, CmType type,
                           void *to, CmError **err);

#endif
