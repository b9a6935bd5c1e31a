/* Planes at half their size: a Gaussian and the mean of neighbours in one. */
#ifndef CM_OPS_TRANSFORM_HALVE_H
#define CM_OPS_TRANSFORM_HALVE_H

#include "ops/lines.h"

/* Does cm__halve take this image? A plane of one component with even sides of at least 64, its values within float. */
bool cm__can_halve(const CmImage *image, double sigma);
/* out: the plane at half its size, of any type that float serves. Each value is the mean of the four of image, filtered
 * by a Gaussian of sigma voxels cut at four of them, that it covers; reflected at the border; sums in float. */
bool cm__halve(CmContext *ctx, const CmImage *image, double sigma, CmImage *out, CmError **err);

#endif
