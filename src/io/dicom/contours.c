/* The contours of a structure set (PS3.3 A.19 RT Structure Set, C.8.8.5 and C.8.8.6) as a label map on an image's grid.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/dicom/contours.h"

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

/* A contour is parallel to the planes of the grid: its points stray at most this much of a slice from their middle. One
 * that lies further than this from its slice is between planes, and two further apart than twice this lie in two planes
 * of their own. */
#define MOST_STRAY 0.1

/* A closed contour in voxels. `slice` is the nearest plane of the grid, which may lie outside it; `along` is where it
 * is. */
typedef struct Contour {
  int64_t slice, first, count; /* of the points */
  double along;
} Contour;

typedef struct Points {
  CmContext *ctx;
  double (*at)[3];
  int64_t count, room;
} Points;

/* One region of interest: its contours, sorted by slice. */
typedef struct Roi {
  CmContourRoi told;
  char frame[80];
  Contour *contour;
} Roi;

struct CmContourSet {
  CmContext *ctx;
  const CmDicom *file;
  const CmImage *like;
  const char *wanted; /* name or number; NULL: all */
  const int64_t *dims;
  int axis, u, v; /* the planes are those of this axis; u runs along their rows, v along their columns */
  Roi *roi;
  int count, room; /* of the ROIs that are wanted, and of all */
  Points points;
};
typedef struct CmContourSet Job;

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
                 "a closed contour of ROI «%s» has %d numbers; it needs three for each of at least 3 points",
                 roi->told.name, values);
    return false;
  }
  double *mm = cm_alloc_array(job->ctx, (size_t)values, sizeof(double), err);
  if (!mm) return false;
  bool good = cm_dicom_reals(item, TAG_CONTOUR_DATA, mm, values) == values;
  for (int i = 0; good && i < values; i++) good = isfinite(mm[i]);
  if (!good) cm_error_set(err, CM_ERR_FORMAT, "a contour of ROI «%s» holds what is not a number", roi->told.name);
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
    for (int k = 0; k < 3; k++) roi->told.rgb[k] = (uint8_t)fmin(fmax(colour[k], 0.0), 255.0);
  if (!cm_dicom_find(item, TAG_CONTOURS, &sequence)) return true;
  const int most = cm_dicom_item_count(&sequence);
  roi->contour = cm_alloc_array(job->ctx, (size_t)most, sizeof *roi->contour, err);
  if (!roi->contour) return false;
  for (uint64_t at = 0; cm_dicom_item(&sequence, &at, &contour);) {
    if (!is_closed(contour)) {
      roi->told.open++;
      continue;
    }
    if (!read_points(job, roi, contour, &roi->contour[roi->told.count++], err)) return false;
  }
  return true;
}

/* The contours of the ROI with roi->told.number, if it has any. */
static bool find_contours(Job *job, Roi *roi, CmError **err) {
  CmDicomElement sequence;
  CmDicomSet item;
  int64_t number;
  if (!cm_dicom_find(cm_dicom_root(job->file), TAG_ROI_CONTOURS, &sequence)) return true;
  for (uint64_t at = 0; cm_dicom_item(&sequence, &at, &item);)
    if (cm_dicom_int(item, TAG_REFERENCED_ROI, 0, &number) && number == roi->told.number && !roi->contour &&
        !read_roi(job, roi, item, err))
      return false;
  return true;
}

