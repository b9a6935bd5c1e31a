/* Writing a series: how voxels are stored, and what a data set of each class must say. */
#ifndef CM_IO_DICOM_WRITE_H
#define CM_IO_DICOM_WRITE_H

#include "cormack/file.h"
#include "io/dicom/builder.h"

typedef enum CmDicomClass { CM__CLASS_CT, CM__CLASS_MR, CM__CLASS_PT, CM__CLASS_SC } CmDicomClass;

#define CM__SC_UID "1.2.840.10008.5.1.4.1.1.7"

/* How voxel values become stored values: value = slope * stored + intercept, exactly. */
typedef struct CmDicomStorage {
  int bits; /* 8 or 16 */
  bool is_signed;
  bool direct; /* voxels are the stored values already, bytes included */
  double slope, intercept;
  double low, high; /* of the voxel values */
} CmDicomStorage;

/* false, CM_ERR_UNSUPPORTED: no 16-bit storage is exact. allow_8: a class that may have 8 bits; allow_rescale: one with
 * a modality LUT; allow_offset: an intercept other than 0. */
bool cm__dicom_choose_storage(const CmImage *image, bool allow_8, bool allow_rescale, bool allow_offset,
                              CmDicomStorage *storage, CmError **err);
/* Stored values of `count` voxel values from `first` on, little endian, appended. */
bool cm__dicom_store(const CmImage *image, const CmDicomStorage *storage, int64_t first, int64_t count,
                     CmTextBuffer *out);

/* Everything that all slices share. */
typedef struct CmDicomSeries {
  CmContext *ctx;
  const CmImage *image;
  const CmDicomWriteOptions *options;
  const char *folder;
  CmDicomClass kind;
  const char *class_uid;
  CmDicomStorage storage;
  CmDicomBuilder common;
  double (*positions)[3];          /* of the sources; NULL without */
  char (*source_uids)[2][65];      /* class and instance UID of each source */
  char seed[2 * CM_HASH_SIZE + 1]; /* of seed, image and attributes */
  bool has_plane;                  /* geometry belongs into the data set */
} CmDicomSeries;

/* Patient, study, equipment and frame of reference: what any object made from a source keeps. */
bool cm__dicom_is_context(uint32_t tag);
/* ContentDate and ContentTime are the study's: when the contents were made is not known to be later, and a clock would
 * change the bytes. */
void cm__dicom_content_time(CmDicomBuilder *set);
/* Positions and UIDs of the sources. */
bool cm__dicom_read_sources(CmDicomSeries *series, CmError **err);
void cm__dicom_make_seed(CmDicomSeries *series);
/* The source whose position is this, within a hundredth of a millimetre; -1: none. */
int cm__dicom_source_at(const CmDicomSeries *series, const double position[3]);
/* The item of a SourceImageSequence. */
void cm__dicom_add_reference(CmDicomBuilder *item, const CmDicomSeries *series, int source);
/* Preamble, mark and file meta information of the instance in `set` (PS3.10 7.1). */
void cm__dicom_add_meta(CmTextBuffer *out, const CmDicomSeries *series, const CmDicomBuilder *set);
/* Fills `common` from the sources, the metadata and the defaults of the class; then applies the attributes. */
bool cm__dicom_common(CmDicomSeries *series, CmError **err);
/* Whether a source's acquisition is copied, because it is of the class that is written. */
bool cm__dicom_is_same_class(const CmDicomSeries *series);
bool cm__dicom_copy_source(const CmDicomSeries *series, int at, CmDicomBuilder *builder, CmError **err);
void cm__dicom_apply_attributes(const CmDicomSeries *series, CmDicomBuilder *set);
/* UID of a part of the series, e.g. "series" or "instance 12". */
void cm__dicom_series_uid(const CmDicomSeries *series, const char *part, char uid[65]);

#endif
