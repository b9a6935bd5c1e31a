/* The data dictionary and UIDs as tables (PS3.6); dictionary_table.c is generated. */
#ifndef CM_IO_DICOM_DICTIONARY_H
#define CM_IO_DICOM_DICTIONARY_H

#include "cormack/dicom.h"

/* Value representations that depend on other attributes of the data set (PS3.5 annex A.1, PS3.3 C.7.6.3.1.5). */
enum { CM__VR_US_SS = 1, CM__VR_OB_OW, CM__VR_US_OW, CM__VR_US_SS_OW };

typedef struct CmDicomDictionaryEntry {
  uint32_t keyword; /* offset in cm__dicom_texts */
  uint8_t vr, vm;   /* index in cm__dicom_vrs, cm__dicom_vms */
} CmDicomDictionaryEntry;

typedef struct CmDicomRepeater {
  uint32_t value, mask;
  CmDicomDictionaryEntry entry;
} CmDicomRepeater;

typedef struct CmDicomUidEntry {
  uint32_t uid, name, keyword;
} CmDicomUidEntry;

extern const uint32_t cm__dicom_tag_count, cm__dicom_keyword_count, cm__dicom_repeater_count, cm__dicom_uid_count;
extern const uint32_t cm__dicom_tags[];                  /* ascending */
extern const CmDicomDictionaryEntry cm__dicom_entries[]; /* parallel to cm__dicom_tags */
extern const uint16_t cm__dicom_by_keyword[];            /* indices into cm__dicom_tags, by keyword ascending */
extern const CmDicomRepeater cm__dicom_repeaters[];
extern const CmDicomUidEntry cm__dicom_uids[]; /* by UID ascending */
extern const uint16_t cm__dicom_vrs[];
extern const char *const cm__dicom_vms[];
extern const char cm__dicom_texts[];

/* As the dictionary has it: a CM_VR, one of the CM__VR codes above, or 0 where the tag is unknown. Private creators are
 * LO. */
uint16_t cm__dicom_dictionary_vr(uint32_t tag);

#endif
