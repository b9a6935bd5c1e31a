/* A header as a record of the catalogue. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog_priv.h"

#define MEDIA_DIRECTORY "1.2.840.10008.1.3.10"

static void set_text(CmCatalogValue *value, CmTextBuffer *texts, const char *text, size_t length) {
  *value = (CmCatalogValue){.kind = SQLITE_TEXT, .length = (uint32_t)length, .as.text = texts->size};
  cm__text_add_n(texts, text, length);
}

/* 20240131 as 2024-01-31, so that SQLite's date functions work; what is no date stays as it is. */
static size_t iso_date(const char *text, char to[64]) {
  size_t length = strlen(text);
  if (length != 8 || strspn(text, "0123456789") != 8) return 0;
  memcpy(to, text, 4);
  to[4] = to[7] = '-';
  memcpy(to + 5, text + 4, 2);
  memcpy(to + 8, text + 6, 2);
  return 10;
}

/* 101112.5 as 10:11:12.5. */
static size_t iso_time(const char *text, char to[64]) {
  size_t length = strlen(text), digits = strspn(text, "0123456789");
  if ((digits != 6 && digits != 4) || length > 13 || (text[digits] && text[digits] != '.')) return 0;
  size_t at = 0;
  for (size_t i = 0; i < digits; i += 2) {
    if (i) to[at++] = ':';
    to[at++] = text[i];
    to[at++] = text[i + 1];
  }
  if (digits == 4) {
    memcpy(to + at, ":00", 3);
    at += 3;
  }
  size_t rest = length - digits;
  while (rest > 1 && text[digits + rest - 1] == '0') rest--;
  if (rest > 1) {
    memcpy(to + at, text + digits, rest);
    at += rest;
  }
  return at;
}

static void read_field(const CmCatalogField *field, const CmDicom *dicom, CmTextBuffer *texts, CmCatalogValue *value) {
  CmDicomSet root = cm_dicom_root(dicom);
  char text[1024], converted[64];
  *value = (CmCatalogValue){.kind = SQLITE_NULL};
  if (field->kind == CM__INT) {
    if (cm_dicom_int(root, field->tag, field->at, &value->as.integer)) value->kind = SQLITE_INTEGER;
    return;
  }
  if (field->kind == CM__REAL) {
    if (cm_dicom_real(root, field->tag, field->at, &value->as.real) && isfinite(value->as.real))
      value->kind = SQLITE_FLOAT;
    return;
  }
  if (field->tag == CM_TAG(2, 0x10)) {
    const char *syntax = cm_dicom_transfer_syntax(dicom);
    set_text(value, texts, syntax, strlen(syntax));
    return;
  }
  if (!cm_dicom_text(root, field->tag, text, sizeof text)) return;
  size_t length = field->kind == CM__DATE   ? iso_date(text, converted)
                  : field->kind == CM__TIME ? iso_time(text, converted)
                                            : 0;
  set_text(value, texts, length ? converted : text, length ? length : strlen(text));
}

static void set_broken(CmCatalogRecord *record, CmTextBuffer *texts, CmErrorCode code, const char *reason) {
  record->outcome = CM__BROKEN;
  record->code = code;
  record->reason = texts->size;
  cm__text_add_n(texts, reason, strlen(reason) + 1);
}

/* Without its UIDs an instance has no place. */
static void check_identity(CmCatalogRecord *record, CmTextBuffer *texts) {
  static const struct {
    int field;
    const char *reason;
  } needed[] = {
      {CM__FIELD_INSTANCE_sop_instance_uid,
       "SOPInstanceUID (0008,0018) is missing; ask the sender for a complete file"},
      {CM__FIELD_INSTANCE_sop_class_uid, "SOPClassUID (0008,0016) is missing; ask the sender for a complete file"},
      {CM__FIELD_STUDY_study_uid, "StudyInstanceUID (0020,000D) is missing; ask the sender for a complete file"},
      {CM__FIELD_SERIES_series_uid, "SeriesInstanceUID (0020,000E) is missing; ask the sender for a complete file"},
  };
  for (int i = 0; i < CM_COUNT(needed) && record->outcome == CM__READ; i++)
    if (record->values[needed[i].field].kind == SQLITE_NULL) set_broken(record, texts, CM_ERR_DATA, needed[i].reason);
}

/* The error's text without the path in front, which the file's row has. */
static const char *reason_of(const CmError *err, const char *path) {
  const char *text = cm_error_text(err);
  size_t length = strlen(path);
  return !strncmp(text, path, length) && !strncmp(text + length, ": ", 2) ? text + length + 2 : text;
}

bool cm__catalog_read(CmContext *ctx, const char *path, CmTextBuffer *texts, CmCatalogRecord *record, CmError **err) {
  CmError *why = NULL;
  char directory[65];
  record->outcome = CM__READ;
  record->texts = texts;
  CmDicom *dicom = cm_dicom_open(ctx, path, CM_DICOM_HEADER, &why);
  if (!dicom) {
    CmErrorCode code = cm_error_code(why);
    if (code == CM_ERR_MEMORY || code == CM_ERR_CANCELLED) {
      cm_error_move(err, &why);
      return false;
    }
    if (code == CM_ERR_FORMAT && !cm_dicom_sniff(path))
      record->outcome = CM__NOT_DICOM;
    else
      set_broken(record, texts, code, reason_of(why, path));
    cm_error_free(&why);
  } else if (cm_dicom_text(cm_dicom_meta(dicom), CM_TAG(2, 2), directory, sizeof directory) &&
             !strcmp(directory, MEDIA_DIRECTORY)) {
    record->outcome = CM__NOT_DICOM; /* a DICOMDIR: the files that it lists are found without it */
  } else {
    for (int i = 0; i < CM__FIELD_COUNT; i++) read_field(&cm__catalog_fields[i], dicom, texts, &record->values[i]);
    check_identity(record, texts);
  }
  cm_dicom_close(&dicom);
  return !texts->failed;
}
