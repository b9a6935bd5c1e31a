#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/lines.h"

typedef struct CropParams {
  CmReals start, size;
  CmReals margin;
  int32_t units;
  int64_t label;
  int32_t beyond;
  double pad_value;
} CropParams;

static const CmParam params[] = {
    CM_PARAM_REALS(CropParams, start, "", -1e6, 1e6, 0, 3, "",
                   "first voxel kept along x,y,z, from 0 (mm: from the image's first face); without: 0"),
    CM_PARAM_REALS(CropParams, size, "", 0, 1e6, 0, 3, "", "how much is kept along x,y,z; 0 or without: up to the end"),
    CM_PARAM_REALS(CropParams, margin, "0", -1e6, 1e6, 1, 3, "",
                   "how far the box goes beyond the mask, one for all axes or one each"),
    CM_UNITS_PARAM(CropParams, "voxel"),
    CM_PARAM_INT(CropParams, label, 0, -2147483648, 4294967295, "1",
                 "in the mask, only this label counts; 0: every voxel that is not 0"),
    CM_PARAM_ENUM(CropParams, beyond, "cut|pad|error", "cut",
                  "a box that goes beyond the image is cut, filled with pad_value, or refused"),
    CM_PARAM_REAL(CropParams, pad_value, 0, -1e30, 1e30, "", "value beyond the image with beyond=pad"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is cropped"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "the box is that of its voxels that are not 0, plus margin"},
};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the part, in its place"}};

/* Box as first voxel and number of voxels; begin may be negative. */
typedef struct Box {
  int64_t begin[3], size[3];
} Box;

static double in_voxels(const CropParams *p, const CmImage *image, const CmReals *list, int axis) {
  const double value = list->count == 1 && list == &p->margin ? list->value[0]
                       : axis < list->count                   ? list->value[axis]
                                                              : 0.0;
  return p->units == 1 ? value / cm_image_geometry(image)->spacing[axis] : value;
}

static void given_box(const CropParams *p, const CmImage *image, Box *box) {
  *box = (Box){.size = {1, 1, 1}};
  for (int axis = 0; axis < 3 && axis < cm_image_rank(image); axis++) {
    box->begin[axis] = (int64_t)floor(in_voxels(p, image, &p->start, axis) + 0.5);
    const double size = in_voxels(p, image, &p->size, axis);
    const int64_t n = cm_image_dims(image)[axis];
    box->size[axis] = size > 0.0 ? (int64_t)floor(size + 0.5) : n - box->begin[axis];
    if (size > 0.0 && box->size[axis] < 1) box->size[axis] = 1;
  }
}

/* The box of the mask over all of its time points. */
static bool mask_box(CmContext *ctx, const CropParams *p, const CmImage *image, const CmMask *mask, Box *box,
                     CmError **err) {
  const CmGrid *grid = &mask->grid;
  int64_t low[3] = {INT64_MAX, INT64_MAX, INT64_MAX}, high[3] = {-1, -1, -1};
  double *line = cm_alloc_array(ctx, (size_t)grid->nx, sizeof(double), err);
  if (!line) return false;
  for (int64_t row = 0; row < grid->rows; row++) {
    cm__line_to_f64(cm_image_type(mask->image), cm__row(mask->image, grid, row), grid->nx, line);
    for (int64_t x = 0; x < grid->nx; x++) {
      if (p->label ? line[x] != (double)p->label : line[x] == 0.0) continue;
      const int64_t at[3] = {x, row % grid->ny, row / grid->ny % grid->nz};
      for (int axis = 0; axis < 3; axis++) {
        low[axis] = at[axis] < low[axis] ? at[axis] : low[axis];
        high[axis] = at[axis] > high[axis] ? at[axis] : high[axis];
      }
    }
  }
  cm_free(line);
  if (high[0] < 0) {
    cm_error_set(err, CM_ERR_DATA, p->label ? "the mask has no voxel of label %lld" : "the mask is empty; label %lld",
                 (long long)p->label);
    return false;
  }
  for (int axis = 0; axis < 3; axis++) {
    const double wanted = in_voxels(p, image, &p->margin, axis);
    const int64_t margin =
        cm_image_dims(image)[axis] == 1 ? 0 : (int64_t)(wanted < 0.0 ? floor(wanted + 1e-6) : ceil(wanted - 1e-6));
    box->begin[axis] = low[axis] - margin;
    box->size[axis] = high[axis] - low[axis] + 1 + 2 * margin;
  }
  return true;
}

static bool fit_box(const CropParams *p, const CmImage *image, Box *box, CmError **err) {
  for (int axis = 0; axis < 3; axis++) {
    const int64_t n = cm_image_dims(image)[axis], end = box->begin[axis] + box->size[axis];
    if (box->size[axis] < 1 || box->begin[axis] >= n || end <= 0) {
      cm_error_set(err, CM_ERR_PARAMETER, "along %c the box %lld..%lld holds nothing of the image's voxels 0..%lld",
                   "xyz"[axis], (long long)box -> begin[axis], (long long)end - 1, (long long)n - 1);
      return false;
    }
    if (p->beyond == 2 && (box->begin[axis] < 0 || end > n)) {
      cm_error_set(err, CM_ERR_PARAMETER,
                   "along %c the box %lld..%lld goes beyond the image's voxels 0..%lld; beyond=cut or pad allow it",
                   "xyz"[axis], (long long)box -> begin[axis], (long long)end - 1, (long long)n - 1);
      return false;
    }
    if (p->beyond == 1) continue;
    box->begin[axis] = box->begin[axis] < 0 ? 0 : box->begin[axis];
    box->size[axis] = (end > n ? n : end) - box->begin[axis];
  }
  return true;
}

typedef struct Copy {
  const CmImage *image;
  CmImage *out;
  CmGrid from, to;
  Box box;
  double pad;
} Copy;

static bool copy_rows(void *arg, CmRange range, CmError **err) {
  const Copy *job = arg;
  const CmGrid *from = &job->from, *to = &job->to;
  const CmType type = cm_image_type(job->out);
  const size_t voxel = from->size * (size_t)from->components;
  uint8_t pad[8];
  (void)err;
  cm__line_from_f64(type, &job->pad, 1, pad);
  for (int64_t row = range.begin; row < range.end; row++) {
    const int64_t y = row % to->ny + job->box.begin[1], z = row / to->ny % to->nz + job->box.begin[2],
                  t = row / (to->ny * to->nz);
    char *line = cm__row_mut(job->out, to, row);
    const bool inside = y >= 0 && y < from->ny && z >= 0 && z < from->nz;
    int64_t begin = job->box.begin[0] < 0 ? -job->box.begin[0] : 0, end = from->nx - job->box.begin[0];
    end = !inside ? begin : end > to->nx ? to->nx : end;
    begin = begin > to->nx ? to->nx : begin;
    end = end < begin ? begin : end;
    for (int64_t i = 0; i < begin * to->components; i++) memcpy(line + (size_t)i * to->size, pad, to->size);
    for (int64_t i = end * to->components; i < to->row; i++) memcpy(line + (size_t)i * to->size, pad, to->size);
    if (end > begin)
      memcpy(line + (size_t)begin * voxel,
             (const char *)cm__row(job->image, from, (t * from->nz + z) * from->ny + y) +
                 (size_t)(begin + job->box.begin[0]) * voxel,
             (size_t)(end - begin) * voxel);
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const CropParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Copy job = {.image = image, .from = cm__grid(image), .pad = p->pad_value};
  CmMask mask;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  const bool given = p->start.count > 0 || p->size.count > 0;
  if (given == (mask.image != NULL)) {
    cm_error_set(err, CM_ERR_PARAMETER, "give either a box (start, size) or a mask");
    return false;
  }
  if (given)
    given_box(p, image, &job.box);
  else if (!mask_box(call->ctx, p, image, &mask, &job.box, err))
    return false;
  if (!fit_box(p, image, &job.box, err)) return false;
  const int64_t dims[4] = {job.box.size[0], job.box.size[1], job.box.size[2], job.from.nt};
  CmGeometry geometry = *cm_image_geometry(image);
  const double first[3] = {(double)job.box.begin[0], (double)job.box.begin[1], (double)job.box.begin[2]};
  cm_geometry_to_physical(cm_image_geometry(image), first, geometry.origin);
  job.out =
      cm_image_create(call->ctx, cm_image_type(image), cm_image_rank(image), dims, cm_image_components(image), err);
  if (!job.out) return false;
  job.to = cm__grid(job.out);
  if (!cm_image_set_geometry(job.out, &geometry, err) || !cm__copy_words(job.out, image, err) ||
      !cm_parallel_for(call->ctx, "crop", job.to.rows, cm__row_chunk(&job.to), copy_rows, &job, err)) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

CM_OP(crop) = {
    .name = "crop",
    .family = "transform",
    .since = "0.1",
    .summary = "Cut a box out of an image.",
    .details =
        "The box is given by start and size (mm are rounded to whole voxels), or is the smallest one around the mask, "
        "plus margin "
        "(mm are rounded up). Voxels are copied as they are and keep their place in LPS: only the origin changes. All "
        "time points and "
        "components are kept; along an axis one voxel long the margin is 0.",
    CM_OP_PARAMS(CropParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .cite = "DICOM PS3.3, section C.7.6.2.1.1 (positions)",
    .examples =
        "cormack crop ct.nii.gz part.nii.gz --start 100,80,20 --size 200,200,60\n"
        "cormack crop ct.nii.gz lungs.nii.gz --mask lungs_mask.nii.gz --margin 10 --units mm",
    .run = run,
};
