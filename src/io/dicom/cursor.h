/* Bounded reading of element headers: loads by byte order, and the 8 or 12 bytes in front of a value (PS3.5 7.1). */
#ifndef CM_IO_DICOM_CURSOR_H
#define CM_IO_DICOM_CURSOR_H

#include <string.h>

#include "cormack/dicom.h"

#define CM__UNDEFINED 0xFFFFFFFFu
#define CM__TAG_ITEM 0xFFFEE000u
#define CM__TAG_ITEM_END 0xFFFEE00Du
#define CM__TAG_SEQUENCE_END 0xFFFEE0DDu

static inline uint16_t cm__load16(const uint8_t *p, bool big) {
  uint16_t value;
  memcpy(&value, p, 2);
  return big ? __builtin_bswap16(value) : value;
}

static inline uint32_t cm__load32(const uint8_t *p, bool big) {
  uint32_t value;
  memcpy(&value, p, 4);
  return big ? __builtin_bswap32(value) : value;
}

static inline uint64_t cm__load64(const uint8_t *p, bool big) {
  uint64_t value;
  memcpy(&value, p, 8);
  return big ? __builtin_bswap64(value) : value;
}

static inline uint32_t cm__load_tag(const uint8_t *p, bool big) {
  return (uint32_t)cm__load16(p, big) << 16 | cm__load16(p + 2, big);
}

typedef struct CmDicomHead {
  uint32_t tag;
  uint32_t length; /* as written; CM__UNDEFINED */
  uint16_t vr;     /* as written; 0 in implicit VR and for items and delimiters */
  uint8_t size;    /* bytes of the header: 8 or 12 */
} CmDicomHead;

static inline bool cm__is_letter(uint8_t c) {
  return c >= 'A' && c <= 'Z';
}

/* VRs whose length stands in 32 bits behind two reserved bytes. */
static inline bool cm__vr_is_long(uint16_t vr) {
  switch (vr) {
    case CM_VR('O', 'B'):
    case CM_VR('O', 'D'):
    case CM_VR('O', 'F'):
    case CM_VR('O', 'L'):
    case CM_VR('O', 'V'):
    case CM_VR('O', 'W'):
    case CM_VR('S', 'Q'):
    case CM_VR('S', 'V'):
    case CM_VR('U', 'C'):
    case CM_VR('U', 'N'):
    case CM_VR('U', 'R'):
    case CM_VR('U', 'T'):
    case CM_VR('U', 'V'):
      return true;
    default:
      return false;
  }
}

static inline bool cm__vr_is_short(uint16_t vr) {
  switch (vr) {
    case CM_VR('A', 'E'):
    case CM_VR('A', 'S'):
    case CM_VR('A', 'T'):
    case CM_VR('C', 'S'):
    case CM_VR('D', 'A'):
    case CM_VR('D', 'S'):
    case CM_VR('D', 'T'):
    case CM_VR('F', 'D'):
    case CM_VR('F', 'L'):
    case CM_VR('I', 'S'):
    case CM_VR('L', 'O'):
    case CM_VR('L', 'T'):
    case CM_VR('P', 'N'):
    case CM_VR('S', 'H'):
    case CM_VR('S', 'L'):
    case CM_VR('S', 'S'):
    case CM_VR('S', 'T'):
    case CM_VR('T', 'M'):
    case CM_VR('U', 'I'):
    case CM_VR('U', 'L'):
    case CM_VR('U', 'S'):
      return true;
    default:
      return false;
  }
}

/* Reads the header at p; false where fewer bytes are left than it has. Letters that are no VR of the standard get the
 * long form where the reserved bytes are zero and the length fits (what PS3.5 6.2 plans for new VRs), else the short
 * one; bytes that are no letters mean that the writer fell back to implicit VR. */
static inline bool cm__load_head(const uint8_t *p, uint64_t left, bool big, bool explicit_vr, CmDicomHead *head) {
  if (left < 8) return false;
  head->tag = cm__load_tag(p, big);
  head->size = 8;
  head->vr = 0;
  if (!explicit_vr || head->tag >> 16 == 0xFFFE || !cm__is_letter(p[4]) || !cm__is_letter(p[5])) {
    head->length = cm__load32(p + 4, big);
    return true;
  }
  head->vr = CM_VR(p[4], p[5]);
  if (cm__vr_is_short(head->vr)) {
    head->length = cm__load16(p + 6, big);
    return true;
  }
  bool is_long = cm__vr_is_long(head->vr);
  if (!is_long && left >= 12 && !p[6] && !p[7]) {
    uint32_t length = cm__load32(p + 8, big);
    is_long = length <= left - 12;
  }
  if (!is_long) {
    head->length = cm__load16(p + 6, big);
    return true;
  }
  if (left < 12) return false;
  head->size = 12;
  head->length = cm__load32(p + 8, big);
  return true;
}

#endif
