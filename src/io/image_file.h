/* What the dispatch knows beyond cm_image_read and cm_image_write. */
#ifndef CORMACK_IO_IMAGE_FILE_H
#define CORMACK_IO_IMAGE_FILE_H

#include "cormack/dicom.h"
#include "cormack/io.h"

/* Name of the format of a file or folder, by content: "NIfTI", "DICOM", ...; NULL and an error with the path if there
 * is none. */
const char *cm__image_format(CmContext *ctx, const char *path, CmError **err);

/* Writes what is derived from a DICOM volume: `source`, a folder or file, gives the writer's source files, in the order
 * of slices. */
typedef bool CmDicomWriter(CmContext *ctx, const CmImage *image, const char *path, const CmDicomWriteOptions *options,
                           CmError **err);
bool cm__dicom_write_derived(CmContext *ctx, const CmImage *image, const char *path, const char *source,
                             CmDicomWriter *writer, CmError **err);

#endif
