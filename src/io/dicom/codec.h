/* Decoders of one compressed frame into cells: interleaved samples of 1, 2 or 4 bytes in the machine's byte order.
 *
 * All are re-entrant. `bytes` is one frame's codestream, its fragments joined, perhaps with padding behind. The caller
 * has allocated `cells` of shape->bytes; whatever the codestream claims that differs from the shape is CM_ERR_FORMAT
 * before anything is written. A codestream that ends early is an error, never a partial frame. */
#ifndef CORMACK_IO_DICOM_CODEC_H
#define CORMACK_IO_DICOM_CODEC_H

#include "cormack/context.h"

typedef struct CmFrameShape {
  int64_t columns, rows;
  int samples;    /* per pixel */
  int cell_bytes; /* 1, 2 or 4 */
  size_t bytes;   /* columns * rows * samples * cell_bytes */
} CmFrameShape;

/* What a codestream says of its colours. */
typedef enum CmCodedColour {
  CM_COLOUR_AS_STATED, /* nothing: the photometric interpretation decides */
  CM_COLOUR_RGB,
  CM_COLOUR_YBR, /* full-range YCbCr, chroma upsampled to every pixel */
} CmCodedColour;

typedef struct CmCoded {
  int precision;  /* significant bits of a sample; 0: not stated */
  bool is_signed; /* the codestream's own statement (JPEG 2000) */
  CmCodedColour colour;
} CmCoded;

typedef struct CmCodecInput {
  const uint8_t *bytes;
  size_t size;
} CmCodecInput;

typedef bool (*CmCodecFn)(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                          CmError **err);

/* PackBits segments, one per byte of a sample, most significant first (PS3.5 annex G). */
bool cm__codec_rle(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                   CmError **err);
/* Raw deflate (RFC 1951) of the frame's native bytes (PS3.5 A.4.14). */
bool cm__codec_deflate(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                       CmError **err);
/* ITU-T T.81: sequential and progressive DCT of 8 and 12 bits, lossless of 2 to 16 bits; Huffman coded. */
bool cm__codec_jpeg(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                    CmError **err);
/* ITU-T T.87, lossless and near-lossless, 2 to 16 bits. */
bool cm__codec_jpegls(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                      CmError **err);
/* ITU-T T.800 codestreams, also in a JP2 box file, and T.814 (high throughput). Inverse RCT and ICT are applied. */
bool cm__codec_j2k(CmContext *ctx, CmCodecInput input, const CmFrameShape *shape, void *cells, CmCoded *coded,
                   CmError **err);

/* Refuses, with CM_ERR_FORMAT, a codestream of another size than the shape's; `kind` names it. */
bool cm__codec_same_shape(const CmFrameShape *shape, const char *kind, int64_t columns, int64_t rows, int64_t samples,
                          int precision, CmError **err);

#endif
