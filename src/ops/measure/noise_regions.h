/* Signal and noise of regions: what SNR and CNR have in common. */
#ifndef CM_OPS_MEASURE_NOISE_REGIONS_H
#define CM_OPS_MEASURE_NOISE_REGIONS_H

#include "ops/measure/gather.h"

typedef struct CmRegionNoise {
  int64_t label, t, component, count;
  double mean, sd;           /* sd: squares divided by count - 1; NaN for fewer than two values */
  double pair_mean, pair_sd; /* with a second image: mean of both, sd of their difference / sqrt 2 */
} CmRegionNoise;

typedef struct CmRegionNoises {
  CmRegionNoise *items; /* by time point, component and label */
  int64_t count;
} CmRegionNoises;

/* difference: measured with `second`, the image taken once more, which is then wanted (CM_ERR_USAGE); else that is left
 * alone. Free with cm_free(items). CM_ERR_DATA where there is no region. */
bool cm__region_noises(const CmCall *call, const char *what, bool difference, CmRegionNoises *found, CmError **err);
/* A label at the time point and component of `like`. CM_ERR_DATA where it has no value; role: what it is for. */
const CmRegionNoise *cm__region_noise(const CmRegionNoises *found, const CmRegionNoise *like, int64_t label,
                                      const char *role, CmError **err);
/* The measured standard deviation of air over that of the noise: sum of squares of `channels` coils (1: 0.655). */
double cm__air_factor(int64_t channels);

#define CM_CHANNELS_PARAM(S)                                                                                         \
  CM_PARAM_INT(S, channels, 1, 1, 128, "1",                                                                          \
               "with noise of air: receive channels that were combined by the sum of squares; it tells how far the " \
               "standard deviation of air lies below that of the noise (1: 0.655)")

extern const CmPort cm__noise_inputs[3]; /* image, regions, second */

#endif
