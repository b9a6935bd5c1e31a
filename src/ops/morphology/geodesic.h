/* Grey reconstruction: a marker grows under a limit until nothing changes. */
#ifndef CM_OPS_MORPHOLOGY_GEODESIC_H
#define CM_OPS_MORPHOLOGY_GEODESIC_H

#include "ops/morphology/element.h"
#include "ops/segment/components.h"

/* Reconstruction by dilation (erode: by erosion) of the image `marker`, in place: not shared yet, same type, grid and
 * components as limit. A marker above the limit (erode: below) is first brought to it; NaN in the marker counts as
 * lowest (erode: highest), in the limit it is a wall. element: values spread from a voxel to those that it covers
 * there; NULL: to those that touch it by `connect`. */
bool cm__reconstruct(CmContext *ctx, CmImage *marker, const CmImage *limit, CmConnect connect, const CmElement *element,
                     bool erode, CmError **err);

#endif
