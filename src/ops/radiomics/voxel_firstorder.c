/* First-order statistics of a window: its values are kept in order, planes are merged in and taken out. */
#include <math.h>
#include <string.h>

#include "ops/measure/gather.h"
#include "ops/measure/statistics.h"
#include "ops/radiomics/voxel.h"

typedef struct Order {
  const CmWindow *window;
  int64_t plane;          /* most values of a plane */
  double *planes, *spare; /* a ring of planes: x % size, each in order */
  int64_t *count;         /* of each plane */
  double *sorted, *other; /* of the window */
  int64_t values;
} Order;

static void close_order(void *state) {
  Order *order = state;
  cm_free(order->planes);
  cm_free(order->count);
  cm_free(order);
}

static void *open_order(const CmWindow *window, CmError **err) {
  const CmVoxelField *field = window->field;
  Order *order = cm_calloc(field->ctx, 1, sizeof(*order), err);
  if (!order) return NULL;
  order->window = window;
  order->plane = field->size[1] * field->size[2];
  order->count = cm_alloc_array(field->ctx, (size_t)field->size[0], sizeof(*order->count), err);
  if (order->count)
    order->planes = cm_alloc_array(field->ctx, (size_t)(3 * field->voxels + order->plane), sizeof(double), err);
  if (!order->planes) {
    close_order(order);
    return NULL;
  }
  order->sorted = order->planes + field->voxels;
  order->other = order->sorted + field->voxels;
  order->spare = order->other + field->voxels;
  return order;
}

static void clear_order(void *state) {
  Order *order = state;
  order->values = 0;
}

static void sort(double *value, double *spare, int64_t count) {
  if (count > 32) {
    cm__sort_reals(value, spare, count);
    return;
  }
  for (int64_t k = 1; k < count; k++) {
    const double own = value[k];
    int64_t at = k;
    for (; at > 0 && value[at - 1] > own; at--) value[at] = value[at - 1];
    value[at] = own;
  }
}

static void swap(Order *order, int64_t values) {
  double *before = order->sorted;
  order->sorted = order->other;
  order->other = before;
  order->values = values;
}

static void enter_order(void *state, int64_t x) {
  Order *order = state;
  const CmWindow *w = order->window;
  const CmVoxelField *field = w->field;
  const CmRoi *roi = &field->view->roi;
  const int64_t nx = roi->hi[0] - roi->lo[0], ny = roi->hi[1] - roi->lo[1], ring = x % field->size[0];
  double *plane = order->planes + ring * order->plane;
  int64_t count = 0, k = 0, at = 0;
  for (int64_t z = w->z[0]; z <= w->z[1]; z++)
    for (int64_t y = w->y[0]; y <= w->y[1]; y++)
      if (field->level[cm__field_at(field, x, y, z)])
        plane[count++] = roi->value[((z - field->radius[2]) * ny + y - field->radius[1]) * nx + x - field->radius[0]];
  order->count[ring] = count;
  sort(plane, order->spare, count);
  for (int64_t i = 0; i < order->values; i++) {
    while (k < count && plane[k] < order->sorted[i]) order->other[at++] = plane[k++];
    order->other[at++] = order->sorted[i];
  }
  while (k < count) order->other[at++] = plane[k++];
  swap(order, at);
}

static void leave_order(void *state, int64_t x) {
  Order *order = state;
  const int64_t ring = x % order->window->field->size[0], count = order->count[ring];
  const double *plane = order->planes + ring * order->plane;
  int64_t at = 0, k = 0;
  for (int64_t i = 0; i < order->values; i++) {
    if (k < count && plane[k] == order->sorted[i])
      k++;
    else
      order->other[at++] = order->sorted[i];
  }
  swap(order, at);
}

static void tell_order(void *state, double out[CM__PYRAD_MOST]) {
  Order *order = state;
  const CmWindow *w = order->window;
  const CmVoxelField *field = w->field;
  const double n = (double)w->voxels;
  double logs = 0.0, squares = 0.0;
  for (int slot = 0; slot < field->slots; slot++) {
    const double c = (double)w->count[slot];
    logs += c * field->bits[w->count[slot]];
    squares += c * c;
  }
  CmStatistics s;
  cm__statistics(order->sorted, order->values, &s);
  cm__pyrad_describe_order(field->view, &s, order->sorted, order->values,
                           squares < n * n ? field->bits[w->voxels] - logs / n : 0.0, squares / (n * n), out);
}

const CmVoxelClass cm__voxel_firstorder = {open_order, clear_order, enter_order, leave_order, tell_order, close_order};
