#ifndef CM_OPS_RADIOMICS_PYRAD_LAPLACE_H
#define CM_OPS_RADIOMICS_PYRAD_LAPLACE_H

#include "ops/radiomics/pyrad.h"

/* The Laplacian of the image smoothed by sigma mm, times sigma^2; to: the source's box. */
bool cm__pyrad_laplace(const CmPyradSource *source, double sigma, float *to, CmError **err);

#endif
