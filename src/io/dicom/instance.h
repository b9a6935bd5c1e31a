/* One DICOM file as the volumes see it: whose it is, and its frames. */
#ifndef CORMACK_IO_DICOM_INSTANCE_H
#define CORMACK_IO_DICOM_INSTANCE_H

#include "io/dicom/volume.h"

typedef enum CmInstanceKind {
  CM_INSTANCE_IMAGE,
  CM_INSTANCE_OBJECT,    /* DICOM without an image: structure set, report, presentation state, ... */
  CM_INSTANCE_DIRECTORY, /* DICOMDIR */
} CmInstanceKind;

typedef struct CmInstance {
  CmInstanceKind kind;
  const char *path;
  /* "" where absent, except uid, series_uid: the path, so that files that do not say what they belong to stay apart. */
  const char *uid, *class_uid, *series_uid, *study_uid, *frame_of_reference_uid;
  const char *patient_id, *patient_name, *study_date, *study_description, *series_description, *modality;
  double series_number;
  const char *refusal; /* NULL, or why this image cannot be read as a volume */
  bool segmentation;
  bool mapped; /* its values are not a linear function of the stored ones: colour, palette, LUT, float pixels */
  CmDicomPixels pixels;
  CmFrame *frames;
  int64_t frame_count;
} CmInstance;

/* Reads the header of an opened file. The instance lives in the pool; `file` becomes the frames' index. */
bool cm__instance_read(CmPool *pool, const CmDicom *dicom, const char *path, int32_t file, CmInstance *instance,
                       CmError **err);

/* ---- parts */

/* The data sets in which an attribute of a frame may stand: its own functional groups, the shared ones, the main data
 * set. */
typedef struct CmFrameSource {
  CmDicomSet root, shared, own;
  bool has_shared, has_own;
} CmFrameSource;

/* The item of a functional group sequence, the frame's own before the shared one. */
bool cm__source_group(const CmFrameSource *source, uint32_t sequence, CmDicomSet *item);
/* Numbers from that group, else from the main data set; returns how many there are. sequence 0: main data set alone. */
int cm__source_reals(const CmFrameSource *source, uint32_t sequence, uint32_t tag, double *values, int most);
const char *cm__source_text(const CmFrameSource *source, uint32_t sequence, uint32_t tag, char *to, size_t size);
/* Finds the tag of element `low` (0x00..0xFF) of the private block that `creator` reserves in `group`; 0: no such
 * block. */
uint32_t cm__private_tag(CmDicomSet set, uint16_t group, const char *creator, uint8_t low);
/* Facts and traits of a frame (volume_facts.c). */
bool cm__frame_facts(CmPool *pool, const CmFrameSource *source, CmFrame *frame, CmError **err);
/* Where the frames of a multi-frame object without functional groups lie: NM vectors, dose grids, film times
 * (volume_multiframe.c). */
bool cm__frames_place(CmPool *pool, CmDicomSet root, CmFrame *frames, int64_t count, CmError **err);
/* Pixel spacing of an image without functional groups: {x, y} mm, and where it is from ("PixelSpacing", ...; NULL:
 * unknown). */
const char *cm__pixel_spacing(const CmFrameSource *source, double spacing[2]);

#endif
