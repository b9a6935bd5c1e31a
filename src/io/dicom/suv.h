/* Standardized uptake value by body weight (g/ml). */
#ifndef CORMACK_IO_DICOM_SUV_H
#define CORMACK_IO_DICOM_SUV_H

#include "cormack/dicom.h"

/* What the factor depends on, as read from a PET header. NAN or "" where absent. */
typedef struct CmSuvFacts {
  char units[32], corrected[256], decay[32], suv_type[32], manufacturer[128];
  double weight_kg, dose_bq, half_life_s;
  double start_time;        /* of the radiopharmaceutical: seconds since midnight (StartTime) */
  double start;             /* same with its date (StartDateTime), seconds since 1900 */
  double series;            /* SeriesDate and SeriesTime */
  double first_acquisition; /* earliest acquisition of the series */
  double ge_scan;           /* GE's private scan date and time (0009,xx0D) */
  double frame_reference_s; /* of the first acquisition */
  double frame_duration_s;
  double philips_suv, philips_bqml; /* (7053,1000) and (7053,1009) */
} CmSuvFacts;

void cm__suv_read(CmDicomSet root, double first_acquisition, CmSuvFacts *facts);
/* SUV = value * factor, where the value is the rescaled one. `note` (static) says which way was taken. CM_ERR_DATA
 * names what is missing. */
bool cm__suv_factor(const CmSuvFacts *facts, double *factor, const char **note, CmError **err);

#endif
