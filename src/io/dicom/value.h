/* What VRs are: text or numbers, how wide, how padded (PS3.5 6.2). */
#ifndef CM_IO_DICOM_VALUE_H
#define CM_IO_DICOM_VALUE_H

#include "core/text.h"
#include "io/dicom/dicom_file.h"

typedef enum CmDicomNumber {
  CM__NO_NUMBER,
  CM__U8,
  CM__U16,
  CM__S16,
  CM__U32,
  CM__S32,
  CM__U64,
  CM__S64,
  CM__F32,
  CM__F64,
  CM__TAG_NUMBER
} CmDicomNumber;

typedef struct CmDicomVrInfo {
  uint16_t vr;
  bool is_text;     /* characters; else numbers, or items for SQ */
  bool has_charset; /* by SpecificCharacterSet; else the default repertoire */
  bool many;        /* backslash separates values */
  bool trim_front;  /* leading spaces say nothing */
  uint8_t pad;      /* what makes the length even when written */
  CmDicomNumber number;
} CmDicomVrInfo;

/* UN and unknown VRs are bytes. */
const CmDicomVrInfo *cm__dicom_vr_info(uint16_t vr);
int cm__dicom_number_size(CmDicomNumber number);
/* Number `at` of a binary value; integers come out exact in *integer (U64 beyond the sign bit wraps), all in *real. */
void cm__dicom_number(const CmDicomElement *element, CmDicomNumber number, uint64_t at, int64_t *integer, double *real);
/* Text of an element appended as UTF-8, padding removed from each value. For text VRs. */
void cm__dicom_add_text(const CmDicomElement *element, CmTextBuffer *out);
/* A decimal or integer string, padding allowed; false: not a number. */
bool cm__dicom_parse_decimal(const char *text, size_t length, double *value);
bool cm__dicom_parse_integer(const char *text, size_t length, int64_t *value);
/* Shortest text of a 32-bit float that reads back the same. */
const char *cm__dicom_float_text(float value, char to[32]);

#endif
