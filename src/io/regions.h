/* The pieces that reading regions is made of. */
#ifndef CORMACK_IO_REGIONS_H
#define CORMACK_IO_REGIONS_H

#include "cormack/dicom.h"
#include "cormack/io.h"

struct CmRegions {
  CmContext *ctx;
  const CmImage *like; /* while reading */
  CmRegion *items;
  int count, room;
  CmImage **layers;
  int layer_count;
  int64_t *shared;    /* count x count: voxels in both */
  uint8_t *mask;      /* of the region that is being read, on the grid of like */
  int64_t begin, end; /* all of it lies in [begin, end) */
};

/* Where a mask's voxels lie among the image's. */
typedef struct CmPlacement {
  double map[12], back[12]; /* row-major 3x4: index in the image from index in the mask, and the other way */
  bool exact;               /* voxel on voxel */
} CmPlacement;

/* CM_ERR_GEOMETRY where the voxels do not lie on each other and resample is not asked for. */
bool cm__region_placement(const CmImage *mask, const CmImage *like, bool resample, CmPlacement *placement,
                          CmError **err);
/* The voxels of a mask (label index, x,y,z) that are `label`, into regions->mask; returns how many lie beyond the
 * image. */
int64_t cm__region_place(CmRegions *regions, const uint16_t *mask, const int64_t *dims, uint16_t label,
                         const CmPlacement *placement);
/* A run of voxels of the region that is being read; a CmSpanFn. */
bool cm__region_span(void *regions, int64_t first, int64_t step, int64_t count, CmError **err);

#endif
