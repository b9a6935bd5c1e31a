/* What a column of features is called in a DICOM report. */
#ifndef CORMACK_IO_DICOM_REPORT_CODES_H
#define CORMACK_IO_DICOM_REPORT_CODES_H

#include <stdbool.h>

#define CM__OWN_SCHEME "99CORMACK" /* codes of our own; private schemes begin with 99 (PS3.16 8.2) */

typedef struct CmCode {
  const char *value, *scheme, *meaning;
} CmCode;

typedef enum CmFeatureUnit {
  CM__UNIT_ONE,
  CM__UNIT_MM,
  CM__UNIT_MM2,
  CM__UNIT_MM3,
  CM__UNIT_PER_MM,
  CM__UNIT_INTENSITY,
  CM__UNIT_INTENSITY2,
  CM__UNIT_INTENSITY_MM3,
  CM__UNIT_INTENSITY2_MM3,
} CmFeatureUnit;

typedef struct CmFeatureName {
  CmCode feature;     /* of the IBSI scheme; scheme CM__OWN_SCHEME where it has none of that definition */
  CmCode aggregation; /* how slices and directions were put together; value NULL: does not apply */
  CmFeatureUnit unit;
  char own[64];    /* what feature.value and .meaning point to where they are ours */
  char filter[64]; /* image type that it was measured on, as PyRadiomics calls it; "": the image itself */
} CmFeatureName;

/* A column's name, IBSI's tag or PyRadiomics' (original_glcm_Contrast); false: not a feature (label, diagnostics_…). */
bool cm__feature_name(const char *column, CmFeatureName *name);

#endif
