/* Nodule candidates: bright blobs within the lungs, cut from vessels and wall, measured below the size of a voxel. */
#ifndef CORMACK_OPS_CHEST_NODULE_FIND_H
#define CORMACK_OPS_CHEST_NODULE_FIND_H

#include "ops/chest/canonical.h"

typedef struct Field { /* the box of the lungs, cut out of the canonical grid */
  const Canonical *c;
  int64_t low[3], n[3], voxels;
  int16_t *hu;
  uint8_t *lung; /* 0, 1, 2 */
  int32_t *gap;  /* of each row: last x of the right lung, first x of the left one; where one is missing nothing lies
                    between */
} Field;

typedef struct Seed {
  int64_t at[3];              /* in the field */
  double radius_mm, response; /* response: of a solid ball of that radius = 1 */
} Seed;

typedef struct Nodule {
  Seed seed;
  double centre[3]; /* in voxels of the field, by weight */
  double volume_mm3, diameter_mm, mean_hu, threshold_hu;
  double elongation; /* longest over shortest axis of the ellipsoid of equal moments */
  double sphericity; /* volume over that of the ball about the centre that reaches the farthest voxels (95 %) */
  double wall, medial,
      vessel; /* shares of the surface on the pleura, on that of the mediastinum, and on tissue that goes on */
  double score;
  int side;
  int64_t count, *voxel; /* of the canonical grid; owned, from cm_alloc */
} Nodule;

bool cm__field_cut(CmContext *ctx, const Canonical *c, const uint8_t *lungs, double pad_mm, Field *field,
                   CmError **err);
void cm__field_free(Field *field);

/* Peaks of the dot filter of Li, Sone, Doi (Med Phys 30 (2003) 2040) over scales for radii of smallest..largest mm,
 * strongest first. */
bool cm__blobs_find(CmContext *ctx, const Field *field, double smallest_mm, double largest_mm, double least,
                    Seed **seeds, int64_t *count, CmError **err);

/* Cuts the nodule at a seed out and measures it. *found false: there is none. */
bool cm__nodule_cut(CmContext *ctx, const Field *field, const Seed *seed, Nodule *nodule, bool *found, CmError **err);

#endif
