/* Landmarks of Nyul's standardization: what nyul_landmarks measures and nyul maps. */
#ifndef CM_OPS_INTENSITY_NYUL_H
#define CM_OPS_INTENSITY_NYUL_H

#include "ops/intensity/stats.h"

#define CM_LANDMARKS_PARAM(S)                                                           \
  CM_PARAM_REALS(S, percentiles, "1,10,20,30,40,50,60,70,80,90,99", 0, 100, 2, 32, "%", \
                 "the landmarks, rising; the first and the last are the ends of the scale")
#define CM_FOREGROUND_PARAM(S)                      \
  CM_PARAM_ENUM(S, foreground, "mask|mean", "mask", \
                "which voxels are measured: all inside the mask, or of those the ones above their mean")

/* CM_ERR_PARAMETER unless they rise. */
bool cm__landmarks_check(const CmReals *percentiles, CmError **err);
/* "p1", "p12.5": the column of a landmark. */
void cm__landmark_name(double percentile, char to[40]);
/* The landmarks of a whole image, all components and time points together. */
bool cm__landmarks(CmContext *ctx, const CmImage *image, const CmMask *mask, bool above_mean,
                   const CmReals *percentiles, double *values, CmError **err);

#endif
