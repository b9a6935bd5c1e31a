/* What the windows of voxel-wise features read, and the slots of levels in a window. */
#include <math.h>
#include <string.h>

#include "ops/radiomics/voxel.h"

#define MOST_PAIRS (1 << 25) /* pairs of levels over all directions of a window */

/* The levels of the view with the margin that windows need. */
static bool copy_levels(CmVoxelField *field, CmError **err) {
  const CmRoi *roi = &field->view->roi;
  size_t plane, count;
  for (int k = 0; k < 3; k++) field->n[k] = roi->hi[k] - roi->lo[k] + 2 * field->radius[k];
  field->step[0] = 1;
  field->step[1] = field->n[0];
  field->step[2] = field->n[0] * field->n[1];
  if (!cm_size_multiply((size_t)field->n[0], (size_t)field->n[1], &plane, err) ||
      !cm_size_multiply(plane, (size_t)field->n[2], &count, err) ||
      !(field->level = cm_calloc(field->ctx, count, sizeof(*field->level), err)))
    return false;
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      const int64_t to =
          cm__field_at(field, field->radius[0], y - roi->lo[1] + field->radius[1], z - roi->lo[2] + field->radius[2]);
      memcpy(field->level + to, roi->level + cm__roi_at(roi, roi->lo[0], y, z),
             (size_t)(roi->hi[0] - roi->lo[0]) * sizeof(*field->level));
    }
  return true;
}

/* Leaves out what no two voxels of a window are apart, and turns all to dx >= 0. */
static void turn(const CmVoxelField *field, CmPyradAngles *angles, bool *turned) {
  int kept = 0;
  for (int a = 0; a < angles->count; a++) {
    int step[3];
    bool fits = true;
    const bool back = angles->step[a][0] < 0;
    for (int k = 0; k < 3; k++) {
      step[k] = back ? -angles->step[a][k] : angles->step[a][k];
      fits = fits && step[k] < field->size[k] && -step[k] < field->size[k];
    }
    if (!fits) continue;
    if (turned) turned[kept] = back;
    memcpy(angles->step[kept++], step, sizeof step);
  }
  angles->count = kept;
}

static bool make_angles(CmVoxelField *field, CmError **err) {
  const CmInts next = {.count = 1, .value = {1}};
  if (!cm__pyrad_angles(field->view, &next, &field->near, err) ||
      !cm__pyrad_angles(field->view, &field->view->p->distances, &field->distant, err) ||
      !(field->turned = cm_alloc_array(field->ctx, (size_t)field->distant.count + 1, sizeof(bool), err)))
    return false;
  turn(field, &field->near, NULL);
  turn(field, &field->distant, field->turned);
  return true;
}

static bool make_tables(CmVoxelField *field, CmError **err) {
  field->bits = cm_alloc_array(field->ctx, (size_t)(3 * field->voxels + 2), sizeof(double), err);
  if (!field->bits) return false;
  field->inverse_square = field->bits + 2 * field->voxels + 1;
  field->bits[0] = field->inverse_square[0] = 0.0;
  for (int64_t k = 1; k <= 2 * field->voxels; k++) field->bits[k] = log2((double)k);
  for (int64_t k = 1; k <= field->voxels; k++) field->inverse_square[k] = 1.0 / ((double)k * (double)k);
  return true;
}

static bool choose_slots(CmVoxelField *field, CmError **err) {
  const int64_t most = field->view->present < field->voxels ? field->view->present : field->voxels;
  for (field->slots = 1, field->slot_bits = 0; field->slots < most; field->slot_bits++) field->slots *= 2;
  if ((int64_t)field->slots * field->slots * (field->distant.count + 3 * CM__LANES) <= MOST_PAIRS) return true;
  cm_error_set(err, CM_ERR_PARAMETER,
               "up to %lld grey levels in a window of %lld voxels with %d directions are too many; take a wider bin or "
               "a smaller kernelRadius",
               (long long)most, (long long)field->voxels, field->distant.count);
  return false;
}

bool cm__field_open(CmContext *ctx, const CmPyradView *view, const int64_t radius[3], CmVoxelField *field,
                    CmError **err) {
  *field = (CmVoxelField){.ctx = ctx, .view = view, .voxels = 1};
  for (int k = 0; k < 3; k++) {
    field->radius[k] = radius[k];
    field->size[k] = 2 * radius[k] + 1;
    field->voxels *= field->size[k] <= CM__WINDOW_MOST ? field->size[k] : CM__WINDOW_MOST + 1;
    if (field->voxels <= CM__WINDOW_MOST) continue;
    cm_error_set(err, CM_ERR_PARAMETER, "a kernel has at most %d voxels; take a smaller kernelRadius", CM__WINDOW_MOST);
    return false;
  }
  return copy_levels(field, err) && make_angles(field, err) && make_tables(field, err) && choose_slots(field, err);
}

void cm__field_close(CmVoxelField *field) {
  cm_free(field->level);
  cm_free(field->near.step);
  cm_free(field->distant.step);
  cm_free(field->turned);
  cm_free(field->bits);
}
