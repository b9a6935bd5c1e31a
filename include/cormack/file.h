/* Whole files and folders. */
#ifndef CORMACK_FILE_H
#define CORMACK_FILE_H

#include "cormack/context.h"

/* Whole file into memory (cm_free); refuses more than `limit` bytes (0: no limit). A zero byte follows the last one. */
CM_API CM_NODISCARD uint8_t *cm_file_read(CmContext *ctx, const char *path, size_t limit, size_t *size, CmError **err);
/* Writes beside and renames; disk full or unwritable is CM_ERR_IO and leaves the old file as it was. */
CM_API bool cm_file_write(CmContext *ctx, const char *path, const void *bytes, size_t size, CmError **err);
/* Makes the folder and those above it. */
CM_API bool cm_make_folder(const char *path, CmError **err);
/* Whether `path` is a name with the ending `extension` (".nii.gz"), whatever the case. */
CM_API bool cm_path_has_extension(const char *path, const char *extension);

#endif
