/* Holds the door's place so that the program links while dicom-volumes lands its own; delete this file with that landing. */
#include "io/dicom/read.h"

CmImage *cm__dicom_read_path(CmContext *ctx, const char *path, const CmReadOptions *options, CmError **err) {
  (void)ctx, (void)options;
  cm_error_set(err, CM_ERR_UNSUPPORTED, "%s: DICOM volumes are not read by this build", path);
  return NULL;
}
