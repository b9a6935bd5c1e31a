/* The walk: one element after the other, sequences inside sequences, every length against what is left. */
#include "io/dicom/dicom_file.h"
#include "io/dicom/dictionary.h"

static const char *label(uint32_t tag, char to[80]) {
  const char *keyword = cm_dicom_keyword(tag);
  char *at = to;
  static const char digits[] = "0123456789ABCDEF";
  *at++ = '(';
  for (int i = 7; i >= 0; i--) {
    *at++ = digits[tag >> (4 * i) & 15];
    if (i == 4) *at++ = ',';
  }
  *at++ = ')';
  if (keyword) {
    size_t length = strlen(keyword);
    if (length > 66) length = 66;
    *at++ = ' ';
    memcpy(at, keyword, length);
    at += length;
  }
  *at = 0;
  return to;
}

static unsigned long long offset_of(const CmDicomSet *set, const uint8_t *p) {
  return (unsigned long long)(p - set->file->bytes);
}

bool cm__dicom_form(const uint8_t *p, const uint8_t *end, bool explicit_vr) {
  if (end - p < 8) return explicit_vr;
  if (p[0] == 0xFE && p[1] == 0xFF) return explicit_vr; /* a delimiter has no VR */
  if (p[0] == 0xFF && p[1] == 0xFE) return explicit_vr;
  return cm__is_letter(p[4]) && cm__is_letter(p[5]);
}

/* How the items of an element are encoded: those of UN are in implicit VR, little endian (PS3.5 6.2.2, CP-246). */
static CmDicomSet item_set(const CmDicomSet *parent, bool implicit_items) {
  CmDicomSet set = *parent;
  set.depth++;
  if (implicit_items) set.explicit_vr = set.big_endian = 0;
  return set;
}

static bool walk_set(const CmDicomSet *set, const uint8_t *p, const uint8_t *end, bool delimited, const uint8_t **next,
                     CmError **err);

/* Walks items from p. delimited: to the sequence delimiter, else to `end`. */
static bool walk_items(const CmDicomSet *parent, uint32_t tag, bool implicit_items, const uint8_t *p,
                       const uint8_t *end, bool delimited, const uint8_t **content_end, const uint8_t **next,
                       CmError **err) {
  char name[80];
  CmDicomSet set = item_set(parent, implicit_items);
  if (set.depth > CM_DICOM_MAX_DEPTH) {
    cm_error_set(err, CM_ERR_FORMAT, "%s at byte %llu is nested more than %d deep; the file is damaged or hostile",
                 label(tag, name), offset_of(parent, p), CM_DICOM_MAX_DEPTH);
    return false;
  }
  for (long long number = 1;; number++) {
    if (p == end && !delimited) break;
    if (end - p < 8) {
      cm_error_set(err, CM_ERR_FORMAT, "%s: the sequence is cut off at byte %llu; get the whole file", label(tag, name),
                   offset_of(parent, end));
      return false;
    }
    uint32_t mark = cm__load_tag(p, set.big_endian), length = cm__load32(p + 4, set.big_endian);
    if (mark == CM__TAG_SEQUENCE_END) {
      if (delimited) {
        *content_end = p;
        *next = p + 8;
        return true;
      }
      p += 8; /* a delimiter inside a counted sequence says nothing new */
      continue;
    }
    if (mark == CM__TAG_ITEM_END) { /* left over from an item that was counted as well */
      p += 8;
      continue;
    }
    if (mark != CM__TAG_ITEM) {
      cm_error_set(err, CM_ERR_FORMAT, "%s: an item was expected at byte %llu, found tag %08X; the sequence is damaged",
                   label(tag, name), offset_of(parent, p), mark);
      return false;
    }
    p += 8;
    if (length == CM__UNDEFINED) {
      set.explicit_vr = implicit_items ? 0 : (uint8_t)(parent->explicit_vr && cm__dicom_form(p, end, true));
      if (!walk_set(&set, p, end, true, &p, err)) {
        cm_error_context(err, "%s item %lld", label(tag, name), number);
        return false;
      }
      continue;
    }
    if (length > (uint64_t)(end - p)) {
      cm_error_set(err, CM_ERR_FORMAT,
                   "%s item %lld at byte %llu has %u bytes, but only %llu are left; get the whole file",
                   label(tag, name), number, offset_of(parent, p), length, (unsigned long long)(end - p));
      return false;
    }
    set.explicit_vr = implicit_items ? 0 : (uint8_t)(parent->explicit_vr && cm__dicom_form(p, p + length, true));
    const uint8_t *stop;
    if (!walk_set(&set, p, p + length, false, &stop, err)) {
      cm_error_context(err, "%s item %lld", label(tag, name), number);
      return false;
    }
    p += length;
  }
  *content_end = *next = p;
  return true;
}

/* Walks the elements of an item. delimited: to its delimiter (or that of the sequence, where a writer forgot the
 * item's). */
static bool walk_set(const CmDicomSet *set, const uint8_t *p, const uint8_t *end, bool delimited, const uint8_t **next,
                     CmError **err) {
  while (p < end) {
    if (delimited && end - p >= 8) {
      uint32_t mark = cm__load_tag(p, set->big_endian);
      if (mark == CM__TAG_ITEM_END || mark == CM__TAG_SEQUENCE_END) {
        *next = mark == CM__TAG_ITEM_END ? p + 8 : p;
        return true;
      }
    }
    CmDicomStep step;
    if (!cm__dicom_step(set, p, end, true, &step, err)) return false;
    p = step.next;
  }
  if (delimited) {
    cm_error_set(err, CM_ERR_FORMAT, "the item is not closed at byte %llu; get the whole file", offset_of(set, end));
    return false;
  }
  *next = p;
  return true;
}

