/* Images, tables and folders from and to files, whatever the format.
 *
 * Formats: NIfTI-1/2 (.nii .nii.gz), NRRD (.nrrd .nhdr), MetaImage (.mha .mhd), PNG, JPEG, TIFF, NumPy (.npy .npz), DICOM (a file, a
 * series folder, a DICOMDIR; written as derived images or secondary captures). Reading goes by content, writing by extension.
 * Whatever is written goes beside the target under a temporary name, is synced, and renamed. */
#ifndef CORMACK_IO_H
#define CORMACK_IO_H

#include "cormack/file.h"
#include "cormack/image.h"

/* What to do about a missing slice of a DICOM volume. */
typedef enum CmFill {
  CM_FILL_REFUSE, /* an error that names the gap */
  CM_FILL_LINEAR, /* interpolate between the neighbours, and note it in the metadata */
  CM_FILL_DROP,   /* keep the longest evenly spaced run, and note it in the metadata */
} CmFill;

typedef struct CmReadOptions {
  CmFill fill;
  bool suv;          /* PET: convert to SUV by body weight; refused with the name of the missing attribute */
  bool stored;       /* no modality LUT or rescale: stored values as they are */
  const char *select; /* of several images in a folder or file: SeriesInstanceUID, volume key or array name; NULL: the only one */
  uint64_t reserved[8];
} CmReadOptions;

CM_API void cm_read_default_options(CmReadOptions *options);
/* Reads the one image that `path` holds. Several images, and none selected, is CM_ERR_DATA that lists them. NULL options: defaults. */
CM_API CM_NODISCARD CmImage *cm_image_read(CmContext *ctx, const char *path, const CmReadOptions *options, CmError **err);

typedef struct CmWriteOptions {
  int compression;       /* 0..9 for .gz, PNG, TIFF deflate; -1: the format's usual */
  int quality;           /* JPEG, 1..100 */
  const char *source;    /* DICOM: folder or file that the derived image refers to and takes patient and study from; may be NULL */
  uint64_t reserved[8];
} CmWriteOptions;

CM_API void cm_write_default_options(CmWriteOptions *options);
/* Writes by the extension; a path without extension, or ending in /, is a folder of DICOM. An image that the format cannot hold exactly
 * (type, rank, geometry where the format has one) is CM_ERR_UNSUPPORTED that says what to use instead. */
CM_API bool cm_image_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options, CmError **err);

#endif