static bool is_wanted(const Job *job, const Roi *roi) {
  char number[32];
  snprintf(number, sizeof number, "%lld", (long long)roi->told.number);
  return !job->wanted || strcmp(job->wanted, roi->told.name) == 0 || strcmp(job->wanted, number) == 0;
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
    if (!cm_dicom_int(item, TAG_ROI_NUMBER, 0, &roi->told.number)) continue;
    if (!cm_dicom_text(item, TAG_ROI_NAME, roi->told.name, sizeof roi->told.name))
      snprintf(roi->told.name, sizeof roi->told.name, "ROI %lld", (long long)roi->told.number);
    cm_dicom_text(item, TAG_ROI_FRAME, roi->frame, sizeof roi->frame);
    const size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s«%s»", used ? ", " : "", roi->told.name);
    if (!is_wanted(job, roi)) continue;
    cm_label_colour(roi->told.number, roi->told.rgb);
    if (!find_contours(job, roi, err)) return false;
    job->count++;
  }
  if (job->count) return true;
  cm_error_set(err, CM_ERR_MISSING, "it has no ROI «%s»; it has %s", job->wanted ? job->wanted : "",
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
    for (int64_t c = 0; c < job->roi[r].told.count; c++)
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

/* A contour between planes counts for the nearest one, which is told; two that lie in planes of their own and share the
 * nearest would cut holes into each other. */
static bool check_planes(const Job *job, const Roi *roi, CmError **err) {
  const double spacing = cm_image_geometry(job->like)->spacing[job->axis];
  int64_t between = 0;
  double worst = 0.0;
  for (int64_t c = 0, first = 0; c < roi->told.count; c++) {
    const Contour *contour = &roi->contour[c];
    const double off = fabs(contour->along - (double)contour->slice);
    if (contour->slice != roi->contour[first].slice) first = c;
    if (fabs(contour->along - roi->contour[first].along) > 2.0 * MOST_STRAY) {
      cm_error_set(err, CM_ERR_GEOMETRY,
                   "contours of ROI «%s» lie in two planes (%.3g mm apart) that are nearest to one slice of the image: "
                   "they were drawn on other slices; give the image that they were drawn on",
                   roi->told.name, spacing * fabs(contour->along - roi->contour[first].along));
      return false;
    }
    between += off > MOST_STRAY;
    worst = fmax(worst, off);
  }
  if (between > 0)
    cm_log(job->ctx, CM_LOG_WARNING,
           "ROI «%s»: %lld of its %lld contours lie between the image's planes, up to %.3g mm off; each counts for the "
           "nearest slice",
           roi->told.name, (long long)between, (long long)roi->told.count, spacing * worst);
  return true;
}

static bool place(Job *job, Roi *roi, CmError **err) {
  for (int64_t c = 0; c < roi->told.count; c++) {
    Contour *contour = &roi->contour[c];
    double low, high;
    find_extent(job, contour, job->axis, &low, &high);
    if (high - low > 2.0 * MOST_STRAY || !(fabs(low) < 1e9)) {
      cm_error_set(err, CM_ERR_GEOMETRY,
                   "a contour of ROI «%s» crosses %.2g slices of the image: it was not drawn in the planes of this "
                   "grid; give the image "
                   "that it was drawn on",
                   roi->told.name, high - low);
      return false;
    }
    contour->along = 0.5 * (low + high);
    contour->slice = (int64_t)floor(contour->along + 0.5);
    roi->told.outside += reaches_out(job, contour);
  }
  if (roi->told.count) qsort(roi->contour, (size_t)roi->told.count, sizeof *roi->contour, by_slice);
  return check_planes(job, roi, err);
}

static bool check_frame(const Job *job, const Roi *roi, CmError **err) {
  const char *frame = cm_image_meta(job->like, "FrameOfReferenceUID");
  if (!frame || !*roi->frame || strcmp(frame, roi->frame) == 0) return true;
  cm_error_set(
      err, CM_ERR_GEOMETRY,
      "ROI «%s» was drawn in the frame of reference %s, the image is in %s; give the image that it was drawn on",
      roi->told.name, roi->frame, frame);
  return false;
}

/* ---- filling
 */

/* A plane of the grid with what lies around it: its rows from v0, their voxels from u0. */
typedef struct Plane {
  int64_t u0, v0, nu, nv;
  uint8_t *toggle;
} Plane;

/* Toggles, for each row of the plane, the first voxel whose centre is at or beyond each crossing of the contour. */
static void add_crossings(const Job *job, const Contour *contour, const Plane *plane) {
  const double(*points)[3] = (const double(*)[3])job->points.at + contour->first;
  const double u0 = (double)plane->u0, v0 = (double)plane->v0, nu = (double)plane->nu, nv = (double)plane->nv;
  for (int64_t i = 0; i < contour->count; i++) {
    const double *p = points[i], *q = points[(i + 1) % contour->count];
    if (p[job->v] > q[job->v]) {
      const double *other = p;
      p = q;
      q = other;
    }
    const double first = fmax(ceil(p[job->v]) - v0, 0.0), last = fmin(ceil(q[job->v]) - v0, nv); /* p <= row < q */
    for (int64_t v = (int64_t)first; (double)v < last; v++) {
      const double share = ((double)v + v0 - p[job->v]) / (q[job->v] - p[job->v]);
      const double u = fmax(ceil(p[job->u] + share * (q[job->u] - p[job->u])) - u0, 0.0);
      if (u < nu) plane->toggle[v * plane->nu + (int64_t)u] ^= 1;
    }
  }
}

/* The voxels [from, to) of a row are in the region. */
static bool add_run(const Job *job, Roi *roi, int64_t row, bool within, int64_t from, int64_t to, CmSpanFn *span,
                    void *user, CmError **err) {
  const int64_t nu = job->dims[job->u], step = job->u == 0 ? 1 : job->dims[0];
  const int64_t low = from > 0 ? from : 0, high = to < nu ? to : nu;
  const int64_t count = within && high > low ? high - low : 0;
  roi->told.voxels += count;
  roi->told.beyond += to - from - count;
  return count == 0 || span(user, row + low * step, step, count, err);
}

/* The voxels of a plane inside an odd number of contours: what is inside a hole, or beyond a keyhole, is out. */
static bool fill_plane(const Job *job, Roi *roi, int64_t slice, const Plane *plane, CmSpanFn *span, void *user,
                       CmError **err) {
  const int64_t step[3] = {1, job->dims[0], job->dims[0] * job->dims[1]};
  const bool in_slice = slice >= 0 && slice < job->dims[job->axis];
  for (int64_t v = 0; v < plane->nv; v++) {
    const int64_t y = v + plane->v0, row = slice * step[job->axis] + y * step[job->v];
    const bool within = in_slice && y >= 0 && y < job->dims[job->v];
    const uint8_t *toggle = plane->toggle + v * plane->nu;
    for (int64_t u = 0, from; u < plane->nu; u++) {
      if (!toggle[u]) continue;
      for (from = u++; u < plane->nu && !toggle[u]; u++) continue;
      if (!add_run(job, roi, row, within, from + plane->u0, u + plane->u0, span, user, err)) return false;
    }
  }
  return true;
}

/* A region that reaches out of the image is followed up to a whole image further, to say how much of it is lost. */
bool cm__contours_fill(CmContourSet *job, int at, CmSpanFn *span, void *user, CmError **err) {
  Roi *roi = &job->roi[at];
  const int64_t nu = job->dims[job->u], nv = job->dims[job->v], around = roi->told.outside > 0;
  const int64_t last = job->dims[job->axis] * (1 + around), first = -job->dims[job->axis] * around;
  Plane plane = {.u0 = -nu * around, .v0 = -nv * around, .nu = nu + 2 * nu * around, .nv = nv + 2 * nv * around};
  plane.toggle = cm_alloc_array(job->ctx, (size_t)plane.nu, (size_t)plane.nv, err);
  bool good = plane.toggle != NULL;
  for (int64_t c = 0; good && c < roi->told.count;) {
    const int64_t slice = roi->contour[c].slice;
    const bool within = slice >= first && slice < last;
    if (within) memset(plane.toggle, 0, (size_t)(plane.nu * plane.nv));
    for (; c < roi->told.count && roi->contour[c].slice == slice; c++)
      if (within) add_crossings(job, &roi->contour[c], &plane);
    good = !within || fill_plane(job, roi, slice, &plane, span, user, err);
  }
  cm_free(plane.toggle);
  return good;
}

/* ---- the set
 */

static bool check_roi(const Job *job, Roi *roi, CmError **err) {
  if (roi->told.number >= 1 && roi->told.number <= INT32_MAX) return check_frame(job, roi, err);
  cm_error_set(err, CM_ERR_UNSUPPORTED, "ROI «%s» has the number %lld; labels are 1 to 2147483647", roi->told.name,
               (long long)roi->told.number);
  return false;
}

CmContourSet *cm__contours_open(CmContext *ctx, const CmDicom *file, const CmImage *like, const char *wanted,
                                CmError **err) {
  Job *job = cm_calloc(ctx, 1, sizeof *job, err);
  if (!job) return NULL;
  *job = (Job){.ctx = ctx, .file = file, .like = like, .wanted = wanted, .dims = cm_image_dims(like)};
  job->points.ctx = ctx;
  bool good = read_rois(job, err);
  if (good) choose_axis(job);
  for (int r = 0; good && r < job->count; r++)
    good = check_roi(job, &job->roi[r], err) && place(job, &job->roi[r], err);
  if (!good) cm__contours_close(&job);
  return job;
}

void cm__contours_close(CmContourSet **set) {
  Job *job = *set;
  if (!job) return;
  for (int r = 0; job->roi && r < job->room; r++) cm_free(job->roi[r].contour);
  cm_free(job->roi);
  cm_free(job->points.at);
  cm_free(job);
  *set = NULL;
}

int cm__contours_count(const CmContourSet *set) {
  return set->count;
}

const CmContourRoi *cm__contours_roi(const CmContourSet *set, int at) {
  return &set->roi[at].told;
}
