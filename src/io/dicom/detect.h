/* What the first bytes of a file are: where the meta information or the data set begins, and in which encoding. */
#ifndef CM_IO_DICOM_DETECT_H
#define CM_IO_DICOM_DETECT_H

#include "io/dicom/cursor.h"

typedef struct CmDicomStart {
  bool has_meta;                /* group 0002 begins at `offset` */
  uint64_t offset;              /* 132, 4 or 0 */
  bool big_endian, explicit_vr; /* of the data set, where there is no meta information */
} CmDicomStart;

/* false: not DICOM. `head` may be the beginning of the file only. */
bool cm__dicom_detect_start(const uint8_t *head, uint64_t size, CmDicomStart *start);
/* The encoding of a data set that begins at p and of which nobody told the transfer syntax; false: none of the
 * standard's. */
bool cm__dicom_guess_encoding(const uint8_t *p, uint64_t size, bool *big_endian, bool *explicit_vr);

#endif
