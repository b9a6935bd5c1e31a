/* The image types, one function each: calls fn for every image that it makes of the source. */
#ifndef CM_OPS_RADIOMICS_PYRAD_IMAGES_H
#define CM_OPS_RADIOMICS_PYRAD_IMAGES_H

#include "ops/radiomics/pyrad.h"

typedef bool CmPyradMakeFn(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                           CmError **err);
CmPyradMakeFn cm__pyrad_log, cm__pyrad_wavelet, cm__pyrad_lbp2d, cm__pyrad_lbp3d;

/* An image of the source's box, with its spacing; voxels undefined. */
CM_NODISCARD CmImage *cm__pyrad_box_image(const CmPyradSource *source, CmType type, CmError **err);
/* Names the image, calls fn and releases it; NULL is a failure. */
bool cm__pyrad_give(const CmPyradSource *source, const CmPyradType *type, CmImage *image, const char *name,
                    CmPyradImageFn fn, void *arg, CmError **err);

#endif
