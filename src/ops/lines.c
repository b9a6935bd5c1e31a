#include "ops/lines.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

#define CM_TEMPLATE "ops/lines_tmpl.c"
#include "ops/each_type.h"

static void (*const to_f32[CM_TYPE_COUNT])(const void *, int64_t, float *) = CM_TYPE_TABLE(to_f32);
static void (*const to_f64[CM_TYPE_COUNT])(const void *, int64_t, double *) = CM_TYPE_TABLE(to_f64);
static void (*const from_f32[CM_TYPE_COUNT])(const float *, int64_t, void *) = CM_TYPE_TABLE(from_f32);
static void (*const from_f64[CM_TYPE_COUNT])(const double *, int64_t, void *) = CM_TYPE_TABLE(from_f64);
static void (*const nonzero[CM_TYPE_COUNT])(const void *, int64_t, uint8_t *) = CM_TYPE_TABLE(nonzero);
static void (*const restore[CM_TYPE_COUNT])(const uint8_t *, int64_t, int64_t, const double *,
                                            void *) = CM_TYPE_TABLE(restore);

void cm__line_to_f32(CmType type, const void *from, int64_t n, float *to) {
  to_f32[type](from, n, to);
}

void cm__line_to_f64(CmType type, const void *from, int64_t n, double *to) {
  to_f64[type](from, n, to);
}

void cm__line_from_f32(CmType type, const float *from, int64_t n, void *to) {
  from_f32[type](from, n, to);
}

void cm__line_from_f64(CmType type, const double *from, int64_t n, void *to) {
  from_f64[type](from, n, to);
}

bool cm__type_fits_f32(CmType type) {
  return type != CM_U32 && type != CM_I32 && type != CM_F64;
}

CmGrid cm__grid(const CmImage *image) {
  const int64_t *dims = cm_image_dims(image);
  CmGrid grid = {.nx = dims[0], .ny = dims[1], .nz = dims[2], .nt = dims[3], .components = cm_image_components(image)};
  grid.row = grid.nx * grid.components;
  grid.rows = grid.ny * grid.nz * grid.nt;
  grid.size = cm_type_size(cm_image_type(image));
  return grid;
}

const void *cm__row(const CmImage *image, const CmGrid *grid, int64_t row) {
  return (const char *)cm_image_data(image) + (size_t)(row * grid->row) * grid->size;
}

void *cm__row_mut(CmImage *image, const CmGrid *grid, int64_t row) {
  return (char *)cm_image_data_mut(image) + (size_t)(row * grid->row) * grid->size;
}

int64_t cm__row_chunk(const CmGrid *grid) {
  int64_t rows = 65536 / grid->row;
  return rows < 1 ? 1 : rows;
}

bool cm__mask_open(CmMask *mask, const CmValue *value, const CmImage *image, CmError **err) {
  *mask = (CmMask){.image = value->kind == CM_KIND_NONE ? NULL : value->image};
  if (!mask->image) return true;
  mask->grid = cm__grid(mask->image);
  if (mask->grid.nt != 1 && mask->grid.nt != cm_image_dims(image)[3]) {
    cm_error_set(err, CM_ERR_GEOMETRY,
                 "the mask has %lld time points and the image %lld; give a mask with one, or with as many",
                 (long long)mask->grid.nt, (long long)cm_image_dims(image)[3]);
    return false;
  }
  if (!cm_image_same_grid(image, "image", mask->image, "mask", err)) return false;
  return true;
}

void cm__mask_row(const CmMask *mask, int64_t row, uint8_t *inside) {
  const CmGrid *grid = &mask->grid;
  nonzero[cm_image_type(mask->image)](cm__row(mask->image, grid, row % grid->rows), grid->nx, inside);
}

void cm__mask_restore(const uint8_t *inside, const CmGrid *grid, CmType from_type, const void *from, CmType type,
                      void *line, double *scratch) {
  to_f64[from_type](from, grid->row, scratch);
  restore[type](inside, grid->nx, grid->components, scratch, line);
}

typedef struct Outside {
  CmContext *ctx;
  const CmMask *mask;
  const CmImage *image; /* NULL: zeros are put there */
  CmImage *out;
  CmGrid grid;
} Outside;

