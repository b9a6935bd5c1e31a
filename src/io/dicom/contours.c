/* The contours of a structure set (PS3.3 A.19 RT Structure Set, C.8.8.5 and C.8.8.6) as a label map on an image's grid.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/dicom.h"

#define TAG_ROIS CM_TAG(0x3006, 0x0020)           /* StructureSetROISequence */
#define TAG_ROI_NUMBER CM_TAG(0x3006, 0x0022)     /* ROINumber */
#define TAG_ROI_FRAME CM_TAG(0x3006, 0x0024)      /* ReferencedFrameOfReferenceUID */
#define TAG_ROI_NAME CM_TAG(0x3006, 0x0026)       /* ROIName */
#define TAG_DISPLAY_COLOUR CM_TAG(0x3006, 0x002a) /* ROIDisplayColor */
#define TAG_ROI_CONTOURS CM_TAG(0x3006, 0x0039)   /* ROIContourSequence */
#define TAG_CONTOURS CM_TAG(0x3006, 0x0040)       /* ContourSequence */
#define TAG_CONTOUR_TYPE CM_TAG(0x3006, 0x0042)   /* ContourGeometricType */
#define TAG_CONTOUR_DATA CM_TAG(0x3006, 0x0050)   /* ContourData */
#define TAG_REFERENCED_ROI CM_TAG(0x3006, 0x0084) /* ReferencedROINumber */

/* A contour lies in one plane of the grid: its points stray at most this much of a slice from each other. */
#define MOST_STRAY 0.1

/* A closed contour in voxels. `slice` is the nearest plane of the grid, which may lie outside it. */
typedef struct Contour {
  int64_t slice, first, count; /* of the points */
} Contour;

typedef struct Points {
  CmContext *ctx;
  double (*at)[3];
  int64_t count, room;
} Points;

/* One region of interest: its contours, sorted by slice. */
typedef struct Roi {
  int64_t number;
  char name[256], frame[80];
  uint8_t rgb[3];
  Contour *contour;
  int64_t count, open, outside, voxels;
} Roi;

typedef struct Job {
  CmContext *ctx;
  const CmDicom *file;
  const CmImage *like;
  const CmContourOptions *options;
  const int64_t *dims;
  int axis, u, v; /* the planes are those of this axis; u runs along their rows, v along their columns */
  Roi *roi;
  int count, room; /* of the ROIs that are wanted, and of all */
  Points points;
  CmImage *labels;
  CmTable *table;
} Job;

static bool add_points(Points *points, const double *mm, int64_t count, const CmGeometry *geometry, CmError **err) {
  while (points->count + count > points->room) {
    const int64_t room = points->room ? 2 * points->room : 4096;
    double(*grown)[3] = cm_realloc(points->ctx, points->at, (size_t)room * sizeof *grown, err);
    if (!grown) return false;
    points->at = grown;
    points->room = room;
  }
  for (int64_t i = 0; i < count; i++) cm_geometry_to_index(geometry, mm + 3 * i, points->at[points->count + i]);
  points->count += count;
  return true;
}

/* ---- reading
 */

static bool is_closed(CmDicomSet contour) {
  char type[32];
  const char *text = cm_dicom_text(contour, TAG_CONTOUR_TYPE, type, sizeof type);
  return text && (strcmp(text, "CLOSED_PLANAR") == 0 || strcmp(text, "CLOSEDPLANAR_XOR") == 0);
}

static bool read_points(Job *job, Roi *roi, CmDicomSet item, Contour *contour, CmError **err) {
  CmDicomElement element;
  const int values = cm_dicom_find(item, TAG_CONTOUR_DATA, &element) ? cm_dicom_multiplicity(&element) : 0;
  if (values < 9 || values % 3 != 0) {
    cm_error_set(err, CM_ERR_FORMAT,
                 "a closed contour of ROI «%s» has %d numbers; it needs three for each of at least 3 points", roi->name,
                 values);
    return false;
  }
  double *mm = cm_alloc_array(job->ctx, (size_t)values, sizeof(double), err);
  if (!mm) return false;
  bool good = cm_dicom_reals(item, TAG_CONTOUR_DATA, mm, values) == values;
  for (int i = 0; good && i < values; i++) good = isfinite(mm[i]);
  if (!good) cm_error_set(err, CM_ERR_FORMAT, "a contour of ROI «%s» holds what is not a number", roi->name);
  *contour = (Contour){.first = job->points.count, .count = values / 3};
  good = good && add_points(&job->points, mm, values / 3, cm_image_geometry(job->like), err);
  cm_free(mm);
  return good;
}

