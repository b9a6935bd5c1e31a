/* The three builds of the IJG codec that GDCM ships (samples of 8, 12 and 16 bits, lossless too) and libjpeg-turbo,
 * behind one interface. */
#ifndef CORMACK_IO_DICOM_CODEC_JPEG_H
#define CORMACK_IO_DICOM_CODEC_JPEG_H

#include "io/dicom/codec.h"

/* What the frame header (SOFn, T.81 B.2.2) and the markers before it say. */
typedef struct CmJpegHeader {
  int process; /* n of SOFn: 0, 1 sequential, 2 progressive, 3 lossless */
  int precision;
  int64_t columns, rows;
  int components;
  CmCodedColour colour;
} CmJpegHeader;

/* Decodes with the components as coded (no colour conversion), chroma upsampled, into cells. */
bool cm__codec_jpeg_dct8(CmCodecInput input, const CmJpegHeader *header, const CmFrameShape *shape, void *cells,
                         CmError **err);
bool cm__codec_jpeg8(CmCodecInput input, const CmJpegHeader *header, const CmFrameShape *shape, void *cells,
                     CmError **err);
bool cm__codec_jpeg12(CmCodecInput input, const CmJpegHeader *header, const CmFrameShape *shape, void *cells,
                      CmError **err);
bool cm__codec_jpeg16(CmCodecInput input, const CmJpegHeader *header, const CmFrameShape *shape, void *cells,
                      CmError **err);

#endif
