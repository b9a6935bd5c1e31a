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

/* The second letters of the VRs that begin with a letter: those with a length of 16 bits behind the VR, and those whose
 * length stands in 32 bits behind two reserved bytes (PS3.5 table 7.1-1). */
#define CM__BIT(letter) (1u << ((letter) - 'A'))
static const uint32_t cm__short_vrs[26] = {
    ['A' - 'A'] = CM__BIT('E') | CM__BIT('S') | CM__BIT('T'),
    ['C' - 'A'] = CM__BIT('S'),
    ['D' - 'A'] = CM__BIT('A') | CM__BIT('S') | CM__BIT('T'),
    ['F' - 'A'] = CM__BIT('D') | CM__BIT('L'),
    ['I' - 'A'] = CM__BIT('S'),
    ['L' - 'A'] = CM__BIT('O') | CM__BIT('T'),
    ['P' - 'A'] = CM__BIT('N'),
    ['S' - 'A'] = CM__BIT('H') | CM__BIT('L') | CM__BIT('S') | CM__BIT('T'),
    ['T' - 'A'] = CM__BIT('M'),
    ['U' - 'A'] = CM__BIT('I') | CM__BIT('L') | CM__BIT('S'),
};
static const uint32_t cm__long_vrs[26] = {
    ['O' - 'A'] = CM__BIT('B') | CM__BIT('D') | CM__BIT('F') | CM__BIT('L') | CM__BIT('V') | CM__BIT('W'),
    ['S' - 'A'] = CM__BIT('Q') | CM__BIT('V'),
    ['U' - 'A'] = CM__BIT('C') | CM__BIT('N') | CM__BIT('R') | CM__BIT('T') | CM__BIT('V'),
};
#undef CM__BIT

static inline bool cm__vr_among(const uint32_t vrs[26], uint16_t vr) {
  uint32_t first = (uint32_t)(vr >> 8) - 'A', second = (uint32_t)(vr & 255) - 'A';
  return first < 26 && second < 26 && (vrs[first] >> second & 1);
}

static inline bool cm__vr_is_short(uint16_t vr) {
  return cm__vr_among(cm__short_vrs, vr);
}

static inline bool cm__vr_is_long(uint16_t vr) {
  return cm__vr_among(cm__long_vrs, vr);
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
