/* Images, tables and folders from and to files, whatever the format.
 *
 * Formats: NIfTI-1/2 (.nii .nii.gz), NRRD (.nrrd .nhdr), MetaImage (.mha .mhd), PNG, JPEG, TIFF, NumPy (.npy .npz),
 * DICOM (a file, a series folder, a DICOMDIR; written as derived images or secondary captures). Reading goes by
 * content, writing by extension. Whatever is written goes beside the target under a temporary name and is
 * renamed. */
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

/* What to do about a gantry tilt: slices that are sheared against each other. */
typedef enum CmTilt {
  CM_TILT_REFUSE,  /* an error that names the angle */
  CM_TILT_CORRECT, /* resample each slice along its rows and columns (linear), and note it in the metadata */
} CmTilt;

typedef struct CmReadOptions {
  CmFill fill;
  bool suv;           /* PET: convert to SUV by body weight; refused with the name of the missing attribute */
  bool stored;        /* no modality LUT or rescale: stored values as they are */
  const char *select; /* of several images in a folder or file: SeriesInstanceUID, volume key or array name; NULL: the
                         only one */
  CmTilt tilt;
  int64_t segment; /* of a DICOM segmentation: only the segment of this number, whatever it overlaps; 0: all */
  uint64_t reserved[7];
} CmReadOptions;

CM_API void cm_read_default_options(CmReadOptions *options);
/* Reads the one image that `path` holds. Several images, and none selected, is CM_ERR_DATA that lists them. NULL
 * options: defaults. */
CM_API CM_NODISCARD CmImage *cm_image_read(CmContext *ctx, const char *path, const CmReadOptions *options,
                                           CmError **err);

typedef struct CmWriteOptions {
  int compression; /* 0..9 for .gz, PNG, TIFF deflate; -1: the format's usual */
  int quality;     /* JPEG, 1..100 */
  /* DICOM: folder or file that the derived image refers to and takes patient and study from; may be NULL */
  const char *source;
  /* Leave out the metadata that names patient, staff or institution (cm_meta_is_identifying); DICOM keeps all. */
  bool anonymous;
  uint64_t reserved[8];
} CmWriteOptions;

CM_API void cm_write_default_options(CmWriteOptions *options);
/* The ending of `path` by which its format is known (".nii.gz"); NULL if it has none of ours. */
CM_API const char *cm_image_extension(const char *path);
/* Whether the key names a person or an institution: PS3.15 table E.1-1, of which dates and UIDs are left, so that
 * visits can still be put in order. */
CM_API bool cm_meta_is_identifying(const char *key);
/* Writes by the extension; a path without extension, or ending in /, is a folder of DICOM. An image that the format
 * cannot hold exactly (type, rank, geometry where the format has one) is CM_ERR_UNSUPPORTED that says what to use
 * instead. */
CM_API bool cm_image_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                           CmError **err);

/* ---- regions of an image: label maps, DICOM segmentations and structure sets
 * ------------------------------------------- */

typedef enum CmRegionSource { CM_REGIONS_MAP, CM_REGIONS_SEGMENTATION, CM_REGIONS_CONTOURS } CmRegionSource;
/* What kind of regions the file holds, by its contents; anything but the two of DICOM is a label map. */
CM_API CmRegionSource cm_region_source(CmContext *ctx, const char *path);

typedef struct CmRegionOptions {
  const char *only; /* names or numbers of the regions wanted, separated by commas; NULL: all */
  bool resample;    /* a mask on another grid is brought to the image's (nearest voxel) instead of refused */
  uint64_t reserved[4];
} CmRegionOptions;

typedef struct CmRegion {
  int64_t number;       /* label, SegmentNumber or ROINumber */
  const char *name;     /* borrowed; "" where it has none */
  int layer;            /* the label map that it is in */
  int64_t label;        /* by which it goes there: 1, 2, 3 ... over all layers */
  int64_t voxels;       /* of the image in it */
  int64_t outside;      /* voxels of it that lie beyond the image (of contours up to a whole image further) */
  const char *overlaps; /* "120 in Liver, 3 in Spleen": its voxels that are others' as well; borrowed; "" if none */
} CmRegion;

/* The regions of a file on the grid of `like` (x,y,z). Regions may overlap: those that do come to lie in different
 * layers, each a label map (CM_U16), as few as it takes in the order of the file. A label map or a segmentation may
 * cover a part of the image only, turned by right angles or not, where its voxels are the image's (within a tenth of a
 * voxel); else CM_ERR_GEOMETRY, unless `resample`. CM_ERR_GEOMETRY as well for another frame of reference.
 * CM_ERR_MISSING: a region of `only` that is not there. */
typedef struct CmRegions CmRegions;
CM_API CM_NODISCARD CmRegions *cm_regions_read(CmContext *ctx, const char *path, const CmImage *like,
                                               const CmRegionOptions *options, CmError **err);
CM_API void cm_regions_free(CmRegions **regions); /* nulls it; NULL is allowed */
CM_API int cm_regions_count(const CmRegions *regions);
CM_API const CmRegion *cm_regions_at(const CmRegions *regions, int at); /* borrowed; in the order of the file */
CM_API int cm_regions_layers(const CmRegions *regions);
CM_API CmImage *cm_regions_layer(const CmRegions *regions, int at); /* borrowed */

/* ---- NumPy arrays: labelled image sets (.npz), feature arrays (.npy) ------------------------------------------ */

#define CM_ARRAY_NAME 128
#define CM_ARRAY_RANK 8

typedef struct CmArrayInfo {
  char name[CM_ARRAY_NAME]; /* in the archive, without ".npy"; of a .npy file its name without extension */
  CmType type; /* as it is read: bool as u8, f16 as f32, 64-bit integers as the first of i32, u32, f64 that holds all
                  values exactly (known once the numbers are read; cm_array_list says f64) */
  int rank;    /* 0..CM_ARRAY_RANK */
  int64_t shape[CM_ARRAY_RANK]; /* as NumPy shows it; last index fastest */
} CmArrayInfo;

typedef struct CmArray CmArray;

/* The arrays of an .npz (in its order), or the one of an .npy; *infos is freed with cm_free(). Arrays of other kinds
 * (text, records, complex) are left out. */
CM_API bool cm_array_list(CmContext *ctx, const char *path, CmArrayInfo **infos, int *count, CmError **err);
/* Reads one array into memory; name NULL: the only one. CM_ERR_MISSING names the nearest array. Free with
 * cm_array_free(). Afterwards it may be used from several threads. */
CM_API CM_NODISCARD CmArray *cm_array_read(CmContext *ctx, const char *path, const char *name, CmError **err);
CM_API void cm_array_free(CmArray **array);                     /* nulls it; NULL is allowed */
CM_API const CmArrayInfo *cm_array_info(const CmArray *array);  /* borrowed */
CM_API int64_t cm_array_count(const CmArray *array);            /* product of the shape */
CM_API const void *cm_array_data(const CmArray *array);         /* count numbers of info's type, C order; borrowed */
CM_API double cm_array_value(const CmArray *array, int64_t at); /* number `at` in C order, 0 <= at < count */
/* Image number `at` (0-based, along the first axis) of a set: (N,y,x), (N,y,x,1), (N,y,x,c) or (N,z,y,x); c (3 or 4,
 * u8, other sides larger) become components. The voxels are copied; geometry is the default. */
CM_API CM_NODISCARD CmImage *cm_array_image(CmContext *ctx, const CmArray *array, int64_t at, CmError **err);

#endif
