/* The contours of a structure set, placed on an image's grid, region by region. */
#ifndef CORMACK_IO_DICOM_CONTOURS_H
#define CORMACK_IO_DICOM_CONTOURS_H

#include "cormack/dicom.h"

typedef struct CmContourRoi {
  int64_t number;
  char name[256];
  uint8_t rgb[3];
  int64_t count, open, outside; /* contours; left out since they are not closed; with a point beyond the image */
  int64_t voxels, beyond;       /* once filled: inside, and those that would be (up to a whole image further) */
} CmContourRoi;

typedef struct CmContourSet CmContourSet;

/* `wanted`: the name or the number of the only ROI; NULL: all. Contours are checked and placed on the grid of `like`,
 * which must outlive the set. */
CM_NODISCARD CmContourSet *cm__contours_open(CmContext *ctx, const CmDicom *file, const CmImage *like,
                                             const char *wanted, CmError **err);
void cm__contours_close(CmContourSet **set);
int cm__contours_count(const CmContourSet *set);
const CmContourRoi *cm__contours_roi(const CmContourSet *set, int at);

/* `count` voxels from `first`, `step` apart, lie in the region. */
typedef bool CmSpanFn(void *user, int64_t first, int64_t step, int64_t count, CmError **err);
bool cm__contours_fill(CmContourSet *set, int at, CmSpanFn *span, void *user, CmError **err);

#endif
