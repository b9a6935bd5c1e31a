/* Spatial autocorrelation of the intensities. */
#ifndef CM_OPS_RADIOMICS_SPATIAL_H
#define CM_OPS_RADIOMICS_SPATIAL_H

#include "ops/radiomics/region.h"

/* Moran's I and Geary's C over all pairs of voxels inside, weighted by the inverse of their distance. NaN for fewer
 * than two voxels or where all are equal. IBSI manual 3.1.28, 3.1.29. */
bool cm__spatial(const CmRoi *roi, double *moran, double *geary, CmError **err);

#endif
