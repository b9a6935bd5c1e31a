/* A region as radiomics sees it: a box of voxels around it, re-segmented and with discretised intensities. */
#ifndef CM_OPS_RADIOMICS_REGION_H
#define CM_OPS_RADIOMICS_REGION_H

#include "ops/lines.h"
#include "ops/radiomics/counted.h"
#include "ops/radiomics/features.h"

#define CM__PEAK_RADIUS 6.203504908994 /* mm, of a ball of 1 cm3: cbrt(3 / (4 pi)) cm */

/* The levels of the intensity-volume histogram: level k (from 1) holds low + (k - 1) width <= x < low + k width, and
 * stands for first + (k - 1) step. */
typedef struct CmVolumeBins {
  double low, width;
  int64_t levels;
  double first, step;
} CmVolumeBins;
int64_t cm__volume_bin(const CmVolumeBins *bins, double value); /* 1 .. levels */

/* Arrays go over the box, x fastest. Around the region is a margin of at least one voxel on every side, where levels
 * and masks are 0, so that neighbours need no look at the border. */
typedef struct CmRoi {
  CmContext *ctx;
  int64_t n[3];         /* of the box */
  int64_t lo[3], hi[3]; /* the region lies in lo <= x < hi */
  int64_t step[3];      /* 1, nx, nx * ny */
  double spacing[3];    /* mm */
  void *grey;           /* intensities of the image, also around the region, in a type that holds them */
  CmType grey_type;
  int64_t seen[2][3];   /* the part of the box that lies in the image: seen[0] <= x < seen[1] */
  uint8_t *shape;       /* the morphological mask */
  uint8_t *inside;      /* the intensity mask: re-segmented, without NaN */
  uint16_t *level;      /* 1 .. levels where inside, else 0 */
  int levels;           /* Ng: the highest level that the bins can give */
  int64_t voxels;       /* of the intensity mask */
  int64_t shape_voxels; /* of the morphological mask */
  CmCounted counted;    /* the intensities inside */
  double moran, geary;  /* of cm__spatial() */
  CmVolumeBins volume_bins;
  double *value; /* of PyRadiomics' book: intensities as reals */
} CmRoi;

static inline int64_t cm__roi_at(const CmRoi *roi, int64_t x, int64_t y, int64_t z) {
  return x + y * roi->step[1] + z * roi->step[2];
}

/* A row of the box, NaN beyond the image. */
void cm__roi_values(const CmRoi *roi, int64_t y, int64_t z, double *to);

/* Ways of putting slices and directions together (IBSI manual, 3.6 to 3.11). */
enum { CM__BY_SLICE = 1, CM__BY_VOLUME = 2 };

/* The families. Each adds its features for the ways in `ways`. A region without voxels inside gives NaN. */
bool cm__radiomics_morphology(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);
bool cm__radiomics_local(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);
bool cm__radiomics_statistics(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);
bool cm__radiomics_histogram(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);
bool cm__radiomics_volume_histogram(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);
bool cm__radiomics_glcm(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);
bool cm__radiomics_glrlm(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);
bool cm__radiomics_zones(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);
bool cm__radiomics_ngtdm(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);
bool cm__radiomics_ngldm(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err);

/* The directions to half of the neighbours: the first 4 lie in the slice, all 13 in the volume. */
extern const int cm__directions[13][3];

#endif
