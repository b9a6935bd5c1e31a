/* A mask on its own grid, brought to the image's. */
#include <math.h>
#include <string.h>

#include "io/regions.h"

#define MOST_OFF 0.1 /* voxels; as slices may lie off the grid of a volume */

static void apply(const double map[12], const double at[3], double to[3]) {
  for (int r = 0; r < 3; r++)
    to[r] = map[4 * r] * at[0] + map[4 * r + 1] * at[1] + map[4 * r + 2] * at[2] + map[4 * r + 3];
}

/* Index in `to` from index in `from`. */
static void make_map(const CmGeometry *from, const CmGeometry *to, double map[12]) {
  double base[3] = {0, 0, 0}, mm[3], at[3];
  for (int c = -1; c < 3; c++) {
    const double index[3] = {c == 0, c == 1, c == 2};
    cm_geometry_to_physical(from, index, mm);
    cm_geometry_to_index(to, mm, at);
    if (c < 0) memcpy(base, at, sizeof base);
    for (int r = 0; r < 3; r++) map[4 * r + (c < 0 ? 3 : c)] = c < 0 ? at[r] : at[r] - base[r];
  }
}

/* The map of whole voxels next to `map`: each axis goes along one of the image's. Axes of one voxel do not count. */
static bool round_map(const double map[12], const int64_t *dims, double whole[12]) {
  int used = 0;
  for (int c = 0; c < 4; c++) {
    int axis = -1;
    for (int r = 0; r < 3; r++) {
      whole[4 * r + c] = c == 3 || dims[c] > 1 ? floor(map[4 * r + c] + 0.5) : 0.0;
      if (c < 3 && whole[4 * r + c] != 0.0) axis = axis < 0 && fabs(whole[4 * r + c]) == 1.0 ? r : 3;
    }
    if (c == 3 || dims[c] == 1) continue;
    if (axis < 0 || axis == 3 || used & 1 << axis) return false;
    used |= 1 << axis;
  }
  return true;
}

bool cm__region_placement(const CmImage *mask, const CmImage *like, bool resample, CmPlacement *placement,
                          CmError **err) {
  const int64_t *dims = cm_image_dims(mask);
  double whole[12], worst = 0;
  make_map(cm_image_geometry(mask), cm_image_geometry(like), placement->map);
  make_map(cm_image_geometry(like), cm_image_geometry(mask), placement->back);
  placement->exact = round_map(placement->map, dims, whole);
  for (int corner = 0; placement->exact && corner < 8; corner++) {
    double at[3], near[3], index[3];
    for (int k = 0; k < 3; k++) index[k] = corner >> k & 1 ? (double)(dims[k] - 1) : 0.0;
    apply(placement->map, index, at);
    apply(whole, index, near);
    for (int k = 0; k < 3; k++) worst = fmax(worst, fabs(at[k] - near[k]));
  }
  placement->exact = placement->exact && worst <= MOST_OFF;
  if (placement->exact) memcpy(placement->map, whole, sizeof whole);
  if (placement->exact || resample) return true;
  const CmGeometry *a = cm_image_geometry(mask), *b = cm_image_geometry(like);
  cm_error_set(
      err, CM_ERR_GEOMETRY,
      "its voxels are not the image's: spacing %.6g x %.6g x %.6g mm against %.6g x %.6g x %.6g, first voxel at "
      "%.6g, %.6g, %.6g against %.6g, %.6g, %.6g; give the image that it was drawn on, or have the mask "
      "resampled (--resample_mask)",
      a->spacing[0], a->spacing[1], a->spacing[2], b->spacing[0], b->spacing[1], b->spacing[2], a->origin[0],
      a->origin[1], a->origin[2], b->origin[0], b->origin[1], b->origin[2]);
  return false;
}

/* The image's voxel nearest to a point in its indices; -1: beyond it. */
static int64_t voxel_at(const double at[3], const int64_t *dims) {
  int64_t index[3];
  for (int k = 0; k < 3; k++) {
    const double whole = floor(at[k] + 0.5);
    if (!(whole >= 0.0 && whole < (double)dims[k])) return -1;
    index[k] = (int64_t)whole;
  }
  return (index[2] * dims[1] + index[1]) * dims[0] + index[0];
}

/* From each voxel of the mask to the image; without `paint` only what is lost is counted. */
static int64_t push(CmRegions *regions, const uint16_t *mask, const int64_t *dims, uint16_t label, const double map[12],
                    bool paint) {
  int64_t source = 0, outside = 0;
  for (int64_t z = 0; z < dims[2]; z++)
    for (int64_t y = 0; y < dims[1]; y++)
      for (int64_t x = 0; x < dims[0]; x++, source++) {
        if (mask[source] != label) continue;
        double at[3];
        apply(map, (const double[3]){(double)x, (double)y, (double)z}, at);
        const int64_t voxel = voxel_at(at, cm_image_dims(regions->like));
        outside += voxel < 0;
        if (voxel >= 0 && paint) cm__region_span(regions, voxel, 1, 1, NULL);
      }
  return outside;
}

/* To each voxel of the image from the mask's nearest. */
static void pull(CmRegions *regions, const uint16_t *mask, const int64_t *from, uint16_t label, const double back[12]) {
  const int64_t *dims = cm_image_dims(regions->like);
  int64_t target = 0;
  for (int64_t z = 0; z < dims[2]; z++)
    for (int64_t y = 0; y < dims[1]; y++)
      for (int64_t x = 0; x < dims[0]; x++, target++) {
        double at[3];
        apply(back, (const double[3]){(double)x, (double)y, (double)z}, at);
        const int64_t voxel = voxel_at(at, from);
        if (voxel >= 0 && mask[voxel] == label) cm__region_span(regions, target, 1, 1, NULL);
      }
}

int64_t cm__region_place(CmRegions *regions, const uint16_t *mask, const int64_t *dims, uint16_t label,
                         const CmPlacement *placement) {
  const int64_t outside = push(regions, mask, dims, label, placement->map, placement->exact);
  if (!placement->exact) pull(regions, mask, dims, label, placement->back);
  return outside;
}
