/* Elements of a set: finding, iterating, items of sequences, fragments. */
#include "io/dicom/dicom_file.h"
#include "io/dicom/dictionary.h"

static bool is_root(const CmDicomSet *set) {
  return set->depth == 0 && set->begin == set->file->root.begin && set->file->entries;
}

/* PixelRepresentation in force: the set's own, else the main data set's. */
static bool is_signed(const CmDicomSet *set) {
  int64_t representation = 0;
  if (!cm_dicom_int(*set, CM_TAG(0x28, 0x103), 0, &representation) && set->depth)
    cm_dicom_int(set->file->root, CM_TAG(0x28, 0x103), 0, &representation);
  return representation == 1;
}

/* The choices of PS3.5 annex A.1 and PS3.3 C.11: a look-up table's descriptor begins with two unsigned numbers, its
 * data are words. */
static uint16_t resolve_choice(const CmDicomSet *set, uint32_t tag, uint16_t vr) {
  switch (vr) {
    case CM__VR_US_SS:
      return is_signed(set) ? CM_VR('S', 'S') : CM_VR('U', 'S');
    case CM__VR_US_SS_OW:
      return tag == CM_TAG(0x28, 0x3006) ? CM_VR('U', 'S') : CM_VR('O', 'W');
    case CM__VR_US_OW:
      return tag == CM_TAG(0x28, 0x3006) ? CM_VR('U', 'S') : CM_VR('O', 'W');
    default:
      return CM_VR('O', 'W');
  }
}

uint16_t cm__dicom_resolve_vr(const CmDicomSet *set, uint32_t tag, uint16_t written) {
  if (written && written != CM_VR('U', 'N')) return written;
  if (written && set->big_endian) return written; /* UN holds little-endian values: they cannot be read as this set's */
  uint16_t vr = cm__dicom_dictionary_vr(tag);
  if (!vr) return CM_VR('U', 'N');
  return vr <= CM__VR_US_SS_OW ? resolve_choice(set, tag, vr) : vr;
}

static void fill(const CmDicomSet *set, uint32_t tag, uint16_t written, bool undefined, const uint8_t *value,
                 uint64_t length, CmDicomElement *element) {
  uint16_t vr = cm__dicom_resolve_vr(set, tag, written);
  if (undefined && vr == CM_VR('U', 'N')) vr = CM_VR('S', 'Q');
  *element = (CmDicomElement){.tag = tag,
                              .vr = vr,
                              .undefined_length = undefined,
                              .implicit_items = written == CM_VR('U', 'N'),
                              .value = length ? value : NULL,
                              .length = length,
                              .set = *set};
}

static void fill_from_entry(const CmDicomSet *set, const CmDicomEntry *entry, CmDicomElement *element) {
  fill(set, entry->tag, entry->vr, entry->undefined_length, entry->outside ? NULL : set->file->bytes + entry->offset,
       entry->length, element);
}

static bool find_in_root(const CmDicomSet *set, uint32_t tag, CmDicomElement *element) {
  const CmDicomEntry *entries = set->file->entries;
  uint64_t low = 0, high = set->file->count;
  if (set->file->sorted) {
    while (low < high) {
      uint64_t middle = (low + high) / 2;
      if (entries[middle].tag < tag)
        low = middle + 1;
      else
        high = middle;
    }
  } else {
    while (low < high && entries[low].tag != tag) low++;
  }
  if (low == set->file->count || entries[low].tag != tag) return false;
  fill_from_entry(set, &entries[low], element);
  return true;
}

/* Next element of a set that is walked; delimiters are passed over. */
static bool step_to(const CmDicomSet *set, const uint8_t **at, CmDicomStep *step) {
  while (*at < set->end) {
    if (!cm__dicom_step(set, *at, set->end, false, step, NULL)) return false;
    *at = step->next;
    if (step->head.tag >> 16 != 0xFFFE) return true;
  }
  return false;
}

bool cm_dicom_find(CmDicomSet set, uint32_t tag, CmDicomElement *element) {
  if (is_root(&set)) return find_in_root(&set, tag, element);
  const uint8_t *at = set.begin;
  CmDicomStep step;
  while (step_to(&set, &at, &step)) {
    if (step.head.tag != tag) continue;
    fill(&set, tag, step.head.vr, step.undefined_length, step.value, step.length, element);
    return true;
  }
  return false;
}

