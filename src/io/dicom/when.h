/* Dates and times of DICOM (PS3.5 6.2: DA, TM, DT) as seconds. */
#ifndef CORMACK_IO_DICOM_WHEN_H
#define CORMACK_IO_DICOM_WHEN_H

#include <stdbool.h>

/* Seconds since midnight of 1900-01-01, without leap seconds and time zone. false: absent or not valid. */
bool cm__when_datetime(const char *text, double *seconds);          /* YYYYMMDD[HHMM[SS[.FFFFFF]]][&ZZXX] */
bool cm__when(const char *date, const char *time, double *seconds); /* DA and TM; both must be there */
bool cm__when_time(const char *time, double *seconds);              /* TM: seconds since midnight */

#endif
