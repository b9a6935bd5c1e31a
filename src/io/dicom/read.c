#include "io/dicom/read.h"

#include <stdio.h>
#include <string.h>

/* "512 x 512 x 300 x 4" */
static const char *size_text(const CmDicomVolume *volume, char text[96]) {
  int used = snprintf(text, 96, "%lld x %lld", (long long)volume->dims[0], (long long)volume->dims[1]);
  for (int i = 2; i < volume->rank && used > 0 && used < 96; i++)
    used += snprintf(text + used, (size_t)(96 - used), " x %lld", (long long)volume->dims[i]);
  return text;
}

#define MOST_LISTED 40

/* One line, as errors are: «key (modality, description, size), …». */
static void refuse_several(CmContext *ctx, const CmDicomScan *scan, const char *name, const char *select,
                           CmError **err) {
  char size[96];
  char *list = NULL;
  int count = cm_dicom_scan_volumes(scan), listed = 0, matching = 0;
  for (int i = 0; i < count; i++) {
    const CmDicomVolume *volume = cm_dicom_scan_volume(scan, i);
    if (select && strncmp(volume->key, select, strlen(select)) != 0) continue;
    matching++;
  }
  bool all = matching == 0;
  for (int i = 0; i < count && listed < MOST_LISTED; i++) {
    const CmDicomVolume *volume = cm_dicom_scan_volume(scan, i);
    if (!all && select && strncmp(volume->key, select, strlen(select)) != 0) continue;
    char *longer =
        cm_sprintf(ctx, NULL, "%s%s%s (%s, %s, %s%s)", list ? list : "", list ? "; " : "", volume->key,
                   volume->modality, *volume->series_description ? volume->series_description : "no description",
                   size_text(volume, size), volume->defect ? ", cannot be read" : "");
    cm_free(list);
    list = longer;
    listed++;
  }
  int total = all ? count : matching;
  if (select && all)
    cm_error_set(err, CM_ERR_MISSING, "%s: holds no volume \"%s\"; it holds %s%s", name, select,
                 list ? list : "several", listed < total ? "; and more" : "");
  else
    cm_error_set(err, CM_ERR_DATA, "%s: holds %d volumes; choose one by its UID (--select), or give its files: %s%s",
                 name, total, list ? list : "", listed < total ? "; and more" : "");
  cm_free(list);
}

static void refuse_none(const CmDicomScan *scan, const char *name, CmError **err) {
  if (cm_dicom_scan_rejects(scan)) {
    const CmDicomReject *reject = cm_dicom_scan_reject(scan, 0);
    CmErrorCode code = CM_ERR_FORMAT;
    for (int i = CM_ERR_USAGE; i <= CM_ERR_FAULT; i++)
      if (!strcmp(cm_error_code_name((CmErrorCode)i), reject->code)) code = (CmErrorCode)i;
    cm_error_set(err, code, "%s: %s", reject->path, reject->reason);
    if (cm_dicom_scan_rejects(scan) > 1)
      cm_error_context(err, "%s: none of %d DICOM files can be read; the first", name, cm_dicom_scan_rejects(scan));
  } else if (cm_dicom_scan_objects(scan)) {
    const CmDicomReject *object = cm_dicom_scan_object(scan, 0);
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%s: %s", object->path, object->reason);
  } else {
    cm_error_set(err, CM_ERR_FORMAT, "%s: holds no DICOM image; give a folder, file or DICOMDIR with images", name);
  }
}

int cm__dicom_select(CmContext *ctx, const CmDicomScan *scan, const char *name, const char *select, CmError **err) {
  int count = cm_dicom_scan_volumes(scan), found = -1, matches = 0;
  if (!count) {
    refuse_none(scan, name, err);
    return -1;
  }
  for (int i = 0; i < count; i++) {
    const CmDicomVolume *volume = cm_dicom_scan_volume(scan, i);
    if (select && !strcmp(volume->key, select)) return i;
    if (select && strcmp(volume->series_uid, select) != 0) continue;
    matches++;
    found = i;
  }
  if (matches == 1) return found;
  refuse_several(ctx, scan, name, select, err);
  return -1;
}

/* A file that was left out may have been the volume's last slice: the image says so, and the log. */
static bool note_rejects(CmContext *ctx, const CmDicomScan *scan, const char *path, CmImage *image, CmError **err) {
  int count = cm_dicom_scan_rejects(scan);
  if (!count) return true;
  const CmDicomReject *first = cm_dicom_scan_reject(scan, 0);
  const char *before = cm_image_meta(image, "Note");
  char *note =
      cm_sprintf(ctx, err, "%s%s%d DICOM file%s of the folder cannot be read; the first: %s: %s", before ? before : "",
                 before ? "; " : "", count, count == 1 ? "" : "s", first->path, first->reason);
  if (note) cm_log(ctx, CM_LOG_WARNING, "%s: %s", path, note);
  bool ok = note && cm_image_set_meta(image, "Note", note, err);
  cm_free(note);
  return ok;
}

CmImage *cm__dicom_read_path(CmContext *ctx, const char *path, const CmReadOptions *options, CmError **err) {
  CmImage *image = NULL;
  CmDicomScan *scan = cm_dicom_scan(ctx, &path, 1, err);
  if (!scan) return NULL;
  int volume = cm__dicom_select(ctx, scan, path, options ? options->select : NULL, err);
  if (volume >= 0) {
    image = cm_dicom_read_volume(ctx, scan, volume, options, err);
    if (!image)
      cm_error_context(err, "%s", path);
    else if (!note_rejects(ctx, scan, path, image, err))
      cm_image_unref(&image);
  }
  cm_dicom_scan_free(&scan);
  return image;
}