bool cm_dicom_next(CmDicomSet set, uint64_t *at, CmDicomElement *element) {
  if (is_root(&set)) {
    if (*at >= set.file->count) return false;
    fill_from_entry(&set, &set.file->entries[(*at)++], element);
    return true;
  }
  if (!set.begin) return false; /* meta information that is absent */
  const uint8_t *p = set.begin + *at;
  CmDicomStep step;
  if (!step_to(&set, &p, &step)) return false;
  *at = (uint64_t)(p - set.begin);
  fill(&set, step.head.tag, step.head.vr, step.undefined_length, step.value, step.length, element);
  return true;
}

void cm__dicom_adopt_charset(CmDicomSet *set) {
  CmDicomElement element;
  if (is_root(set)) {
    if (!cm_dicom_find(*set, CM_TAG(8, 5), &element)) return;
  } else {
    const uint8_t *at = set->begin; /* it stands among the first elements: tags ascend */
    CmDicomStep step;
    do {
      if (!step_to(set, &at, &step) || step.head.tag > CM_TAG(8, 5)) return;
    } while (step.head.tag != CM_TAG(8, 5));
    element.value = step.value;
    element.length = step.length;
  }
  set->charset = element.value;
  set->charset_length = element.length < 1024 ? (uint32_t)element.length : 1024;
}

/* Where the elements of an item of undefined length end: at its delimiter. */
static bool find_item_end(const CmDicomSet *set, const uint8_t *end, const uint8_t **stop, const uint8_t **next) {
  const uint8_t *p = set->begin;
  while (end - p >= 8) {
    uint32_t mark = cm__load_tag(p, set->big_endian);
    if (mark == CM__TAG_ITEM_END || mark == CM__TAG_SEQUENCE_END) {
      *stop = p;
      *next = mark == CM__TAG_ITEM_END ? p + 8 : p;
      return true;
    }
    CmDicomStep step;
    if (!cm__dicom_step(set, p, end, false, &step, NULL)) return false;
    p = step.next;
  }
  *stop = *next = p; /* the delimiter lies behind the sequence's end: the writer closed both at once */
  return p == end;
}

bool cm_dicom_item(const CmDicomElement *sequence, uint64_t *at, CmDicomSet *item) {
  if (!sequence->length || !sequence->value || sequence->set.depth >= CM_DICOM_MAX_DEPTH) return false;
  if (sequence->vr != CM_VR('S', 'Q')) return false;
  CmDicomSet set = sequence->set;
  set.depth++;
  if (sequence->implicit_items) set.explicit_vr = set.big_endian = 0;
  const uint8_t *end = sequence->value + sequence->length, *p = sequence->value + *at;
  uint32_t length;
  for (;; p += 8) {
    if (end - p < 8) return false;
    uint32_t mark = cm__load_tag(p, set.big_endian);
    length = cm__load32(p + 4, set.big_endian);
    if (mark == CM__TAG_ITEM) break;
    if (mark != CM__TAG_ITEM_END && mark != CM__TAG_SEQUENCE_END) return false;
  }
  p += 8;
  set.begin = p;
  if (length != CM__UNDEFINED && length > (uint64_t)(end - p)) return false;
  const uint8_t *limit = length == CM__UNDEFINED ? end : p + length, *next = limit;
  if (set.explicit_vr) set.explicit_vr = cm__dicom_form(p, limit, true);
  if (length == CM__UNDEFINED) {
    if (!find_item_end(&set, end, &limit, &next)) return false;
  }
  set.end = limit;
  cm__dicom_adopt_charset(&set);
  *at = (uint64_t)(next - sequence->value);
  *item = set;
  return true;
}

int cm_dicom_item_count(const CmDicomElement *sequence) {
  CmDicomSet item;
  uint64_t at = 0;
  int count = 0;
  while (cm_dicom_item(sequence, &at, &item)) count++;
  return count;
}

bool cm_dicom_first_item(CmDicomSet set, uint32_t sequence_tag, CmDicomSet *item) {
  CmDicomElement sequence;
  uint64_t at = 0;
  return cm_dicom_find(set, sequence_tag, &sequence) && cm_dicom_item(&sequence, &at, item);
}

bool cm__dicom_fragment(const CmDicomElement *pixels, uint64_t *at, const uint8_t **bytes, uint64_t *size) {
  if (!pixels->undefined_length || pixels->length - *at < 8) return false;
  const uint8_t *p = pixels->value + *at;
  uint64_t left = pixels->length - *at - 8;
  uint32_t length = cm__load32(p + 4, pixels->set.big_endian);
  if (cm__load_tag(p, pixels->set.big_endian) != CM__TAG_ITEM || length > left) return false;
  *bytes = p + 8;
  *size = length;
  *at += 8 + (uint64_t)length;
  return true;
}
