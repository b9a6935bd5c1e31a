/* What PyRadiomics' classes of runs, zones and dependences share: their features are those that `emphasis.h` knows. */
#ifndef CM_OPS_RADIOMICS_PYRAD_SIZES_H
#define CM_OPS_RADIOMICS_PYRAD_SIZES_H

#include "ops/radiomics/emphasis.h"
#include "ops/radiomics/pyrad.h"

/* The emphases in the order of a class's features. */
enum { CM__PYRAD_GLRLM_COUNT = 16, CM__PYRAD_GLSZM_COUNT = 16, CM__PYRAD_GLDM_COUNT = 14 };
extern const int cm__pyrad_glrlm_order[CM__PYRAD_GLRLM_COUNT], cm__pyrad_glszm_order[CM__PYRAD_GLSZM_COUNT],
    cm__pyrad_gldm_order[CM__PYRAD_GLDM_COUNT];
void cm__pyrad_pick(const double *from, const int *which, int count, double *out);

/* All features of the entries, whose order is changed; entropy with eps as PyRadiomics has it. */
void cm__pyrad_describe(CmEntries *entries, double voxels, double out[CM__EMPHASES]);

/* -sum of p log2(p + eps). */
double cm__pyrad_entropy(const double *shares, int64_t count);

/* Directions that one walk counts. Their tables hold `table` numbers each; few of them are made at a time where they
 * are large. */
int cm__pyrad_abreast(size_t table, int directions);

#endif
