#include "ops/morphology/element.h"

#include <math.h>
#include <stdlib.h>

enum { LONGEST = 2001 };

static bool is_set(double v) {
  return v < 0.0 || v > 0.0;
}

static int longest_first(const void *a, const void *b) {
  const CmSegment *sa = a, *sb = b;
  if (sa->half != sb->half) return sa->half > sb->half ? -1 : 1;
  if (sa->dz != sb->dz) return sa->dz < sb->dz ? -1 : 1;
  if (sa->dy != sb->dy) return sa->dy < sb->dy ? -1 : 1;
  return sa->dx < sb->dx ? -1 : sa->dx > sb->dx;
}

/* Half length of the segment at (dy, dz), -1 if there is none. */
static int64_t half_length(CmShape shape, const double radii[3], const int64_t reach[3], int64_t dy, int64_t dz) {
  if (shape == CM_SHAPE_BOX) return reach[0];
  if (shape == CM_SHAPE_CROSS) return dy == 0 && dz == 0 ? reach[0] : dy == 0 || dz == 0 ? 0 : -1;
  double left = 1.0 + 1e-9;
  if (dy != 0) left -= (double)(dy * dy) / (radii[1] * radii[1]);
  if (dz != 0) left -= (double)(dz * dz) / (radii[2] * radii[2]);
  if (left < 0.0) return -1;
  return reach[0] == 0 ? 0 : (int64_t)floor(radii[0] * sqrt(left));
}

static int64_t at_most(int64_t value, int64_t most) {
  return value < most ? value : most;
}

bool cm__element_create(CmContext *ctx, CmShape shape, const double radii[3], const int64_t dims[3], CmElement *element,
                        CmError **err) {
  *element = (CmElement){.count = 0};
  for (int axis = 0; axis < 3; axis++) {
    if (!(radii[axis] <= 1000.0)) {
      cm_error_set(err, CM_ERR_PARAMETER, "a radius of %g voxels along %c is too large; at most 1000", radii[axis],
                   "xyz"[axis]);
      return false;
    }
    element->reach[axis] = at_most((int64_t)floor(radii[axis] + 1e-6), dims[axis]);
  }
  const int64_t *reach = element->reach;
  element->items = cm_alloc_array(ctx, (size_t)((2 * reach[1] + 1) * (2 * reach[2] + 1)), sizeof(CmSegment), err);
  if (!element->items) return false;
  for (int64_t dz = -reach[2]; dz <= reach[2]; dz++)
    for (int64_t dy = -reach[1]; dy <= reach[1]; dy++) {
      const int64_t half = at_most(half_length(shape, radii, reach, dy, dz), reach[0]);
      if (half >= 0)
        element->items[element->count++] = (CmSegment){.dy = (int32_t)dy, .dz = (int32_t)dz, .half = (int32_t)half};
    }
  qsort(element->items, (size_t)element->count, sizeof(CmSegment), longest_first);
  element->back = element->items;
  return true;
}

static bool check_shape(const CmImage *shape, const CmImage *image, CmError **err) {
  const int64_t *dims = cm_image_dims(shape);
  for (int axis = 0; axis < 3; axis++) {
    if (dims[axis] > LONGEST) {
      cm_error_set(err, CM_ERR_DATA, "the element is %lld voxels long along %c; at most %d", (long long)dims[axis],
                   "xyz"[axis], LONGEST);
      return false;
    }
    if (dims[axis] > 1 && cm_image_dims(image)[axis] == 1) {
      cm_error_set(err, CM_ERR_DATA,
                   "the element is %lld voxels long along %c, where the image has one; give a flat one",
                   (long long)dims[axis], "xyz"[axis]);
      return false;
    }
  }
  if (dims[3] == 1) return true;
  cm_error_set(err, CM_ERR_DATA, "the element has %lld time points; give one", (long long)dims[3]);
  return false;
}

/* A stretch of voxels first..last: one segment, or two that overlap where its length is even. */
static void add_stretch(CmElement *element, int64_t first, int64_t last, int64_t dy, int64_t dz) {
  const int64_t half = (last - first) / 2;
  for (int64_t dx = first + half; dx <= last - half; dx++) {
    element->items[element->count++] =
        (CmSegment){.dy = (int32_t)dy, .dz = (int32_t)dz, .half = (int32_t)half, .dx = (int32_t)dx};
    if (dx != 0) element->pad = 1;
  }
  const int64_t far[3] = {-first > last ? -first : last, dy < 0 ? -dy : dy, dz < 0 ? -dz : dz};
  for (int axis = 0; axis < 3; axis++)
    element->reach[axis] = far[axis] > element->reach[axis] ? far[axis] : element->reach[axis];
}

bool cm__element_of_image(CmContext *ctx, const CmImage *shape, const CmImage *image, CmElement *element,
                          CmError **err) {
  *element = (CmElement){.count = 0};
  if (!check_shape(shape, image, err)) return false;
  const CmGrid grid = cm__grid(shape);
  /* at most one segment for every voxel: stretches of even length, which make two, have two voxels at least */
  element->items = cm_alloc_array(ctx, (size_t)(grid.nx * grid.rows), 2 * sizeof(CmSegment), err);
  double *line = cm_alloc_array(ctx, (size_t)grid.nx, sizeof(double), err);
  for (int64_t row = 0; element->items && line && row < grid.rows; row++) {
    cm__line_to_f64(cm_image_type(shape), cm__row(shape, &grid, row), grid.nx, line);
    for (int64_t x = 0, end; x < grid.nx; x = end) {
      for (end = x + 1; end < grid.nx && is_set(line[end]) == is_set(line[x]);) end++;
      if (is_set(line[x]))
        add_stretch(element, x - grid.nx / 2, end - 1 - grid.nx / 2, row % grid.ny - grid.ny / 2,
                    row / grid.ny - grid.nz / 2);
    }
  }
  cm_free(line);
  if (!element->items || !line) goto error;
  if (element->count == 0) {
    cm_error_set(err, CM_ERR_DATA, "the element has no voxel that is not 0; set those that belong to it");
    goto error;
  }
  element->pad *= element->reach[0];
  element->back = element->items + element->count;
  qsort(element->items, (size_t)element->count, sizeof(CmSegment), longest_first);
  for (int64_t k = 0; k < element->count; k++) {
    const CmSegment *s = &element->items[k];
    element->back[k] = (CmSegment){.dy = -s->dy, .dz = -s->dz, .half = s->half, .dx = -s->dx};
  }
  return true;
error:
  cm_free(element->items);
  element->items = NULL;
  return false;
}
