/* From an image and a label map to a region that can be measured: the processing chain of the IBSI manual, chapter 2.
 */
#ifndef CM_OPS_RADIOMICS_CHAIN_H
#define CM_OPS_RADIOMICS_CHAIN_H

#include "ops/radiomics/region.h"
#include "ops/segment/label_list.h"
#include "ops/transform/warp.h"

typedef enum CmDiscretise { CM_DISCRETISE_WIDTH, CM_DISCRETISE_COUNT, CM_DISCRETISE_EQUAL } CmDiscretise;
typedef enum CmVolumeBinning { CM_VOLUME_BY_ONE, CM_VOLUME_BY_WIDTH, CM_VOLUME_BY_COUNT } CmVolumeBinning;

typedef struct CmChain {
  double spacing[3]; /* mm; 0: not resampled along this axis */
  bool resampled;    /* along any */
  CmInterpolation interpolation, mask_interpolation;
  double mask_threshold; /* share of a voxel that has to be inside */
  bool round;            /* intensities to whole numbers after interpolation */
  bool ranged;
  double range[2]; /* intensities beyond are left out */
  double outliers; /* so are those more standard deviations than this from the mean; 0: none */
  CmDiscretise discretise;
  double bin_width;
  int64_t bin_count;
  CmVolumeBinning volume_binning;
  double volume_width;
  int64_t volume_count;
} CmChain;

/* roi: filled for label `box`; free with cm__roi_free(), also after a failure. */
bool cm__roi_make(CmContext *ctx, const CmImage *image, const CmImage *labels, const CmLabelBox *box,
                  const CmChain *chain, CmRoi *roi, CmError **err);
void cm__roi_free(CmRoi *roi);

#endif