static bool read_roi(Job *job, Roi *roi, CmDicomSet item, CmError **err) {
  CmDicomElement sequence;
  CmDicomSet contour;
  double colour[3];
  if (cm_dicom_reals(item, TAG_DISPLAY_COLOUR, colour, 3) == 3)
    for (int k = 0; k < 3; k++) roi->rgb[k] = (uint8_t)fmin(fmax(colour[k], 0.0), 255.0);
  if (!cm_dicom_find(item, TAG_CONTOURS, &sequence)) return true;
  const int most = cm_dicom_item_count(&sequence);
  roi->contour = cm_alloc_array(job->ctx, (size_t)most, sizeof *roi->contour, err);
  if (!roi->contour) return false;
  for (uint64_t at = 0; cm_dicom_item(&sequence, &at, &contour);) {
    if (!is_closed(contour)) {
      roi->open++;
      continue;
    }
    if (!read_points(job, roi, contour, &roi->contour[roi->count++], err)) return false;
  }
  return true;
}

/* The contours of the ROI with roi->number, if it has any. */
static bool find_contours(Job *job, Roi *roi, CmError **err) {
  CmDicomElement sequence;
  CmDicomSet item;
  int64_t number;
  if (!cm_dicom_find(cm_dicom_root(job->file), TAG_ROI_CONTOURS, &sequence)) return true;
  for (uint64_t at = 0; cm_dicom_item(&sequence, &at, &item);)
    if (cm_dicom_int(item, TAG_REFERENCED_ROI, 0, &number) && number == roi->number && !roi->contour &&
        !read_roi(job, roi, item, err))
      return false;
  return true;
}

static bool is_wanted(const Job *job, const Roi *roi) {
  char number[32];
  snprintf(number, sizeof number, "%lld", (long long)roi->number);
  return !job->options->roi || strcmp(job->options->roi, roi->name) == 0 || strcmp(job->options->roi, number) == 0;
}

/* All that are wanted; there is at least one. */
static bool read_rois(Job *job, CmError **err) {
  CmDicomElement sequence;
  CmDicomSet item;
  char known[512] = "";
  if (!cm_dicom_find(cm_dicom_root(job->file), TAG_ROIS, &sequence)) {
    cm_error_set(err, CM_ERR_FORMAT, "it has no regions of interest; give an RT Structure Set");
    return false;
  }
  job->room = cm_dicom_item_count(&sequence);
  job->roi = cm_calloc(job->ctx, (size_t)job->room, sizeof *job->roi, err);
  if (!job->roi) return false;
  for (uint64_t at = 0; cm_dicom_item(&sequence, &at, &item);) {
    Roi *roi = &job->roi[job->count];
    if (!cm_dicom_int(item, TAG_ROI_NUMBER, 0, &roi->number)) continue;
    if (!cm_dicom_text(item, TAG_ROI_NAME, roi->name, sizeof roi->name))
      snprintf(roi->name, sizeof roi->name, "ROI %lld", (long long)roi->number);
    cm_dicom_text(item, TAG_ROI_FRAME, roi->frame, sizeof roi->frame);
    const size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s«%s»", used ? ", " : "", roi->name);
    if (!is_wanted(job, roi)) continue;
    cm_label_colour(roi->number, roi->rgb);
    if (!find_contours(job, roi, err)) return false;
    job->count++;
  }
  if (job->count) return true;
  cm_error_set(err, CM_ERR_MISSING, "it has no ROI «%s»; it has %s", job->options->roi ? job->options->roi : "",
               *known ? known : "none");
  return false;
}

/* ---- placing
 */

static void find_extent(const Job *job, const Contour *contour, int axis, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (int64_t i = 0; i < contour->count; i++) {
    *low = fmin(*low, job->points.at[contour->first + i][axis]);
    *high = fmax(*high, job->points.at[contour->first + i][axis]);
  }
}

/* The axis along which contours stray least is the one that they are stacked along. */
static void choose_axis(Job *job) {
  double stray[3] = {0, 0, 0}, low, high;
  for (int r = 0; r < job->count; r++)
    for (int64_t c = 0; c < job->roi[r].count; c++)
      for (int k = 0; k < 3; k++) {
        find_extent(job, &job->roi[r].contour[c], k, &low, &high);
        stray[k] += high - low;
      }
  job->axis = 2;
  for (int k = 1; k >= 0; k--)
    if (stray[k] < stray[job->axis]) job->axis = k;
  job->u = job->axis == 0 ? 1 : 0;
  job->v = job->axis == 2 ? 1 : 2;
}

