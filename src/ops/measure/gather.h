/* The values of an image by label. */
#ifndef CM_OPS_MEASURE_GATHER_H
#define CM_OPS_MEASURE_GATHER_H

#include "ops/segment/label_list.h"

typedef struct CmRegion {
  CmLabelBox box; /* label, voxels, bounding box */
  int64_t t;      /* of the image */
  int64_t component;
  double sum[3]; /* of the voxel indices; exact up to 2^53 */
  int64_t nan_count;
  double *value; /* count values, NaN left out, in the order of the voxels; the callback may change them */
  int64_t count;
} CmRegion;

/* Called for each region, by time point, component and label; several at once from the workers of the context.
 * index: 0, 1, ... */
typedef bool (*CmRegionFn)(void *arg, const CmRegion *region, int64_t index, CmError **err);

/* labels: integer, one component, on the grid of image (NULL: regions without values, in parallel over the labels); one
 * time point of labels serves all of the image's. `only`: this label alone, 0: all. CM_ERR_DATA where there is none.
 * prepare is called once with the number of regions before. */
bool cm__each_region(CmContext *ctx, const char *what, const CmImage *image, const CmImage *labels, int64_t only,
                     bool (*prepare)(void *arg, int64_t count, CmError **err), CmRegionFn fn, void *arg, CmError **err);

/* Rising order (radix on the bits); spare: n values. */
void cm__sort_reals(double *values, double *spare, int64_t n);
/* Of sorted values: linear between order statistics, at (n - 1) * q. */
double cm__sorted_quantile(const double *values, int64_t n, double q);
/* Between two neighbours in that order; part: 0 .. 1. */
static inline double cm__between_ranks(double low, double high, double part) {
  return low == high ? low : low + (high - low) * part;
}

/* A number that is measured of each region. unit: "@" stands for the image's, "@2" for its square. */
typedef struct CmFeature {
  const char *name, *unit;
  bool integer;
} CmFeature;

/* Fills out[0..features), NaN: missing. */
typedef bool (*CmFeatureFn)(void *arg, const CmRegion *region, double *out, CmError **err);

/* A table with a row per region: label, name (of the label map), t and component where the image has more than one,
 * then the features. image NULL: only the labels are measured, regions have no values. Becomes output 0 of the call. */
bool cm__region_table(const CmCall *call, const char *what, const CmImage *image, const CmImage *labels, int64_t only,
                      const CmFeature *features, int count, CmFeatureFn fn, void *arg, CmError **err);

/* The parameter `label` of measures, and the check of time points. */
#define CM_LABEL_PARAM(S) \
  CM_PARAM_INT(S, label, 0, -2147483648, 4294967295, "1", "only this label is measured; 0: all, a row each")
bool cm__check_times(const CmImage *image, const CmImage *labels, CmError **err);

#endif
