#include "ops/morphology/element.h"

#include <math.h>
#include <stdlib.h>

static int longest_first(const void *a, const void *b) {
  const CmSegment *sa = a, *sb = b;
  if (sa->half != sb->half) return sa->half > sb->half ? -1 : 1;
  if (sa->dz != sb->dz) return sa->dz < sb->dz ? -1 : 1;
  return sa->dy < sb->dy ? -1 : 1;
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

bool cm__element_create(CmContext *ctx, CmShape shape, const double radii[3], CmElement *element, CmError **err) {
  *element = (CmElement){.count = 0};
  for (int axis = 0; axis < 3; axis++) {
    if (!(radii[axis] <= 1000.0)) {
      cm_error_set(err, CM_ERR_PARAMETER, "a radius of %g voxels along %c is too large; at most 1000", radii[axis],
                   "xyz"[axis]);
      return false;
    }
    element->reach[axis] = (int64_t)floor(radii[axis] + 1e-6);
  }
  const int64_t *reach = element->reach;
  element->items = cm_alloc_array(ctx, (size_t)((2 * reach[1] + 1) * (2 * reach[2] + 1)), sizeof(CmSegment), err);
  if (!element->items) return false;
  for (int64_t dz = -reach[2]; dz <= reach[2]; dz++)
    for (int64_t dy = -reach[1]; dy <= reach[1]; dy++) {
      int64_t half = half_length(shape, radii, reach, dy, dz);
      if (half >= 0) element->items[element->count++] = (CmSegment){(int32_t)dy, (int32_t)dz, (int32_t)half};
    }
  qsort(element->items, (size_t)element->count, sizeof(CmSegment), longest_first);
  return true;
}
