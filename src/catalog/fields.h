/* What is kept of a header: one list, from which the tables, the statements and the reading follow. */
#ifndef CM_CATALOG_FIELDS_H
#define CM_CATALOG_FIELDS_H

#include "cormack/dicom.h"

/* level, column, kind, tag, which value */
#define CM__CATALOG_FIELDS(X)                                    \
  X(PATIENT, patient_id, TEXT, CM_TAG(0x10, 0x20), 0)            \
  X(PATIENT, issuer, TEXT, CM_TAG(0x10, 0x21), 0)                \
  X(PATIENT, name, TEXT, CM_TAG(0x10, 0x10), 0)                  \
  X(PATIENT, birth_date, DATE, CM_TAG(0x10, 0x30), 0)            \
  X(PATIENT, sex, TEXT, CM_TAG(0x10, 0x40), 0)                   \
  X(STUDY, study_uid, TEXT, CM_TAG(0x20, 0x0D), 0)               \
  X(STUDY, date, DATE, CM_TAG(0x08, 0x20), 0)                    \
  X(STUDY, time, TIME, CM_TAG(0x08, 0x30), 0)                    \
  X(STUDY, description, TEXT, CM_TAG(0x08, 0x1030), 0)           \
  X(STUDY, accession_number, TEXT, CM_TAG(0x08, 0x50), 0)        \
  X(STUDY, study_id, TEXT, CM_TAG(0x20, 0x10), 0)                \
  X(STUDY, referring_physician, TEXT, CM_TAG(0x08, 0x90), 0)     \
  X(STUDY, institution, TEXT, CM_TAG(0x08, 0x80), 0)             \
  X(STUDY, patient_age, TEXT, CM_TAG(0x10, 0x1010), 0)           \
  X(STUDY, patient_size_m, REAL, CM_TAG(0x10, 0x1020), 0)        \
  X(STUDY, patient_weight_kg, REAL, CM_TAG(0x10, 0x1030), 0)     \
  X(SERIES, series_uid, TEXT, CM_TAG(0x20, 0x0E), 0)             \
  X(SERIES, modality, TEXT, CM_TAG(0x08, 0x60), 0)               \
  X(SERIES, number, INT, CM_TAG(0x20, 0x11), 0)                  \
  X(SERIES, date, DATE, CM_TAG(0x08, 0x21), 0)                   \
  X(SERIES, time, TIME, CM_TAG(0x08, 0x31), 0)                   \
  X(SERIES, description, TEXT, CM_TAG(0x08, 0x103E), 0)          \
  X(SERIES, protocol, TEXT, CM_TAG(0x18, 0x1030), 0)             \
  X(SERIES, body_part, TEXT, CM_TAG(0x18, 0x15), 0)              \
  X(SERIES, patient_position, TEXT, CM_TAG(0x18, 0x5100), 0)     \
  X(SERIES, frame_of_reference_uid, TEXT, CM_TAG(0x20, 0x52), 0) \
  X(SERIES, manufacturer, TEXT, CM_TAG(0x08, 0x70), 0)           \
  X(SERIES, model, TEXT, CM_TAG(0x08, 0x1090), 0)                \
  X(SERIES, station, TEXT, CM_TAG(0x08, 0x1010), 0)              \
  X(SERIES, kernel, TEXT, CM_TAG(0x18, 0x1210), 0)               \
  X(SERIES, contrast, TEXT, CM_TAG(0x18, 0x10), 0)               \
  X(INSTANCE, sop_instance_uid, TEXT, CM_TAG(0x08, 0x18), 0)     \
  X(INSTANCE, sop_class_uid, TEXT, CM_TAG(0x08, 0x16), 0)        \
  X(INSTANCE, transfer_syntax, TEXT, CM_TAG(0x02, 0x10), 0)      \
  X(INSTANCE, image_type, TEXT, CM_TAG(0x08, 0x08), 0)           \
  X(INSTANCE, number, INT, CM_TAG(0x20, 0x13), 0)                \
  X(INSTANCE, acquisition_number, INT, CM_TAG(0x20, 0x12), 0)    \
  X(INSTANCE, acquisition_date, DATE, CM_TAG(0x08, 0x22), 0)     \
  X(INSTANCE, acquisition_time, TIME, CM_TAG(0x08, 0x32), 0)     \
  X(INSTANCE, columns, INT, CM_TAG(0x28, 0x11), 0)               \
  X(INSTANCE, rows, INT, CM_TAG(0x28, 0x10), 0)                  \
  X(INSTANCE, frames, INT, CM_TAG(0x28, 0x08), 0)                \
  X(INSTANCE, samples, INT, CM_TAG(0x28, 0x02), 0)               \
  X(INSTANCE, bits_allocated, INT, CM_TAG(0x28, 0x100), 0)       \
  X(INSTANCE, bits_stored, INT, CM_TAG(0x28, 0x101), 0)          \
  X(INSTANCE, photometric, TEXT, CM_TAG(0x28, 0x04), 0)          \
  X(INSTANCE, position_x, REAL, CM_TAG(0x20, 0x32), 0)           \
  X(INSTANCE, position_y, REAL, CM_TAG(0x20, 0x32), 1)           \
  X(INSTANCE, position_z, REAL, CM_TAG(0x20, 0x32), 2)           \
  X(INSTANCE, orientation, TEXT, CM_TAG(0x20, 0x37), 0)          \
  X(INSTANCE, row_spacing, REAL, CM_TAG(0x28, 0x30), 0)          \
  X(INSTANCE, column_spacing, REAL, CM_TAG(0x28, 0x30), 1)       \
  X(INSTANCE, slice_thickness, REAL, CM_TAG(0x18, 0x50), 0)      \
  X(INSTANCE, kvp, REAL, CM_TAG(0x18, 0x60), 0)                  \
  X(INSTANCE, echo_time_ms, REAL, CM_TAG(0x18, 0x81), 0)         \
  X(INSTANCE, repetition_time_ms, REAL, CM_TAG(0x18, 0x80), 0)   \
  X(INSTANCE, flip_angle, REAL, CM_TAG(0x18, 0x1314), 0)         \
  X(INSTANCE, b_value, REAL, CM_TAG(0x18, 0x9087), 0)            \
  X(INSTANCE, temporal_position, INT, CM_TAG(0x20, 0x100), 0)    \
  X(INSTANCE, lossy, TEXT, CM_TAG(0x28, 0x2110), 0)

typedef enum CmCatalogLevel { CM__PATIENT, CM__STUDY, CM__SERIES, CM__INSTANCE, CM__LEVELS } CmCatalogLevel;
typedef enum CmCatalogKind { CM__TEXT, CM__DATE, CM__TIME, CM__INT, CM__REAL } CmCatalogKind;

typedef struct CmCatalogField {
  CmCatalogLevel level;
  const char *column;
  CmCatalogKind kind;
  uint32_t tag;
  int at;
} CmCatalogField;

/* Indices of the fields, e.g. CM__FIELD_STUDY_study_uid. */
enum {
#define CM__FIELD_ENUM(level, column, kind, tag, at) CM__FIELD_##level##_##column,
  CM__CATALOG_FIELDS(CM__FIELD_ENUM)
#undef CM__FIELD_ENUM
      CM__FIELD_COUNT
};

extern const CmCatalogField cm__catalog_fields[CM__FIELD_COUNT];

#endif
