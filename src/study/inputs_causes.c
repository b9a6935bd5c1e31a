/* What broken files have to do with the volumes that lack a slice. */
#include <stdlib.h>
#include <string.h>

#include "study/inputs.h"

static int compare_rows(const void *a, const void *b) {
  const CmQuarantined *x = a, *y = b;
  int order = strcmp(x->path, y->path);
  return order ? order : strcmp(x->reason, y->reason);
}

/* Several inputs, or a catalogue and a scan, may have met the same file. */
static void keep_each_once(CmInputs *inputs) {
  int kept = 0;
  if (inputs->quarantined_count < 2) return;
  qsort(inputs->quarantined, (size_t)inputs->quarantined_count, sizeof *inputs->quarantined, compare_rows);
  for (int i = 0; i < inputs->quarantined_count; i++)
    if (!kept || strcmp(inputs->quarantined[i].path, inputs->quarantined[kept - 1].path) != 0)
      inputs->quarantined[kept++] = inputs->quarantined[i];
  inputs->quarantined_count = kept;
}

/* The series that the remains of a broken file belong to; false where they do not tell. */
static bool series_of(const CmInputs *inputs, const char *path, char uid[65]) {
  CmDicom *remains = cm_dicom_open(inputs->ctx, path, CM_DICOM_REMAINS, NULL);
  bool known = remains && cm_dicom_text(cm_dicom_root(remains), CM_TAG(0x20, 0x0E), uid, 65) && *uid;
  cm_dicom_close(&remains);
  return known;
}

/* The volume lacks a slice, and that file may be it: one row names both. */
static bool blame(CmInputs *inputs, CmItem *item, const CmQuarantined *row, CmError **err) {
  item->defect =
      cm__arena_printf(&inputs->arena, err, "%s; without it the series cannot be used: %s", row->reason, item->defect);
  item->code = row->code;
  item->cause = cm__shown_path(inputs, row->path);
  return item->defect != NULL;
}

/* Finds the file's series among the volumes. *told: a volume's row tells of the file. */
static bool place(CmInputs *inputs, CmQuarantined *row, bool *told, CmError **err) {
  char uid[65];
  *told = false;
  if (!series_of(inputs, row->path, uid)) return true;
  for (int i = 0; i < inputs->count; i++) {
    CmItem *item = &inputs->items[i];
    if (item->kind != CM__ITEM_VOLUME) continue;
    const CmDicomVolume *volume = cm_dicom_scan_volume(inputs->scans[item->source].scan, (int)item->at);
    if (!volume->series_uid || strcmp(volume->series_uid, uid) != 0) continue;
    row->subject = item->subject;
    row->visit = item->visit;
    if (!item->defect || !volume->fillable || item->cause) continue;
    if (!blame(inputs, item, row, err)) return false;
    *told = true;
  }
  return true;
}

bool cm__inputs_name_causes(CmInputs *inputs, CmError **err) {
  int kept = 0;
  keep_each_once(inputs);
  for (int i = 0; i < inputs->quarantined_count; i++) {
    CmQuarantined row = inputs->quarantined[i];
    bool told;
    if (!place(inputs, &row, &told, err)) return false;
    row.path = cm__shown_path(inputs, row.path);
    if (!told) inputs->quarantined[kept++] = row;
  }
  inputs->quarantined_count = kept;
  return true;
}
