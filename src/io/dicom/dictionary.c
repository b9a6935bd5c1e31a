#include "io/dicom/dictionary.h"

#include <stdlib.h>
#include <string.h>

static const CmDicomDictionaryEntry *entry_of(uint32_t tag) {
  uint32_t low = 0, high = cm__dicom_tag_count;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (cm__dicom_tags[middle] < tag)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < cm__dicom_tag_count && cm__dicom_tags[low] == tag) return &cm__dicom_entries[low];
  for (uint32_t i = 0; i < cm__dicom_repeater_count; i++)
    if ((tag & cm__dicom_repeaters[i].mask) == cm__dicom_repeaters[i].value) return &cm__dicom_repeaters[i].entry;
  return NULL;
}

uint16_t cm__dicom_dictionary_vr(uint32_t tag) {
  uint32_t group = tag >> 16, element = tag & 0xFFFF;
  if (element == 0) return CM_VR('U', 'L'); /* group length, PS3.5 7.2 */
  if (group & 1) return element >= 0x10 && element <= 0xFF ? CM_VR('L', 'O') : 0;
  const CmDicomDictionaryEntry *entry = entry_of(tag);
  return entry ? cm__dicom_vrs[entry->vr] : 0;
}

uint16_t cm_dicom_vr(uint32_t tag) {
  uint16_t vr = cm__dicom_dictionary_vr(tag);
  switch (vr) {
    case 0:
      return CM_VR('U', 'N');
    case CM__VR_US_SS:
      return CM_VR('U', 'S');
    case CM__VR_OB_OW:
      return CM_VR('O', 'W');
    case CM__VR_US_OW:
      return CM_VR('O', 'W');
    case CM__VR_US_SS_OW:
      return CM_VR('O', 'W');
    default:
      return vr;
  }
}

const char *cm_dicom_keyword(uint32_t tag) {
  if ((tag >> 16) & 1) return NULL;
  const CmDicomDictionaryEntry *entry = entry_of(tag);
  return entry && entry->keyword ? cm__dicom_texts + entry->keyword : NULL;
}

const char *cm_dicom_vm(uint32_t tag) {
  if ((tag >> 16) & 1) return NULL;
  const CmDicomDictionaryEntry *entry = entry_of(tag);
  return entry ? cm__dicom_vms[entry->vm] : NULL;
}

static bool hex4(const char *text, uint32_t *value) {
  *value = 0;
  for (int i = 0; i < 4; i++) {
    char c = text[i];
    uint32_t digit;
    if (c >= '0' && c <= '9')
      digit = (uint32_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = (uint32_t)(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = (uint32_t)(c - 'A' + 10);
    else
      return false;
    *value = *value << 4 | digit;
  }
  return true;
}

static bool tag_from_numbers(const char *text, uint32_t *tag) {
  size_t length = strlen(text);
  if (length == 11 && text[0] == '(' && text[10] == ')') text++, length -= 2;
  uint32_t group, element;
  if (length == 9 && text[4] == ',') {
    if (!hex4(text, &group) || !hex4(text + 5, &element)) return false;
  } else if (length == 8) {
    if (!hex4(text, &group) || !hex4(text + 4, &element)) return false;
  } else {
    return false;
  }
  *tag = CM_TAG(group, element);
  return true;
}

bool cm_dicom_tag(const char *keyword, uint32_t *tag) {
  uint32_t low = 0, high = cm__dicom_keyword_count;
  while (low < high) {
    uint32_t middle = (low + high) / 2, at = cm__dicom_by_keyword[middle];
    int order = strcmp(cm__dicom_texts + cm__dicom_entries[at].keyword, keyword);
    if (order == 0) {
      *tag = cm__dicom_tags[at];
      return true;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return tag_from_numbers(keyword, tag);
}

static const CmDicomUidEntry *uid_entry(const char *uid) {
  uint32_t low = 0, high = cm__dicom_uid_count;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    int order = strcmp(cm__dicom_texts + cm__dicom_uids[middle].uid, uid);
    if (order == 0) return &cm__dicom_uids[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

const char *cm_dicom_uid_name(const char *uid) {
  const CmDicomUidEntry *entry = uid_entry(uid);
  return entry ? cm__dicom_texts + entry->name : NULL;
}
