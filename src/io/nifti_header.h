/* The headers of NIfTI-1 (348 bytes) and NIfTI-2 (540 bytes), in one form; and the geometry in them. */
#ifndef CORMACK_IO_NIFTI_HEADER_H
#define CORMACK_IO_NIFTI_HEADER_H

#include "cormack/image.h"

#define CM_NIFTI1_BYTES 348
#define CM_NIFTI2_BYTES 540

typedef struct CmNifti {
  int version; /* 1 or 2 */
  bool big_endian;
  bool pair; /* voxels in an .img file */
  int64_t dim[8];
  int datatype, bitpix, intent_code, units, qform_code, sform_code;
  double pixdim[8], vox_offset, slope, intercept, quatern[3], qoffset[3], srow[12];
  char description[81], intent_name[17];
} CmNifti;

typedef enum CmNiftiKind { CM_NIFTI_NO, CM_NIFTI_YES, CM_NIFTI_ANALYZE } CmNiftiKind;

CmNiftiKind cm__nifti_kind(const uint8_t *head, size_t size);
/* `bytes` holds the whole header (cm__nifti_kind said so). */
void cm__nifti_decode(const uint8_t *bytes, CmNifti *header);
/* Little endian; fills 348 or 540 bytes. */
void cm__nifti_encode(const CmNifti *header, uint8_t *bytes);
/* Geometry in LPS millimetres and seconds, or why there is none. */
bool cm__nifti_geometry(const CmNifti *header, CmGeometry *geometry, CmError **err);
/* Sets pixdim, qform, sform and units. */
void cm__nifti_set_geometry(CmNifti *header, const CmGeometry *geometry);

#endif
