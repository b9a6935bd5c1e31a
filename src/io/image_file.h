/* What the dispatch knows beyond cm_image_read and cm_image_write. */
#ifndef CORMACK_IO_IMAGE_FILE_H
#define CORMACK_IO_IMAGE_FILE_H

#include "cormack/io.h"

/* Name of the format of a file or folder, by content: "NIfTI", "DICOM", ...; NULL and an error with the path if there
 * is none. */
const char *cm__image_format(CmContext *ctx, const char *path, CmError **err);

#endif
