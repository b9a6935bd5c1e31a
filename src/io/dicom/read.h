/* How cm_image_read reads DICOM: the door between the format dispatcher and this room. */
#ifndef CORMACK_IO_DICOM_READ_H
#define CORMACK_IO_DICOM_READ_H

#include "cormack/dicom.h"

/* Reads the one volume of a DICOM file, folder or DICOMDIR. A single file gives its own image (one slice, the frames of
 * a multi-frame object); a folder or DICOMDIR its one volume, or the one that options->select names (volume key, or
 * SeriesInstanceUID where the series is one volume). Several volumes and none selected is CM_ERR_DATA that lists them
 * with key, description and size; no volume is CM_ERR_FORMAT with the first reason. NULL options: defaults. One
 * reference, released with cm_image_unref(). */
CM_NODISCARD CmImage *cm__dicom_read_path(CmContext *ctx, const char *path, const CmReadOptions *options,
                                          CmError **err);

/* The same from a scan that the caller holds: picks by select, with the same errors; -1 and err on failure. `name` is
 * for messages. */
int cm__dicom_select(CmContext *ctx, const CmDicomScan *scan, const char *name, const char *select, CmError **err);

#endif
