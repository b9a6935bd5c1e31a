/* What perturbs an image and its regions (Zwanenburg A et al., Sci Rep 9:614, 2019). */
#ifndef CM_OPS_RADIOMICS_PERTURB_H
#define CM_OPS_RADIOMICS_PERTURB_H

#include "ops/phantom/random.h"
#include "ops/segment/label_list.h"

/* Streams of random numbers: what they are for. */
enum { CM__PERTURB_NOISE = 1, CM__PERTURB_RIM, CM__PERTURB_CONTOUR };

/* Adds Gaussian noise of standard deviation sigma to every voxel, in place; integers are rounded and clamped. */
bool cm__perturb_noise(CmContext *ctx, CmImage *image, double sigma, uint64_t seed, CmError **err);

/* Grows (fraction > 0) or shrinks a label to (1 + fraction) times its voxels, layer by layer through faces, of the last
 * layer as many as it takes, by lot. It grows into background (0) only, and stops where there is none; it keeps a voxel
 * at least. labels: CM_I32, x,y,z. */
bool cm__perturb_grow(CmContext *ctx, CmImage *labels, const CmLabelBox *box, double fraction, uint64_t seed,
                      CmError **err);

/* Draws a label's contour anew along supervoxels: each is in with the probability of its share in the label (at least
 * 0.9: surely, below 0.2: never; the largest share always is). Supervoxels are made of intensities clipped to `range`.
 * labels: CM_I32 on the grid of image. */
bool cm__perturb_contour(CmContext *ctx, const CmImage *image, CmImage *labels, const CmLabelBox *box,
                         const double range[2], uint64_t seed, CmError **err);

#endif
