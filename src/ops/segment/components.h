/* Connected components by runs: rows are cut into runs of voxels, touching runs are united. Time points stay apart. */
#ifndef CM_OPS_SEGMENT_COMPONENTS_H
#define CM_OPS_SEGMENT_COMPONENTS_H

#include "ops/lines.h"

/* Faces (6), faces and edges (18), also corners (26); in every slice by itself: sides (4), also corners (8). */
#define CM_CONNECT_CHOICES "6|18|26|4|8"
typedef enum CmConnect { CM_CONNECT_6, CM_CONNECT_18, CM_CONNECT_26, CM_CONNECT_4, CM_CONNECT_8 } CmConnect;

/* A row before this one whose voxels touch it; reach 1: at corners too. (0, 0) ends the list. `spares`: where a run of
 * that row has the same value and reaches over the whole of a run of ours, it has been united with all that ours
 * touches in these other rows (bits by their place in the list), or will be. */
typedef struct CmRowNeighbour {
  int dy, dz, reach;
  unsigned spares;
} CmRowNeighbour;
extern const CmRowNeighbour cm__row_neighbours[5][5]; /* by CmConnect */

typedef struct CmRun {
  int32_t x0, x1;     /* voxels [x0, x1) of a row */
  uint32_t component; /* 0-based */
  uint32_t value;     /* what its voxels have in common: by value their bits, else 1 */
} CmRun;

typedef struct CmComponent {
  int64_t voxels;
  int64_t first;                  /* number of its first voxel, x + nx * (y + ny * (z + nz * t)) */
  int64_t value;                  /* of the image there; 1 where by_value is false */
  int64_t box_min[3], box_max[3]; /* inclusive voxel indices */
  int64_t t;
  double sum[3]; /* of the voxel indices; exact up to 2^53 */
} CmComponent;

typedef enum CmComponentsOf {
  CM_COMPONENTS_NONZERO, /* voxels that are not 0 (NaN counts as 0) */
  CM_COMPONENTS_VALUE,   /* not 0, and voxels join only with equal ones; integers */
  CM_COMPONENTS_ZERO,    /* voxels that are 0 (or NaN) */
} CmComponentsOf;

typedef struct CmComponents {
  CmGrid grid;
  CmRun *runs;
  int64_t *row_begin; /* runs of row r: [row_begin[r], row_begin[r + 1]) */
  CmComponent *items; /* in the order of their first voxels */
  int64_t count;
} CmComponents;

/* One-component image of any type. Free with cm__components_free(), which may also be called after a failure. */
bool cm__components_find(CmContext *ctx, const CmImage *image, CmConnect connect, CmComponentsOf of,
                         CmComponents *found, CmError **err);
void cm__components_free(CmComponents *found);
/* Writes the values label[component] into out (u8, u16, i16, u32 or i32, same grid); 0 is background. With `keep` true
 * voxels of components whose label is 0, and those of no component, are left as they are. */
bool cm__components_paint(CmContext *ctx, const CmComponents *found, const int64_t *label, bool keep, CmImage *out,
                          CmError **err);
/* u8 image (same grid) that is 1 in the largest component of image's voxels that are not 0; all 0 where there is none.
 */
CM_NODISCARD CmImage *cm__components_largest(CmContext *ctx, const CmImage *image, CmConnect connect, CmError **err);

#endif