static bool outside_rows(void *arg, CmRange range, CmError **err) {
  const Outside *job = arg;
  const CmGrid *grid = &job->grid;
  const size_t voxel = (size_t)grid->components * grid->size;
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  for (int64_t row = range.begin; inside && row < range.end; row++) {
    cm__mask_row(job->mask, row, inside);
    char *to = cm__row_mut(job->out, grid, row);
    const char *from = job->image ? cm__row(job->image, grid, row) : NULL;
    for (int64_t x = 0; x < grid->nx; x++) {
      if (inside[x]) continue;
      if (from)
        memcpy(to + (size_t)x * voxel, from + (size_t)x * voxel, voxel);
      else
        memset(to + (size_t)x * voxel, 0, voxel);
    }
  }
  cm_free(inside);
  return inside != NULL;
}

bool cm__mask_keep(CmContext *ctx, const CmMask *mask, const CmImage *image, CmImage *out, CmError **err) {
  Outside job = {.ctx = ctx, .mask = mask, .image = image, .out = out, .grid = cm__grid(out)};
  return !mask->image || cm_parallel_for(ctx, NULL, job.grid.rows, cm__row_chunk(&job.grid), outside_rows, &job, err);
}

bool cm__mask_blank(CmContext *ctx, const CmMask *mask, CmImage *out, CmError **err) {
  return cm__mask_keep(ctx, mask, NULL, out, err);
}

CmType cm__out_type(int32_t choice, CmType keep) {
  return choice == 0 ? keep : choice == 1 ? CM_F32 : CM_F64;
}

bool cm__copy_words(CmImage *to, const CmImage *from, CmError **err) {
  if (!cm_image_set_unit(to, cm_image_unit(from), err)) return false;
  for (int at = 0; at < cm_image_meta_count(from); at++) {
    const char *key, *value;
    cm_image_meta_at(from, at, &key, &value);
    if (!cm_image_set_meta(to, key, value, err)) return false;
  }
  for (int at = 0; at < cm_image_label_count(from); at++) {
    CmLabel label = cm_image_label_at(from, at);
    if (!cm_image_set_label(to, label.value, label.name, label.rgb, err)) return false;
  }
  return true;
}

const CmPort cm__filter_inputs[2] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is filtered"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
const CmPort cm__filter_outputs[1] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the filtered image, on the same grid"},
};

void cm__axis_sizes(const CmReals *sizes, int32_t units, const CmImage *image, double voxels[3]) {
  const CmGeometry *geometry = cm_image_geometry(image);
  for (int axis = 0; axis < 3; axis++) {
    double size = sizes->count == 1 ? sizes->value[0] : axis < sizes->count ? sizes->value[axis] : 0.0;
    if (units == 1) size /= geometry->spacing[axis];
    voxels[axis] = cm_image_dims(image)[axis] == 1 ? 0.0 : size;
  }
}

bool cm__axis_radii(const CmReals *sizes, int32_t units, const CmImage *image, int64_t radii[3], CmError **err) {
  double voxels[3];
  cm__axis_sizes(sizes, units, image, voxels);
  for (int axis = 0; axis < 3; axis++) {
    if (!(voxels[axis] <= 10000.0)) {
      cm_error_set(err, CM_ERR_PARAMETER, "a radius of %g voxels along %c is too large; at most 10000", voxels[axis],
                   "xyz"[axis]);
      return false;
    }
    radii[axis] = (int64_t)floor(voxels[axis] + 1e-6);
  }
  return true;
}

bool cm__box_reach(const CmReals *radius, int32_t units, int32_t border, const CmImage *image, int64_t reach[3]) {
  return border != CM_BORDER_WRAP && cm__axis_radii(radius, units, image, reach, NULL);
}

int64_t cm__border_index(CmBorder border, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  int64_t period;
  switch (border) {
    case CM_BORDER_REPLICATE:
      return i < 0 ? 0 : n - 1;
    case CM_BORDER_REFLECT:
      period = 2 * n;
      i = ((i % period) + period) % period;
      return i < n ? i : period - 1 - i;
    case CM_BORDER_MIRROR:
      if (n == 1) return 0;
      period = 2 * n - 2;
      i = ((i % period) + period) % period;
      return i < n ? i : period - i;
    case CM_BORDER_WRAP:
      return ((i % n) + n) % n;
    case CM_BORDER_CONSTANT:
      break;
  }
  return -1;
}

int64_t cm__border_slot(CmBorder border, int64_t i, int64_t n) {
  const int64_t inside = cm__border_index(border, i, n);
  return inside < 0 ? n : inside;
}