static int by_slice(const void *a, const void *b) {
  const Contour *x = a, *y = b;
  if (x->slice != y->slice) return x->slice < y->slice ? -1 : 1;
  return (x->first > y->first) - (x->first < y->first);
}

/* Does a point lie outside all voxels? */
static bool reaches_out(const Job *job, const Contour *contour) {
  for (int k = 0; k < 3; k++) {
    double low, high;
    find_extent(job, contour, k, &low, &high);
    if (low < -0.5 - MOST_STRAY || high > (double)job->dims[k] - 0.5 + MOST_STRAY) return true;
  }
  return false;
}

static bool place(Job *job, Roi *roi, CmError **err) {
  for (int64_t c = 0; c < roi->count; c++) {
    Contour *contour = &roi->contour[c];
    double low, high;
    find_extent(job, contour, job->axis, &low, &high);
    if (high - low > 2.0 * MOST_STRAY || !(fabs(low) < 1e9)) {
      cm_error_set(err, CM_ERR_GEOMETRY,
                   "a contour of ROI «%s» crosses %.2g slices of the image: it was not drawn in the planes of this "
                   "grid; give the image "
                   "that it was drawn on",
                   roi->name, high - low);
      return false;
    }
    contour->slice = (int64_t)floor(0.5 * (low + high) + 0.5);
    roi->outside += reaches_out(job, contour);
  }
  if (roi->count) qsort(roi->contour, (size_t)roi->count, sizeof *roi->contour, by_slice);
  return true;
}

static bool check_frame(const Job *job, const Roi *roi, CmError **err) {
  const char *frame = cm_image_meta(job->like, "FrameOfReferenceUID");
  if (!frame || !*roi->frame || strcmp(frame, roi->frame) == 0) return true;
  cm_error_set(
      err, CM_ERR_GEOMETRY,
      "ROI «%s» was drawn in the frame of reference %s, the image is in %s; give the image that it was drawn on",
      roi->name, roi->frame, frame);
  return false;
}

/* ---- filling
 */

/* Toggles, for each row of the plane, the first voxel whose centre is at or beyond each crossing of the contour. */
static void add_crossings(const Job *job, const Contour *contour, uint8_t *toggle) {
  const int64_t nu = job->dims[job->u], nv = job->dims[job->v];
  const double(*points)[3] = (const double(*)[3])job->points.at + contour->first;
  for (int64_t i = 0; i < contour->count; i++) {
    const double *p = points[i], *q = points[(i + 1) % contour->count];
    if (p[job->v] > q[job->v]) {
      const double *other = p;
      p = q;
      q = other;
    }
    const double v0 = fmax(ceil(p[job->v]), 0.0), v1 = fmin(ceil(q[job->v]), (double)nv); /* p <= row < q */
    for (int64_t v = (int64_t)v0; (double)v < v1; v++) {
      const double share = ((double)v - p[job->v]) / (q[job->v] - p[job->v]);
      const double u = fmax(ceil(p[job->u] + share * (q[job->u] - p[job->u])), 0.0);
      if (u < (double)nu) toggle[v * nu + (int64_t)u] ^= 1;
    }
  }
}

/* The voxels of a plane inside an odd number of contours: what is inside a hole, or beyond a keyhole, is out. */
static bool fill_plane(Job *job, Roi *roi, int64_t slice, const uint8_t *toggle, CmError **err) {
  const int64_t nu = job->dims[job->u], nv = job->dims[job->v];
  const int64_t step[3] = {1, job->dims[0], job->dims[0] * job->dims[1]};
  int32_t *labels = cm_image_data_mut(job->labels);
  for (int64_t v = 0; v < nv; v++) {
    uint8_t inside = 0;
    for (int64_t u = 0; u < nu; u++) {
      inside ^= toggle[v * nu + u];
      if (!inside) continue;
      int32_t *label = &labels[slice * step[job->axis] + u * step[job->u] + v * step[job->v]];
      if (*label != 0 && *label != (int32_t)roi->number && job->options->overlap == CM_OVERLAP_REFUSE) {
        CmLabel other;
        const bool named = cm_image_find_label(job->labels, *label, &other);
        cm_error_set(err, CM_ERR_DATA,
                     "ROI «%s» overlaps «%s», and a label map holds one of them in a voxel; choose one ROI, or let the "
                     "last one win",
                     roi->name, named ? other.name : "another");
        return false;
      }
      *label = (int32_t)roi->number;
      roi->voxels++;
    }
  }
  return true;
}

