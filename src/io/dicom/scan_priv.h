/* Inside of a CmDicomScan: what assembling and reading share. */
#ifndef CORMACK_IO_DICOM_SCAN_PRIV_H
#define CORMACK_IO_DICOM_SCAN_PRIV_H

#include "io/dicom/instance.h"

typedef struct CmVolumeEntry {
  CmDicomVolume open; /* what callers see */
  CmStack stack;
  const CmInstance *first; /* of the first frame */
  const char **files;
  const char *note; /* what the reader should know; NULL */
} CmVolumeEntry;

struct CmDicomScan {
  CmContext *ctx;
  CmPool *pools; /* one a worker; the first one is also that of assembling */
  int pool_count;
  CmInstance *instances; /* by path; CmFrame.file counts these */
  int64_t instance_count;
  CmVolumeEntry *volumes;
  int volume_count;
  CmDicomReject *rejects, *objects;
  int reject_count, object_count;
  int64_t other_files;
};

/* A list of paths in a pool. */
typedef struct CmPathList {
  const char **items;
  int64_t count, room;
} CmPathList;

/* All files under the paths, each once, sorted by name; a DICOMDIR given by itself stands for the files that it lists.
 * Files that a DICOMDIR lists and that are not there come out in `missing`. An unreadable top path is an error. */
bool cm__list_files(CmPool *pool, const char *const *paths, int count, CmPathList *files, CmPathList *missing,
                    CmError **err);

/* Removes from `images` (indices of instances, sorted) what is there twice: same SOPInstanceUID and content. Where the
 * contents differ both go to `conflicts`, with the index of the other in `with`. dropped[i] counts the copies of
 * instance i that went. */
bool cm__drop_duplicates(CmDicomScan *scan, int64_t *images, int64_t *image_count, int64_t *conflicts, int64_t *with,
                         int64_t *conflict_count, int32_t *dropped, CmError **err);

/* Stacks of segmentation objects: a label image each (segmentation.c). */
bool cm__segments_to_stacks(CmPool *pool, const CmFrame *const *frames, int64_t count, CmStackList *list,
                            CmError **err);

#endif
