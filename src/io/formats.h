/* The formats behind cm_image_read and cm_image_write: one file each. Messages do not name the file; the dispatch does.
 */
#ifndef CORMACK_IO_FORMATS_H
#define CORMACK_IO_FORMATS_H

#include "core/file.h"
#include "cormack/io.h"
#include "io/source.h"

/* Reads the image that the source holds, or says why not. Never reads outside it, allocates by what the bytes can hold.
 */
typedef CmImage *CmFormatReadFn(const CmSource *source, const CmReadOptions *options, CmError **err);
typedef bool CmFormatWriteFn(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                             CmError **err);
/* Whether the first bytes of a file are of this format. */
typedef bool CmFormatDetectFn(const uint8_t *head, size_t size);

CmFormatDetectFn cm__nifti_detect, cm__nrrd_detect, cm__metaimage_detect, cm__png_detect, cm__jpeg_detect,
    cm__tiff_detect, cm__npy_detect, cm__npz_detect;
CmFormatReadFn cm__nifti_read, cm__nrrd_read, cm__metaimage_read, cm__png_read, cm__jpeg_read, cm__tiff_read,
    cm__npy_read, cm__npz_read;
CmFormatWriteFn cm__nifti_write, cm__nrrd_write, cm__metaimage_write, cm__png_write, cm__jpeg_write, cm__tiff_write,
    cm__npy_write, cm__npz_write;

/* For the flat picture formats: rank 2 (or z, t of size 1), components 1..4 as asked, types of the bits; else
 * CM_ERR_UNSUPPORTED that names the mend. */
bool cm__check_picture(const CmImage *image, const char *format, uint32_t types, bool alpha, CmError **err);

#endif