static bool fill(Job *job, Roi *roi, CmError **err) {
  const size_t plane = (size_t)(job->dims[job->u] * job->dims[job->v]);
  uint8_t *toggle = cm_alloc(job->ctx, plane, err);
  bool good = toggle != NULL;
  for (int64_t c = 0; good && c < roi->count;) {
    const int64_t slice = roi->contour[c].slice;
    const bool within = slice >= 0 && slice < job->dims[job->axis];
    memset(toggle, 0, plane);
    for (; c < roi->count && roi->contour[c].slice == slice; c++)
      if (within) add_crossings(job, &roi->contour[c], toggle);
    good = !within || fill_plane(job, roi, slice, toggle, err);
  }
  cm_free(toggle);
  return good;
}

/* ---- results
 */

static bool start_results(Job *job, CmError **err) {
  static const struct {
    const char *name, *unit;
    CmColumnType type;
  } columns[] = {{"label", "", CM_COLUMN_INT},      {"name", "", CM_COLUMN_TEXT},
                 {"contours", "", CM_COLUMN_INT},   {"outside", "", CM_COLUMN_INT},
                 {"not_closed", "", CM_COLUMN_INT}, {"voxels", "voxel", CM_COLUMN_INT},
                 {"volume", "mm3", CM_COLUMN_REAL}};
  const CmGeometry *geometry = cm_image_geometry(job->like);
  job->labels = cm_image_create(job->ctx, CM_I32, 3, job->dims, 1, err);
  job->table = job->labels ? cm_table_create(job->ctx, err) : NULL;
  if (!job->table || !cm_image_set_geometry(job->labels, geometry, err)) return false;
  memset(cm_image_data_mut(job->labels), 0, cm_image_bytes(job->labels));
  for (int k = 0; k < CM_COUNT(columns); k++)
    if (cm_table_add_column(job->table, columns[k].name, columns[k].type, columns[k].unit, err) < 0) return false;
  return true;
}

static bool add_result(Job *job, const Roi *roi, CmError **err) {
  const double *spacing = cm_image_geometry(job->like)->spacing;
  const int64_t row = cm_table_add_row(job->table, err);
  if (row < 0) return false;
  const int64_t numbers[] = {roi->number, 0, roi->count, roi->outside, roi->open, roi->voxels};
  for (int k = 0; k < CM_COUNT(numbers); k++)
    if (k != 1) cm_table_set_int(job->table, row, k, numbers[k]);
  cm_table_set_real(job->table, row, 6, (double)roi->voxels * spacing[0] * spacing[1] * spacing[2]);
  return cm_table_set_text(job->table, row, 1, roi->name, err);
}

static bool do_roi(Job *job, Roi *roi, CmError **err) {
  if (roi->number < 1 || roi->number > INT32_MAX) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "ROI «%s» has the number %lld; labels are 1 to 2147483647", roi->name,
                 (long long)roi->number);
    return false;
  }
  return check_frame(job, roi, err) && place(job, roi, err) &&
         cm_image_set_label(job->labels, roi->number, roi->name, roi->rgb, err) && fill(job, roi, err) &&
         add_result(job, roi, err);
}

void cm_contour_default_options(CmContourOptions *options) {
  *options = (CmContourOptions){.overlap = CM_OVERLAP_REFUSE};
}

CmImage *cm_dicom_contours(CmContext *ctx, const CmDicom *file, const CmImage *like, const CmContourOptions *options,
                           CmTable **table, CmError **err) {
  CmContourOptions defaults;
  cm_contour_default_options(&defaults);
  Job job = {.ctx = ctx,
             .file = file,
             .like = like,
             .options = options ? options : &defaults,
             .dims = cm_image_dims(like),
             .points = {.ctx = ctx}};
  bool good = read_rois(&job, err) && start_results(&job, err);
  if (good) choose_axis(&job);
  for (int r = 0; good && r < job.count; r++) good = do_roi(&job, &job.roi[r], err);
  for (int r = 0; job.roi && r < job.room; r++) cm_free(job.roi[r].contour);
  cm_free(job.roi);
  cm_free(job.points.at);
  if (!good) {
    cm_error_context(err, "%s", cm_dicom_path(file));
    cm_image_unref(&job.labels);
  }
  if (good && table)
    *table = job.table;
  else
    cm_table_unref(&job.table);
  return job.labels;
}
