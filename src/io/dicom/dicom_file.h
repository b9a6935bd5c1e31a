/* Inside of a CmDicom, and the walk over elements that opening, iterating and writing share. */
#ifndef CM_IO_DICOM_DICOM_FILE_H
#define CM_IO_DICOM_DICOM_FILE_H

#include <stddef.h>

#include "io/dicom/cursor.h"

/* One element of the top level. */
typedef struct CmDicomEntry {
  uint32_t tag;
  uint16_t vr; /* as written; 0: implicit */
  bool undefined_length;
  bool outside; /* the value is not at hand: pixel data unless CM_DICOM_WHOLE */
  uint64_t offset, length;
} CmDicomEntry;

#define CM__FIRST_ENTRIES 256

struct CmDicom {
  CmContext *ctx;
  char *name;           /* path, or what the caller calls the buffer */
  const uint8_t *bytes; /* what is at hand */
  uint64_t size;
  uint64_t file_size;    /* on disk */
  uint64_t total;        /* of the stream that `bytes` begins: file_size, or the inflated size */
  void *map;             /* to unmap, map_size = file_size */
  uint8_t *inflated;     /* to free */
  CmDicomEntry *entries; /* first_entries or more_entries */
  CmDicomEntry *more_entries;
  uint64_t count;
  bool sorted; /* entries ascend strictly: binary search */
  CmDicomScope scope;
  CmDicomSet root, meta;
  char transfer_syntax[65];
  CmDicomEntry first_entries[CM__FIRST_ENTRIES]; /* of most files all; not cleared */
};

/* An element and where the next one begins. */
typedef struct CmDicomStep {
  CmDicomHead head;
  const uint8_t *value, *next;
  uint64_t length;
  bool undefined_length;
} CmDicomStep;

/* Decodes the element at p, before `end`, of `set`'s encoding; finds the end of an undefined length. With `check`
 * nested sequences are walked and verified. false: *err says what is wrong and where (offsets count from file->bytes).
 * Stray delimiters come out as elements of group FFFE with no value. */
bool cm__dicom_step(const CmDicomSet *set, const uint8_t *p, const uint8_t *end, bool check, CmDicomStep *step,
                    CmError **err);
/* Whether all items of a sequence can be walked. */
bool cm__dicom_sequence_is_whole(const CmDicomElement *sequence, CmError **err);
/* Sets charset of `set` to its own SpecificCharacterSet where it has one. */
void cm__dicom_adopt_charset(CmDicomSet *set);
/* Whether the first element of a set is in another VR form than `explicit_vr` says; returns the form found. */
bool cm__dicom_form(const uint8_t *p, const uint8_t *end, bool explicit_vr);
/* The VR of an element by what was written, the dictionary and, where that leaves a choice, the data set. */
uint16_t cm__dicom_resolve_vr(const CmDicomSet *set, uint32_t tag, uint16_t written);

static inline bool cm__is_pixel_tag(uint32_t tag) {
  return tag == CM_TAG(0x7FE0, 0x0010) || tag == CM_TAG(0x7FE0, 0x0008) || tag == CM_TAG(0x7FE0, 0x0009);
}

/* Fragments of encapsulated pixel data (PS3.5 A.4), for an element with undefined_length: start with *at = 0; the first
 * is the basic offset table, maybe empty. Borrowed; false at the end. They were checked to be whole when the file was
 * opened. */
bool cm__dicom_fragment(const CmDicomElement *pixels, uint64_t *at, const uint8_t **bytes, uint64_t *size);

#endif
