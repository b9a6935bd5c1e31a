/* The contours of a structure set (PS3.3 A.19 RT Structure Set, C.8.8.5 and C.8.8.6) as a label map. */
#include <string.h>

#include "io/dicom/contours.h"

typedef struct Painter {
  CmImage *labels;
  const CmContourRoi *roi;
  CmOverlap overlap;
} Painter;

static bool paint(void *user, int64_t first, int64_t step, int64_t count, CmError **err) {
  const Painter *painter = user;
  const int32_t number = (int32_t)painter->roi->number;
  int32_t *label = (int32_t *)cm_image_data_mut(painter->labels) + first;
  for (int64_t i = 0; i < count; i++, label += step) {
    if (*label != 0 && *label != number && painter->overlap == CM_OVERLAP_REFUSE) {
      CmLabel other;
      const bool named = cm_image_find_label(painter->labels, *label, &other);
      cm_error_set(err, CM_ERR_DATA,
                   "ROI «%s» overlaps «%s», and a label map holds one of them in a voxel; choose one ROI, or let the "
                   "last one win",
                   painter->roi->name, named ? other.name : "another");
      return false;
    }
    *label = number;
  }
  return true;
}

static CmTable *start_table(CmContext *ctx, CmError **err) {
  static const struct {
    const char *name, *unit;
    CmColumnType type;
  } columns[] = {{"label", "", CM_COLUMN_INT},      {"name", "", CM_COLUMN_TEXT},
                 {"contours", "", CM_COLUMN_INT},   {"outside", "", CM_COLUMN_INT},
                 {"not_closed", "", CM_COLUMN_INT}, {"voxels", "voxel", CM_COLUMN_INT},
                 {"volume", "mm3", CM_COLUMN_REAL}};
  CmTable *table = cm_table_create(ctx, err);
  for (int k = 0; table && k < CM_COUNT(columns); k++)
    if (cm_table_add_column(table, columns[k].name, columns[k].type, columns[k].unit, err) < 0) cm_table_unref(&table);
  return table;
}

static bool add_row(CmTable *table, const CmImage *like, const CmContourRoi *roi, CmError **err) {
  const double *spacing = cm_image_geometry(like)->spacing;
  const int64_t row = cm_table_add_row(table, err);
  if (row < 0) return false;
  const int64_t numbers[] = {roi->number, 0, roi->count, roi->outside, roi->open, roi->voxels};
  for (int k = 0; k < CM_COUNT(numbers); k++)
    if (k != 1) cm_table_set_int(table, row, k, numbers[k]);
  cm_table_set_real(table, row, 6, (double)roi->voxels * spacing[0] * spacing[1] * spacing[2]);
  return cm_table_set_text(table, row, 1, roi->name, err);
}

void cm_contour_default_options(CmContourOptions *options) {
  *options = (CmContourOptions){.overlap = CM_OVERLAP_REFUSE};
}

static CmImage *start_labels(CmContext *ctx, const CmImage *like, CmError **err) {
  CmImage *labels = cm_image_create(ctx, CM_I32, 3, cm_image_dims(like), 1, err);
  if (labels && !cm_image_set_geometry(labels, cm_image_geometry(like), err)) cm_image_unref(&labels);
  if (labels) memset(cm_image_data_mut(labels), 0, cm_image_bytes(labels));
  return labels;
}

CmImage *cm_dicom_contours(CmContext *ctx, const CmDicom *file, const CmImage *like, const CmContourOptions *options,
                           CmTable **table, CmError **err) {
  CmContourOptions defaults;
  cm_contour_default_options(&defaults);
  if (!options) options = &defaults;
  CmContourSet *set = cm__contours_open(ctx, file, like, options->roi, err);
  Painter painter = {.labels = set ? start_labels(ctx, like, err) : NULL, .overlap = options->overlap};
  CmTable *told = painter.labels ? start_table(ctx, err) : NULL;
  bool good = told != NULL;
  for (int r = 0; good && r < cm__contours_count(set); r++) {
    painter.roi = cm__contours_roi(set, r);
    good = cm_image_set_label(painter.labels, painter.roi->number, painter.roi->name, painter.roi->rgb, err) &&
           cm__contours_fill(set, r, paint, &painter, err) && add_row(told, like, painter.roi, err);
  }
  cm__contours_close(&set);
  if (!good) {
    cm_error_context(err, "%s", cm_dicom_path(file));
    cm_image_unref(&painter.labels);
  }
  if (good && table)
    *table = told;
  else
    cm_table_unref(&told);
  return painter.labels;
}