/* Fragments up to the sequence delimiter. */
static bool walk_fragments(const CmDicomSet *set, uint32_t tag, const uint8_t *p, const uint8_t *end,
                           const uint8_t **content_end, const uint8_t **next, CmError **err) {
  char name[80];
  for (long long number = 0;; number++) {
    if (end - p < 8) break;
    uint32_t mark = cm__load_tag(p, set->big_endian), length = cm__load32(p + 4, set->big_endian);
    if (mark == CM__TAG_SEQUENCE_END) {
      *content_end = p;
      *next = p + 8;
      return true;
    }
    if (mark != CM__TAG_ITEM || length == CM__UNDEFINED) {
      cm_error_set(err, CM_ERR_FORMAT,
                   "%s: a fragment was expected at byte %llu, found tag %08X; the pixel data is damaged",
                   label(tag, name), offset_of(set, p), mark);
      return false;
    }
    p += 8;
    if (length > (uint64_t)(end - p)) {
      cm_error_set(err, CM_ERR_FORMAT,
                   "%s: fragment %lld at byte %llu has %u bytes, but only %llu are left; get the whole file",
                   label(tag, name), number, offset_of(set, p), length, (unsigned long long)(end - p));
      return false;
    }
    p += length;
  }
  cm_error_set(err, CM_ERR_FORMAT,
               "%s: the delimiter that ends the fragments is missing at byte %llu; get the whole file",
               label(tag, name), offset_of(set, p));
  return false;
}

/* Bytes of a value whose end is marked. */
static bool step_undefined(const CmDicomSet *set, const uint8_t *end, CmDicomStep *step, CmError **err) {
  const uint8_t *content_end = NULL;
  step->undefined_length = true;
  uint16_t vr = step->head.vr;
  bool fragments = vr == CM_VR('O', 'B') || vr == CM_VR('O', 'W') || cm__is_pixel_tag(step->head.tag);
  bool good = fragments ? walk_fragments(set, step->head.tag, step->value, end, &content_end, &step->next, err)
                        : walk_items(set, step->head.tag, vr == CM_VR('U', 'N'), step->value, end, true, &content_end,
                                     &step->next, err);
  if (good) step->length = (uint64_t)(content_end - step->value);
  return good;
}

/* A counted value that the data set calls a sequence; those of private groups are nobody's to judge. */
static bool is_public_sequence(const CmDicomSet *set, const CmDicomStep *step) {
  if (step->length < 8 || (step->head.tag >> 16 & 1)) return false;
  if (step->head.vr == CM_VR('S', 'Q')) return true;
  if (step->head.vr && step->head.vr != CM_VR('U', 'N')) return false;
  uint32_t mark = cm__load_tag(step->value, set->big_endian);
  return mark == CM__TAG_ITEM && cm__dicom_dictionary_vr(step->head.tag) == CM_VR('S', 'Q');
}

bool cm__dicom_step(const CmDicomSet *set, const uint8_t *p, const uint8_t *end, bool check, CmDicomStep *step,
                    CmError **err) {
  char name[80];
  uint64_t left = (uint64_t)(end - p);
  if (!cm__load_head(p, left, set->big_endian, set->explicit_vr, &step->head)) {
    cm_error_set(err, CM_ERR_FORMAT, "cut off at byte %llu, within an element's header; get the whole file",
                 offset_of(set, end));
    return false;
  }
  step->value = p + step->head.size;
  left -= step->head.size;
  step->undefined_length = false;
  if (step->head.tag >> 16 == 0xFFFE) {
    step->length = 0;
    step->next = step->value;
    if (step->head.tag == CM__TAG_ITEM_END || step->head.tag == CM__TAG_SEQUENCE_END) return true;
    cm_error_set(err, CM_ERR_FORMAT, "tag %08X at byte %llu stands outside of a sequence; the data set is damaged",
                 step->head.tag, offset_of(set, p));
    return false;
  }
  if (step->head.length == CM__UNDEFINED) return step_undefined(set, end, step, err);
  if (step->head.length > left) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "cut off at byte %llu: %s at byte %llu has %u bytes, but only %llu are left; get the whole file",
                 offset_of(set, end), label(step->head.tag, name), offset_of(set, p), step->head.length,
                 (unsigned long long)left);
    return false;
  }
  step->length = step->head.length;
  step->next = step->value + step->length;
  if (!check || !is_public_sequence(set, step)) return true;
  const uint8_t *content_end, *next;
  return walk_items(set, step->head.tag, step->head.vr == CM_VR('U', 'N'), step->value, step->next, false, &content_end,
                    &next, err);
}

bool cm__dicom_sequence_is_whole(const CmDicomElement *sequence, CmError **err) {
  if (!sequence->length || sequence->undefined_length) return true; /* walked when the file was opened */
  const uint8_t *content_end, *next;
  return walk_items(&sequence->set, sequence->tag, sequence->implicit_items, sequence->value,
                    sequence->value + sequence->length, false, &content_end, &next, err);
}
