/* JPEG-LS (ITU-T T.87): what the markers say, and the decoding of one scan. */
#ifndef CORMACK_IO_DICOM_CODEC_JPEGLS_H
#define CORMACK_IO_DICOM_CODEC_JPEGLS_H

#include "io/dicom/codec.h"

typedef struct CmJlsScan {
  int64_t columns, rows;
  int components;     /* of this scan */
  bool by_sample;     /* ILV 2; else lines of the components alternate (ILV 1), or there is one component */
  int32_t most, near; /* MAXVAL, NEAR */
  int32_t threshold[3];
  int32_t reset;
} CmJlsScan;

/* Decodes the scan whose entropy-coded data begin at `input` into planes[component], each columns * rows. *used: bytes
 * up to the next marker. */
bool cm__jls_scan(CmContext *ctx, CmCodecInput input, const CmJlsScan *scan, uint16_t *const *planes, size_t *used,
                  CmError **err);

#endif
