/* A chest scan as the algorithms of this family want it: HU as i16, axes turned so that x runs to the left, y to the
 * back and z to the head (by the nearest axis of the direction matrix), and binned to voxels of about 1.5 mm where the
 * scan is finer. */
#ifndef CORMACK_OPS_CHEST_CANONICAL_H
#define CORMACK_OPS_CHEST_CANONICAL_H

#include "cormack/image.h"

typedef struct Canonical {
  const CmImage *source;
  CmImage *hu;          /* i16, with its own true geometry */
  int64_t n[3], voxels; /* of hu */
  double mm[3];
  int axis[3]; /* axis of the source along which this axis runs */
  bool flip[3];
  int64_t factor[3]; /* voxels of the source along this axis in one of these */
  double voxel_mm3;
} Canonical;

/* Scalar 3D image of any real type; values are clamped to -1024..3071, NaN to -1024. bin_mm: voxels smaller than this
 * are averaged in whole factors (0: never). `op` is for messages. CM_ERR_DATA where it is not a volume of HU. */
bool cm__canonical_make(CmContext *ctx, const CmImage *image, double bin_mm, Canonical *canonical, CmError **err);
void cm__canonical_free(Canonical *canonical);

/* New u8 image on the grid of canonical->hu. */
CM_NODISCARD CmImage *cm__canonical_mask(CmContext *ctx, const Canonical *canonical, CmError **err);
/* Where voxel (x,y,z) of the source stands: index of the cell of the canonical grid. */
int64_t cm__canonical_cell(const Canonical *canonical, const int64_t source_index[3]);
/* Brings labels (u8, canonical grid) back to the source's grid by cells; `out` is u8 on the source's grid. */
bool cm__canonical_back(CmContext *ctx, const Canonical *canonical, const CmImage *labels, CmImage *out, CmError **err);

#endif
