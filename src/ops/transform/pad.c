#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/transform/warp.h"

typedef struct PadParams {
  CmReals before, after;
  CmInts size;
  int32_t units;
  int32_t border;
  double border_value;
} PadParams;

static const CmParam params[] = {
    CM_PARAM_REALS(PadParams, before, "0", 0, 1e6, 1, 3, "",
                   "how much is added in front, one for all axes or one each for x,y,z; mm are rounded up to voxels"),
    CM_PARAM_REALS(PadParams, after, "", 0, 1e6, 0, 3, "", "how much is added behind; without: as much as before"),
    CM_PARAM_INTS(PadParams, size, "", 0, 1000000, 0, 3, "voxel",
                  "instead of amounts, at least this many voxels along x,y,z; the image comes into the middle"),
    CM_UNITS_PARAM(PadParams, "voxel"),
    CM_PARAM_ENUM(PadParams, border, CM_BORDER_CHOICES, "constant",
                  "what is added: the nearest voxel, the image reflected with (reflect) or without (mirror) repeating "
                  "the outermost voxel, its other side (wrap), or border_value (constant)"),
    CM_PARAM_REAL(PadParams, border_value, 0, -1e30, 1e30, "", "what is added where border is constant"),
};

static const CmPort inputs[] = {{.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is padded"}};
static const CmPort outputs[] = {{.name = "result",
                                  .kind = CM_KIND_IMAGE,
                                  .components = true,
                                  .help = "the larger image, the old one in its place"}};

typedef struct Pad {
  CmContext *ctx;
  const PadParams *params;
  const CmImage *image;
  CmImage *out;
  CmGrid from, to;
  int64_t before[3];
} Pad;

static int64_t amount(const PadParams *p, const CmReals *list, const CmImage *image, int axis) {
  const double value = list->count == 1 ? list->value[0] : axis < list->count ? list->value[axis] : 0.0;
  if (axis >= cm_image_rank(image)) return 0;
  return (int64_t)(p->units == 1 ? ceil(value / cm_image_geometry(image)->spacing[axis] - 1e-6) : floor(value + 0.5));
}

static bool find_sizes(const PadParams *p, Pad *job, int64_t size[3], CmError **err) {
  const bool amounts = p->before.count > 1 || p->before.value[0] > 0.0 || p->after.count > 0;
  if (p->size.count > 0 && amounts) {
    cm_error_set(err, CM_ERR_PARAMETER, "give either a size, or how much is added before and after");
    return false;
  }
  for (int axis = 0; axis < 3; axis++) {
    const int64_t n = cm_image_dims(job->image)[axis];
    if (p->size.count > 0) {
      const int64_t wanted = axis < p->size.count ? p->size.value[axis] : 0;
      if (wanted > 1 && axis >= cm_image_rank(job->image)) {
        cm_error_set(err, CM_ERR_PARAMETER, "size asks for %lld voxels along z, but the image is 2D",
                     (long long)wanted);
        return false;
      }
      size[axis] = wanted > n ? wanted : n;
      job->before[axis] = (size[axis] - n) / 2;
    } else {
      job->before[axis] = amount(p, &p->before, job->image, axis);
      size[axis] = n + job->before[axis] + amount(p, p->after.count ? &p->after : &p->before, job->image, axis);
    }
    if (size[axis] > CM_MAX_DIM) {
      cm_error_set(err, CM_ERR_PARAMETER, "%lld voxels along %c are too many", (long long)size[axis], "xyz"[axis]);
      return false;
    }
  }
  return true;
}

/* n voxels of `size` bytes, all alike. */
static void fill(char *to, const char *voxel, int64_t n, size_t size) {
  for (int64_t i = 0; i < n; i++) memcpy(to + (size_t)i * size, voxel, size);
}

/* What stands beside the row along x: [first, first + n) of the result, none of it in the image. */
static void pad_ends(const Pad *job, char *line, const char *row, int64_t first, int64_t n, const char *constant) {
  const size_t size = job->from.size * (size_t)job->from.components;
  for (int64_t i = first; i < first + n; i++) {
    const int64_t at = cm__border_index((CmBorder)job->params->border, i - job->before[0], job->from.nx);
    memcpy(line + (size_t)i * size, at < 0 ? constant : row + (size_t)at * size, size);
  }
}

static bool pad_rows(void *arg, CmRange range, CmError **err) {
  const Pad *job = arg;
  const CmGrid *from = &job->from, *to = &job->to;
  const CmBorder border = (CmBorder)job->params->border;
  const size_t size = from->size * (size_t)from->components;
  char *constant = cm_alloc(job->ctx, size, err);
  if (!constant) return false;
  for (int64_t k = 0; k < from->components; k++)
    cm__line_from_f64(cm_image_type(job->image), &job->params->border_value, 1, constant + (size_t)k * from->size);
  for (int64_t row = range.begin; row < range.end; row++) {
    const int64_t t = row / (to->ny * to->nz), b = job->before[0];
    const int64_t y = cm__border_index(border, row % to->ny - job->before[1], from->ny),
                  z = cm__border_index(border, row / to->ny % to->nz - job->before[2], from->nz);
    char *line = cm__row_mut(job->out, to, row);
    if (y < 0 || z < 0) {
      fill(line, constant, to->nx, size);
      continue;
    }
    const char *old = cm__row(job->image, from, (t * from->nz + z) * from->ny + y);
    memcpy(line + (size_t)b * size, old, (size_t)from->nx * size);
    pad_ends(job, line, old, 0, b, constant);
    pad_ends(job, line, old, b + from->nx, to->nx - b - from->nx, constant);
  }
  cm_free(constant);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const PadParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Pad job = {.ctx = call->ctx, .params = p, .image = image, .from = cm__grid(image)};
  CmGeometry geometry = *cm_image_geometry(image);
  int64_t size[3];
  double first[3];
  if (!find_sizes(p, &job, size, err)) return false;
  for (int axis = 0; axis < 3; axis++) first[axis] = -(double)job.before[axis];
  cm_geometry_to_physical(cm_image_geometry(image), first, geometry.origin);
  job.out = cm__image_on_grid(call->ctx, image, &geometry, size, cm_image_type(image), err);
  if (!job.out) return false;
  job.to = cm__grid(job.out);
  if (!cm_parallel_for(call->ctx, "pad", job.to.rows, cm__row_chunk(&job.to), pad_rows, &job, err)) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

CM_OP(pad) = {
    .name = "pad",
    .family = "transform",
    .since = "0.1",
    .summary = "Add voxels around an image.",
    .details =
        "By amounts (before, after) or to a size, whose odd voxel goes behind. Border: replicate aaa|abcd|ddd, reflect "
        "cba|abcd|dcb, mirror dcb|abcd|cba, wrap bcd|abcd|abc, constant kkk|abcd|kkk; reflections and repetitions go "
        "on "
        "as far as is needed. Voxels are copied as they are and keep their place in LPS: only the origin changes. A 2D "
        "image gets nothing along z. border_value is rounded and clamped to the voxel type.",
    CM_OP_PARAMS(PadParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_CHANGE,
    .cite = "DICOM PS3.3, section C.7.6.2.1.1 (positions)",
    .examples =
        "cormack pad ct.nii.gz padded.nii.gz --before 10 --units mm --border replicate\n"
        "cormack pad xray.png square.png --size 1024,1024",
    .run = run,
};
