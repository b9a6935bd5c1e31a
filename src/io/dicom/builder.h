/* A data set in the making: elements by tag, written in explicit VR little endian with text in UTF-8. */
#ifndef CM_IO_DICOM_BUILDER_H
#define CM_IO_DICOM_BUILDER_H

#include "core/text.h"
#include "cormack/dicom.h"

typedef struct CmDicomPut {
  uint32_t tag;
  uint16_t vr;
  size_t offset, length; /* in the pool */
} CmDicomPut;

/* The first failure is kept in *err; later calls do nothing. Start zeroed by cm__build_start(), end with
 * cm__build_free(). */
typedef struct CmDicomBuilder {
  CmContext *ctx;
  CmError **err;
  CmDicomPut *puts;
  size_t count, room;
  CmTextBuffer pool;
  bool failed;
} CmDicomBuilder;

void cm__build_start(CmDicomBuilder *builder, CmContext *ctx, CmError **err);
void cm__build_free(CmDicomBuilder *builder);
/* Adds or replaces. `length` bytes, little endian; odd lengths are padded. */
void cm__build_bytes(CmDicomBuilder *builder, uint32_t tag, uint16_t vr, const void *bytes, size_t length);
/* By the dictionary's VR; binary VRs are converted; too long for the VR, or not of its form, is CM_ERR_PARAMETER. NULL
 * or "": empty. */
void cm__build_text(CmDicomBuilder *builder, uint32_t tag, const char *text);
/* Whether cm__build_text() would take it. */
bool cm__build_takes(uint32_t tag, const char *text);
void cm__build_us(CmDicomBuilder *builder, uint32_t tag, uint16_t value);
void cm__build_int(CmDicomBuilder *builder, uint32_t tag, int64_t value);                     /* IS */
void cm__build_reals(CmDicomBuilder *builder, uint32_t tag, const double *values, int count); /* DS */
void cm__build_default(CmDicomBuilder *builder, uint32_t tag, const char *text);              /* unless it is there */
void cm__build_sequence(CmDicomBuilder *builder, uint32_t tag, const CmDicomBuilder *items, int count);
void cm__build_remove(CmDicomBuilder *builder, uint32_t tag);
/* Value of an element that is there (not zero-terminated), or NULL. */
const char *cm__build_find(const CmDicomBuilder *builder, uint32_t tag, size_t *length);
/* All elements of `set` that `wanted` wants, text made UTF-8; private ones are left out at every depth. */
void cm__build_copy_set(CmDicomBuilder *builder, CmDicomSet set, bool (*wanted)(uint32_t tag));
void cm__build_copy(CmDicomBuilder *builder, const CmDicomBuilder *from);
/* Elements [from, below) by tag, appended as bytes. */
void cm__build_write(const CmDicomBuilder *builder, uint32_t from, uint32_t below, CmTextBuffer *out);
/* Header of an element that is not in the builder, e.g. the pixel data. */
void cm__build_head(CmTextBuffer *out, uint32_t tag, uint16_t vr, uint32_t length);

/* A decimal string (DS): the one of at most 16 characters that is nearest to the value. */
const char *cm__dicom_decimal(double value, char to[17]);

#endif
